"""Mixing of streams, and matrices whose rows and columns sum to 1."""

import jax
import jax.numpy as jnp

__all__ = ["depth_connection", "sinkhorn", "width_connection"]


def sinkhorn(x, *, rounds):
    """exp of JAX's log-softmax of the rows, of the columns, and so on"""
    for _ in range(rounds):
        x = jax.nn.log_softmax(jax.nn.log_softmax(x, axis=-1), axis=-2)
    return jnp.exp(x)


def width_connection(x, a):
    """Products of matrices, one for what is read and one for what the streams become"""
    z = jnp.squeeze(jnp.matrix_transpose(a[:, :, :1]) @ x, axis=1)
    return z, jnp.matrix_transpose(a[:, :, 1:]) @ x


def depth_connection(r, f, b):
    """A stack of outer products, added"""
    return r + jax.vmap(jnp.outer)(b, f)
