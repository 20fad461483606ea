"""Oracle: the complex step, Im ⟨v, f(x + i h u)⟩ / h, which subtracts nothing.

It is exact to a few roundings where f is analytic and its code takes complex numbers (Squire and
Trapp, SIAM Rev. 40, 1998). Elsewhere its value means nothing, so it only ever confirms.
"""

import math

import numpy as np

from handgrad.judge.calls import CodeError, Contained
from handgrad.judge.libraries import as_numpy
from handgrad.judge.oracles.differences import CERTAIN, UNIT

STEP = 1e-30
ROUNDINGS = 16


def along(trial, u):
    """The derivative of ⟨dy, f⟩ along u, or NaN where the code does not take complex numbers.

    Code that drops what is imaginary does not take them either.
    """
    moved = [x + 1j * STEP * b for x, b in zip(trial.real_inputs, u, strict=True)]
    try:
        y = trial.called(trial.with_real(moved))
        with Contained():
            outputs = [as_numpy(out) for out in (y if isinstance(y, tuple | list) else [y])]
            pairs = zip(trial.dy, outputs, strict=True)
            total = sum(float(np.sum(d * np.imag(a))) for d, a in pairs)
    except CodeError:
        return math.nan
    return total / STEP if any(map(np.iscomplexobj, outputs)) else math.nan


def agrees(trial, u):
    """Whether the gradients along u are what the complex step gives, but for roundings."""
    terms = [trial.grads[i] * b for i, b in zip(trial.real, u, strict=True)]
    moves, size = sum(map(np.sum, terms)), sum(float(np.sum(t * t)) for t in terms) ** 0.5
    return bool(abs(moves - along(trial, u)) <= CERTAIN * ROUNDINGS * UNIT * size)
