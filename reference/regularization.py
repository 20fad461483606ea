"""Regularization."""

import jax.numpy as jnp

__all__ = ["dropout", "l2_penalty"]


def dropout(x, keep, *, rate=0.5):
    """x · keep / (1 − rate)"""
    return x * keep.astype(x.dtype) / (1 - rate)


def l2_penalty(W, *, weight_decay=0.1):
    """½ λ ⟨W, W⟩"""
    return weight_decay * jnp.vdot(W, W) / 2
