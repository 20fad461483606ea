"""Ranking: who has to be ahead of whom, and by which margin."""

import jax
import jax.numpy as jnp

from .batch import REDUCE

__all__ = ["hinge", "margin_ranking", "triplet_margin"]


def hinge(x, t, *, reduction="mean", margin=1.0):
    """relu(margin − x t) of each number"""
    return REDUCE[reduction](jax.nn.relu(margin - x * t))


def margin_ranking(a, b, t, *, reduction="mean", margin=0.0):
    """relu(t b + margin − t a) of each number"""
    return REDUCE[reduction](jax.nn.relu(t * b + margin - t * a))


def triplet_margin(a, p, n, *, reduction="mean", margin=1.0, eps=1e-6):
    """relu(√⟨u, u⟩ + margin − √⟨v, v⟩) of each row, with u = a − p + ε and v = a − n + ε"""
    near, far = (_length(a - other + eps) for other in (p, n))
    return REDUCE[reduction](jax.nn.relu(near + margin - far))


def _length(u):
    square = jnp.einsum("...d,...d->...", u, u)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
