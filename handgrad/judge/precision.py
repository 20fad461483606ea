"""Precision: is a result as good as its arguments allow?

In low precision, the same code runs in float64 at the same numbers; that is the truth. How far one
rounding of the arguments moves the truth is the noise that nobody can avoid. A result that is many
times further off has lost bits that the problem did not cost.

In float64 there is no truth to be had. But a gradient that is smooth moves by a million times less
when its arguments move by a million times less, down to one rounding; where it does not, the code
has lost bits.

Code may compute in a lower precision than it is given, as kernels do that cast to float32. In
float64 its outputs jump where they should move smoothly, or its gradients are numbers of float32.
"""

import math

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.noise import noise_alone, noise_floor
from handgrad.judge.oracles.differences import UNIT
from handgrad.judge.oracles.directions import direction
from handgrad.judge.trial import rms

FEWEST = 4.0  # bits beyond the noise that may be lost, or a quarter of those there are
MORE = 2.0  # bits that a thousandth of the numbers may lose besides
CANCELLED = 16  # roundings of its natural size: a number that is smaller has no digits of its own
SHAKEN = 1e-3  # of a gradient: more than that is not a loss of bits
FURTHER = 2.0**20  # roundings: so far do arguments move by which smooth moves are measured
SINGLE = 2.0**-24  # the unit roundoff of float32
POINTS = 8
DIRECTIONS = 2
SPACING = 1e-7  # a rounding of float32, of the arguments' size
SMOOTH = 4e-9  # of an output's size: float32 comes to about 5e-8, float64 to 1e-15
ROUNDINGS = 32  # that a formula makes one after the other
THIRD = math.sqrt(20)  # what a third difference makes of noise
BITS = 21  # float32 has 24


def bits_lost(low, wide):
    """(where, bits) for each result of a trial in low precision that lost more than it had to.

    `wide` is the trial of the same numbers in float64.
    """
    unit = low.unit
    outputs = low.y, wide.y, noise_floor(wide.outputs_at, wide.inputs, unit, wide.seed)
    dy = [d.astype(float) for d in low.dy]
    truth = wide.real_vjp(dy)
    floors = noise_floor(wide.gradients_at, (*wide.inputs, *dy), unit, wide.seed)
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
    fine = noise_alone(trial.gradients_at, given, unit, trial.seed)
    coarse = noise_floor(trial.gradients_at, given, unit * FURTHER, trial.seed)
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
    typical = float(np.quantile(times, 0.999, method="lower"))
    largest = float(np.max(times))
    if typical <= 2**few and largest <= 2 ** (few + MORE):
        return 0.0
    return math.log2(largest)


def roughness(wide):
    """The unit of the roundings that a fresh subject shows in float64; 0 if there is none to be seen."""
    fresh = wide.subject.pristine
    try:
        trial = wide.on(fresh.anew()) if fresh else wide
        return SINGLE if any(map(_is_single, trial.grads.values())) else _jumps(trial)
    except CodeError:
        return 0.0


def computes_in_single(wide):
    """Whether forward itself moves in steps of float32, and not its backward alone."""
    try:
        return is_of(_jumps(wide), SINGLE) or all(_is_single(y) for y in wide.y if y.size)
    except CodeError:
        return False


def is_of(rough, unit):
    """Whether roundings so rough are those of a precision of this unit, or of a finer one."""
    return 0 < rough <= ROUNDINGS * unit


def _is_single(dx):
    """Whether all numbers are float32's, and not all of fewer bits."""
    if dx.dtype.kind != "f":
        return False
    bits = np.ldexp(np.frexp(dx)[0], BITS)
    return bool(np.array_equal(dx, dx.astype(np.float32)) and np.any(bits != np.rint(bits)))


def _jumps(trial):
    """How far ⟨dy, f⟩ jumps beside a point, as a share of its size; 0 where it is smooth."""
    found = []
    for k in range(DIRECTIONS):
        u = direction(trial, "single", k)
        along = [_terms(trial, u, (POINTS + n) * SPACING) for n in range(POINTS)]
        values = [sum(float(np.sum(m)) for m in terms) for terms in along]
        size = math.sqrt(sum(float(np.sum(m * m)) for m in along[0]))
        jumps = float(np.max(np.abs(np.diff(values, 3)))) / THIRD
        found.append(jumps / size if size else 0.0)
    return max(found) if max(found) > SMOOTH else 0.0


def _terms(trial, u, t):
    """The terms of ⟨dy, f⟩ at a step t along u."""
    moved = [x + t * b for x, b in zip(trial.real_inputs, u, strict=True)]
    pairs = zip(trial.dy, trial.forward(trial.with_real(moved)), strict=True)
    return [d * y for d, y in pairs]
