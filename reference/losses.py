"""Losses: outputs x, targets t, and what becomes of the losses."""

import jax
import jax.numpy as jnp

__all__ = [
    "cross_entropy",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_labels",
    "sum_squared_error",
]

REDUCE = {"none": lambda losses: losses, "sum": jnp.sum, "mean": jnp.mean}


def cross_entropy(p, t, *, reduction="mean", eps=0.0):
    """−Σ t log(p + ε) of each row"""
    t = jnp.broadcast_to(t, p.shape)
    return REDUCE[reduction](-jnp.einsum("...c,...c->...", t, jnp.log(p + eps)))


def softmax_cross_entropy(x, t, *, reduction="mean"):
    """log Σ eˣ · Σ t − Σ t x of each row"""
    t = jnp.broadcast_to(t, x.shape)
    log_sum = jax.nn.logsumexp(x, axis=-1)
    return REDUCE[reduction](log_sum * jnp.sum(t, axis=-1) - jnp.sum(t * x, axis=-1))


def softmax_cross_entropy_with_labels(x, t, *, reduction="mean"):
    """log Σ exp(x − x[t]) of each row"""
    t = jnp.broadcast_to(t, x.shape[:-1])
    right = jnp.take_along_axis(x, t[..., None], axis=-1)
    return REDUCE[reduction](jax.nn.logsumexp(x - right, axis=-1))


def sigmoid_cross_entropy(x, t, *, reduction="mean"):
    """−t log σ(x) − (1 − t) log σ(−x) of each number"""
    losses = -t * jax.nn.log_sigmoid(x) - (1 - t) * jax.nn.log_sigmoid(-x)
    return REDUCE[reduction](losses)


def sum_squared_error(x, t):
    """½ ⟨x − t, x − t⟩"""
    return jnp.vdot(x - t, x - t) / 2


def mean_squared_error(x, t):
    """The mean of x² − 2 x t + t²"""
    return jnp.mean(x**2 - 2 * x * t + t**2)
