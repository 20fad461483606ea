"""Rectifiers."""

import jax
import jax.numpy as jnp

__all__ = ["celu", "elu", "leaky_relu", "prelu", "relu", "selu", "squared_relu"]


def relu(x):
    """max(x, 0), as jax.nn has it"""
    return jax.nn.relu(x)


def leaky_relu(x, *, slope=0.01):
    """max(x, 0) − a max(−x, 0)"""
    return jax.nn.relu(x) - slope * jax.nn.relu(-x)


def prelu(x, a):
    """max(x, 0) − a max(−x, 0)"""
    return jax.nn.relu(x) - a * jax.nn.relu(-x)


def elu(x, *, alpha=1.0):
    """x or α (eˣ − 1), as jax.nn has it"""
    return jax.nn.elu(x, alpha)


def selu(x):
    """λ x or λ α (eˣ − 1), as jax.nn has it"""
    return jax.nn.selu(x)


def celu(x, *, alpha=1.0):
    """x or α (exp(x / α) − 1), as jax.nn has it"""
    return jax.nn.celu(x, alpha)


def squared_relu(x):
    """x max(x, 0)"""
    return jnp.multiply(x, jax.nn.relu(x))
