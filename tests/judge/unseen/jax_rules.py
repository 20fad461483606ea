"""Derivatives of their own in JAX, as research code publishes them."""

from functools import partial

import jax
from jax import lax
from jax import numpy as jnp

from tests.judge.unseen.case import Case, Wrong


@jax.custom_vjp
def log1pexp(x):
    return jnp.logaddexp(x, 0)


def log1pexp_backward(x, g):
    return (g * jax.nn.sigmoid(x),)


log1pexp.defvjp(lambda x: (log1pexp(x), x), log1pexp_backward)


@jax.custom_jvp
def logsumexp(x):
    return jax.nn.logsumexp(x, axis=-1)


@logsumexp.defjvp
def logsumexp_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return logsumexp(x), jnp.sum(jax.nn.softmax(x, axis=-1) * t, axis=-1)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def scaled_clip(x, lo, hi):
    return 3 * jnp.clip(x, lo, hi)


def scaled_clip_forward(x, lo, hi):
    return scaled_clip(x, lo, hi), (x > lo) & (x < hi)


def scaled_clip_backward(lo, hi, inside, g):
    return (3 * jnp.where(inside, g, 0),)


scaled_clip.defvjp(scaled_clip_forward, scaled_clip_backward)


@jax.custom_vjp
def mlp(params, x):
    return jnp.tanh(x @ params["W1"] + params["b1"]) @ params["W2"]


def mlp_forward(params, x):
    h = jnp.tanh(x @ params["W1"] + params["b1"])
    return h @ params["W2"], (params, x, h)


def mlp_backward(saved, dy):
    params, x, h = saved
    da = dy @ params["W2"].T * (1 - h**2)
    grads = {"W1": x.T @ da, "b1": da.sum(0), "W2": h.T @ dy}
    return grads, da @ params["W1"].T


mlp.defvjp(mlp_forward, mlp_backward)


@jax.custom_vjp
def dropout(key, x):
    return jnp.where(jax.random.bernoulli(key, 0.75, x.shape), x / 0.75, 0)


def dropout_forward(key, x):
    return dropout(key, x), key


def dropout_backward(key, g):
    return None, jnp.where(jax.random.bernoulli(key, 0.75, g.shape), g / 0.75, 0)


dropout.defvjp(dropout_forward, dropout_backward)


@jax.custom_vjp
def attention(q, k, v):
    return jax.nn.softmax(q @ k.T / q.shape[-1] ** 0.5, axis=-1) @ v


def attention_forward(q, k, v):
    s = q @ k.T / q.shape[-1] ** 0.5
    lse = jax.nn.logsumexp(s, axis=-1, keepdims=True)
    out = jnp.exp(s - lse) @ v
    return out, (q, k, v, out, lse)


def attention_backward(saved, dout):
    q, k, v, out, lse = saved
    scale = q.shape[-1] ** -0.5
    p = jnp.exp(q @ k.T * scale - lse)
    delta = jnp.sum(dout * out, axis=-1, keepdims=True)
    ds = p * (dout @ v.T - delta) * scale
    return ds @ k, ds.T @ q, p.T @ dout


attention.defvjp(attention_forward, attention_backward)


@jax.custom_vjp
def rnn(W, h0, xs):
    return lax.scan(lambda h, x: (jnp.tanh(h @ W + x),) * 2, h0, xs)[1]


def rnn_forward(W, h0, xs):
    hs = rnn(W, h0, xs)
    return hs, (W, h0, hs)


def rnn_backward(saved, dhs):
    W, h0, hs = saved
    before = jnp.concatenate([h0[None], hs[:-1]])

    def step(carry, inputs):
        dh, dW = carry
        h, previous, dy = inputs
        da = (dh + dy) * (1 - h**2)
        return (da @ W.T, dW + jnp.outer(previous, da)), da

    start = jnp.zeros_like(h0), jnp.zeros_like(W)
    (dh0, dW), dxs = lax.scan(step, start, (hs, before, dhs), reverse=True)
    return dW, dh0, dxs


rnn.defvjp(rnn_forward, rnn_backward)


@jax.custom_vjp
def fixed_point(a, x0):
    """z = tanh(a z) + x0, by iteration until it stands still."""

    def moves(state):
        z, before, n = state
        return jnp.any(jnp.abs(z - before) > 1e-14) & (n < 500)

    def step(state):
        z, _, n = state
        return jnp.tanh(0.3 * jnp.sin(a) * z) + x0, z, n + 1

    return lax.while_loop(moves, step, (x0, x0 + 1, 0))[0]


def fixed_point_forward(a, x0):
    z = fixed_point(a, x0)
    return z, (a, z)


def fixed_point_backward(saved, g):
    a, z = saved
    slope = 1 - jnp.tanh(0.3 * jnp.sin(a) * z) ** 2
    w = g / (1 - slope * 0.3 * jnp.sin(a))
    return w * slope * 0.3 * jnp.cos(a) * z, w


fixed_point.defvjp(fixed_point_forward, fixed_point_backward)


@jax.custom_vjp
def solve(A, b):
    return jnp.linalg.solve(A, b)


def solve_forward(A, b):
    x = solve(A, b)
    return x, (A, x)


