"""Sorting, and what is chosen by rank."""

import jax.numpy as jnp
from jax import lax

__all__ = ["median", "quantile", "sort", "sort_by", "top_k"]


def sort(x, *, axis=-1, descending=False):
    """JAX's own sort"""
    return jnp.sort(x, axis=axis, descending=descending)


def sort_by(x, key):
    """x times the permutation matrix of the keys' ranks"""
    n = x.shape[0]
    ranks = jnp.zeros(n, int).at[jnp.argsort(key)].set(jnp.arange(n))
    return jnp.einsum("nm,n...->m...", (ranks[:, None] == jnp.arange(n)).astype(x.dtype), x)


def top_k(x, *, k, axis=-1):
    """lax.top_k, along any axis"""
    values, _ = lax.top_k(jnp.moveaxis(x, axis, -1), k)
    return jnp.moveaxis(values, -1, axis)


def quantile(x, *, q, axis=None, keepdims=False):
    """JAX's own, by straight lines between the ranks"""
    return jnp.quantile(x, q, axis=axis, keepdims=keepdims)


def median(x, *, axis=None, keepdims=False):
    """JAX's own"""
    return jnp.median(x, axis=axis, keepdims=keepdims)
