"""Losses of yes and no."""

import jax

from .batch import REDUCE

__all__ = ["sigmoid_cross_entropy"]


def sigmoid_cross_entropy(x, t, *, reduction="mean", pos_weight=1.0):
    """−w t log σ(x) − (1 − t) log σ(−x) of each number"""
    losses = -pos_weight * t * jax.nn.log_sigmoid(x) - (1 - t) * jax.nn.log_sigmoid(-x)
    return REDUCE[reduction](losses)
