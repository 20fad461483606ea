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
    word = _word(t, ignore_index)
    weight = w[jnp.broadcast_to(word, x.shape[:-1])]
    losses = (1 - label_smoothing) * weight * _behind(x, word) + label_smoothing * _behind_all(x, w)
    return _reduce(losses, weight * (t != ignore_index), t != ignore_index, reduction)


def capped_cross_entropy(
    x, t, *, reduction="mean", ignore_index=-100, label_smoothing=0.0, z_loss=1e-4, softcap=30.0
):
    """The same of the capped logits s, with weights of 1, and λ (log Σ exp(s))²"""
    s = softcap * jnp.tanh(x / softcap)
    behind = _behind(s, _word(t, ignore_index))
    losses = (1 - label_smoothing) * behind + label_smoothing * _behind_all(s, 1)
    losses += z_loss * jax.nn.logsumexp(s, axis=-1) ** 2
    return _reduce(losses, t != ignore_index, t != ignore_index, reduction)


def poly_loss(x, t, *, reduction="mean", eps=1.0):
    """L − x[t] + ε (1 − exp(x[t] − L)) of each row"""
    log_p = _at(x, t) - jax.nn.logsumexp(x, axis=-1)
    return REDUCE[reduction](eps * (1 - jnp.exp(log_p)) - log_p)


def multiclass_hinge(x, t, *, reduction="mean", margin=1.0):
    """max(0, margin − x[t] + xⱼ) of each row, averaged over all classes; nothing for j = t"""
    wrong = jnp.arange(x.shape[-1]) != jnp.broadcast_to(t, x.shape[:-1])[..., None]
    pushes = jax.nn.relu(margin - _at(x, t)[..., None] + x)
    return REDUCE[reduction](jnp.mean(pushes * wrong.astype(x.dtype), axis=-1))


def _word(t, ignore_index):
    """The labels, with class 0 where they are ignored: a class that is not there makes NaN"""
    return jnp.where(t == ignore_index, 0, t)


def _at(x, t):
    t = jnp.broadcast_to(t, x.shape[:-1])
    return jnp.take_along_axis(x, t[..., None], axis=-1)[..., 0]


def _behind(x, t):
    """log Σ exp(x − x[t]) of each row"""
    return jax.nn.logsumexp(x - _at(x, t)[..., None], axis=-1)


def _behind_all(x, w):
    """The mean of wⱼ log Σ exp(x − xⱼ) over the classes j of each row"""
    return jnp.mean(w * jax.nn.logsumexp(x[..., None, :] - x[..., :, None], axis=-1), axis=-1)


def _reduce(losses, weights, counts, reduction):
    losses = jnp.where(counts, losses, 0)
    if reduction == "mean":
        total = jnp.sum(weights).astype(losses.dtype)
        return jnp.where(total == 0, 0, jnp.sum(losses) / jnp.where(total == 0, 1, total))
    return REDUCE[reduction](losses)
