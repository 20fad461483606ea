"""Every rule compiled by XLA beside `jax.vjp` of the same function, compiled by the same XLA.

python -m tests.benchmarks.compiled [RULE or FAMILY …]

One program computes the outputs and the gradients. A figure is the time by hand over that of the
peer: below 1, by hand is faster. "idiom" is the function as JAX's users write it, where the
reference has another formula on purpose: convolutions there are index arithmetic, for XLA aborts
at gradients of some dilated ones. "–": no such peer, or one array of it is too large.
"""

import statistics
import textwrap

import jax

from handgrad.comparison.counting import largest_in
from handgrad.comparison.running import difference
from handgrad.comparison.timing import machine
from tests.benchmarks.cases import SCALES, cases_of, chosen
from tests.benchmarks.harness import alone, ratio, table, timed
from tests.benchmarks.ways import HAND, IDIOM, REFERENCE, ways_of

SECONDS = 0.5  # for all ways to one gradient at one scale
LARGEST = 2**24  # numbers in one array: the reference of batch norm has a matrix of N × N
CLOSE = 1e-4  # of the largest number, in float32
COLUMNS = [(scale, peer) for peer in (REFERENCE, IDIOM) for scale in SCALES]
TELLING = [column for column in COLUMNS if column[0] != "small"]  # where work dominates
AIM = 1.05  # programs that are the same differ by that much
REASONS = {
    "Sigmoid": "its slope keeps the digits that y (1 − y) loses, by one more array",
    "Reciprocal": "1 / x² is made of y, which saves a division, and waits for y: slower in the cache, "
    "faster out of it",
    "CrossEntropy": "0 log 0 = 0 is one more pass, where JAX gives NaN; without it 0.96",
    "SoftmaxCrossEntropy": "0 (−∞) = 0 and the digits of p − 1 are three more passes, and p is "
    "made of log p again, which saves an array",
    "SoftmaxCrossEntropyWithLabels": "the digits of p − 1 are two more passes",
    "Conv2d": "the windows are copied; XLA's own convolution copies only the images",
}


def together(way):
    """Outputs and gradients as one function of inputs and dy."""

    def step(inputs, dy):
        y, residuals = way.forward(*inputs)
        return y, [dx for dx in way.backward(residuals, dy) if dx is not None]

    return step


def calls_of(case):
    """A call of each way, compiled; all of them compute the same numbers."""
    inputs, dy = jax.device_put((case.inputs, case.dy))
    calls, results = {}, {}
    for name, way in ways_of(case).items():
        traced = jax.jit(together(way)).trace(inputs, dy)
        if largest_in(traced.jaxpr) < LARGEST:
            run = traced.lower().compile()
            calls[name] = lambda run=run: jax.block_until_ready(run(inputs, dy))
            results[name] = jax.tree.leaves(calls[name]())
            off = difference(results[name], results[HAND], jax.tree.leaves((inputs, dy)))
            assert off < CLOSE, f"{name} of {case.rule} is off by {off:.1e}"
    return calls


def ratios_of(cls):
    """The quartiles of time by hand over time of the peer, by (scale, peer)."""
    found = {}
    for case in cases_of(cls):
        times = timed(calls_of(case), SECONDS)
        found |= {(case.scale, peer): ratio(times, HAND, peer) for peer in times if peer != HAND}
    return found


def summary(ratios):
    """The geometric means, and a line for each rule that is slower than a peer where work dominates."""
    for peer in (REFERENCE, IDIOM):
        columns = [column for column in TELLING if column[1] == peer]
        medians = [r[column][1] for r in ratios.values() for column in columns if column in r]
        if medians:
            mean = statistics.geometric_mean(medians)
            yield f"geometric mean against the {peer}, medium and large: {mean:.2f}"
    for name, found in ratios.items():
        if any(found[column][0] > AIM for column in TELLING if column in found):
            reason = f"above 1: {name}: {REASONS.get(name, 'no reason is known')}"
            yield textwrap.fill(reason, 98, subsequent_indent="    ")


def main():
    print(machine("numpy", "jax", "jaxlib"))
    print("float32, one thread; time by hand over time of jax.vjp, compiled by the same XLA")
    peers = f"against the {REFERENCE}", f"against the {IDIOM}"
    ratios = table(peers, COLUMNS, chosen(), ratios_of)
    print("\n".join(summary(ratios)))


if __name__ == "__main__":
    alone(main)
