"""Gradients held against numerical derivatives along random directions."""

import math
from dataclasses import dataclass, replace

import numpy as np

from handgrad.judge.noise import RUNS, dithered, unit_of
from handgrad.judge.numerical import CERTAIN, Line, estimate, measured_noise
from handgrad.judge.trial import rms

RESOLUTION = 1e-6  # an error bar wider than this share of the gradient tells nothing
SHAKY = 1e-8  # of the gradient: so many digits are not lost to the problem's own condition
ROUNDINGS = 4  # that the sum ⟨dx, u⟩ itself may be off by


@dataclass(frozen=True)
class Projection:
    """One direction: how far the gradient is off along it, and how well that is known."""

    error: float
    bar: float
    spread: float  # the size of the gradient along the direction
    kink: float
    derivative: float
    direction: list[np.ndarray]
    shaky: bool = False  # it agrees only because one rounding of the arguments moves it so far

    @property
    def agrees(self):
        return self.error <= self.bar

    @property
    def known(self):
        """Whether the bar is narrow enough for a judgement."""
        return self.bar <= RESOLUTION * CERTAIN * self.spread

    @property
    def at_a_kink(self):
        return abs(self.kink) > RESOLUTION * self.spread


def direction(trial, *names, only=None):
    """A random direction, each input moved by about its own size; `only` one of them, if given."""
    rng = trial.generator("direction", *names)
    moves = [(rms(x) or 1.0) * rng.normal(size=x.shape) for x in trial.real_inputs]
    if only is None:
        return moves
    return [u if i == only else 0 * u for i, u in zip(trial.real, moves, strict=True)]


def project(trial, grads, u):
    """The gradients along a direction, against the numerical derivative.

    Where the forward is not defined on both sides, every number is moved upwards.
    """
    found = _along(trial, grads, u)
    return found if found.bar < math.inf else _along(trial, grads, [np.abs(b) for b in u])


def _along(trial, grads, u):
    """Noise is measured where the first look disagrees: that of the forward, then the backward's."""
    x = [a.astype(float) for a in trial.real_inputs]
    line = Line(_forward(trial), x, u, [d.astype(float) for d in trial.dy], _wide(trial.y))
    pairs = [(grads[i].astype(float), b) for i, b in zip(trial.real, u, strict=True)]
    moves = math.fsum(float(np.sum(g * b)) for g, b in pairs)
    spread = math.sqrt(sum(float(np.sum((g * b) ** 2)) for g, b in pairs))
    unit = max(unit_of(y.dtype) for y in trial.y)
    coarse = line.size * unit if unit > 1e-15 else 0.0
    shaken = unit * math.sqrt(
        sum(float(np.sum((g * a) ** 2)) for (g, _), a in zip(pairs, x, strict=True))
    )

    loudness = math.sqrt(sum(float(np.sum(d.astype(float) ** 2)) for d in trial.dy))

    def judged(noise, slack=0.0, *, thorough=True):
        found = estimate(line, shaken + coarse + noise, thorough=thorough)
        size = max(spread, abs(found.value))
        rounding = ROUNDINGS * unit * (spread + 0.1 * line.size + unit**3 * loudness)
        bar = CERTAIN * (found.error + rounding + slack)
        error = abs(moves - found.value)
        if not math.isfinite(error):
            error, bar = 0.0, math.inf  # nothing is known
        return Projection(error, bar, size, found.kink, found.value, u)

    first = judged(0.0, thorough=False)
    if first.agrees:
        return first
    noise = measured_noise(line)
    second = judged(noise)
    if second.agrees or second.at_a_kink:
        return second
    third = judged(noise, _shaken_gradient(trial, u, unit))
    return replace(third, shaky=third.agrees and third.error > SHAKY * third.spread)


def _forward(trial):
    types = [x.dtype for x in trial.real_inputs]

    def forward(xs):
        cast = [x.astype(t) for x, t in zip(xs, types, strict=True)]
        return _wide(trial.forward(trial.with_real(cast)))

    return forward


def _wide(ys):
    return [y.astype(float) for y in ys]


def _shaken_gradient(trial, u, unit):
    """How far one rounding of the arguments moves ⟨dx, u⟩."""
    count = len(trial.inputs)
    found = []
    for arrays in dithered((*trial.inputs, *trial.dy), unit, trial.seed):
        cast = [a.astype(x.dtype) for a, x in zip(arrays, (*trial.inputs, *trial.dy), strict=True)]
        try:
            grads = trial.real_vjp(cast[count:], tuple(cast[:count]))
        except Exception:
            return math.inf  # at the edge of the domain
        found.append(sum(float(np.sum(grads[i] * b)) for i, b in zip(trial.real, u, strict=True)))
    return float(np.std(found)) * RUNS
