"""Maps onto the simplex."""

import jax
import jax.numpy as jnp

__all__ = ["softmax"]


def softmax(x, *, axis=-1):
    """eˣ / Σ eˣ, as the exponential of x − log Σ eˣ"""
    return jnp.exp(x - jax.nn.logsumexp(x, axis=axis, keepdims=True))
