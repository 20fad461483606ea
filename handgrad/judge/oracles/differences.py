"""Oracle: a numerical directional derivative with an honest error bar.

Central differences at ever smaller steps are extrapolated to the step 0 (Ridders, 1982). The entry
of the table that agrees best with its neighbours is the value; its disagreement, plus the noise of
the function as the step amplifies it, is the error bar. The steps go from an eighth of the argument
to where rounding drowns them: one table suits every function, and steps under its kinks. The two
one-sided differences show a kink at the point itself. Noise is measured where it matters (Moré and
Wild, SIAM J. Sci. Comput. 33, 2011).

The cost does not grow with the number of elements, and is the same for every smooth function.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from handgrad.judge.calls import CodeError

UNIT = 2.0**-53
STEPS = tuple(2.0**-k for k in (3, 5, 7, 9, 12, 15, 18, 21, 24))  # powers of two round nothing
FAR = STEPS[:5]  # enough for what is smooth
NEAR = 6  # the steps from this one on are below every structure that matters
SHRINKS = 0.75  # power of the step, at least, with which slopes come closer; for √x it is a half
CERTAIN = 8  # error bars: what is larger is there
SUMMED = 2  # roundings that a sum of thousands of numbers comes to
NOISE_POINTS = 7
NOISE_SPACING = 1e-8


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
        except CodeError:
            return math.nan  # a step may leave the domain
        self.sizes[t] = _size(self.v, y)
        return sum(_dot(c, d - e) for c, d, e in zip(self.v, y, self.origin, strict=True))

    @property
    def size(self):
        """The size of ⟨v, f(x)⟩ as a sum of terms of random sign."""
        return self.sizes[0.0]

    def steepest(self, steps):
        """The largest slope from 0 to any of these steps."""
        slopes = (abs(s) for pair in self.slopes(steps) for s in pair)
        return max(filter(math.isfinite, slopes), default=0.0)

    def slopes(self, steps=STEPS):
        """The differences to the right and to the left at every step."""
        return [(self(h) / h, -self(-h) / h) for h in steps]

    def noises(self, noise, steps=STEPS):
        """The noise of φ at every step: its terms are rounded, and so is x + t u."""
        moved = ((np.where(b == 0, 0, a), b) for a, b in zip(self.x, self.u, strict=True))
        ratios = [math.sqrt(_dot(a, a) / _dot(b, b)) if np.any(b) else 0.0 for a, b in moved]
        shaken = UNIT * max(ratios, default=0.0)
        for h, (right, left) in zip(steps, self.slopes(steps), strict=True):
            largest = max(self.size, self.sizes.get(h, 0.0), self.sizes.get(-h, 0.0))
            slope = max((abs(s) for s in (right, left) if math.isfinite(s)), default=0.0)
            yield noise + SUMMED * UNIT * largest + shaken * slope


def directional_derivative(f, x, u, v):
    """⟨v, J u⟩ for f at x, as an Estimate, with the noise measured."""
    line = Line(f, x, u, v)
    return estimate(line, measured_noise(line), thorough=True)


def estimate(line, noise=0.0, steps=STEPS, *, thorough=False):
    """The derivative of φ at 0, as an Estimate; `noise` comes on top of one rounding of f and x.

    A thorough look believes only what smaller steps do not contradict: large ones may step over what
    is near.
    """
    noises = list(line.noises(noise, steps))
    rights, lefts = zip(*line.slopes(steps), strict=True)
    slopes = [(r + s) / 2 for r, s in zip(rights, lefts, strict=True)]
    found = _table(slopes, noises, 2)
    if not found:  # at the edge of a domain nothing is to the left
        slopes = rights
        found = _table(slopes, noises, 1)
    if thorough:
        found = [entry for entry in found if _stands(entry, slopes, noises)]
    if not found:
        return Estimate(math.nan, math.inf)
    best = min(found, key=lambda entry: entry.error)
    gaps = [r - s for r, s in zip(rights, lefts, strict=True)]
    return Estimate(best.value, best.error, _kink(gaps, noises))


@dataclass(frozen=True)
class _Entry:
    """One value of the table, its error, and the place of the smallest step that it is made of."""

    value: float
    error: float
    last: int


def _table(slopes, noises, power):
    """Every extrapolation of slopes whose error is a series in this power of the step (Neville)."""
    found, previous = [], []
    for k, (slope, noise) in enumerate(zip(slopes, noises, strict=True)):
        row, amplification = [slope], 1.0
        for j, former in enumerate(previous, 1):
            p = (STEPS[k - j] / STEPS[k]) ** power
            row.append((p * row[-1] - former) / (p - 1))
            amplification *= (p + 1) / (p - 1)
            error = max(abs(row[j] - row[j - 1]), abs(row[j] - former))
            error += amplification * noise / STEPS[k]
            if math.isfinite(error):
                found.append(_Entry(row[j], error, k))
        previous = row if math.isfinite(slope) else []
    return found


def _stands(entry, slopes, noises):
    """Whether the slopes come closer with the steps from the entry's last on, and stay as close.

    Where they do not, a function is steep or wild below the smallest step, or no power series. Of
    the very last step, two before it have to tell.
    """
    k = entry.last
    shaken = [CERTAIN * noise / h for noise, h in zip(noises, STEPS, strict=False)]
    moves = [abs(b - a) for a, b in itertools.pairwise(slopes)]
    for j in range(max(min(k, len(slopes) - 2), 2), len(slopes)):
        closer = (STEPS[j] / STEPS[j - 1]) ** SHRINKS
        if moves[j - 1] > closer * moves[j - 2] + shaken[j]:
            return False
    off = CERTAIN * (entry.error + abs(slopes[k] - entry.value))
    behind = zip(slopes[k + 1 :], shaken[k + 1 :], strict=True)
    return not any(abs(slope - entry.value) > off + noise for slope, noise in behind)


def _kink(gaps, noises):
    """The limit of D⁺(h) − D⁻(h) = κ + c₁ h + c₃ h³ + …, or 0 where it is no more than its error.

    A kink at the point is seen at the smallest steps too; one nearby is not.
    """
    best, error = 0.0, math.inf
    shaken = [4 * noise / h for noise, h in zip(noises, STEPS, strict=False)]
    points = list(zip(STEPS, gaps, shaken, strict=False))
    for a, b, c in zip(points, points[1:], points[2:], strict=False):
        former, latter = _straight(a, b), _straight(b, c)
        bent = [p[0] * q[0] * (p[0] + q[0]) for p, q in ((a, b), (b, c))]
        limit = (bent[0] * latter - bent[1] * former) / (bent[0] - bent[1])
        off = abs(limit - latter) + abs(limit - former) + 2 * c[2]
        if off < error:
            best, error = limit, off
    stays = all(
        abs(gap - best) <= abs(best) / 2 + noise
        for gap, noise in zip(gaps[NEAR:], shaken[NEAR:], strict=True)
    )
    return best if stays and abs(best) > CERTAIN * error else 0.0


def _straight(a, b):
    """Where the line through two points (h, gap, noise) meets h = 0."""
    return (a[0] * b[1] - b[0] * a[1]) / (a[0] - b[0])


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


def _size(v, y):
    return math.sqrt(sum(_dot(a * b, a * b) for a, b in zip(v, y, strict=True)))


def _dot(a, b):
    return float(np.sum(a * b, dtype=np.longdouble))
