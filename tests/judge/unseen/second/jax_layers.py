"""Derivatives of their own in JAX: layers of a net."""

import jax
import jax.numpy as jnp

from tests.judge.unseen.case import Case, Wrong


@jax.custom_vjp
def rms_norm(x, w):
    return rms_norm_fwd(x, w)[0]


def rms_norm_fwd(x, w):
    r = jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)
    return x * r * w, (x, r, w)


def rms_norm_bwd(res, dy):
    x, r, w = res
    dw = jnp.sum(dy * x * r, axis=(0, 1))
    g = dy * w
    dx = r * g - x * r**3 * jnp.mean(g * x, axis=-1, keepdims=True)
    return dx, dw


rms_norm.defvjp(rms_norm_fwd, rms_norm_bwd)


@jax.custom_vjp
def attention(q, k, v):
    return attention_fwd(q, k, v)[0]


def attention_fwd(q, k, v):
    scale = q.shape[-1] ** -0.5
    s = jnp.einsum("bhqd,bhkd->bhqk", q, k) * scale
    lse = jax.nn.logsumexp(s, axis=-1, keepdims=True)
    o = jnp.einsum("bhqk,bhkd->bhqd", jnp.exp(s - lse), v)
    return o, (q, k, v, o, lse)


def attention_bwd(res, do):
    q, k, v, o, lse = res
    scale = q.shape[-1] ** -0.5
    p = jnp.exp(jnp.einsum("bhqd,bhkd->bhqk", q, k) * scale - lse)
    dv = jnp.einsum("bhqk,bhqd->bhkd", p, do)
    dp = jnp.einsum("bhqd,bhkd->bhqk", do, v)
    delta = jnp.sum(do * o, axis=-1, keepdims=True)
    ds = p * (dp - delta) * scale
    return jnp.einsum("bhqk,bhkd->bhqd", ds, k), jnp.einsum("bhqk,bhqd->bhkd", ds, q), dv


attention.defvjp(attention_fwd, attention_bwd)


@jax.custom_vjp
def biased_scores(q, k, bias):
    """softmax(q kᵀ + bias), one bias for all of the batch."""
    return biased_scores_fwd(q, k, bias)[0]


def biased_scores_fwd(q, k, bias):
    p = jax.nn.softmax(jnp.einsum("bqd,bkd->bqk", q, k) + bias, axis=-1)
    return p, (q, k, p)


def biased_scores_bwd(res, dp):
    q, k, p = res
    ds = p * (dp - jnp.sum(dp * p, axis=-1, keepdims=True))
    dq = jnp.einsum("bqk,bkd->bqd", ds, k)
    dk = jnp.einsum("bqk,bqd->bkd", ds, q)
    return dq, dk, ds.sum(axis=0)


biased_scores.defvjp(biased_scores_fwd, biased_scores_bwd)


@jax.custom_vjp
def affine(params, x):
    return x @ params["W"] + params["b"]


def affine_fwd(params, x):
    return affine(params, x), (params["W"], x)


def affine_bwd(res, dy):
    W, x = res
    grads = {"W": jnp.einsum("btd,bte->de", x, dy), "b": dy.sum((0, 1))}
    return grads, dy @ W.T


affine.defvjp(affine_fwd, affine_bwd)


@jax.custom_vjp
def swiglu(x, W, V):
    return jax.nn.silu(x @ W) * (x @ V)


def swiglu_fwd(x, W, V):
    return swiglu(x, W, V), (x, W, V)


def swiglu_bwd(res, dy):
    x, W, V = res
    a, b = x @ W, x @ V
    s = jax.nn.sigmoid(a)
    da = dy * b * (s + a * s * (1 - s))
    db = dy * a * s
    return da @ W.T + db @ V.T, x.T @ da, x.T @ db


swiglu.defvjp(swiglu_fwd, swiglu_bwd)


@jax.custom_vjp
def rope(x, angle):
    a, b = jnp.split(x, 2, axis=-1)
    c, s = jnp.cos(angle), jnp.sin(angle)
    return jnp.concatenate([a * c - b * s, a * s + b * c], axis=-1)


def rope_fwd(x, angle):
    return rope(x, angle), (x, angle)


def rope_bwd(res, dy):
    x, angle = res
    da, db = jnp.split(dy, 2, axis=-1)
    a, b = jnp.split(x, 2, axis=-1)
    c, s = jnp.cos(angle), jnp.sin(angle)
    dx = jnp.concatenate([da * c + db * s, db * c - da * s], axis=-1)
    dangle = (da * (-a * s - b * c) + db * (a * c - b * s)).sum(0)
    return dx, dangle


rope.defvjp(rope_fwd, rope_bwd)


