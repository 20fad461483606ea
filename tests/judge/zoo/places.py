"""Mutations that are wrong at unusual inputs only: zeros, ties, large and small numbers, sizes."""

import numpy as np

from tests.judge.zoo.mutation import Mutation, first_real
from tests.judge.zoo.witnesses import differs_where


def at(condition, error=1.01):
    """Wrong by a factor in the entries of the first real input where the condition holds."""

    def spoil(vjp, f):
        def spoiled(dy, *inputs):
            grads = list(vjp(dy, *inputs))
            i = first_real(inputs)
            grads[i] = np.where(condition(inputs[i]), grads[i] * error, grads[i])
            return tuple(grads)

        return spoiled

    return spoil


def whenever(condition, error=1.01):
    """Wrong by a factor in every entry if the first real input is so."""
    return at(lambda x: np.full(x.shape, bool(condition(x))), error)


def _entry(value):
    """Puts a number in the middle."""

    def place(x):
        x.flat[x.size // 2] = value
        return x

    return place


def _tie(x):
    x[..., 1] = x[..., 0]
    return x


def _has_tie(x):
    ordered = np.sort(x, axis=-1)
    return np.any(ordered[..., 1:] == ordered[..., :-1], axis=-1, keepdims=True)


def _row(value):
    """Makes the first row constant."""

    def place(x):
        x[0] = value
        return x

    return place


def _constant_row(x):
    return np.all(x == x[..., :1], axis=-1, keepdims=True)


def _zero_row(x):
    return np.all(x == 0, axis=-1, keepdims=True)


def _is_past_3(x):
    return (x > 3) & (x < 4)


def _is_vector(inputs, y, grads):
    return inputs[0].ndim >= 1 and inputs[0].shape[-1] > 1


def _is_matrix(inputs, y, grads):
    return inputs[0].ndim >= 2 and min(inputs[0].shape) > 1


def _is_alone(inputs, y, grads):
    """One input with rows, that is not broadcast: what is may have one size alone."""
    (x, *others) = inputs
    return not others and x.ndim >= 1 and x.shape[0] > 1 and np.size(y[0]) <= x.size


ENTRIES = (
    Mutation("wrong at 0", at(lambda x: x == 0), witness=differs_where(_entry(0))),
    Mutation("NaN at 0", at(lambda x: x == 0, np.nan), witness=differs_where(_entry(0))),
    Mutation("wrong at 1", at(lambda x: x == 1), witness=differs_where(_entry(1))),
    Mutation("wrong from 3 to 4", at(_is_past_3), witness=differs_where(_entry(3.5))),
    Mutation("wrong below -6", at(lambda x: x < -6), witness=differs_where(_entry(-7))),
    Mutation("wrong above 50", at(lambda x: x > 50), witness=differs_where(_entry(60))),
    Mutation("wrong below -50", at(lambda x: x < -50), witness=differs_where(_entry(-60))),
    Mutation("wrong above 1e5", at(lambda x: x > 1e5), witness=differs_where(_entry(3e5))),
    Mutation(
        "wrong below 1e-3", at(lambda x: np.abs(x) < 1e-3), witness=differs_where(_entry(5e-4))
    ),
    Mutation(
        "wrong below 1e-8", at(lambda x: np.abs(x) < 1e-8), witness=differs_where(_entry(5e-9))
    ),
)

ROWS = (
    Mutation("wrong where two tie", at(_has_tie), _is_vector, differs_where(_tie)),
    Mutation("wrong in a constant row", at(_constant_row), _is_matrix, differs_where(_row(0.75))),
    Mutation("wrong in a zero row", at(_zero_row), _is_matrix, differs_where(_row(0))),
    Mutation("NaN in a zero row", at(_zero_row, np.nan), _is_matrix, differs_where(_row(0))),
    Mutation(
        "wrong where all are positive",
        whenever(lambda x: np.all(x > 0)),
        _is_vector,
        differs_where(np.abs),
    ),
)

TOGETHER = (
    Mutation(
        "wrong where all are negative",
        whenever(lambda x: np.all(x < 0)),
        _is_vector,
        differs_where(lambda x: -np.abs(x)),
    ),
)

SIZES = (
    Mutation(
        "wrong for one row",
        whenever(lambda x: len(x) == 1),
        _is_alone,
        differs_where(lambda x: x[:1]),
    ),
)

MUTATIONS = tuple(
    Mutation(m.name, m.spoil, m.fits, m.witness, m.precisions, entire=True)
    for m in (*ENTRIES, *ROWS, *TOGETHER, *SIZES)
)
