"""Losses of yes and no."""

import jax

from .batch import REDUCE

__all__ = ["sigmoid_cross_entropy"]


def sigmoid_cross_entropy(x, t, *, reduction="mean"):
    """−t log σ(x) − (1 − t) log σ(−x) of each number"""
    losses = -t * jax.nn.log_sigmoid(x) - (1 - t) * jax.nn.log_sigmoid(-x)
    return REDUCE[reduction](losses)
