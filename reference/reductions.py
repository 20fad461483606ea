"""Reductions along some axes, or along all."""

import jax.numpy as jnp
from jax import lax

__all__ = ["max", "mean", "min", "norm", "prod", "std", "sum", "var"]


def sum(x, *, axis=None, keepdims=False):
    """Σ x"""
    return jnp.sum(x, axis=axis, keepdims=keepdims)


def mean(x, *, axis=None, keepdims=False):
    """Σ x / n, every x divided first"""
    n = x.size / jnp.sum(x, axis=axis).size
    return jnp.sum(x / n, axis=axis, keepdims=keepdims)


def max(x, *, axis=None, keepdims=False):
    """The largest x"""
    return jnp.max(x, axis=axis, keepdims=keepdims)


def min(x, *, axis=None, keepdims=False):
    """The smallest x, as minus the largest −x"""
    return -jnp.max(-x, axis=axis, keepdims=keepdims)


def prod(x, *, axis=None, keepdims=False):
    """The product of all x"""
    return jnp.prod(x, axis=axis, keepdims=keepdims)


def var(x, *, axis=None, correction=0, keepdims=False):
    """(n mean(x²) − n mean(x)²) / (n − correction), with x moved near to its mean first

    That move is constant for JAX: it changes no variance, and saves the digits.
    """
    x = x - lax.stop_gradient(jnp.mean(x, axis=axis, keepdims=True))
    n = x.size / jnp.sum(x, axis=axis).size
    squares = jnp.mean(x * x, axis=axis, keepdims=keepdims)
    return (squares - jnp.mean(x, axis=axis, keepdims=keepdims) ** 2) * (n / (n - correction))


def std(x, *, axis=None, correction=0, keepdims=False):
    """√var, and 0 with the gradient 0 where that is 0"""
    v = var(x, axis=axis, correction=correction, keepdims=keepdims)
    return jnp.where(v > 0, jnp.sqrt(jnp.where(v > 0, v, 1)), 0)


def norm(x, *, ord=2, axis=None, keepdims=False):
    """(Σ max(x, −x)ᵖ)^(1/p), and 0 with the gradient 0 where all x are 0"""
    total = jnp.sum(jnp.maximum(x, -x) ** ord, axis=axis, keepdims=keepdims)
    return jnp.where(total > 0, jnp.where(total > 0, total, 1) ** (1 / ord), 0)
