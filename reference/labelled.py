"""Losses of labels: outputs x, labels t."""

import jax
import jax.numpy as jnp

from .batch import REDUCE

__all__ = [
    "capped_cross_entropy",
    "multiclass_hinge",
    "nll",
    "poly_loss",
    "weighted_cross_entropy",
]


def nll(z, t, *, reduction="mean", ignore_index=-100):
    """−z[t] of each row that counts"""
    return _reduce(-_at(z, t), t != ignore_index, t != ignore_index, reduction)


def weighted_cross_entropy(x, t, w, *, reduction="mean", ignore_index=-100, label_smoothing=0.0):
    """The share 1 − ε of w[t] log Σ exp(x − x[t]), and ε of the mean of w log Σ exp(x − xⱼ)"""
    label = jnp.broadcast_to(t, x.shape[:-1])
    right = w[label] * jax.nn.logsumexp(x - _at(x, t)[..., None], axis=-1)
    each = jax.nn.logsumexp(x[..., None, :] - x[..., :, None], axis=-1)
    losses = (1 - label_smoothing) * right + label_smoothing * jnp.mean(w * each, axis=-1)
    return _reduce(losses, w[label] * (t != ignore_index), t != ignore_index, reduction)


def capped_cross_entropy(
    x, t, *, reduction="mean", ignore_index=-100, label_smoothing=0.0, z_loss=1e-4, softcap=30.0
):
    """L − (1 − ε) s[t] − ε mean(s) + λ L² of each row, with s the capped logits"""
    s = softcap * jnp.tanh(x / softcap)
    log_sum = jax.nn.logsumexp(s, axis=-1)
    target = (1 - label_smoothing) * _at(s, t) + label_smoothing * jnp.mean(s, axis=-1)
    counts = t != ignore_index
    return _reduce(log_sum - target + z_loss * log_sum**2, counts, counts, reduction)


def poly_loss(x, t, *, reduction="mean", eps=1.0):
    """L − x[t] + ε (1 − exp(x[t] − L)) of each row"""
    log_p = _at(x, t) - jax.nn.logsumexp(x, axis=-1)
    return REDUCE[reduction](eps * (1 - jnp.exp(log_p)) - log_p)


def multiclass_hinge(x, t, *, reduction="mean", margin=1.0):
    """(Σⱼ max(0, margin − x[t] + xⱼ) − margin) / C of each row, over all classes"""
    pushes = jax.nn.relu(margin - _at(x, t)[..., None] + x)
    return REDUCE[reduction]((jnp.sum(pushes, axis=-1) - margin) / x.shape[-1])


def _at(x, t):
    t = jnp.broadcast_to(t, x.shape[:-1])
    return jnp.take_along_axis(x, t[..., None], axis=-1)[..., 0]


def _reduce(losses, weights, counts, reduction):
    losses = jnp.where(counts, losses, 0)
    if reduction == "mean":
        return jnp.sum(losses) / jnp.sum(weights).astype(losses.dtype)
    return REDUCE[reduction](losses)
