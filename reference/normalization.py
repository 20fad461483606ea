"""Normalization of each example by itself."""

import math

import jax.numpy as jnp

__all__ = ["dyt", "l2_normalize", "layer_norm", "rms_norm", "standardize"]


def layer_norm(x, gamma, beta, *, eps=1e-5):
    """standardize, then scale and shift"""
    return gamma * standardize(x, eps=eps) + beta


def standardize(x, *, eps=1e-5):
    """√D c (‖c‖² + D ε)^−½, with c the part of each row that is orthogonal to ones

    That part is taken by the matrix I − 1/D, so that JAX's gradient cancels nothing where it is 0.
    """
    d = x.shape[-1]
    c = jnp.einsum("...i,ij->...j", x, jnp.eye(d, dtype=x.dtype) - 1 / max(1, d))
    length = jnp.power(jnp.einsum("...i,...i->...", c, c) + d * eps, 0.5)
    return math.sqrt(d) * c / length[..., None]


def rms_norm(x, gamma, *, eps=1e-6):
    """√D γ x (‖x‖² + D ε)^−½"""
    d = x.shape[-1]
    squares = jnp.einsum("...i,...i->...", x, x) + d * eps
    return math.sqrt(d) * jnp.einsum("...i,i,...->...i", x, gamma, jnp.power(squares, -0.5))


def l2_normalize(x, *, axis=-1, eps=1e-12):
    """x / ‖x‖, or x / ε where that is smaller

    The root is taken of 1 where ‖x‖ ≤ ε, for the slope of √ at 0 is infinite.
    """
    squares = jnp.sum(x * x, axis=axis, keepdims=True)
    longer = squares > eps**2
    return jnp.where(longer, x * jnp.where(longer, squares, 1) ** -0.5, x / eps)


def dyt(x, alpha, gamma, beta):
    """γ tanh(α x) + β, by subscripts"""
    return jnp.einsum("...i,i->...i", jnp.tanh(jnp.einsum("...i,->...i", x, alpha)), gamma) + beta
