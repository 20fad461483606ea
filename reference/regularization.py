"""Regularization."""

import jax.numpy as jnp

__all__ = ["drop_path", "dropout", "l1_penalty", "l2_penalty", "orthogonal_penalty"]


def dropout(x, keep, *, rate=0.5):
    """x · keep / (1 − rate)"""
    return x * keep.astype(x.dtype) / (1 - rate)


def drop_path(x, keep, *, rate=0.1):
    """x[n] · keep[n] / (1 − rate)"""
    return jnp.einsum("n...,n->n...", x, keep.astype(x.dtype)) / (1 - rate)


def l1_penalty(W, *, strength=0.01):
    """λ (the sum of W where it is positive, less that where it is negative)"""
    return strength * jnp.sum(jnp.where(W < 0, -W, jnp.where(W > 0, W, 0)))


def l2_penalty(W, *, weight_decay=0.1):
    """½ λ ⟨W, W⟩"""
    return weight_decay * jnp.vdot(W, W) / 2


def orthogonal_penalty(W, *, strength=0.01):
    """λ (Σ (W Wᵀ)² − 2 Σ W² + N)"""
    gram = jnp.einsum("ij,kj->ik", W, W)
    return strength * (jnp.sum(gram**2) - 2 * jnp.sum(W**2) + W.shape[1])
