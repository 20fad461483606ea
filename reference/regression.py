"""Regression: numbers x, targets t."""

import jax.numpy as jnp

__all__ = ["mean_squared_error", "sum_squared_error"]


def sum_squared_error(x, t):
    """½ ⟨x − t, x − t⟩"""
    return jnp.vdot(x - t, x - t) / 2


def mean_squared_error(x, t):
    """The mean of x² − 2 x t + t²"""
    return jnp.mean(x**2 - 2 * x * t + t**2)
