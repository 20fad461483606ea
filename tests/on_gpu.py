"""The torch part on a GPU, if one is at hand: python -m tests.on_gpu

Every rule of the catalog on CUDA tensors beside NumPy, and kernels of attention judged there. It
says what it did, and ends with the status 1 if anything is wrong. Without a GPU it says so.
"""

import sys

import numpy as np

from tests.judge.kernels import PRECISIONS, SLIPS, Kernel, judged, torch
from tests.rules_and_cases import RULES, trial_of

CLOSE = 1e-11  # of the scale: another library sums in another order


def main():
    if not torch.cuda.is_available():
        say(f"torch {torch.__version__} finds no CUDA device: nothing was run")
        return 0
    say(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    wrong = [*rules_that_differ(), *kernels_that_are_misjudged()]
    for line in wrong:
        say(f"wrong: {line}")
    return bool(wrong)


def rules_that_differ():
    """The rules that give other numbers on the GPU than NumPy does, in float64."""
    found = []
    for rule in RULES:
        trial = trial_of(rule)
        inputs = [torch.tensor(x, device="cuda") for x in trial.inputs]
        dy = [torch.tensor(d, device="cuda") for d in trial.dy]
        y, residuals = rule.forward(*inputs)
        several = isinstance(y, tuple)
        grads = rule.backward(residuals, tuple(dy) if several else dy[0])
        results = [*(y if several else (y,)), *(g for g in grads if g is not None)]
        if not all(map(_agree, results, [*trial.y, *trial.grads.values()])):
            found.append(repr(rule))
    say(f"{len(RULES)} rules in float64, forward and backward: {len(found)} differ from NumPy")
    return found


def _agree(actual, expected):
    expected = np.asarray(expected)
    scale = max(1.0, np.max(np.abs(expected), initial=0))
    off = np.abs(actual.cpu().numpy() - expected)
    return actual.device.type == "cuda" and np.max(off, initial=0) <= CLOSE * scale


def kernels_that_are_misjudged():
    """Kernels with a slip that pass, and right ones that do not."""
    found = []
    for options, slip, _ in SLIPS:
        for precision in PRECISIONS:
            for kernel in (Kernel(slip, **options), Kernel(**options | {"block": 2})):
                verdict = judged(kernel, precision, "cuda")
                if verdict.ok is bool(kernel.slip):
                    found.append(f"{kernel} in {precision} is {verdict.status.value}")
    count = 2 * len(SLIPS) * len(PRECISIONS)
    say(f"{count} kernels of attention judged, half of them wrong: {len(found)} misjudged")
    return found


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
