"""Gradients held against numerical derivatives along random directions."""

import math
from dataclasses import dataclass, replace

import numpy as np

from handgrad.common.precision import unit_of
from handgrad.judge.calls import CodeError
from handgrad.judge.libraries import is_floating
from handgrad.judge.noise import MOVED, RUNS, dithered
from handgrad.judge.oracles.differences import (
    CERTAIN,
    FAR,
    NOISE_POINTS,
    NOISE_SPACING,
    STEPS,
    SUMMED,
    UNIT,
    Line,
    estimate,
    measured_noise,
)
from handgrad.judge.oracles.jumps import is_a_staircase, largest_jump
from handgrad.judge.trial import rms, spread, typical

RESOLUTION = 1e-6  # an error bar wider than this share of the gradient tells nothing
SHAKY = 1e-8  # of the gradient: so many digits are not lost to the problem's own condition
ROUNDINGS = 4  # that the sum ⟨dx, u⟩ itself may be off by
SURPASSED = 30  # error bars, of which noise is nowhere near
ALIKE = 1e-2  # of the gradient: a difference that noise, or jumps, may make
FAINT = 1e-5  # of the slopes about
BENDS = 4  # directions
NOTHING = 1e4  # roundings of what a gradient of 0 is the difference of


@dataclass(frozen=True)
class Projection:
    """One direction: how far the gradient is off along it, and how well that is known."""

    error: float
    bar: float
    spread: float  # the size of the gradient along the direction
    kink: float
    derivative: float
    direction: list[np.ndarray]
    swing: float  # the steepest slope of φ over a long way
    shaky: bool = False  # it agrees only because one rounding of the arguments moves it so far

    @property
    def agrees(self):
        return self.error <= self.bar

    @property
    def known(self):
        """Whether the bar is narrow enough for a judgement."""
        return self.bar <= RESOLUTION * CERTAIN * self.spread

    @property
    def is_nothing(self):
        """Whether the gradient is 0, up to rounding of what it is the difference of."""
        return self.spread <= NOTHING * UNIT * self.swing

    @property
    def is_faint(self):
        """Whether the gradient is so near to 0 that the rounding of f drowns it."""
        return self.spread <= FAINT * self.swing

    @property
    def is_off(self):
        """Whether the gradient is wrong along it: beyond the bar, and that narrow or far surpassed."""
        return not self.agrees and (self.known or self.error > SURPASSED * self.bar)

    @property
    def at_a_kink(self):
        """Whether there is a kink that matters: beside the gradient, or an error that is not tiny."""
        explains = abs(self.kink) >= self.error > SHAKY * self.spread
        return explains or abs(self.kink) > RESOLUTION * self.spread


def direction(trial, *names, only=None):
    """A random direction, each input moved as far as it varies; `only` one of them, if given."""
    rng = trial.generator("direction", *names)
    moves = [_finite_spread(x) * rng.normal(size=x.shape) for x in trial.real_inputs]
    moves = [np.where(np.isfinite(x), u, 0) for x, u in zip(trial.real_inputs, moves, strict=True)]
    if only is None:
        return moves
    return [u if i == only else 0 * u for i, u in zip(trial.real, moves, strict=True)]


def _finite_spread(x):
    """The spread of the numbers of an array that are finite: infinities stay where they are."""
    return spread(x[np.isfinite(x)]) if x.size else 1.0


def own_direction(trial, *names):
    """A random direction that moves each number as far as its own size lets it."""
    rng = trial.generator("own direction", *names)
    sizes = [np.where(x == 0, 1e-3 * typical(x), np.abs(x)) for x in trial.real_inputs]
    sizes = [np.where(np.isfinite(size), size, 0) for size in sizes]
    return [size * rng.normal(size=size.shape) for size in sizes]


def project(trial, grads, u, *, quick=False):
    """The gradients along a direction, against the numerical derivative.

    Where the forward is not defined on both sides, every number is moved upwards. What may excuse a
    difference is looked for only where there is one: first noise, then jumps. A quick look is
    content with large steps where they tell enough.
    """
    view = _View(trial, grads, u)
    if quick and (found := view.projection(steps=FAR)).agrees and found.known:
        return found
    found = view.projection()
    if found.bar == math.inf:
        view = _View(trial, grads, [np.abs(b) for b in u])
        found = view.projection()
    return found if found.agrees else _second_look(view)


def is_bent(trial, off):
    """Whether the derivative is not additive in the direction, `off`'s and others: it is none then.

    A kink may be invisible along every line, as that of the median where all numbers are equal.
    """
    if not any(np.unique(x).size < x.size for x in trial.real_inputs):
        return False  # no two numbers are equal
    return any(_apart(trial, off, direction(trial, "bent", k)) for k in range(BENDS))


def _apart(trial, off, other):
    both = [a + b for a, b in zip(off.direction, other, strict=True)]
    two = [_plainly(_View(trial, trial.grads, u)) for u in (other, both)]
    apart = abs(two[1].derivative - two[0].derivative - off.derivative)
    bar = sum(p.bar + RESOLUTION * p.spread for p in (off, *two))
    return all(p.known for p in two) and apart > bar


