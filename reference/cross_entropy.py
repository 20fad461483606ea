"""Cross-entropy, from probabilities or from logits."""

import jax
import jax.numpy as jnp

from .batch import REDUCE

__all__ = ["cross_entropy", "softmax_cross_entropy", "softmax_cross_entropy_with_labels"]


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
