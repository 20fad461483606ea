"""jax.custom_vjp functions: activations, norms, attention."""

import jax
from jax import numpy as jnp

from tests.judge.unseen.case import Case, Wrong


@jax.custom_vjp
def mish(x):
    return x * jnp.tanh(jax.nn.softplus(x))


def mish_fwd(x):
    t = jnp.tanh(jax.nn.softplus(x))
    return x * t, (x, t)


def mish_bwd(res, g):
    x, t = res
    return (g * (t + x * (1 - t * t) * jax.nn.sigmoid(x)),)


mish.defvjp(mish_fwd, mish_bwd)


@jax.custom_vjp
def focal_loss(logits, labels):
    return focal_fwd(logits, labels)[0]


GAMMA = 2.0


def focal_fwd(logits, labels):
    logp = jax.nn.log_softmax(logits, axis=-1)
    logpt = jnp.take_along_axis(logp, labels[:, None], axis=-1)
    pt = jnp.exp(logpt)
    loss = -jnp.mean((1 - pt) ** GAMMA * logpt)
    return loss, (logp, logpt, pt, labels)


def focal_bwd(res, ct):
    logp, logpt, pt, labels = res
    hot = jax.nn.one_hot(labels, logp.shape[-1], dtype=logp.dtype)
    dlogpt = -((1 - pt) ** GAMMA) + GAMMA * (1 - pt) ** (GAMMA - 1) * pt * logpt
    dlogits = dlogpt * (hot - jnp.exp(logp))
    return ct * dlogits / labels.shape[0], None


focal_loss.defvjp(focal_fwd, focal_bwd)


def focal_reference(logits, labels):
    p = jax.nn.softmax(logits)[jnp.arange(len(labels)), labels]
    return jnp.mean(-jnp.square(1 - p) * jnp.log(p))


def angles(x):
    """The cosines and sines of the positions of x (T, D), each (T, D / 2)."""
    half = x.shape[1] // 2
    freq = 10.0 ** (-jnp.arange(half, dtype=x.dtype) / half)
    phase = jnp.arange(x.shape[0], dtype=x.dtype)[:, None] * freq
    return jnp.cos(phase), jnp.sin(phase)


@jax.custom_vjp
def rotary(x):
    c, s = angles(x)
    x1, x2 = jnp.split(x, 2, axis=1)
    return jnp.concatenate([x1 * c - x2 * s, x1 * s + x2 * c], axis=1)


def rotary_fwd(x):
    return rotary(x), None


def rotary_bwd(_, g):
    c, s = angles(g)
    g1, g2 = jnp.split(g, 2, axis=1)
    return (jnp.concatenate([g1 * c + g2 * s, g2 * c - g1 * s], axis=1),)


rotary.defvjp(rotary_fwd, rotary_bwd)


def alibi_probs(q, k):
    T = q.shape[1]
    heads = jnp.arange(1, q.shape[0] + 1, dtype=q.dtype)
    slope = 2.0 ** (-heads)
    dist = jnp.arange(T)[:, None] - jnp.arange(T)[None, :]
    s = jnp.einsum("hid,hjd->hij", q, k) * q.shape[-1] ** -0.5
    s = s - slope[:, None, None] * dist
    return jax.nn.softmax(jnp.where(dist >= 0, s, -jnp.inf), axis=-1)


@jax.custom_vjp
def alibi_attention(q, k, v):
    return alibi_probs(q, k) @ v


def alibi_attention_fwd(q, k, v):
    p = alibi_probs(q, k)
    return p @ v, (q, k, v, p)


def alibi_attention_bwd(res, do):
    q, k, v, p = res
    scale = q.shape[-1] ** -0.5
    dv = jnp.einsum("hij,hid->hjd", p, do)
    dp = jnp.einsum("hid,hjd->hij", do, v)
    ds = p * (dp - jnp.sum(p * dp, axis=-1, keepdims=True))
    ds = ds * scale
    dq = jnp.einsum("hij,hjd->hid", ds, k)
    dk = jnp.einsum("hij,hid->hjd", ds, q)
    return dq, dk, dv


alibi_attention.defvjp(alibi_attention_fwd, alibi_attention_bwd)


@jax.custom_vjp
def logcumsumexp(x):
    return jax.lax.cumlogsumexp(x, axis=x.ndim - 1)


def logcumsumexp_fwd(x):
    y = logcumsumexp(x)
    return y, (x, y)


def logcumsumexp_bwd(res, dy):
    x, y = res
    below = jnp.tri(x.shape[-1], dtype=bool)
    w = jnp.exp(jnp.where(below, x[..., None, :] - y[..., :, None], -jnp.inf))
    return (jnp.einsum("...ij,...i->...j", w, dy),)


logcumsumexp.defvjp(logcumsumexp_fwd, logcumsumexp_bwd)


@jax.custom_vjp
def rms_norm(x, scale):
    return rms_norm_fwd(x, scale)[0]


def rms_norm_fwd(x, scale):
    inv = jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-2)
    return x * inv * scale, (x, inv, scale)


def rms_norm_bwd(res, dy):
    x, inv, scale = res
    xhat = x * inv
    dxhat = dy * scale
    dx = inv * (dxhat - xhat * jnp.mean(dxhat * xhat, axis=-1, keepdims=True))
    dscale = jnp.sum(dy * xhat, axis=tuple(range(dy.ndim - 1)))
    return dx, dscale


