"""Reductions along some axes, or along all."""

import jax.numpy as jnp

__all__ = ["max", "mean", "min", "sum"]


def sum(x, *, axis=None, keepdims=False):
    """Σ x"""
    return jnp.sum(x, axis=axis, keepdims=keepdims)


def mean(x, *, axis=None, keepdims=False):
    """Σ x / n, every x divided first"""
    n = x.size / jnp.sum(x, axis=axis).size
    return jnp.sum(x / n, axis=axis, keepdims=keepdims)


def max(x, *, axis=None, keepdims=False):
    """The largest x"""
    return jnp.max(x, axis=axis, keepdims=keepdims)


def min(x, *, axis=None, keepdims=False):
    """The smallest x, as minus the largest −x"""
    return -jnp.max(-x, axis=axis, keepdims=keepdims)
