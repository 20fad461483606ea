"""Regression: numbers x, targets t."""

import jax.numpy as jnp

from .batch import REDUCE

__all__ = [
    "charbonnier",
    "gaussian_nll",
    "huber",
    "l1",
    "log_cosh",
    "mean_squared_error",
    "poisson_nll",
    "quantile_loss",
    "smooth_l1",
    "sum_squared_error",
]


def sum_squared_error(x, t, *, reduction="sum"):
    """½ x² − x t + ½ t² of each number"""
    return REDUCE[reduction](x**2 / 2 - x * t + t**2 / 2)


def mean_squared_error(x, t, *, reduction="mean"):
    """x² − 2 x t + t² of each number"""
    return REDUCE[reduction](x**2 - 2 * x * t + t**2)


def l1(x, t, *, reduction="mean"):
    """max(x, t) − min(x, t) of each number"""
    return REDUCE[reduction](jnp.maximum(x, t) - jnp.minimum(x, t))


def huber(x, t, *, reduction="mean", delta=1.0):
    """½ δ² h(|x − t| / δ) with h(a) = a² up to 1, and 2 a − 1 beyond"""
    a = jnp.abs(x - t) / delta
    return REDUCE[reduction](delta**2 / 2 * jnp.where(a > 1, 2 * a - 1, a**2))


def smooth_l1(x, t, *, reduction="mean", beta=1.0):
    """½ β h(|x − t| / β) with h(a) = a² up to 1, and 2 a − 1 beyond"""
    a = jnp.abs(x - t) / beta
    return REDUCE[reduction](beta / 2 * jnp.where(a < 1, a**2, 2 * a - 1))


def log_cosh(x, t, *, reduction="mean"):
    """−½ log(1 − tanh² u) of each number u = x − t; far out, log(eᵘ + e⁻ᵘ) − log 2"""
    u = x - t
    near = jnp.abs(u) < 1
    tanh = jnp.tanh(jnp.where(near, u, 0))
    far = jnp.logaddexp(u, -u) - jnp.log(2).astype(u.dtype)
    return REDUCE[reduction](jnp.where(near, -jnp.log1p(-(tanh**2)) / 2, far))


def charbonnier(x, t, *, reduction="mean", eps=1e-3):
    """The length of the vector (x − t, ε), for each number"""
    return REDUCE[reduction](jnp.hypot(x - t, jnp.full_like(x, eps)))


def quantile_loss(x, t, *, reduction="mean", q=0.9):
    """max(q (t − x), (q − 1) (t − x)) of each number"""
    return REDUCE[reduction](jnp.maximum(q * (t - x), (q - 1) * (t - x)))


def gaussian_nll(x, t, v, *, reduction="mean", eps=1e-6):
    """−log N(t; x, v) − ½ log 2π of each number"""
    v = jnp.broadcast_to(v, x.shape)
    spread = jnp.sqrt(jnp.where(v > eps, v, eps))
    density = -jnp.square((t - x) / spread) / 2 - jnp.log(spread)
    return REDUCE[reduction](-density)


def poisson_nll(x, t, *, reduction="mean"):
    """−log Pois(t; eˣ) − log t! of each number"""
    return REDUCE[reduction](-(t * x - jnp.exp(x)))
