"""Recurrent nets over T steps, by lax.scan, with the cells of recurrent.py's formulas spelled out.

A row in reverse is scanned from the last step of all: until its own last one its state is held.
"""

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["gru", "linear_recurrence", "lstm", "rnn"]


def rnn(x, n, h0, W, U, b, *, truncation=None, reverse=False):
    """The states of each row, 0 in its padding, and its last one"""

    def cell(state, x):
        h = jnp.tanh(jnp.einsum("nd,dh->nh", x, W) + jnp.einsum("nk,kh->nh", *state, U) + b)
        return (h,)

    y, (last,) = _unrolled(cell, (h0,), x, n, truncation, reverse)
    return y, last


def lstm(x, n, h0, c0, W, U, b, *, truncation=None, reverse=False, order="ifgo"):
    """The states of each row, 0 in its padding, its last one and its last memory"""
    gates = W.reshape(W.shape[0], 4, -1), U.reshape(U.shape[0], 4, -1), b.reshape(4, -1)
    i, f, g, o = (order.index(gate) for gate in "ifgo")

    def cell(state, x):
        h, c = state
        a = jnp.einsum("nd,dgh->gnh", x, gates[0]) + jnp.einsum("nk,kgh->gnh", h, gates[1])
        a = a + gates[2][:, None]
        c = jax.nn.sigmoid(a[f]) * c + jax.nn.sigmoid(a[i]) * jnp.tanh(a[g])
        return jax.nn.sigmoid(a[o]) * jnp.tanh(c), c

    y, last = _unrolled(cell, (h0, c0), x, n, truncation, reverse)
    return y, *last


def gru(x, n, h0, W, U, b, c, *, truncation=None, reverse=False, reset="after"):
    """The states of each row, 0 in its padding, and its last one"""
    blocks = [jnp.split(p, 3, axis=-1) for p in (W, U, b, c)]

    def cell(state, x):
        (h,) = state
        (wr, ur, br, cr), (wz, uz, bz, cz), (wv, uv, bv, cv) = zip(*blocks, strict=True)
        r = jax.nn.sigmoid(jnp.dot(x, wr) + jnp.dot(h, ur) + br + cr)
        z = jax.nn.sigmoid(jnp.dot(x, wz) + jnp.dot(h, uz) + bz + cz)
        from_h = jnp.dot(r * h, uv) + cv if reset == "before" else r * (jnp.dot(h, uv) + cv)
        return ((1 - z) * jnp.tanh(jnp.dot(x, wv) + bv + from_h) + z * h,)

    y, (last,) = _unrolled(cell, (h0,), x, n, truncation, reverse)
    return y, last


def linear_recurrence(a, b, h0):
    """Each state is the sum of h0 and of every b so far, times all a that came after it"""
    entered = jnp.concatenate([h0[None], b])
    t = jnp.arange(a.shape[0]).reshape(1, -1, *(1,) * (a.ndim - 1))
    s = jnp.arange(a.shape[0] + 1).reshape(-1, 1, *(1,) * (a.ndim - 1))
    since = jnp.cumprod(jnp.where(t >= s, a, 1), axis=1)
    return jnp.sum(jnp.where(t >= s - 1, since * entered[:, None], 0), axis=0)


def _unrolled(cell, first, x, n, truncation, reverse):
    """The outputs of a cell, whose first state is what it gives, and its last states."""
    steps = x.shape[0]
    ends = jnp.minimum(jnp.asarray(n).astype(int), steps)[:, None]

    def step(state, given):
        x, t = given
        live = t < ends
        k = ends - 1 - t if reverse else t
        if truncation is not None:
            cut = live & (k > 0) & (k % truncation == 0)
            held = [jnp.where(cut, lax.stop_gradient(s), s) for s in state]
        else:
            held = state
        new = cell(held, jnp.where(live, x, 0))
        state = tuple(jnp.where(live, a, b) for a, b in zip(new, state, strict=True))
        return state, jnp.where(live, state[0], 0)

    last, y = lax.scan(step, tuple(first), (x, jnp.arange(steps)), reverse=reverse)
    return y, last
