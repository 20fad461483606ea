"""Normalization over a batch or over each row."""

import math

import jax.numpy as jnp

__all__ = [
    "batch_norm",
    "batch_norm2d",
    "batch_norm_inference",
    "batch_norm_inference2d",
    "layer_norm",
]


def batch_norm_inference(x, gamma, beta, mean, var, *, eps=1e-5):
    """γ (x − μ) (v + ε)^−½ + β, with μ and v given"""
    return gamma * (x - mean) * jnp.power(var + eps, -0.5) + beta


def batch_norm(x, gamma, beta, *, eps=1e-5):
    """The same with the mean and variance of the batch, which are outputs too

    Centring is the matrix I − 1/N, so that JAX's gradient cancels nothing where it is 0.
    """
    n = x.shape[0]
    c = (jnp.eye(n, dtype=x.dtype) - 1 / max(1, n)) @ x
    var = jnp.mean(c * c, axis=0)
    return gamma * c * jnp.power(var + eps, -0.5) + beta, jnp.mean(x, axis=0), var


def batch_norm2d(x, gamma, beta, *, eps=1e-5):
    """batch_norm of images, every position of every image a row"""
    y, mean, var = batch_norm(_rows(x), gamma, beta, eps=eps)
    return _images(y, x), mean, var


def batch_norm_inference2d(x, gamma, beta, mean, var, *, eps=1e-5):
    """batch_norm_inference of images"""
    return _images(batch_norm_inference(_rows(x), gamma, beta, mean, var, eps=eps), x)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    """√D γ c (‖c‖² + D ε)^−½ + β, with c the part of each row that is orthogonal to ones

    That part is taken by the matrix I − 1/D, so that JAX's gradient cancels nothing where it is 0.
    """
    d = x.shape[-1]
    c = jnp.einsum("...i,ij->...j", x, jnp.eye(d, dtype=x.dtype) - 1 / max(1, d))
    length = jnp.power(jnp.einsum("...i,...i->...", c, c) + d * eps, 0.5)
    return math.sqrt(d) * gamma * c / length[..., None] + beta


def _rows(x):
    return jnp.einsum("nchw->nhwc", x).reshape(-1, x.shape[1])


def _images(rows, x):
    n, c, h, w = x.shape
    return jnp.einsum("nhwc->nchw", rows.reshape(n, h, w, c))
