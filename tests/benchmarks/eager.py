"""Every rule in NumPy beside HIPS autograd and PyTorch, which run the same function eagerly.

python -m tests.benchmarks.eager [RULE or FAMILY …]

Each computes the output, and the gradients of the same inputs. A figure is the peer's time over
ours: 2 means that by hand takes half the time.
"""

import statistics
import textwrap

import numpy as np
import torch
from autograd import make_vjp

from handgrad.comparison.running import difference
from handgrad.comparison.timing import machine
from tests.benchmarks import hips, pytorch
from tests.benchmarks.cases import SCALES, cases_of, chosen, function_in
from tests.benchmarks.harness import alone, ratio, table, timed

SECONDS = 0.5  # for all peers at one scale
CLOSE = 1e-4  # of the largest number, in float32
OURS, HIPS, TORCH = "handgrad, NumPy", "HIPS autograd", "PyTorch"
COLUMNS = [(scale, peer) for peer in (HIPS, TORCH) for scale in SCALES]
TELLING = [(scale, HIPS) for scale in SCALES if scale != "small"]  # where work dominates
AIM = 2.0
REASONS = {
    ("Tanh", "Exp", "Log", "Power"): "one function of NumPy takes most of the time of both",
    ("Sigmoid",): "HIPS's formula overflows far below 0, and its slope loses its digits far above",
    ("Affine", "MatMul"): "the same matrix products take the time of both",
    (
        "Add",
        "Subtract",
        "Multiply",
        "Negate",
        "Reciprocal",
        "Sqrt",
        "Divide",
        "Copy",
        "Sum",
        "Mean",
        "Broadcast",
        "Reshape",
        "Transpose",
        "Slice",
        "Concatenate",
        "Split",
    ): "memory's speed; and a gradient of ours never shares memory with dy, as HIPS's may",
    (
        "Max",
        "Min",
        "SoftmaxCrossEntropyWithLabels",
        "BatchNormInference",
        "BatchNormInference2d",
    ): "nearly the same passes over memory",
}


def by_hand(case):
    def call():
        y, residuals = case.rule.forward(*case.inputs)
        grads = case.rule.backward(residuals, case.dy)
        return y, [grads[i] for i in case.positions]

    return call


def by_hips(function, case):
    several = len(case.positions) > 1
    vjp_of = make_vjp(function, case.positions if several else case.positions[0])

    def call():
        vjp, y = vjp_of(*case.inputs)
        grads = vjp(case.dy)
        return tuple(y) if isinstance(case.dy, tuple) else y, grads if several else [grads]

    return call


def by_torch(function, case):
    inputs = [torch.tensor(x) for x in case.inputs]
    moved = [inputs[i].requires_grad_() for i in case.positions]
    dy = tuple(map(torch.tensor, case.dy if isinstance(case.dy, tuple) else [case.dy]))

    def call():
        y = function(*inputs)
        return y, torch.autograd.grad(y, moved, dy)

    return call


def calls_of(case):
    """A call of each peer; all of them compute the same numbers."""
    calls = {OURS: by_hand(case)}
    for name, module, by in ((HIPS, hips, by_hips), (TORCH, pytorch, by_torch)):
        if (function := function_in(module, case.rule)) is not None:
            calls[name] = by(function, case)
    wanted = _numbers(calls[OURS]())
    for name, call in calls.items():
        off = difference(_numbers(call()), wanted, case.inputs)
        assert off < CLOSE, f"{name} of {case.rule} is off by {off:.1e}"
    return calls


def _numbers(result):
    y, grads = result
    arrays = [*(y if isinstance(y, tuple) else [y]), *grads]
    return [a.detach().numpy() if isinstance(a, torch.Tensor) else np.asarray(a) for a in arrays]


def ratios_of(cls):
    """The quartiles of the peer's time over ours, by (scale, peer)."""
    found = {}
    for case in cases_of(cls):
        times = timed(calls_of(case), SECONDS)
        found |= {(case.scale, p): ratio(times, p, OURS) for p in times if p != OURS}
    return found


def summary(ratios):
    """The geometric means, and what is less than twice as fast as HIPS autograd, and why."""
    for peer in (HIPS, TORCH):
        columns = [(scale, peer) for scale, _ in TELLING]
        medians = [r[c][1] for r in ratios.values() for c in columns if c in r]
        mean = statistics.geometric_mean(medians)
        yield f"geometric mean against {peer}, medium and large: {mean:.2f}"
    below = [name for name, r in ratios.items() if any(r[c][2] < AIM for c in TELLING if c in r)]
    reasons = {name: reason for names, reason in REASONS.items() for name in names}
    for reason in dict.fromkeys(reasons.get(name, "no reason is known") for name in below):
        names = [name for name in below if reasons.get(name, "no reason is known") == reason]
        line = f"below 2: {', '.join(names)}: {reason}"
        yield textwrap.fill(line, 98, subsequent_indent="    ")


def main():
    print(machine("numpy", "autograd", "torch"))
    print("float32, one thread; time of the peer over time by hand in NumPy")
    ratios = table((HIPS, TORCH), COLUMNS, chosen(), ratios_of)
    print("\n".join(summary(ratios)))


if __name__ == "__main__":
    alone(main)
