"""Numerical derivatives of the right specimens, entry by entry, without the judge's help."""

import numpy as np

from tests.judge.zoo.operation import is_real
from tests.judge.zoo.witnesses import as_tuple, call, upstream

WEIGHTS = (4 / 5, -1 / 5, 4 / 105, -1 / 280)  # of the central differences of order eight
STEPS = (1e-1, 1e-3, 3e-5, 1e-6, 1e-9)  # of the largest number; a wrong gradient is far off at each


def furthest_from_numbers(specimen, rng):
    """The worst difference from numbers at some entries of each gradient, at the best step."""
    inputs = specimen.draw(rng)
    dy = upstream(specimen.operation, inputs, rng)
    _, grads = call(specimen.make(), dy, inputs)
    floor = 1e-6 * max(np.max(np.abs(d)) for d in dy)
    worst = 0.0
    for i, (x, dx) in enumerate(zip(inputs, map(np.asarray, grads), strict=True)):
        if is_real(x):
            value = _along(specimen.operation.f, inputs, i, dy)
            entries = rng.permutation(x.size)[:8]
            error = min(_error(value, x, dx.reshape(-1)[entries], entries, step) for step in STEPS)
            worst = max(worst, error / max(np.max(np.abs(dx)), floor))
    return worst


def _along(f, inputs, i, dy):
    """⟨dy, f⟩, less its value here, as a function of one entry of one input, moved by t."""
    origin = as_tuple(f(*inputs))

    def value(entry, t):
        x = inputs[i].copy()
        x.reshape(-1)[entry] += t
        try:
            y = as_tuple(f(*inputs[:i], x, *inputs[i + 1 :]))
        except np.linalg.LinAlgError:  # the step leaves the domain
            return np.nan
        return sum(np.sum(d * (a - b)) for d, a, b in zip(dy, y, origin, strict=True))

    return value


def _error(value, x, exact, entries, step):
    h = step * (np.max(np.abs(x)) or 1)
    slopes = [
        sum(w * (value(e, k * h) - value(e, -k * h)) for k, w in enumerate(WEIGHTS, 1)) / h
        for e in entries
    ]
    error = np.max(np.abs(slopes - exact))
    return np.inf if np.isnan(error) else error


def leaves_the_subdifferential(specimen, rng):
    """How far the first gradient lies outside of the two one-sided differences of each entry."""
    (x,) = inputs = specimen.draw(rng)
    (dy,) = upstream(specimen.operation, inputs, rng)
    f = specimen.operation.f
    (y,), (dx,) = call(specimen.make(), (dy,), inputs)
    worst, h = 0.0, 1e-7
    for entry in range(x.size):
        step = np.zeros_like(x)
        step.flat[entry] = h
        sides = np.sum(dy * (f(x + step) - y)) / h, np.sum(dy * (y - f(x - step))) / h
        worst = max(worst, min(sides) - dx.flat[entry], dx.flat[entry] - max(sides))
    return worst
