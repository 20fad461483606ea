"""Square matrices, and stacks of them."""

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

__all__ = ["det", "expm", "inverse", "log_det", "solve", "triangular_solve"]


def inverse(A):
    """The solution of A Y = 1"""
    return jnp.linalg.solve(A, jnp.broadcast_to(jnp.eye(A.shape[-1], dtype=A.dtype), A.shape))


def solve(A, B):
    """The inverse, times B"""
    return jnp.linalg.inv(A) @ B


def triangular_solve(L, B, *, transposed=False):
    """JAX's forward substitution"""
    shape = jnp.broadcast_shapes(L.shape[:-2], B.shape[:-2])
    L, B = (jnp.broadcast_to(a, (*shape, *a.shape[-2:])) for a in (L, B))
    return solve_triangular(L, B, trans=int(transposed), lower=True)


def det(A):
    """The expansion along the first row, for matrices of few rows"""
    if A.shape[-1] == 1:
        return A[..., 0, 0]
    if A.shape[-1] > 4:
        return jnp.linalg.det(A)
    minors = [jnp.delete(A[..., 1:, :], j, axis=-1) for j in range(A.shape[-1])]
    return sum((-1) ** j * A[..., 0, j] * det(minor) for j, minor in enumerate(minors))


def log_det(A):
    """log of the square of the determinant, halved, from a Cholesky factorization of Aᵀ A"""
    L = jnp.linalg.cholesky(jnp.matrix_transpose(A) @ A)
    return jnp.sum(jnp.log(jnp.diagonal(L, axis1=-2, axis2=-1)), axis=-1)


def expm(A):
    """The series of A / 2¹⁰, squared ten times"""
    Y = term = jnp.broadcast_to(jnp.eye(A.shape[-1], dtype=A.dtype), A.shape)
    for n in range(1, 20):
        term = term @ A / (2**10 * n)
        Y = Y + term
    for _ in range(10):
        Y = Y @ Y
    return Y
