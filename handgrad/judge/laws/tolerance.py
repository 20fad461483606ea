"""How far two gradients may differ that would be the same in exact arithmetic."""

import numpy as np

from handgrad.common.precision import unit_of
from handgrad.judge.libraries import is_floating
from handgrad.judge.noise import noise_floor
from handgrad.judge.trial import largest, rms

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


def same(a, b):
    """Whether two arrays are the same, bit by bit; NaN is NaN."""
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)


def output_differences(trial, ys, what):
    """The same of the outputs."""
    for k, (y, wanted) in enumerate(zip(ys, trial.y, strict=True)):
        if y.shape != wanted.shape:
            yield f"output {k} {what}: its shape is {y.shape}"
        elif not same(y, wanted) and not _differs_by_rounding(trial, k, y):
            yield f"output {k} {what}"


def _differs_by_rounding(trial, k, y):
    if not is_floating(y.dtype):
        return False
    y, wanted = y.astype(float), trial.y[k].astype(float)
    with np.errstate(all="ignore"):
        error = np.where(y == wanted, 0.0, np.abs(y - wanted))
        allowed = ROUNDINGS * unit_of(trial.y[k].dtype) * (rms(wanted) + np.abs(wanted))
        if np.all(error <= allowed):
            return True
        return bool(np.all(error <= allowed + CONFIDENCE * _output_noise(trial, k)))


def _output_noise(trial, k):
    """What one rounding of the inputs may change in an output."""
    kinds = [x.dtype for x in trial.inputs]

    def outputs(arrays):
        cast = tuple(x.astype(kind) for x, kind in zip(arrays, kinds, strict=True))
        return (trial.forward(cast)[k].astype(float),)

    return noise_floor(outputs, trial.inputs, unit_of(trial.y[k].dtype), trial.seed)[0]


def rounding(trial, i, size):
    """What another order of summation may change in the gradient of input i."""
    return ROUNDINGS * unit_of(trial.grads[i].dtype) * (trial.peak(i) + size)


def noise(trial, i):
    """What one rounding of the inputs and of dy may change, number by number."""
    return CONFIDENCE * trial.noise[i]