rms_norm.defvjp(rms_norm_fwd, rms_norm_bwd)


def rms_norm_reference(x, scale):
    return scale * x / jnp.sqrt(jnp.square(x).mean(-1, keepdims=True) + 1e-2)


@jax.custom_vjp
def geglu(x, w, v):
    return geglu_fwd(x, w, v)[0]


def geglu_fwd(x, w, v):
    z, u = x @ w, x @ v
    a = jax.nn.gelu(z, approximate=False)
    return a * u, (x, w, v, z, a, u)


def geglu_bwd(res, ct):
    x, w, v, z, a, u = res
    cdf = jax.scipy.stats.norm.cdf(z)
    pdf = jax.scipy.stats.norm.pdf(z)
    dz = ct * u * (cdf + z * pdf)
    du = ct * a
    return dz @ w.T + du @ v.T, x.T @ dz, x.T @ du


geglu.defvjp(geglu_fwd, geglu_bwd)


@jax.custom_vjp
def ws_linear(x, w):
    """x times the weights (K, F), which are standardized over their inputs."""
    return ws_linear_fwd(x, w)[0]


def ws_linear_fwd(x, w):
    wc = w - w.mean(axis=0)
    sd = jnp.sqrt(jnp.mean(wc * wc, axis=0) + 1e-4)
    wh = wc / sd
    return x @ wh, (x, wh, sd)


def ws_linear_bwd(res, dy):
    x, wh, sd = res
    dwh = x.T @ dy
    dw = (dwh - dwh.mean(axis=0) - wh * jnp.mean(dwh * wh, axis=0)) / sd
    return dy @ wh.T, dw


ws_linear.defvjp(ws_linear_fwd, ws_linear_bwd)


RIGHT = [
    Case("mish", lambda dtype: mish, lambda random: (random(3, 4),), {"reference": jax.nn.mish}),
    Case(
        "focal_loss",
        lambda dtype: focal_loss,
        lambda random: (random(5, 4), random.labels(4, 5)),
        {"reference": focal_reference},
    ),
    Case("rotary", lambda dtype: rotary, lambda random: (random(4, 6),)),
    Case(
        "alibi_attention",
        lambda dtype: alibi_attention,
        lambda random: (random(2, 4, 3), random(2, 4, 3), random(2, 4, 3)),
    ),
    Case("logcumsumexp", lambda dtype: logcumsumexp, lambda random: (random(3, 5),)),
    Case(
        "rms_norm",
        lambda dtype: rms_norm,
        lambda random: (random(2, 3, 5), random(5)),
        {"reference": rms_norm_reference},
    ),
    Case("geglu", lambda dtype: geglu, lambda random: (random(3, 4), random(4, 2), random(4, 2))),
    Case("ws_linear", lambda dtype: ws_linear, lambda random: (random(3, 5), random(5, 4))),
]

WRONG = [
    Wrong("mish", "jax.nn.sigmoid(x)", "jax.nn.sigmoid(t)", "mish_bwd", "is taken at `tanh`"),
    Wrong(
        "focal_loss",
        " + GAMMA * (1 - pt) ** (GAMMA - 1) * pt * logpt",
        "",
        "focal_bwd",
        says="is dropped",
    ),
    Wrong("focal_loss", "(hot - jnp.exp(logp))", "hot", "focal_bwd", says="sum .* is dropped"),
    Wrong(
        "rotary",
        "[g1 * c + g2 * s, g2 * c - g1 * s]",
        "[g1 * c - g2 * s, g2 * c + g1 * s]",
        "rotary_bwd",
        says="of the wrong sign",
    ),
    Wrong(
        "alibi_attention",
        "p * (dp - jnp.sum(p * dp, axis=-1, keepdims=True))",
        "p * (1 - p) * dp",
        "alibi_attention_bwd",
        says="not summed over axis 2",
    ),
    Wrong(
        "alibi_attention",
        "    dq = jnp.einsum",
        "    ds = jnp.exp2(-jnp.arange(1.0, q.shape[0] + 1, dtype=q.dtype))[:, None, None] * ds\n    dq = jnp.einsum",
        "alibi_attention_bwd",
    ),
    Wrong(
        "logcumsumexp",
        "...ij,...i->...j",
        "...ij,...j->...i",
        "logcumsumexp_bwd",
        says="in the wrong direction",
    ),
    Wrong(
        "rms_norm",
        "xhat = x * inv",
        "xhat = x / (jnp.sqrt(jnp.mean(x * x, axis=-1, keepdims=True)) + 1e-2)",
        "rms_norm_bwd",
    ),
    Wrong(
        "rms_norm",
        "dxhat = dy * scale",
        "dxhat = (dy * scale).astype(jnp.float16).astype(x.dtype)",
        "rms_norm_bwd",
        says="float16",
    ),
    Wrong("geglu", "cdf + z * pdf", "cdf + a * pdf", "geglu_bwd", "stands for"),
    Wrong(
        "geglu", "x.T @ dz, x.T @ du", "x.T @ du, x.T @ dz", "geglu_bwd", says="the two are swapped"
    ),
    Wrong(
        "ws_linear",
        "dwh.mean(axis=0) - wh",
        "dwh.mean(axis=1, keepdims=True) - wh",
        "ws_linear_bwd",
        says="summed over axis 1, and not axis 0",
    ),
]
