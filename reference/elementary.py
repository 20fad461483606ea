"""Elementary functions of each number."""

import jax.numpy as jnp

__all__ = ["exp", "log"]


def exp(x):
    """eˣ"""
    return jnp.exp(x)


def log(x):
    """log x"""
    return jnp.log(x)
