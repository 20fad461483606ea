"""Indexing, by JAX's own subscripts."""

import jax.numpy as jnp

__all__ = ["embedding", "embedding_bag", "scatter_add", "take", "take_along_axis"]


def take(x, i, *, axis=0):
    """x[…, i, …]"""
    return x[(slice(None),) * (axis % x.ndim) + (i,)]


def take_along_axis(x, i, *, axis=-1):
    """The numbers of x at the indices i of one axis"""
    return jnp.take_along_axis(x, i, axis=axis)


def scatter_add(x, i, v):
    """x plus v at the rows i"""
    return x.at[i].add(v)


def embedding(E, t, *, padding_idx=-1):
    """The rows of E at t; those at padding_idx are 0"""
    return _rows(E, t, padding_idx, 0)


def embedding_bag(E, t, *, mode="mean", padding_idx=-1):
    """The sum, mean or maximum of the rows at each row of t, without padding_idx"""
    count = jnp.sum(t != padding_idx, axis=1)[:, None]
    if mode == "max":
        return jnp.where(count > 0, jnp.max(_rows(E, t, padding_idx, -jnp.inf), axis=1), 0)
    total = jnp.sum(_rows(E, t, padding_idx, 0), axis=1)
    return total / jnp.maximum(count, 1) if mode == "mean" else total


def _rows(E, t, padding_idx, padding):
    """The rows of E at t, and padding at padding_idx"""
    return jnp.where((t == padding_idx)[..., None], padding, E[t])
