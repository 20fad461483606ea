"""Normalization of images, by channels."""

import math

import jax.numpy as jnp
from jax import lax

__all__ = ["group_norm", "instance_norm", "local_response_norm"]


def group_norm(x, gamma, beta, *, groups, eps=1e-5):
    """√D γ c (‖c‖² + D ε)^−½ + β, with c the part of the D numbers of a group orthogonal to ones

    That part is taken by the matrix I − 1/D, so that JAX's gradient cancels nothing where it is 0.
    """
    n, channels = x.shape[:2]
    rows = x.reshape(n, groups, math.prod(x.shape[1:]) // groups)
    d = rows.shape[-1]
    c = jnp.einsum("ngi,ij->ngj", rows, jnp.eye(d, dtype=x.dtype) - 1 / max(1, d))
    squares = jnp.einsum("ngi,ngi->ng", c, c) + d * eps
    x_hat = math.sqrt(d) * jnp.einsum("ngi,ng->ngi", c, jnp.power(squares, -0.5))
    by_channel = x_hat.reshape(n, channels, -1)
    scaled = jnp.einsum("ncp,c->ncp", by_channel, gamma) + beta[None, :, None]
    return scaled.reshape(x.shape)


def instance_norm(x, gamma, beta, *, eps=1e-5):
    """group_norm with a group for each channel"""
    return group_norm(x, gamma, beta, groups=x.shape[1], eps=eps)


def local_response_norm(x, *, size=5, alpha=1e-4, beta=0.75, k=1.0):
    """x exp(−β log(k + α s / n)), with the sums s over windows by lax"""
    window = (1, size) + (1,) * (x.ndim - 2)
    none = (0, 0)
    padding = [none, (size // 2, (size - 1) // 2), *[none] * (x.ndim - 2)]
    s = lax.reduce_window(x * x, 0.0, lax.add, window, (1,) * x.ndim, padding)
    return x * jnp.exp(-beta * jnp.log(k + alpha / size * s))
