"""Preference losses: log-probabilities a of what is preferred, b of the other; a0, b0 held."""

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient

from .batch import REDUCE

__all__ = ["dpo", "kto", "orpo", "simpo"]


def dpo(a, b, a0, b0, *, reduction="mean", beta=0.1, label_smoothing=0.0):
    """−log of the share that (π / π₀)^β of the preferred answer has in both"""
    gains = beta * jnp.stack([a - stop_gradient(a0), b - stop_gradient(b0)])
    return REDUCE[reduction](_smoothed(jax.nn.log_softmax(gains, axis=0), label_smoothing))


def simpo(a, b, n, k, *, reduction="mean", beta=2.0, gamma=1.0, label_smoothing=0.0):
    """The same of log-probabilities per token, the first less a margin"""
    each = beta * jnp.stack([a / n.astype(a.dtype) - gamma / beta, b / k.astype(b.dtype)])
    return REDUCE[reduction](_smoothed(jax.nn.log_softmax(each, axis=0), label_smoothing))


def orpo(a, b, *, reduction="mean", weight=0.1):
    """−a, and the log-sigmoid of the logarithm of a ratio of odds"""
    odds = [jnp.exp(x) / -jnp.expm1(x) for x in (a, b)]
    return REDUCE[reduction](-a - weight * jax.nn.log_sigmoid(jnp.log(odds[0] / odds[1])))


def kto(p, p0, like, k, *, reduction="mean", beta=0.1, desirable=1.0, undesirable=1.0):
    """λ less λ σ(β gain) or λ σ(−β gain), gains counted from the mean of k or from 0"""
    gain = beta * (p - stop_gradient(p0) - jax.nn.relu(jnp.mean(stop_gradient(k))))
    good = desirable * (1 - jax.nn.sigmoid(gain))
    return REDUCE[reduction](jnp.where(like, good, undesirable * (1 - jax.nn.sigmoid(-gain))))


def _smoothed(log_shares, smoothing):
    return -(1 - smoothing) * log_shares[0] - smoothing * log_shares[1]
