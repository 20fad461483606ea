"""Jumps: a forward that is not continuous, as a solver that stops early, or rounds to a grid.

Between two jumps such a function has a derivative, which numbers find to many digits, and which is
not the one that its gradient means. What numbers can tell is limited by the jumps.
"""

import math

import numpy as np

from handgrad.judge.oracles.differences import NEAR, STEPS

SPACING = 1 / 32
REACH = 12  # points to each side
SIDE = 4  # points that say how φ goes on
HALVINGS = 24
KINKED = 8  # a difference this many times that of the slope, over so short a way, is a jump


def largest_jump(phi, slope, count):
    """By how much φ jumps near 0, as the noise of `count` numbers that jump apart; 0 if it does not.

    `slope` is the size of the slopes that its terms have.
    """
    if is_a_staircase(phi):
        return _first_step(phi) * math.sqrt(count)
    points = [k * SPACING for k in range(-REACH, REACH + 1)]
    values = np.array([phi(t) for t in points])
    rough = np.abs(np.diff(values, n=2 * SIDE - 1))
    if not np.any(np.isfinite(rough)):
        return 0.0
    k = int(np.nanargmax(rough)) + SIDE - 1  # a jump after point k is seen best in the middle
    left, right = (slice(k + 1 - SIDE, k + 1), slice(k + 1, k + 1 + SIDE))
    coming, going = (np.polyfit(points[s], values[s], SIDE - 1) for s in (left, right))
    a, b = points[k], points[k + 1]
    for _ in range(HALVINGS):
        middle = (a + b) / 2
        value = phi(middle)
        off_left, off_right = (abs(value - np.polyval(p, middle)) for p in (coming, going))
        a, b = (middle, b) if off_left <= off_right else (a, middle)
    jump = abs(phi(b) - phi(a))
    return jump if jump > KINKED * slope * (b - a) else 0.0


def is_a_staircase(phi):
    """Whether φ has one value or two at all small steps: it is flat, or moves in steps."""
    return len({phi(side * h) for h in STEPS[NEAR:] for side in (1, -1)}) <= 2


def _first_step(phi):
    """How high the first step of a staircase is, or 0 if there is none."""
    level = phi(STEPS[-1])
    a, b = STEPS[-1], next((h for h in reversed(STEPS) if phi(h) != level), 0.0)
    if not b:
        return 0.0
    for _ in range(HALVINGS):
        middle = (a + b) / 2
        a, b = (middle, b) if phi(middle) == level else (a, middle)
    return max(abs(phi(b) - level), abs(level))
