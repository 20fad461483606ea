"""Selection of one of two numbers."""

import jax
import jax.numpy as jnp

__all__ = ["clip", "maximum", "minimum", "where"]


def maximum(a, b):
    """The maximum over a pair"""
    return jnp.max(jnp.stack(jnp.broadcast_arrays(a, b)), axis=0)


def minimum(a, b):
    """The minimum over a pair"""
    return jnp.min(jnp.stack(jnp.broadcast_arrays(a, b)), axis=0)


def where(c, a, b):
    """a or b, as the case may be"""
    return jax.lax.select(*jnp.broadcast_arrays(c, a, b))


def clip(x, *, low=0.0, high=1.0):
    """min(max(x, low), high), case by case"""
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))
