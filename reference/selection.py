"""Selection of one of two numbers."""

import jax
import jax.numpy as jnp

__all__ = ["clip", "maximum", "minimum", "where"]


def maximum(a, b):
    """b, and what a has more than it"""
    return b + jax.nn.relu(a - b)


def minimum(a, b):
    """b, less what it has more than a"""
    return b - jax.nn.relu(b - a)


def where(c, a, b):
    """a or b, as the case may be"""
    return jax.lax.select(*jnp.broadcast_arrays(c, a, b))


def clip(x, *, low=0.0, high=1.0):
    """min(max(x, low), high), case by case"""
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))
