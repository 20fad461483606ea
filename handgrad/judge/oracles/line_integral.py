"""Oracle: the line integral, ⟨v, f(x + u) − f(x)⟩ = ∫₀¹ ⟨vjp(x + t u, v), u⟩ dt.

It has no step to choose: no digits are lost to a small one, none to a large one. It holds in low
precision, where differences are noise, and for every function that is Lipschitz, across its kinks.
"""

import math

import numpy as np

from handgrad.common.precision import unit_of
from handgrad.judge.trial import rms

NODES = (8, 12)  # their difference tells how well the integral is known
LENGTH = 0.3  # of the inputs' size


def line_integral(trial, seed):
    """How far the two sides are apart, and an error bar, as shares of the size of the integrand."""
    rng = trial.generator("integral", seed)
    types = [x.dtype for x in trial.real_inputs]
    start = [x.astype(float) for x in trial.real_inputs]
    ends = [
        (a + LENGTH * (rms(a) or 1.0) * rng.normal(size=a.shape)).astype(t).astype(float)
        for a, t in zip(start, types, strict=True)
    ]
    u = [b - a for a, b in zip(start, ends, strict=True)]

    def at(t):
        moved = (a + t * b for a, b in zip(start, u, strict=True))
        return trial.with_real([m.astype(kind) for m, kind in zip(moved, types, strict=True)])

    def slope(t):
        grads = trial.real_vjp(inputs=at(t))
        terms = [grads[i].astype(float) * b for i, b in zip(trial.real, u, strict=True)]
        return sum(float(np.sum(m)) for m in terms), sum(float(np.sum(m * m)) for m in terms)

    coarse, fine = (_gauss(slope, n) for n in NODES)
    outputs = zip(trial.dy, trial.forward(at(1.0)), trial.y, strict=True)
    moved = sum(float(np.sum(d.astype(float) * (b.astype(float) - a))) for d, b, a in outputs)
    size = math.sqrt(fine[1]) or 1.0
    unit = max(unit_of(t) for t in types)
    through = math.sqrt(
        sum(
            float(np.sum((d * y).astype(float) ** 2))
            for d, y in zip(trial.dy, trial.y, strict=True)
        )
    )
    bar = 8 * (abs(fine[0] - coarse[0]) + 4 * unit * (size + through))
    return abs(moved - fine[0]) / size, bar / size


def _gauss(function, nodes):
    """The integrals of the two values of a function from 0 to 1."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    values = np.array([function((1 + p) / 2) for p in points])
    return weights / 2 @ values
