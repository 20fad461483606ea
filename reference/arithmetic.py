"""Arithmetic, element by element."""

import jax.numpy as jnp

__all__ = [
    "abs",
    "add",
    "divide",
    "multiply",
    "negate",
    "power",
    "reciprocal",
    "sqrt",
    "square",
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


def square(x):
    """x², as x to the power 2.0"""
    return jnp.float_power(x, 2.0)


def abs(x):
    """|x|, as the larger of x and −x"""
    return jnp.maximum(x, -x)
