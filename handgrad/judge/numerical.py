"""Oracle: a numerical directional derivative with an honest error bar.

Central differences at the steps h, h/2, h/4, … are extrapolated to h = 0 (Ridders, 1982). The entry
of the table that agrees best with its neighbours is the value; its disagreement, plus the noise of
the function as the step amplifies it, is the error bar. The step is found by the function itself
and the noise is measured (Moré and Wild, SIAM J. Sci. Comput. 33, 2011).

The cost does not grow with the number of elements.
"""

import math
from dataclasses import dataclass

import numpy as np

UNIT = 2.0**-53
FIRST_STEP = 0.1
RUNGS = 8
RESTARTS = 6
SHRINK = 32
GOOD = 1e-8  # of the value: an error bar this small ends the search
NOISE_POINTS = 7
NOISE_SPACING = 1e-8


@dataclass(frozen=True)
class Estimate:
    """A numerical derivative and its error bar."""

    value: float
    error: float


def directional_derivative(f, x, u, v):
    """⟨v, J u⟩ for f at x, as an Estimate. f maps a list of arrays to a tuple of arrays."""
    line = _line(f, x, u, v)
    noise = max(_rounding(f(x), v), _measured_noise(line)) + _shaken(f, x, u, v)
    best = Estimate(math.nan, math.inf)
    for restart in range(RESTARTS + 1):
        estimate = _ladder(line, FIRST_STEP / SHRINK**restart, noise)
        if estimate.error < best.error:
            best = estimate
        if best.error <= GOOD * abs(best.value):
            break
    return best


def _line(f, x, u, v):
    """φ(t) = ⟨v, f(x + t u) − f(x)⟩, subtracted first so that its noise is that of f alone."""
    origin = f(x)

    def phi(t):
        with np.errstate(all="ignore"):  # a step may leave the domain; its value is then not used
            y = f([a + t * b for a, b in zip(x, u, strict=True)])
            return sum(_dot(c, d - e) for c, d, e in zip(v, y, origin, strict=True))

    return phi


def _rounding(y, v):
    """The noise of φ if each output is off by one rounding, at random."""
    return UNIT * math.sqrt(sum(_dot(a * b, a * b) for a, b in zip(v, y, strict=True)))


def _shaken(f, x, u, v):
    """The noise of φ because x + t u is itself rounded, input by input."""
    total = 0.0
    for i, (a, b) in enumerate(zip(x, u, strict=True)):
        phi = _line(f, x, [b if j == i else c * 0 for j, c in enumerate(u)], v)
        slope = abs(phi(FIRST_STEP) - phi(-FIRST_STEP)) / (2 * FIRST_STEP)
        if math.isfinite(slope) and slope:
            total += UNIT * slope * math.sqrt(_dot(a, a) / _dot(b, b))
    return total


def _measured_noise(phi):
    """The noise of φ from differences of closely spaced values, where nothing smooth is left."""
    middle = NOISE_POINTS // 2
    table = np.array([phi((i - middle) * NOISE_SPACING) for i in range(NOISE_POINTS)])
    levels = []
    for k in range(1, NOISE_POINTS):
        table = np.diff(table)
        factor = math.factorial(k) ** 2 / math.factorial(2 * k)
        levels.append(math.sqrt(factor * float(np.mean(table**2))))
    return max(levels[2:])


def _ladder(phi, step, noise):
    """Ridders' table from one first step: its best entry."""
    best = Estimate(math.nan, math.inf)
    previous = []
    for rung in range(RUNGS):
        h = step / 2**rung
        row = [(phi(h) - phi(-h)) / (2 * h)]
        amplification = 1.0
        for j in range(1, len(previous) + 1):
            p = 4.0**j
            row.append((p * row[-1] - previous[j - 1]) / (p - 1))
            amplification *= (p + 1) / (p - 1)
            disagreement = max(abs(row[j] - row[j - 1]), abs(row[j] - previous[j - 1]))
            error = disagreement + amplification * noise / h
            if error < best.error:
                best = Estimate(row[j], error)
        previous = row if math.isfinite(row[0]) else []
    return best


def _dot(a, b):
    return float(np.sum(a * b, dtype=np.longdouble))
