"""Normalization over a batch."""

import jax.numpy as jnp

__all__ = ["batch_norm", "batch_norm2d", "batch_norm_inference", "batch_norm_inference2d"]


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


def _rows(x):
    return jnp.einsum("nchw->nhwc", x).reshape(-1, x.shape[1])


def _images(rows, x):
    n, c, h, w = x.shape
    return jnp.einsum("nhwc->nchw", rows.reshape(n, h, w, c))