def _plainly(view):
    """The projection with large steps, or with all of them where these do not tell enough."""
    found = view.projection(steps=FAR)
    return found if found.known else view.projection()


def _second_look(view):
    noise = measured_noise(view.line)
    found = view.projection(noise, thorough=True)
    if found.agrees or found.at_a_kink:
        return found
    if view.is_steep(noise) or view.is_drowned:
        return view.projection(math.inf)
    if view.nearly_agrees or is_a_staircase(view.line):
        noise += largest_jump(view.line, view.spread, sum(b.size for b in view.u))
    found = view.projection(noise, view.shaken_gradient(), thorough=True)
    return replace(found, shaky=found.agrees and found.error > SHAKY * found.spread)


class _View:
    """The gradients and the forward along one direction."""

    def __init__(self, trial, grads, u):
        self.trial, self.u = trial, u
        x = [a.astype(float) for a in trial.real_inputs]
        self.line = Line(_forward(trial), x, u, _wide(trial.dy), _unmasked(trial, trial.y))
        wide = [grads[i].astype(float) for i in trial.real]
        self.moves = math.fsum(float(np.sum(g * b)) for g, b in zip(wide, u, strict=True))
        self.spread = _norm(g * b for g, b in zip(wide, u, strict=True))
        self.unit = max((unit_of(y.dtype) for y in trial.y if is_floating(y.dtype)), default=UNIT)
        finite = [np.where(np.isfinite(a), a, 0) for a in x]
        self.shaken = SUMMED * self.unit * _norm(g * a for g, a in zip(wide, finite, strict=True))
        if self.unit > UNIT:
            self.shaken += self.unit * self.line.size
        self.floor = UNIT * usual(trial, u)

    def projection(self, noise=0.0, slack=0.0, steps=STEPS, *, thorough=False):
        """How far the gradients are off, given the noise of φ and a slack of the gradients' own."""
        found = estimate(self.line, self.shaken + noise, steps, thorough=thorough)
        size = max(self.spread, abs(found.value))
        rounding = ROUNDINGS * (self.unit * (self.spread + 0.1 * self.line.size) + self.floor)
        bar = CERTAIN * (found.error + rounding + slack)
        error = abs(self.moves - found.value)
        if not math.isfinite(error):
            error, bar = 0.0, math.inf  # nothing is known
        swing = max(self.line.size, self.line.steepest(FAR))
        return Projection(error, bar, size, found.kink, found.value, self.u, swing)

    @property
    def nearly_agrees(self):
        """Whether the gradients are about those of some step, and so noise may be the reason."""
        near = (abs((r + s) / 2 - self.moves) for r, s in self.line.slopes())
        return min((d for d in near if math.isfinite(d)), default=math.inf) <= ALIKE * self.spread

    def is_steep(self, noise):
        """Whether what looks like noise is how so steep a function goes below the smallest step."""
        rounding = max(self.line.noises(self.shaken))
        return CERTAIN * rounding < noise <= NOISE_POINTS * NOISE_SPACING * self.spread

    @property
    def is_drowned(self):
        """Whether φ stays 0, and ordinary outputs are so large that rounding may hide its moves."""
        usual = self.trial.origin
        if usual is None or any(self.line(h) for h in (*STEPS, *(-h for h in STEPS))):
            return False
        pairs = zip(self.trial.dy, usual.y, strict=True)
        through = math.hypot(*(math.sqrt(d.size) * rms(d) * rms(y) for d, y in pairs))
        return abs(self.moves) * STEPS[0] <= UNIT * through

    def shaken_gradient(self):
        """How far one rounding of the arguments moves ⟨dx, u⟩."""
        trial, found = self.trial, []
        for moved in dithered((*trial.inputs, *trial.dy), self.unit, trial.seed, least=MOVED):
            try:
                grads = trial.gradients_at(moved)
            except CodeError:
                return math.inf  # at the edge of the domain
            found.append(sum(float(np.sum(g * b)) for g, b in zip(grads, self.u, strict=True)))
        return float(np.std(found)) * RUNS


def usual(trial, u):
    """The size that the gradient along a direction has at ordinary inputs; 0 where these are."""
    if trial.origin is None:
        return 0.0
    grads = trial.origin.grads
    pairs = zip(trial.real, u, strict=True)
    return math.hypot(*(rms(grads[i]) * _norm([b]) for i, b in pairs))  # squares may overflow


def _norm(arrays):
    return math.sqrt(sum(float(np.sum(a * a)) for a in arrays))


def _forward(trial):
    types = [x.dtype for x in trial.real_inputs]

    def forward(xs):
        cast = [x.astype(t) for x, t in zip(xs, types, strict=True)]
        return _unmasked(trial, trial.forward(trial.with_real(cast)))

    return forward


def _unmasked(trial, ys):
    """Outputs with 0 where an infinity masks them, or a NaN."""
    masks = [~np.isfinite(y) for y in trial.y]
    return [np.where(m, 0, y) if np.any(m) else y for m, y in zip(masks, _wide(ys), strict=True)]


def _wide(ys):
    return [y.astype(float) for y in ys]
