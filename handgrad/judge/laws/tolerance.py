"""How far two gradients may differ that would be the same in exact arithmetic."""

import numpy as np

from handgrad.judge.noise import unit_of
from handgrad.judge.trial import largest

ROUNDINGS = 64  # of a gradient's natural size; sums of thousands of numbers come to about ten
CONFIDENCE = 64  # times the noise that one rounding of the arguments makes


def differences(trial, grads, expected, what, sizes=None):
    """A sentence for each gradient that differs by more than rounding does.

    `sizes`, by position, are those of the numbers that were rounded, if they are larger.
    """
    for i, dx in grads.items():
        wide, wanted = dx.astype(float), expected[i].astype(float)
        if wide.shape != wanted.shape:
            yield f"the gradient of input {i} {what}: its shape is {wide.shape}"
            continue
        with np.errstate(all="ignore"):
            error = np.abs(wide - wanted)
            allowed = rounding(trial, i, np.abs(wanted) if sizes is None else sizes[i])
            if not np.all(error <= allowed) and not np.all(error <= allowed + noise(trial, i)):
                size = max(largest(wanted), trial.scale(i)) or 1.0
                yield f"the gradient of input {i} {what}, by {np.max(error) / size:.1e} of its size"


def rounding(trial, i, size):
    """What another order of summation may change in the gradient of input i."""
    return ROUNDINGS * unit_of(trial.grads[i].dtype) * (trial.peak(i) + size)


def noise(trial, i):
    """What one rounding of the inputs and of dy may change, number by number."""
    return CONFIDENCE * trial.noise[i]
