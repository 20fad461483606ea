"""Every rule compiled by XLA beside `jax.vjp` of the same function, compiled by the same XLA.

python -m tests.benchmarks.compiled [SCALE …] [RULE or FAMILY …]

One program computes the outputs and the gradients. A figure is the time by hand over that of the
peer: below 1, by hand is faster. "idiom" is the function as JAX's users write it, where the
reference has another formula on purpose: convolutions there are index arithmetic, for XLA aborts
at gradients of some dilated ones. "–": no such peer, or one array of it is too large.
"""

import jax

from handgrad.comparison.counting import largest_in
from handgrad.comparison.running import difference
from handgrad.comparison.timing import machine
from tests.benchmarks.cases import HAND, IDIOM, REFERENCE, chosen, ways_of
from tests.benchmarks.harness import alone, ratio, summary, table

LARGEST = 2**25  # numbers in one array: the reference of batch norm has a matrix of N × N
CLOSE = 1e-4  # of the largest number, in float32
AIM = 1.05  # programs that are the same differ by that much
PEERS = (REFERENCE, IDIOM)


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
        if name == HAND or largest_in(traced.jaxpr) < LARGEST:
            run = traced.lower().compile()
            calls[name] = lambda run=run: jax.block_until_ready(run(inputs, dy))
            results[name] = jax.tree.leaves(calls[name]())
            off = difference(results[name], results[HAND], jax.tree.leaves((inputs, dy)))
            assert off < CLOSE, f"{name} of {case.rule} is off by {off:.1e}"
    return calls


def main():
    print(machine("numpy", "jax", "jaxlib"))
    print("float32, one thread; time by hand over time of jax.vjp, compiled by the same XLA")
    ratios = table(chosen(), PEERS, calls_of, lambda times, peer: ratio(times, HAND, peer))
    summary(ratios, PEERS, lambda peer, quartiles: quartiles[0] > AIM, "slower than a peer")


if __name__ == "__main__":
    alone(main)
