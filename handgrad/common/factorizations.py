"""Factorizations of square matrices, in whatever precision these have; NumPy's stop at float64."""

import numpy as np


def cholesky(a):
    """The lower triangular L with L Lᵀ = a, of each matrix; NaN where a is not positive definite."""
    n = a.shape[-1]
    lower = np.zeros_like(a)
    for j in range(n):
        row = lower[..., j, :j]
        lower[..., j, j] = np.sqrt(a[..., j, j] - np.sum(row * row, axis=-1))
        below = a[..., j + 1 :, j] - (lower[..., j + 1 :, :j] @ row[..., None])[..., 0]
        lower[..., j + 1 :, j] = below / lower[..., j, j, None]
    return lower


def lu(a):
    """L and U in one array, the rows that were exchanged, and the permutation, of each matrix."""
    rows, columns = a.shape[-2:]
    steps = min(rows, columns)
    packed = a.copy()
    pivots = np.zeros((*a.shape[:-2], steps), np.int32)
    permutation = np.zeros((*a.shape[:-2], rows), np.int32)
    for batch in np.ndindex(a.shape[:-2]):
        own, order = packed[batch], np.arange(rows)
        for k in range(steps):
            pivot = k + int(np.argmax(np.abs(own[k:, k])))
            pivots[(*batch, k)] = pivot
            own[[k, pivot]], order[[k, pivot]] = own[[pivot, k]], order[[pivot, k]]
            if own[k, k]:
                own[k + 1 :, k] /= own[k, k]
            own[k + 1 :, k + 1 :] -= np.outer(own[k + 1 :, k], own[k, k + 1 :])
        permutation[batch] = order
    return [packed, pivots, permutation]


def triangular_solve(a, b, left_side, lower, transpose_a, unit_diagonal, **_):
    """x with a x = b, or x a = b, for triangular a: transposed, or with ones on its diagonal."""
    if transpose_a:
        a, lower = np.swapaxes(a, -1, -2), not lower
    if not left_side:
        a, b, lower = np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2), not lower
    x = np.zeros_like(b)
    n = a.shape[-1]
    for i in range(n) if lower else reversed(range(n)):
        known = slice(0, i) if lower else slice(i + 1, n)
        row = b[..., i, :] - (a[..., i, None, known] @ x[..., known, :])[..., 0, :]
        x[..., i, :] = row if unit_diagonal else row / a[..., i, i, None]
    return x if left_side else np.swapaxes(x, -1, -2)
