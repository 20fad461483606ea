"""Segmentation: how far masks overlap, each image by itself."""

import jax
import jax.numpy as jnp

from .batch import REDUCE

__all__ = ["dice", "tversky"]


def dice(p, t, *, reduction="mean", smooth=1.0):
    """Σ (p + t − 2 p t) / (Σ p + Σ t + smooth) of each image"""
    return REDUCE[reduction](jax.vmap(lambda p, t: _share(p + t - 2 * p * t, p + t, smooth))(p, t))


def tversky(p, t, *, reduction="mean", alpha=0.3, beta=0.7, smooth=1.0):
    """w / (w + Σ p t + smooth) with w = Σ (α (p − p t) + β (t − p t)), for each image"""

    def loss(p, t):
        wrong = alpha * (p - p * t) + beta * (t - p * t)
        return _share(wrong, wrong + p * t, smooth)

    return REDUCE[reduction](jax.vmap(loss)(p, t))


def _share(part, whole, smooth):
    total = jnp.sum(whole) + smooth
    return jnp.where(total == 0, 0, jnp.sum(part) / jnp.where(total == 0, 1, total))
