"""Activations."""

import jax.numpy as jnp

__all__ = ["sigmoid", "tanh"]


def sigmoid(x):
    """1 / (1 + e⁻ˣ), as the exponential of −log(1 + e⁻ˣ)"""
    return jnp.exp(-jnp.logaddexp(0, -x))


def tanh(x):
    """tanh x"""
    return jnp.tanh(x)