def solve_backward(saved, dx):
    A, x = saved
    db = jnp.linalg.solve(A.T, dx)
    return -jnp.outer(db, x), db


solve.defvjp(solve_forward, solve_backward)


def rms_norm(x, w):
    return x * lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6) * w


def rms_norm_vjp(dy, x, w):
    r = lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6)
    g = dy * w
    dx = r * g - x * r**3 * jnp.mean(g * x, axis=-1, keepdims=True)
    return dx, jnp.sum(dy * x * r, axis=0)


@jax.custom_vjp
def segment_sum(x, ids):
    return jax.ops.segment_sum(x, ids, 4)


segment_sum.defvjp(lambda x, ids: (segment_sum(x, ids), ids), lambda ids, g: (g[ids], None))


@jax.custom_jvp
def safe_norm(x):
    return jnp.sqrt(jnp.sum(x**2))


@safe_norm.defjvp
def safe_norm_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    n = safe_norm(x)
    return n, jnp.where(n == 0, 0, jnp.sum(x * t) / jnp.where(n == 0, 1, n))


def _invertible(r):
    return 3 * jnp.eye(3, dtype=r.dtype) + r(3, 3), r(3)


RIGHT = [
    Case("log1pexp", lambda t: log1pexp, lambda r: (r(5),)),
    Case("log1pexp under jit and vmap", lambda t: jax.jit(jax.vmap(log1pexp)), lambda r: (r(5),)),
    Case("logsumexp", lambda t: logsumexp, lambda r: (r(3, 4),)),
    Case("scaled_clip", lambda t: lambda x: scaled_clip(x, -0.5, 0.8), lambda r: (r(3, 4),)),
    Case("mlp", lambda t: mlp, lambda r: ({"W1": r(3, 4), "b1": r(4), "W2": r(4, 2)}, r(5, 3))),
    Case("dropout", lambda t: dropout, lambda r: (jax.random.key(3), r(4, 5))),
    Case("dropout with an old key", lambda t: dropout, lambda r: (jax.random.PRNGKey(3), r(4, 5))),
    Case("attention", lambda t: attention, lambda r: (r(3, 4), r(5, 4), r(5, 2))),
    Case("rnn", lambda t: rnn, lambda r: (r(3, 3), r(3), r(4, 3))),
    Case("fixed_point", lambda t: fixed_point, lambda r: (r(3), r(3))),
    Case("solve", lambda t: solve, _invertible),
    Case("rms_norm", lambda t: (rms_norm, rms_norm_vjp), lambda r: (r(3, 4), r(4))),
    Case("segment_sum", lambda t: segment_sum, lambda r: (r(6, 2), r.labels(4, 6))),
    Case("safe_norm", lambda t: safe_norm, lambda r: (r(4),)),
]

WRONG = [
    Wrong("log1pexp", "sigmoid(x)", "sigmoid(-x)", "log1pexp_backward"),
    Wrong("log1pexp under jit and vmap", "sigmoid(x)", "sigmoid(-x)", "log1pexp_backward"),
    Wrong("logsumexp", "jax.nn.softmax(x, axis=-1)", "jax.nn.softmax(x, axis=0)", "logsumexp_jvp"),
    Wrong("scaled_clip", "3 * jnp", "jnp", "scaled_clip_backward"),
    Wrong("scaled_clip", "& (x < hi)", "| (x < hi)", "scaled_clip_forward"),
    Wrong("mlp", "da.sum(0)", "da.mean(0)", "mlp_backward"),
    Wrong("mlp", "h.T @ dy", "jnp.zeros_like(params['W2'])", "mlp_backward"),
    Wrong("mlp", '"W2": h.T', '"W2": lax.stop_gradient(h * (h > 0)).T', "mlp_backward"),
    Wrong("dropout", "g / 0.75", "g", "dropout_backward"),
    Wrong(
        "dropout",
        "key, 0.75, g.shape",
        "jax.random.fold_in(key, 1), 0.75, g.shape",
        "dropout_backward",
    ),
    Wrong("attention", " - delta)", ")", "attention_backward"),
    Wrong("attention", "ds.T @ q", "ds.T @ q * scale", "attention_backward"),
    Wrong("rnn", "(dh + dy)", "dy", "rnn_backward"),
    Wrong("rnn", "[h0[None], hs[:-1]]", "[hs[:1], hs[:-1]]", "rnn_backward"),
    Wrong("fixed_point", "w = g / (1 - slope * 0.3 * jnp.sin(a))", "w = g", "fixed_point_backward"),
    Wrong("solve", "jnp.linalg.solve(A.T, dx)", "jnp.linalg.solve(A, dx)", "solve_backward"),
    Wrong("solve", "-jnp.outer(db, x)", "-jnp.outer(x, db)", "solve_backward"),
    Wrong("rms_norm", "r**3", "r**2", "rms_norm_vjp"),
    Wrong("rms_norm", "jnp.mean(g * x, axis=-1", "jnp.sum(g * x, axis=-1", "rms_norm_vjp"),
    Wrong(
        "safe_norm", "n == 0, 0, jnp.sum(x * t)", "n == 0, 0, 2 * jnp.sum(x * t)", "safe_norm_jvp"
    ),
]
