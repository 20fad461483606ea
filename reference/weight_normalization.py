"""Normalization of weights."""

import jax.numpy as jnp

__all__ = ["spectral_norm", "weight_norm"]


def weight_norm(v, g):
    """v g (v · v)^−½, row by row; a row of zeros stays 0

    The power is taken of 1 where v is 0, for its slope at 0 is infinite.
    """
    rows = v.reshape(v.shape[0], -1)
    squares = jnp.einsum("kd,kd->k", rows, rows)
    inverse = jnp.power(jnp.where(squares > 0, squares, 1), -0.5)
    scale = jnp.where(squares > 0, g * inverse, 0)
    return jnp.einsum("kd,k->kd", rows, scale).reshape(v.shape)


def spectral_norm(W):
    """W divided by the root of the largest eigenvalue of the smaller of W Wᵀ and Wᵀ W"""
    rows = W.reshape(W.shape[0], -1)
    tall = rows if rows.shape[0] >= rows.shape[1] else rows.T
    largest = jnp.linalg.eigvalsh(tall.T @ tall)[-1]
    return jnp.where(largest > 0, W / jnp.sqrt(jnp.where(largest > 0, largest, 1)), 0)
