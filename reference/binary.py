"""Losses of yes and no."""

import jax
import jax.numpy as jnp

from .batch import REDUCE

__all__ = ["binary_cross_entropy", "focal_loss", "sigmoid_cross_entropy"]


def sigmoid_cross_entropy(x, t, *, reduction="mean", pos_weight=1.0):
    """−w t log σ(x) − (1 − t) log σ(−x) of each number"""
    losses = -pos_weight * t * jax.nn.log_sigmoid(x) - (1 - t) * jax.nn.log_sigmoid(-x)
    return REDUCE[reduction](losses)


def binary_cross_entropy(p, t, *, reduction="mean"):
    """The cross-entropy of the pairs (p, 1 − p) and (t, 1 − t)"""
    losses = -jax.scipy.special.xlogy(t, p) - jax.scipy.special.xlog1py(1 - t, -p)
    return REDUCE[reduction](losses)


def focal_loss(x, t, *, reduction="mean", gamma=2.0, alpha=0.25):
    """−a exp(γ log(1 − p)) log p, of yes with p = σ(x) and of no with p = σ(−x)"""
    yes = alpha * jnp.exp(gamma * jax.nn.log_sigmoid(-x)) * jax.nn.log_sigmoid(x)
    no = (1 - alpha) * jnp.exp(gamma * jax.nn.log_sigmoid(x)) * jax.nn.log_sigmoid(-x)
    return REDUCE[reduction](-jnp.where(t != 0, yes, no))
