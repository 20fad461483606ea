"""A whole Jacobian by numbers: central differences, extrapolated to a step of 0.

Unlike a directional derivative it costs some evaluations for every number of the inputs, and so is
for small inputs only; but then every upstream gradient can be pulled back without another one.
"""

from typing import Any

import numpy as np

from handgrad.judge.trial import largest

STEPS = (2.0**-6, 2.0**-17)  # of the input's size: the small one stays clear of kinks nearby
RUNGS = 4
GOOD = 1e-8  # of the largest number of a column


def jacobians(forward, inputs, i, dtype=None):
    """The Jacobian of every output with respect to input i, of the shape (*x.shape, *y.shape)."""
    x = inputs[i].astype(float)
    size = float(np.sqrt(np.mean(x * x))) or 1.0

    def moved(index, step):
        changed = x.copy()
        changed[index] += step
        given = changed.astype(dtype or inputs[i].dtype)
        outputs = forward((*inputs[:i], given, *inputs[i + 1 :]))
        return [y.astype(float) for y in outputs], float(given[index])

    columns = [
        _column(lambda h, index=index: moved(index, h), size) for index in np.ndindex(x.shape)
    ]
    return [
        np.stack(parts).reshape(x.shape + parts[0].shape) for parts in zip(*columns, strict=True)
    ]


def _column(moved, size):
    """The derivative of every output by one number, from the better of two ladders of steps."""
    best, error = None, np.inf
    for step in STEPS:
        values, off = _ladder(moved, step * size)
        if off < error or best is None:
            best, error = values, off
        if error <= GOOD:
            break
    return best


def _ladder(moved, step):
    """Richardson's extrapolation, and how far its last two entries are apart."""
    previous, last = [], None
    for rung in range(RUNGS):
        (above, right), (below, left) = moved(step / 2**rung), moved(-step / 2**rung)
        width = right - left
        row = [[(a - b) / width for a, b in zip(above, below, strict=True)]]
        for j, finer in enumerate(previous, 1):
            p = 4.0**j
            row.append([(p * a - b) / (p - 1) for a, b in zip(row[-1], finer, strict=True)])
        last, previous = previous[-1] if previous else None, row
    values: Any = previous[-1]
    last = last or values
    size = max(map(largest, values), default=0.0) or 1.0
    apart = max((largest(a - b) for a, b in zip(values, last, strict=True)), default=0.0)
    return values, apart / size if np.isfinite(apart) else np.inf