@jax.custom_vjp
def moe(x, Wg, We):
    """Soft mixture of experts: x (N, D), Wg (D, E), We (E, D, K)."""
    return moe_fwd(x, Wg, We)[0]


def moe_fwd(x, Wg, We):
    g = jax.nn.softmax(x @ Wg)
    y = jnp.einsum("nd,edk->nek", x, We)
    return jnp.einsum("ne,nek->nk", g, y), (x, Wg, We, g, y)


def moe_bwd(res, do):
    x, Wg, We, g, y = res
    dg = jnp.einsum("nk,nek->ne", do, y)
    dl = g * (dg - jnp.sum(dg * g, axis=-1, keepdims=True))
    dy = g[:, :, None] * do[:, None, :]
    dWe = jnp.einsum("nd,nek->edk", x, dy)
    dx = jnp.einsum("nek,edk->nd", dy, We) + dl @ Wg.T
    return dx, x.T @ dl, dWe


moe.defvjp(moe_fwd, moe_bwd)


@jax.custom_vjp
def tanh_mlp(x, W1, W2):
    return jnp.tanh(x @ W1) @ W2


def tanh_mlp_fwd(x, W1, W2):
    h = jnp.tanh(x @ W1)
    return h @ W2, (x, h, W1, W2)


def tanh_mlp_bwd(res, dy):
    x, h, W1, W2 = res
    da = (dy @ W2.T) * (1 - h**2)
    return da @ W1.T, x.T @ da, h.T @ dy


tanh_mlp.defvjp(tanh_mlp_fwd, tanh_mlp_bwd)


RIGHT = [
    Case("rms_norm", lambda d: rms_norm, lambda r: (r(2, 3, 4), r(4))),
    Case("attention", lambda d: attention, lambda r: (r(2, 2, 3, 4), r(2, 2, 3, 4), r(2, 2, 3, 4))),
    Case("biased_scores", lambda d: biased_scores, lambda r: (r(3, 4, 2), r(3, 4, 2), r(4, 4))),
    Case("affine", lambda d: affine, lambda r: ({"W": r(3, 4), "b": r(4)}, r(2, 5, 3))),
    Case("swiglu", lambda d: swiglu, lambda r: (r(4, 3), r(3, 5), r(3, 5))),
    Case("rope", lambda d: rope, lambda r: (r(5, 6), r(3))),
    Case("moe", lambda d: moe, lambda r: (r(4, 3), r(3, 2), r(2, 3, 5))),
    Case("tanh_mlp", lambda d: tanh_mlp, lambda r: (r(4, 3), r(3, 5), r(5, 2))),
]

WRONG = [
    Wrong(
        "rms_norm",
        "dx = r * g - x * r**3 * jnp.mean(g * x, axis=-1, keepdims=True)",
        "dx = r * g",
        within="rms_norm_bwd",
        says="is dropped",
    ),
    Wrong(
        "rms_norm",
        "jnp.mean(g * x, axis=-1, keepdims=True)",
        "jnp.sum(g * x, axis=-1, keepdims=True)",
        within="rms_norm_bwd",
        says="4 times",
    ),
    Wrong(
        "attention",
        "ds = p * (dp - delta) * scale",
        "ds = p * dp * scale",
        within="attention_bwd",
        says="is dropped",
    ),
    Wrong(
        "attention",
        "delta = jnp.sum(do * o, axis=-1, keepdims=True)",
        "delta = jnp.sum(do * v, axis=-1, keepdims=True)",
        within="attention_bwd",
    ),
    Wrong(
        "biased_scores",
        "ds.sum(axis=0)",
        "ds.mean(axis=0)",
        within="biased_scores_bwd",
        says="times too small",
    ),
    Wrong(
        "affine", "dy.sum((0, 1))", "dy.sum(1).mean(0)", within="affine_bwd", says="times too small"
    ),
    Wrong("swiglu", "db = dy * a * s", "db = dy * a", within="swiglu_bwd", says="stands for"),
    Wrong(
        "rope",
        "[da * c + db * s, db * c - da * s]",
        "[da * c - db * s, db * c + da * s]",
        within="rope_bwd",
        says="of the wrong sign",
    ),
    Wrong(
        "rope",
        "(da * (-a * s - b * c) + db * (a * c - b * s)).sum(0)",
        "(da * (-a * s - b * c) + db * (a * c - b * s))[0]",
        within="rope_bwd",
        says="used in the first row alone",
    ),
    Wrong("moe", " + dl @ Wg.T", "", within="moe_bwd", says="is dropped"),
    Wrong(
        "tanh_mlp", "(1 - h**2)", "(1 - h)**2", within="tanh_mlp_bwd", says=r"\(1 − its output\)²"
    ),
]
