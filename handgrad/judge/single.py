"""Code that computes in a lower precision than it is given, such as kernels that cast to float32.

In float64 its outputs jump where they should move smoothly, or its gradients are numbers of float32
throughout. What it is given in low precision has to be judged there.
"""

import math

import numpy as np

from handgrad.judge.calls import CodeError
from handgrad.judge.oracles.directions import direction

SINGLE = 2.0**-24  # the unit roundoff of float32
POINTS = 8
DIRECTIONS = 2
SPACING = 1e-7  # a rounding of float32, of the arguments' size
SMOOTH = 4e-9  # of an output's size: float32 comes to about 5e-8, float64 to 1e-15
ROUNDINGS = 32  # that a formula makes one after the other
THIRD = math.sqrt(20)  # what a third difference makes of noise
FEWER = 21  # bits; float32 has 24


def roughness(wide):
    """The unit of the roundings that a fresh subject shows in float64; 0 if there is none to be seen."""
    fresh = wide.subject.pristine
    try:
        trial = wide.on(fresh.anew()) if fresh else wide
        if any(map(_is_single, trial.grads.values())):
            return SINGLE
        jumps = max(_jumps(trial, direction(trial, "coarse", k)) for k in range(DIRECTIONS))
    except CodeError:
        return 0.0
    return jumps if jumps > SMOOTH else 0.0


def computes_in_single(wide):
    """Whether forward itself moves in steps of float32, and not its backward alone."""
    try:
        jumps = max(_jumps(wide, direction(wide, "single", k)) for k in range(DIRECTIONS))
        outputs = [y for y in wide.y if y.size]
    except CodeError:
        return False
    return is_of(jumps if jumps > SMOOTH else 0.0, SINGLE) or all(map(_is_single, outputs))


def is_of(rough, unit):
    """Whether roundings so rough are those of a precision of this unit, or of a finer one."""
    return 0 < rough <= ROUNDINGS * unit


def _is_single(dx):
    """Whether all numbers are float32's, and not all of fewer bits."""
    if dx.dtype.kind != "f":
        return False
    bits = np.ldexp(np.frexp(dx)[0], FEWER)
    return bool(np.array_equal(dx, dx.astype(np.float32)) and np.any(bits != np.rint(bits)))


def _jumps(trial, u):
    """How far ⟨dy, f⟩ jumps beside a point along u, as a share of its size."""
    along = [_along(trial, u, (POINTS + k) * SPACING) for k in range(POINTS)]
    jumps = np.max(np.abs(np.diff([value for value, _ in along], 3))) / THIRD
    size = along[0][1]
    return float(jumps / size) if size else 0.0


def _along(trial, u, t):
    """⟨dy, f⟩ at a step t along u, and the size of what is summed."""
    moved = [x + t * b for x, b in zip(trial.real_inputs, u, strict=True)]
    pairs = zip(trial.dy, trial.forward(trial.with_real(moved)), strict=True)
    terms = [d * y for d, y in pairs]
    return sum(float(np.sum(m)) for m in terms), math.sqrt(sum(float(np.sum(m * m)) for m in terms))
