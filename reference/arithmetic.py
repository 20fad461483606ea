"""Arithmetic, element by element."""

import jax.numpy as jnp

__all__ = [
    "add",
    "divide",
    "multiply",
    "negate",
    "power",
    "reciprocal",
    "sqrt",
    "subtract",
]


def add(a, b):
    """a + b, as a − (−b)"""
    return a - jnp.negative(b)


def subtract(a, b):
    """a − b, as a + (−b)"""
    return a + jnp.negative(b)


def multiply(a, b):
    """a b, as a sum of products over no axis"""
    return jnp.einsum("...,...->...", a, b)


def divide(a, b):
    """a / b, as a b⁻¹"""
    return a * jnp.power(b, -1)


def negate(x):
    """−x, as 0 − x"""
    return 0 - x


def power(a, b):
    """aᵇ"""
    return jnp.float_power(a, b)


def sqrt(x):
    """√x, as x to the power ½"""
    return jnp.power(x, 0.5)


def reciprocal(x):
    """1 / x, as x⁻¹"""
    return jnp.power(x, -1)
