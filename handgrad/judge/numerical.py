"""Oracle: a numerical directional derivative with an honest error bar.

Central differences at the steps h, h/2, h/4, … are extrapolated to h = 0 (Ridders, 1982). The entry
of the table that agrees best with its neighbours is the value; its disagreement, plus the noise of
the function as the step amplifies it, is the error bar. The step is found by the function itself
and the noise is measured (Moré and Wild, SIAM J. Sci. Comput. 33, 2011). The two one-sided
differences show a kink.

The cost does not grow with the number of elements.
"""

import math
from dataclasses import dataclass

import numpy as np

UNIT = 2.0**-53
FIRST_STEPS = (0.1, 1e-4, 1e-7)
RUNGS = 8
PATIENCE = 2  # rungs without an improvement end a ladder
GOOD = 1e-8  # of the value: an error bar this small ends the search
NOISE_POINTS = 7
NOISE_SPACING = 1e-8
CERTAIN = 8  # error bars: what is larger is there


@dataclass(frozen=True)
class Estimate:
    """A numerical derivative, its error bar, and how much more it is to the right than the left."""

    value: float
    error: float
    kink: float = 0.0


class Line:
    """φ(t) = ⟨v, f(x + t u) − f(x)⟩, subtracted first so that its noise is that of f alone.

    f maps a list of arrays to a tuple of arrays. Every value is computed once.
    """

    def __init__(self, f, x, u, v, origin=None):
        self.f, self.x, self.u, self.v = f, x, u, v
        self.origin = f(x) if origin is None else origin
        self.known = {0.0: 0.0}
        self.sizes = {0.0: _size(v, self.origin)}

    def __call__(self, t):
        if t not in self.known:
            self.known[t] = self._value(t)
        return self.known[t]

    def _value(self, t):
        try:
            y = self.f([a + t * b for a, b in zip(self.x, self.u, strict=True)])
        except Exception:
            return math.nan  # a step may leave the domain
        self.sizes[t] = _size(self.v, y)
        return sum(_dot(c, d - e) for c, d, e in zip(self.v, y, self.origin, strict=True))

    @property
    def size(self):
        """The size of ⟨v, f(x)⟩ as a sum of terms of random sign."""
        return self.sizes[0.0]

    def rounding(self, t):
        """How far rounding its terms moves φ(t), and φ(−t)."""
        return UNIT * max(self.size, self.sizes.get(t, 0.0), self.sizes.get(-t, 0.0))


def directional_derivative(f, x, u, v):
    """⟨v, J u⟩ for f at x, as an Estimate, with the noise measured."""
    line = Line(f, x, u, v)
    return estimate(line, noise=measured_noise(line))


def estimate(line, noise=0.0, *, thorough=False):
    """The derivative of φ at 0, as an Estimate; `noise` comes on top of one rounding of f and x.

    The first good ladder is believed. A thorough look takes all, and believes the most precise of
    those that agree with the smallest steps: large ones may step over what is near.
    """
    found = []
    for step in FIRST_STEPS:
        found.append(_ladder(line, step, noise + _shaken(line, step)))
        if found[-1].error <= GOOD * abs(found[-1].value) and not thorough:
            break
    found = [ladder for ladder in found if ladder.error < math.inf]
    if not found:
        return _one_sided(line, noise)
    if not thorough:
        return min(found, key=lambda ladder: ladder.error)
    near = found[-1]
    alike = [
        ladder
        for ladder in found
        if abs(ladder.value - near.value) <= CERTAIN * (ladder.error + near.error)
    ]
    return min(alike, key=lambda ladder: ladder.error)


def measured_noise(phi):
    """The noise of φ from differences of closely spaced values, where nothing smooth is left."""
    middle = NOISE_POINTS // 2
    table = np.array([phi((i - middle) * NOISE_SPACING) for i in range(NOISE_POINTS)])
    levels = []
    for k in range(1, NOISE_POINTS):
        table = np.diff(table)
        factor = math.factorial(k) ** 2 / math.factorial(2 * k)
        levels.append(math.sqrt(factor * float(np.mean(table**2))))
    finite = [level for level in levels[2:] if math.isfinite(level)]
    return max(finite, default=0.0)


def _shaken(line, step):
    """The noise of φ because x + t u is itself rounded, if the whole of x moves as u does."""
    slope = abs(line(step) - line(-step)) / (2 * step)
    ratios = [
        math.sqrt(_dot(a, a) / _dot(b, b)) if np.any(b) else 0.0
        for a, b in zip(line.x, line.u, strict=True)
    ]
    return UNIT * slope * max(ratios, default=0.0) if math.isfinite(slope) else 0.0


def _ladder(phi, step, noise):
    """Ridders' table from one first step: its best entry, and the kink that its differences show."""
    best, best_rung = Estimate(math.nan, math.inf), 0
    previous, gaps = [], []
    for rung in range(RUNGS):
        h = step / 2**rung
        right, left = phi(h) / h, -phi(-h) / h
        shaky = noise + phi.rounding(h)
        gaps.append((right - left, 2 * shaky / h))
        row = [(right + left) / 2]
        amplification = 1.0
        for j in range(1, len(previous) + 1):
            p = 4.0**j
            row.append((p * row[-1] - previous[j - 1]) / (p - 1))
            amplification *= (p + 1) / (p - 1)
            disagreement = max(abs(row[j] - row[j - 1]), abs(row[j] - previous[j - 1]))
            error = disagreement + amplification * shaky / h
            if error < best.error:
                best, best_rung = Estimate(row[j], error), rung
        previous = row if math.isfinite(row[0]) else []
        if best.error < math.inf and rung - best_rung >= PATIENCE:
            break
    return Estimate(best.value, best.error, _kink(gaps))


def _one_sided(phi, noise):
    """The slope to the right, where there is nothing to the left: at the edge of a domain."""
    best, previous = Estimate(math.nan, math.inf), []
    for rung in range(RUNGS + PATIENCE):
        h = FIRST_STEPS[0] / 4**rung
        row = [phi(h) / h]
        shaky = noise + phi.rounding(h)
        amplification = 2.0
        for j in range(1, len(previous) + 1):
            p = 4.0**j
            row.append((p * row[-1] - previous[j - 1]) / (p - 1))
            amplification *= (p + 1) / (p - 1)
            disagreement = max(abs(row[j] - row[j - 1]), abs(row[j] - previous[j - 1]))
            error = disagreement + amplification * shaky / h
            if error < best.error:
                best = Estimate(row[j], error)
        previous = row if math.isfinite(row[0]) else []
    return best


def _kink(gaps):
    """The limit of D⁺(h) − D⁻(h) = κ + c₁ h + c₃ h³ + …, or 0 where it is no more than its error."""
    best, error = 0.0, math.inf
    for (a, _), (b, _), (c, noise) in zip(gaps, gaps[1:], gaps[2:], strict=False):
        former, latter = 2 * b - a, 2 * c - b
        limit = (8 * latter - former) / 7
        off = abs(limit - latter) + abs(limit - former) + 4 * noise
        if off < error:
            best, error = limit, off
    return best if abs(best) > CERTAIN * error else 0.0


def _size(v, y):
    return math.sqrt(sum(_dot(a * b, a * b) for a, b in zip(v, y, strict=True)))


def _dot(a, b):
    return float(np.sum(a * b, dtype=np.longdouble))
