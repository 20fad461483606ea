"""Code that computes in a lower precision than it is given, such as kernels that cast to float32.

In float64 its results jump where they should move smoothly. What it is given in low precision has
to be judged there.
"""

import math

import numpy as np

from handgrad.judge.noise import unit_of
from handgrad.judge.numbers import direction

POINTS = 8
DIRECTIONS = 2
SPACING = 1e-7  # a rounding of float32, of the arguments' size
SMOOTH = 1e-11  # of a result's size: float64 comes to about 1e-15
ROUNDINGS = 32  # that a formula makes one after the other
THIRD = math.sqrt(20)  # what a third difference makes of noise


def is_coarse(wide, unit):
    """Whether results in float64 jump by what roundings of a lower precision come to."""
    try:
        jumps = max(_jumps(wide, direction(wide, "coarse", k)) for k in range(DIRECTIONS))
        return SMOOTH < jumps <= ROUNDINGS * unit
    except Exception:
        return False


def is_single(wide):
    """The same for float32."""
    return is_coarse(wide, unit_of(np.dtype(np.float32)))


def _jumps(trial, u):
    """How far ⟨dy, f⟩ and ⟨vjp, u⟩ jump beside a point along u, as a share of their size."""
    along = [_along(trial, u, (POINTS + k) * SPACING) for k in range(POINTS)]
    values, sizes = (np.array([pair[n] for pair in along]) for n in (0, 1))
    jumps = np.max(np.abs(np.diff(values, 3, axis=0)), axis=0) / THIRD
    return float(np.max(jumps / np.where(sizes[0] > 0, sizes[0], np.inf)))


def _along(trial, u, t):
    """⟨dy, f⟩ and ⟨vjp, u⟩ at a step t along u, and the sizes of what is summed."""
    inputs = trial.with_real([x + t * b for x, b in zip(trial.real_inputs, u, strict=True)])
    grads = trial.real_vjp(inputs=inputs)
    terms = [
        [d * y for d, y in zip(trial.dy, trial.forward(inputs), strict=True)],
        [grads[i] * b for i, b in zip(trial.real, u, strict=True)],
    ]
    values = [sum(float(np.sum(part)) for part in parts) for parts in terms]
    return values, [math.sqrt(sum(float(np.sum(p * p)) for p in parts)) for parts in terms]
