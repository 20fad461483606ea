"""Activations."""

import jax
import jax.numpy as jnp

__all__ = ["relu", "sigmoid", "softmax", "tanh"]


def relu(x):
    """max(x, 0), as jax.nn has it"""
    return jax.nn.relu(x)


def sigmoid(x):
    """1 / (1 + e⁻ˣ), as the exponential of −log(1 + e⁻ˣ)"""
    return jnp.exp(-jnp.logaddexp(0, -x))


def tanh(x):
    """tanh x"""
    return jnp.tanh(x)


def softmax(x, *, axis=-1):
    """eˣ / Σ eˣ, as the exponential of x − log Σ eˣ"""
    return jnp.exp(x - jax.nn.logsumexp(x, axis=axis, keepdims=True))
