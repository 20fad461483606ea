"""Code that computes in a lower precision than it is given, such as kernels that cast to float32.

In float64 its outputs jump where they should move smoothly, or its gradients are numbers of float32
throughout. What it is given in low precision has to be judged there.
"""

import math

import numpy as np

from handgrad.judge.noise import unit_of
from handgrad.judge.numbers import direction

POINTS = 8
DIRECTIONS = 2
SPACING = 1e-7  # a rounding of float32, of the arguments' size
SMOOTH = 4e-9  # of an output's size: float32 comes to about 5e-8, float64 to 1e-15
ROUNDINGS = 32  # that a formula makes one after the other
THIRD = math.sqrt(20)  # what a third difference makes of noise
FEWER = 21  # bits; float32 has 24


def is_coarse(wide, unit):
    """Whether a fresh subject rounds in float64 as a precision of this unit, or a finer one, does."""
    fresh = wide.subject.pristine
    try:
        trial = wide.on(fresh.anew()) if fresh else wide
        if any(map(_is_single, trial.grads.values())):
            return True
        jumps = max(_jumps(trial, direction(trial, "coarse", k)) for k in range(DIRECTIONS))
        return SMOOTH < jumps <= ROUNDINGS * unit
    except Exception:
        return False


def is_single(wide):
    """The same for float32."""
    return is_coarse(wide, unit_of(np.dtype(np.float32)))


def _is_single(dx):
    """Whether all numbers are float32's, and not all of fewer bits."""
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
