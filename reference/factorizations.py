"""Factorizations of matrices, by JAX's own, with the signs that are stated."""

import jax.numpy as jnp

__all__ = ["cholesky", "eigh", "qr", "singular_values"]


def cholesky(A):
    """Row by row, from L Lᵀ = (A + Aᵀ) / 2"""
    A, n = (A + jnp.matrix_transpose(A)) / 2, A.shape[-1]
    L = jnp.zeros_like(A)
    for j in range(n):
        rest = A[..., j:, j] - jnp.einsum("...ik,...k->...i", L[..., j:, :j], L[..., j, :j])
        L = L.at[..., j:, j].set(rest / jnp.sqrt(rest[..., :1]))
    return L


def eigh(A):
    """JAX's eigenvectors, each with its largest entry positive"""
    w, V = jnp.linalg.eigh((A + jnp.matrix_transpose(A)) / 2)
    largest = jnp.take_along_axis(V, jnp.argmax(jnp.abs(V), axis=-2, keepdims=True), axis=-2)
    return w, jnp.where(largest < 0, -V, V)


def qr(A):
    """Gram and Schmidt's columns, one after the other, each twice for the digits"""
    n = min(A.shape[-2:])
    columns = []
    for j in range(n):
        rest = A[..., j]
        for q in [*columns, *columns]:
            rest = rest - q * jnp.sum(q * rest, axis=-1, keepdims=True)
        columns.append(rest / jnp.linalg.norm(rest, axis=-1, keepdims=True))
    Q = jnp.stack(columns, axis=-1)
    return Q, jnp.triu(jnp.matrix_transpose(Q) @ A)


def singular_values(A):
    """JAX's, without the vectors"""
    return jnp.linalg.svd(A, compute_uv=False)
