"""Blocks of language models: norms with what stands around them, and an MLP."""

import jax
import jax.numpy as jnp

from .normalization import rms_norm, standardize

__all__ = [
    "ada_layer_norm",
    "dora",
    "fused_add_rms_norm",
    "gated_rms_norm",
    "qknorm",
    "swiglumlp",
]


def fused_add_rms_norm(x, h, gamma, *, eps=1e-6):
    """The norm of a sum, and the sum"""
    return rms_norm(x + h, gamma, eps=eps), x + h


def gated_rms_norm(x, z, gamma, *, gate="before", eps=1e-5):
    """The norm of what was gated by z, or what was normed and then gated"""
    if gate == "after":
        return rms_norm(x, gamma, eps=eps) * jax.nn.silu(z)
    return rms_norm(jax.nn.silu(z) * x, gamma, eps=eps)


def ada_layer_norm(x, s, b, *, eps=1e-6):
    """x̂ + s x̂ + b, by subscripts"""
    rows = standardize(x, eps=eps)
    each = jnp.broadcast_to(b, (x.shape[0], x.shape[-1]))[:, None]
    return rows + jnp.einsum("btd,bd->btd", rows, jnp.broadcast_to(s, each[:, 0].shape)) + each


def qknorm(q, k, gamma, kappa, *, eps=1e-6):
    """The norms of queries and of keys"""
    return rms_norm(q, gamma, eps=eps), rms_norm(k, kappa, eps=eps)


def swiglumlp(x, W, V, U, *, chunk=None):
    """Σ of silu(x W) x V U over the hidden numbers, of all rows at once"""
    del chunk  # what is kept in memory, and no number of the result
    both = jnp.einsum("...d,sdf->s...f", x, jnp.stack([W, V]))
    return jnp.einsum("...f,...f,fo->...o", jax.nn.silu(both[0]), both[1], U)


def dora(x, W, b, A, B, m, *, scale=1.0):
    """An affine map whose matrix has the columns m V / √Σ V²; 0 where V is 0"""
    V = W + scale * jnp.einsum("ir,ro->io", A, B)
    squares = jnp.sum(V * V, axis=0)
    lengths = jnp.sqrt(jnp.where(squares > 0, squares, 1))
    return jnp.einsum("...i,io->...o", x, V * jnp.where(squares > 0, m / lengths, 0)) + b
