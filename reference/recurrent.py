"""Recurrent cells, gate by gate, by einsum."""

import jax
import jax.numpy as jnp

__all__ = ["gru_cell", "lstm_cell", "rnn_cell"]


def rnn_cell(x, h, W, U, b):
    """tanh of all that comes in, as one product of (x, h) with W above U"""
    both = jnp.concatenate([x, h], axis=-1)
    return jnp.tanh(jnp.einsum("nd,dh->nh", both, jnp.concatenate([W, U])) + b)


def lstm_cell(x, h, c, W, U, b, *, order="ifgo"):
    """The new state and the new memory; the blocks of W, U and b stand in this order"""
    size = h.shape[-1]

    def gate(name):
        block = slice(order.index(name) * size, (order.index(name) + 1) * size)
        from_x = jnp.einsum("nd,dh->nh", x, W[:, block])
        return from_x + jnp.einsum("nk,kh->nh", h, U[:, block]) + b[block]

    new = jax.nn.sigmoid(gate("i")) * jnp.tanh(gate("g"))
    memory = jax.nn.sigmoid(gate("f")) * c + new
    return jax.nn.sigmoid(gate("o")) * jnp.tanh(memory), memory


def gru_cell(x, h, W, U, b, c, *, reset="after"):
    """The new state; the blocks stand in the order of r, z and the candidate"""
    Wr, Wz, Wv = jnp.split(W, 3, axis=1)
    Ur, Uz, Uv = jnp.split(U, 3, axis=1)
    br, bz, bv = jnp.split(b, 3)
    cr, cz, cv = jnp.split(c, 3)
    r = jax.nn.sigmoid(jnp.dot(x, Wr) + jnp.dot(h, Ur) + br + cr)
    z = jax.nn.sigmoid(jnp.dot(x, Wz) + jnp.dot(h, Uz) + bz + cz)
    before, after = (r, 1) if reset == "before" else (1, r)
    v = jnp.tanh(jnp.dot(x, Wv) + bv + after * (jnp.dot(before * h, Uv) + cv))
    return (1 - z) * v + z * h
