"""Cross-entropy over a vocabulary, by all logits at once."""

import jax
import jax.numpy as jnp

from .batch import REDUCE

__all__ = ["fused_linear_cross_entropy", "vocabulary_parallel_cross_entropy"]


def fused_linear_cross_entropy(
    x,
    W,
    t,
    *,
    reduction="mean",
    ignore_index=-100,
    scale=1.0,
    softcap=None,
    z_loss=0.0,
    chunk=1024,
):
    """log Σ exp(aⱼ − a[t]) + λ (log Σ exp aⱼ)² of each token, a = scale x Wᵀ or capped"""
    del chunk  # what is in memory at once, and no number of the result
    a = jnp.einsum("...d,vd->...v", scale * x, W)
    a = a if softcap is None else softcap * jnp.tanh(a / softcap)
    losses = _behind(a, jnp.broadcast_to(t, a.shape[:-1]), ignore_index)
    losses += z_loss * jax.nn.logsumexp(a, axis=-1) ** 2
    return _reduced(losses, t, ignore_index, reduction)


def vocabulary_parallel_cross_entropy(x, t, *, reduction="mean", ignore_index=-100):
    """The same of the shards side by side, without the square"""
    whole = jnp.concatenate(list(x), axis=-1)
    return _reduced(_behind(whole, t, ignore_index), t, ignore_index, reduction)


def _behind(a, t, ignore_index):
    """log Σ exp(aⱼ − a[t]) of each token; of word 0 where it does not count"""
    word = jnp.where(t == ignore_index, 0, t)
    return jax.nn.logsumexp(a - jnp.take_along_axis(a, word[..., None], axis=-1), axis=-1)


def _reduced(losses, t, ignore_index, reduction):
    losses = jnp.where(t != ignore_index, losses, 0)
    if reduction == "mean":
        count = jnp.sum((t != ignore_index).astype(losses.dtype))
        return jnp.sum(losses) / jnp.maximum(count, 1)
    return REDUCE[reduction](losses)
