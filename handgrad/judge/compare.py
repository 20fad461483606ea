"""How far two results may differ that would be the same in exact arithmetic: one model for all.

A number may be off by four things, which add up:

    slack      of the natural size of the array: what any code rounds, in any order of summation
    ordinary   the same, of an ordinary gradient of this subject, at points where it nearly vanishes
    arguments  CONFIDENCE times the spread under moves of one rounding of the inputs and of dy
    inside     CONFIDENCE times the spread when every operation of JAX's program rounds at random

The last two are measured, and only where the first two do not suffice. Where tanh has come to 1,
no move of x by one rounding moves 1 − y², and yet y is rounded: only `inside` sees it.
"""

import numpy as np

from handgrad.common.precision import unit_of
from handgrad.judge.calls import CodeError
from handgrad.judge.libraries import is_floating
from handgrad.judge.noise import MOVED, noise_floor
from handgrad.judge.oracles.differences import UNIT
from handgrad.judge.trial import largest, rms
from handgrad.judge.verdict import Finding, Status

ROUNDINGS = 64  # of a gradient's natural size; sums of thousands of numbers come to about ten
CONFIDENCE = 64  # times a spread
SLACK = 1e-13  # of a gradient's natural size; correct rules come to about 1e-15
FAR_SLACK = 1e-12  # of an output at special inputs, where it may be as small as it likes
TINY = 1e-290  # so near to the smallest numbers that there are, digits run out


def differences(trial, grads, expected, what, sizes=None):
    """A finding for each gradient that differs by more than rounding does.

    `sizes`, by position, are those of the numbers that were rounded, if they are larger.
    """
    for i, dx in grads.items():
        wide, wanted = dx.astype(float), expected[i].astype(float)
        if wide.shape != wanted.shape:
            says = f"the gradient of {{input}} {what}: its shape is {wide.shape}"
            yield breach(says, i)
            continue
        with np.errstate(all="ignore"):
            error = np.abs(wide - wanted)
            allowed = rounding(trial, i, np.abs(wanted) if sizes is None else sizes[i])
            if np.all(error <= allowed) or np.all(error <= allowed + noise(trial, i)):
                continue
        size = max(largest(wanted), trial.scale(i)) or 1.0
        off = float(np.max(error)) / size
        says = f"the gradient of {{input}} {what}, by {{size}} of its size"
        yield breach(says, i, size=off)


def breach(says, i=None, **details):
    """A finding of a law about the gradient of input i; the law is named by who asks it."""
    return Finding(Status.CONTRACT, "", says, i, **details)


def same(a, b):
    """Whether two arrays are the same, bit by bit; NaN is NaN."""
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)


def output_differences(trial, ys, what):
    """The same of the outputs."""
    for k, (y, wanted) in enumerate(zip(ys, trial.y, strict=True)):
        if not same(y, wanted) and not _differs_by_rounding(trial, k, y):
            yield breach(f"{{output}} {what}", output=k)


def rounding(trial, i, size):
    """What another order of summation may change in the gradient of input i."""
    return ROUNDINGS * unit_of(trial.grads[i].dtype) * (trial.peak(i) + size)


def noise(trial, i):
    """What one rounding of the inputs and of dy may change, number by number."""
    try:
        return CONFIDENCE * trial.noise[i]
    except CodeError:
        return np.inf  # at the edge of the domain


def gradient_error(trial, expected, i, oracle):
    """How far the gradient of input i is off beyond rounding, as a share of its size, and where."""
    dx, wanted = trial.grads[i], expected[i]
    size = max(trial.scale(i), _largest(wanted))
    usual = trial.origin.scale(i) if trial.origin else 0.0  # an oracle rounds numbers of this size

    def floors():
        return oracle.noise(trial.inputs, trial.dy)[1][i], noise(trial, i)

    return _error(dx, wanted, size, SLACK * max(size, usual), floors)


def output_error(trial, expected, k, oracle):
    """The same for output k."""
    size = _largest(expected[k])

    def floors():
        return oracle.noise(trial.inputs, trial.dy)[0][k] + _output_noise(trial, k, UNIT), 0.0

    slack = (FAR_SLACK if trial.origin else SLACK) * size
    return _error(trial.y[k], expected[k], size, slack, floors)


def _error(actual, wanted, size, slack, floors):
    """The error as a share of the size, and its place where it is more than rounding.

    `floors()` are what is measured of rounding: what it explains is not an error, and what it merely
    excuses, as moves of the arguments beside a kink, may be one.
    """
    error, where = _worst(actual, wanted, slack)
    if where is not None:
        inside, excuse = floors()
        inside = CONFIDENCE * inside
        error, where = _worst(actual, wanted, slack + inside + excuse)
        error = error if where is not None else max(0.0, error - float(np.max(inside)))
    return (error / size if size else error and np.inf), where


def _differs_by_rounding(trial, k, y):
    if not is_floating(y.dtype):
        return False
    unit = unit_of(trial.y[k].dtype)
    y, wanted = y.astype(float), trial.y[k].astype(float)
    with np.errstate(all="ignore"):
        error = np.where(y == wanted, 0.0, np.abs(y - wanted))
        allowed = ROUNDINGS * unit * (rms(wanted) + np.abs(wanted))
        if np.all(error <= allowed):
            return True
        return bool(np.all(error <= allowed + CONFIDENCE * _output_noise(trial, k, unit)))


def _output_noise(trial, k, unit):
    """What one rounding of the inputs may change in an output."""
    try:
        return noise_floor(trial.outputs_at, trial.inputs, unit, trial.seed, MOVED)[k]
    except CodeError:
        return np.inf


def _worst(actual, wanted, allowed):
    """The largest error, and its index if any is larger than allowed. The same infinity is right."""
    with np.errstate(all="ignore"):
        off = np.where(actual == wanted, 0.0, np.abs(actual.astype(float) - wanted))
        off = np.where(np.isnan(off), np.inf, off)
        beyond = (off > allowed + TINY) | (off == np.inf)
    if not off.size:
        return 0.0, None
    where = np.unravel_index(np.argmax(np.where(beyond, off, -1.0)), off.shape)
    largest_error = float(np.max(off))
    error = largest_error if largest_error > TINY else 0.0
    return error, tuple(map(int, where)) if np.any(beyond) else None


def _largest(x):
    return largest(x[np.isfinite(x)])
