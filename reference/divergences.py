"""Divergences: how far a distribution is from another, each row by itself."""

import jax
import jax.numpy as jnp
from jax.scipy.special import entr, rel_entr

from .batch import REDUCE

__all__ = ["jensen_shannon", "kl_divergence", "reverse_kl", "total_variation", "vaekl"]


def kl_divergence(x, t, *, reduction="mean"):
    """The cross-entropy of t and softmax(x), less the entropy of t"""
    t = jnp.broadcast_to(t, x.shape)
    log_p = x - jax.nn.logsumexp(x, axis=-1, keepdims=True)
    return REDUCE[reduction](-jnp.einsum("...c,...c->...", t, log_p) - _entropy(t))


def reverse_kl(x, t, *, reduction="mean"):
    """Σ p log(p / t) of each row"""
    p = jax.nn.softmax(x, axis=-1)
    return REDUCE[reduction](jnp.sum(rel_entr(p, jnp.broadcast_to(t, x.shape)), axis=-1))


def jensen_shannon(x, t, *, reduction="mean", beta=0.5):
    """The entropy of the mixture, less the mean of the entropies"""
    p, t = jax.nn.softmax(x, axis=-1), jnp.broadcast_to(t, x.shape)
    mixed = _entropy(beta * t + (1 - beta) * p)
    return REDUCE[reduction](mixed - beta * _entropy(t) - (1 - beta) * _entropy(p))


def total_variation(p, t, *, reduction="mean"):
    """½ Σ (max(p, t) − min(p, t)) of each row"""
    return REDUCE[reduction](jnp.sum(jnp.maximum(p, t) - jnp.minimum(p, t), axis=-1) / 2)


def vaekl(mean, s, *, reduction="mean"):
    """−½ Σ (s − μ² − (σ + 1) (σ − 1)) of each row, with σ = exp(½ s)"""
    spread = (jnp.exp(s / 2) + 1) * jnp.expm1(s / 2)
    return REDUCE[reduction](-jnp.sum(s - mean**2 - spread, axis=-1) / 2)


def _entropy(p):
    """−Σ p log p of each row; a p of 0 adds nothing, and does not move"""
    return jnp.sum(jnp.where(p > 0, entr(jnp.where(p > 0, p, 1)), 0), axis=-1)
