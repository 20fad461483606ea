"""Policy losses: log-probabilities p; those of the writer q, of a reference p0, rewards A held."""

import jax.numpy as jnp
from jax.lax import stop_gradient

__all__ = ["grpo", "ppoclip"]


def ppoclip(p, q, A, m, *, eps_low=0.2, eps_high=0.2):
    """The mean over tokens of the worse of r and its clipped form, where A is what they earn"""
    losses = _surrogate(p, q, A, m, eps_low, eps_high)
    return jnp.sum(losses) / jnp.maximum(jnp.sum(m.astype(p.dtype)), 1)


def grpo(p, q, p0, A, m, *, normalizer="sequence", kl="k3", beta=0.04, eps_low=0.2, eps_high=0.2):
    """The same and β times an estimate of the distance, averaged over answers or tokens"""
    losses = _surrogate(p, q, A[..., None], m, eps_low, eps_high)
    apart = jnp.where(m, p, 0) - stop_gradient(jnp.where(m, p0, 0))
    distance = {"k1": apart, "k2": apart * apart / 2, "k3": jnp.exp(-apart) - 1 + apart}[kl]
    losses = losses + beta * jnp.where(m, distance, 0)
    if normalizer == "constant":
        return jnp.mean(losses)
    axis = -1 if normalizer == "sequence" else None
    counts = jnp.maximum(jnp.sum(m.astype(p.dtype), axis=axis), 1)
    return jnp.mean(jnp.sum(losses, axis=axis) / counts)


def _surrogate(p, q, A, m, eps_low, eps_high):
    """The larger of −r A and −clip(r) A; 0 where there is no token"""
    p, q, A = jnp.where(m, p, 0), stop_gradient(jnp.where(m, q, 0)), stop_gradient(A)
    r = jnp.exp(p - q)
    clipped = jnp.where(r < 1 - eps_low, 1 - eps_low, jnp.where(r > 1 + eps_high, 1 + eps_high, r))
    moves = jnp.where(A > 0, r <= 1 + eps_high, r >= 1 - eps_low)
    return jnp.where(m, jnp.where(moves, -r * A, -clipped * A), 0)
