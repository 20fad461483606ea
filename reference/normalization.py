"""Normalization of each example by itself."""

import math

import jax.numpy as jnp

__all__ = ["layer_norm"]


def layer_norm(x, gamma, beta, *, eps=1e-5):
    """√D γ c (‖c‖² + D ε)^−½ + β, with c the part of each row that is orthogonal to ones

    That part is taken by the matrix I − 1/D, so that JAX's gradient cancels nothing where it is 0.
    """
    d = x.shape[-1]
    c = jnp.einsum("...i,ij->...j", x, jnp.eye(d, dtype=x.dtype) - 1 / max(1, d))
    length = jnp.power(jnp.einsum("...i,...i->...", c, c) + d * eps, 0.5)
    return math.sqrt(d) * gamma * c / length[..., None] + beta
