"""Every rule in NumPy beside HIPS autograd and PyTorch, which run the same function eagerly.

python -m tests.benchmarks.eager [SCALE …] [RULE or FAMILY …]

Each computes the output, and the gradients of the same inputs. A figure is the peer's time over
ours: 2 means that by hand takes half the time.
"""

import numpy as np
import torch
from autograd import make_vjp

from handgrad.comparison.running import difference
from handgrad.comparison.timing import machine
from tests.benchmarks import hips, pytorch
from tests.benchmarks.cases import HAND, chosen, function_of
from tests.benchmarks.harness import alone, ratio, summary, table

CLOSE = 1e-4  # of the largest number, in float32
HIPS, TORCH = PEERS = ("HIPS autograd", "PyTorch")
AIM = 2.0  # against HIPS, which runs NumPy too


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
    """A call of each peer that there is; all of them compute the same numbers."""
    calls = {HAND: by_hand(case)}
    for name, module, by in ((HIPS, hips, by_hips), (TORCH, pytorch, by_torch)):
        if (function := function_of(module.TABLE, case.rule)) is not None:
            calls[name] = by(function, case)
    wanted = _numbers(calls[HAND]())
    for name, call in calls.items():
        off = difference(_numbers(call()), wanted, case.inputs)
        assert off < CLOSE, f"{name} of {case.rule} is off by {off:.1e}"
    return calls


def _numbers(result):
    y, grads = result
    arrays = [*(y if isinstance(y, tuple) else [y]), *grads]
    return [a.detach().numpy() if isinstance(a, torch.Tensor) else np.asarray(a) for a in arrays]


def main():
    print(machine("numpy", "autograd", "torch"))
    print("float32, one thread; time of the peer over time by hand in NumPy")
    ratios = table(chosen(), PEERS, calls_of, lambda times, peer: ratio(times, peer, HAND))
    summary(ratios, PEERS, lambda peer, q: peer == HIPS and q[2] < AIM, f"below {AIM:g}")


if __name__ == "__main__":
    alone(main)
