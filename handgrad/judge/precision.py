"""Precision: is a result as good as its arguments allow?

In low precision, the same code runs in float64 at the same numbers; that is the truth. How far one
rounding of the arguments moves the truth is the noise that nobody can avoid. A result that is many
times further off has lost bits that the problem did not cost.

In float64 there is no truth to be had. But a gradient that is smooth moves by a million times less
when its arguments move by a million times less, down to one rounding; where it does not, the code
has lost bits.
"""

import math

import numpy as np

from handgrad.judge.noise import noise_alone, noise_floor
from handgrad.judge.oracles.differences import UNIT
from handgrad.judge.trial import rms

FEWEST = 4.0  # bits beyond the noise that may be lost, or a quarter of those there are
MORE = 2.0  # bits that a thousandth of the numbers may lose besides
CANCELLED = 16  # roundings of its natural size: a number that is smaller has no digits of its own
CLEAR = 8.0  # times the noise: a number whose first bits are known
GONE = 0.75  # of a number: nothing of it is left
MANY = 0.1  # of the numbers
SHAKEN = 1e-3  # of a gradient: more than that is not a loss of bits
FURTHER = 2.0**20  # roundings: so far do arguments move by which smooth moves are measured


def bits_lost(low, wide):
    """(where, bits) for each result of a trial in low precision that lost more than it had to.

    `wide` is the trial of the same numbers in float64.
    """
    unit = low.unit
    outputs = low.y, wide.y, noise_floor(_outputs_of(wide), wide.inputs, unit, wide.seed)
    dy = [d.astype(float) for d in low.dy]
    truth = wide.real_vjp(dy)
    floors = noise_floor(_gradients_of(wide), (*wide.inputs, *dy), unit, wide.seed)
    results = [
        ({"output": k}, *three, rms(three[1])) for k, three in enumerate(zip(*outputs, strict=True))
    ]
    results += [
        ({"input": i}, low.grads[i], truth[i], floor, wide.peak(i))
        for i, floor in zip(wide.real, floors, strict=True)
    ]
    for what, actual, right, noise, size in results:
        cancelled = np.abs(right) <= CANCELLED * UNIT * size  # 0, but for rounding
        allowed = np.where(cancelled, np.maximum(noise, unit * size), noise)
        few = max(FEWEST, -math.log2(unit) / 4)
        if bits := _bits(actual.astype(float), right.astype(float), allowed, few):
            yield what, bits


def bits_jittered(trial):
    """(input, bits) for each gradient that one rounding of the arguments moves more than smoothly.

    A number that it moves by a good part of itself is at a kink.
    """
    given, unit = (*trial.inputs, *trial.dy), UNIT
    gradients = _gradients_of(trial)
    fine = noise_alone(gradients, given, unit, trial.seed)
    coarse = noise_floor(gradients, given, unit * FURTHER, trial.seed)
    for i, near, far in zip(trial.real, fine, coarse, strict=True):
        size = trial.scale(i)
        small = np.where(near < SHAKEN * np.minimum(size, np.abs(trial.grads[i])), near, 0.0)
        if bits := _bits(small, 0.0, far / FURTHER + unit * size, FEWEST):
            yield i, bits


def _bits(actual, right, noise, few):
    """The bits that are lost beyond the noise; 0 if they are few."""
    with np.errstate(all="ignore"):
        times = np.where(actual == right, 0.0, np.abs(actual - right) / noise)
    times = np.where(np.isnan(times), math.inf, times)
    if not times.size:
        return 0.0
    if _are_all_lost(actual, right, noise):
        return math.log2(float(np.max(times)))
    typical = float(np.quantile(times, 0.999, method="lower"))
    largest = float(np.max(times))
    if typical <= 2**few and largest <= 2 ** (few + MORE):
        return 0.0
    return math.log2(largest)


def _are_all_lost(actual, right, noise):
    """Whether nothing is left of many numbers, whose first bits at least the noise leaves alone."""
    right = np.broadcast_to(right, np.shape(actual))
    clear = np.abs(right) > CLEAR * noise
    lost = clear & (np.abs(actual - right) >= GONE * np.abs(right))
    return np.count_nonzero(lost) > MANY * np.count_nonzero(clear)


def _outputs_of(trial):
    return lambda xs: tuple(y.astype(float) for y in trial.forward(tuple(xs)))


def _gradients_of(trial):
    count = len(trial.inputs)
    return lambda arrays: tuple(trial.real_vjp(arrays[count:], tuple(arrays[:count])).values())
