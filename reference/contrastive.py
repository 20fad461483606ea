"""Contrastive losses: what belongs together comes closer, and all else moves apart."""

import jax
import jax.numpy as jnp

from .batch import REDUCE

__all__ = [
    "contrastive_loss",
    "cosine_embedding",
    "cosine_similarity",
    "info_nce",
    "negative_sampling",
    "siglip",
]


def cosine_similarity(a, b):
    """⟨a, b⟩ / √(⟨a, a⟩ ⟨b, b⟩) of each row"""
    both, left, right = (jnp.einsum("...d,...d->...", *p) for p in ((a, b), (a, a), (b, b)))
    squares = jnp.where(left * right == 0, 1, left * right)
    return jnp.where(left * right == 0, 0, both / jnp.sqrt(squares))


def cosine_embedding(a, b, same, *, reduction="mean", margin=0.0):
    """1 − cos(a, b) or relu(cos(a, b) − margin) of each row"""
    cosine = cosine_similarity(a, b)
    return REDUCE[reduction](jnp.where(same, 1 - cosine, jax.nn.relu(cosine - margin)))


def contrastive_loss(a, b, same, *, reduction="mean", margin=1.0):
    """½ ⟨a − b, a − b⟩ or ½ relu(margin − |a − b|)² of each row"""
    square = jnp.sum(jnp.square(a - b), axis=-1)
    distance = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
    apart = jnp.square(jax.nn.relu(margin - distance))
    return REDUCE[reduction](jnp.where(same, square, apart) / 2)


def info_nce(x, z, tau, *, reduction="mean"):
    """log Σⱼ exp(⟨xᵢ, zⱼ − zᵢ⟩ / τ) of each row i"""
    lead = jnp.einsum("id,ijd->ij", x, z[None] - z[:, None])
    return REDUCE[reduction](jax.nn.logsumexp(lead / tau, axis=-1))


def siglip(x, z, k, b, *, reduction="mean"):
    """−Σⱼ of log σ(l) for partners and log σ(−l) for others, of each row, with l = k ⟨x, z⟩ + b"""
    logits = k * jnp.einsum("id,jd->ij", x, z) + b
    partners = jnp.eye(x.shape[0], dtype=bool)
    losses = jnp.where(partners, jax.nn.softplus(-logits), jax.nn.softplus(logits))
    return REDUCE[reduction](jnp.sum(losses, axis=-1))


def negative_sampling(h, c, n, *, reduction="mean"):
    """The sum of −log σ over the neighbour's logit and the others' with the opposite sign"""
    near = jnp.einsum("...d,...d->...", h, c)
    far = jnp.einsum("...d,...kd->...k", h, n)
    losses = -jax.nn.log_sigmoid(near) - jnp.sum(jax.nn.log_sigmoid(-far), axis=-1)
    return REDUCE[reduction](losses)
