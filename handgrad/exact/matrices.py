"""Matrices: solutions, inverses and determinants by elimination, and factors by square roots.

Every step is a step on exact numbers, moves included, so no derivative of a factorization is
needed. A pivot that is 0 as it happens is passed over by another row.
"""

import numpy as np

from handgrad.exact.errors import InexactError
from handgrad.exact.functions import log, sqrt
from handgrad.exact.numbers import chosen, inverse, lift, linear, matmul
from handgrad.exact.ordering import magnitude, sign
from handgrad.exact.reductions import norm

MOST = 12  # rows of a matrix


def _stack(rows):
    return chosen(lambda *parts: np.stack(parts), *rows)


def _of_stacks(function):
    """The function of one matrix, on stacks of them."""

    def call(a, *others):
        a = lift(a)
        if a.ndim < 2 or max(a.shape[-2:]) > MOST:
            raise InexactError("a matrix of many rows")
        if a.ndim == 2:
            return function(a, *others)
        found = [call(x, *(lift(o)[i] for o in others)) for i, x in enumerate(a)]
        if isinstance(found[0], tuple):
            return tuple(_stack(parts) for parts in zip(*found, strict=True))
        return _stack(found)

    return call


def _eliminated(a, b):
    """(the determinant of a, a⁻¹ b), column by column.

    A multiple of the row of the pivot is taken from each row, so that the column becomes one of the
    unit matrix: (pivot − 1) / pivot from itself.
    """
    count, determinant = len(a), lift(1)
    rows = chosen(lambda x, y: np.concatenate([x, y], axis=1), a, b)
    for k, unit in enumerate(np.eye(count, dtype=int)):
        below = np.flatnonzero(~rows.top.is_zero()[k:, k])
        if not below.size:
            raise InexactError("a matrix without an inverse")
        if below[0]:
            order = np.arange(count)
            order[[k, k + below[0]]] = order[[k + below[0], k]]
            rows, determinant = rows[order], -determinant
        pivot = rows[k, k]
        determinant = determinant * pivot
        excess = rows[:, k] - lift(unit)
        rows = rows - excess[:, None] * (rows[k] * inverse(pivot))
    return determinant, rows[:, count:]


@_of_stacks
def det(a):
    return _eliminated(a, lift(np.eye(len(a))))[0]


@_of_stacks
def inv(a):
    return _eliminated(a, lift(np.eye(len(a))))[1]


@_of_stacks
def _solved(a, b):
    return _eliminated(a, b)[1]


def solve(a, b):
    """a⁻¹ b, where b is a matrix, or a vector."""
    b = lift(b)
    if b.ndim > 1:
        return _solved(a, b)
    return _solved(a, b[:, None])[:, 0]


def slogdet(a):
    """The sign of a determinant, and the logarithm of its size."""
    found = det(a)
    return sign(found), log(magnitude(found))


@_of_stacks
def cholesky(a):
    """L with L Lᵀ = a, which takes the lower half of a and its mirror to be equal."""
    a = (a + a.T) / 2
    rows = []
    for i in range(len(a)):
        row = []
        for j in range(i + 1):
            rest = a[i, j]
            for k in range(j):
                rest = rest - row[k] * (rows[j][k] if j < i else row[k])
            row.append(sqrt(rest) if i == j else rest / rows[j][j])
        rows.append(row + [lift(0)] * (len(a) - i - 1))
    return _stack([_stack(row) for row in rows])


@_of_stacks
def qr(a):
    """Orthonormal columns and the upper triangle, by Gram and Schmidt; the signs are NumPy's."""
    columns, signs = [], np.sign(np.diagonal(np.linalg.qr(a.real)[1]))
    for k in range(a.shape[1]):
        rest = a[:, k]
        for q in columns:
            rest = rest - q * matmul(q, a[:, k])
        columns.append(rest * (inverse(norm(rest)) * signs[k]))
    q = chosen(lambda *parts: np.stack(parts, axis=1), *columns)
    return q, linear(np.triu, matmul(q.T, a))


TABLE = {
    "cholesky": cholesky,
    "det": det,
    "inv": inv,
    "qr": qr,
    "slogdet": slogdet,
    "solve": solve,
}
