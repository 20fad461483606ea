"""Recurrences with a backward of their own."""

import jax
import jax.numpy as jnp
from jax import lax

from tests.judge.unseen.case import Case, Wrong


def phi(u):
    return jnp.where(u > 0, u + 1, jnp.exp(jnp.minimum(u, 0)))


def phi_slope(u):
    return jnp.where(u > 0, 1, jnp.exp(jnp.minimum(u, 0)))


@jax.custom_vjp
def linear_attention(q, k, v):
    """Causal linear attention with the feature map elu + 1; q, k: (T, D), v: (T, E)."""
    return _linear_attention_fwd(q, k, v)[0]


def _linear_attention_fwd(q, k, v):
    fq, fk = phi(q), phi(k)
    S = jnp.cumsum(fk[:, :, None] * v[:, None, :], axis=0)
    z = jnp.cumsum(fk, axis=0)
    den = jnp.sum(fq * z, axis=1, keepdims=True)
    o = jnp.einsum("td,tde->te", fq, S) / den
    return o, (q, k, v, S, z, den, o)


def _linear_attention_bwd(res, g):
    q, k, v, S, z, den, o = res
    fq, fk = phi(q), phi(k)
    d_num = g / den
    d_den = -jnp.sum(g * o, axis=1, keepdims=True) / den
    d_fq = jnp.einsum("tde,te->td", S, d_num) + z * d_den
    d_S = lax.cumsum(fq[:, :, None] * d_num[:, None, :], axis=0, reverse=True)
    d_z = lax.cumsum(fq * d_den, axis=0, reverse=True)
    d_fk = jnp.einsum("tde,te->td", d_S, v) + d_z
    d_v = jnp.einsum("tde,td->te", d_S, fk)
    return d_fq * phi_slope(q), d_fk * phi_slope(k), d_v


linear_attention.defvjp(_linear_attention_fwd, _linear_attention_bwd)


def linear_attention_reference(q, k, v):
    w = jnp.tril((jax.nn.elu(q) + 1) @ (jax.nn.elu(k) + 1).T)
    return w @ v / w.sum(axis=1, keepdims=True)


def shift_right(a):
    return jnp.concatenate([jnp.full((1,), -jnp.inf, a.dtype), a[:-1]])


def shift_left(a):
    return jnp.concatenate([a[1:], jnp.full((1,), -jnp.inf, a.dtype)])


@jax.custom_vjp
def alignment_loss(emit):
    """-log of the sum over monotonic alignments: at each frame stay, or go one state on. emit: (T, S)."""
    return alignment_loss_fwd(emit)[0]


def alignment_loss_fwd(emit):
    first = jnp.full_like(emit[0], -jnp.inf).at[0].set(emit[0, 0])

    def step(alpha, e):
        alpha = e + jnp.logaddexp(alpha, shift_right(alpha))
        return alpha, alpha

    last, rest = lax.scan(step, first, emit[1:])
    return -last[-1], (emit, jnp.concatenate([first[None], rest]))


def alignment_loss_bwd(res, ct):
    emit, alpha = res
    last = jnp.full_like(emit[0], -jnp.inf).at[-1].set(0)

    def step(beta, e):
        b = beta + e
        b = jnp.logaddexp(b, shift_left(b))
        return b, b

    _, rest = lax.scan(step, last, emit[1:], reverse=True)
    beta = jnp.concatenate([rest, last[None]])
    gamma = jnp.exp(alpha + beta - alpha[-1, -1])
    return (-ct * gamma,)


alignment_loss.defvjp(alignment_loss_fwd, alignment_loss_bwd)


@jax.custom_vjp
def elman(xs, h0, W, U):
    return elman_fwd(xs, h0, W, U)[0]


def elman_fwd(xs, h0, W, U):
    def cell(h, x):
        h = jnp.tanh(x @ W + h @ U)
        return h, h

    _, hs = lax.scan(cell, h0, xs)
    return hs, (xs, h0, W, U, hs)


def elman_bwd(res, dhs):
    xs, h0, W, U, hs = res
    before = jnp.concatenate([h0[None], hs[:-1]])

    def cell(carry, step):
        dh_next, dW, dU = carry
        x, h_prev, h, dh = step
        dz = (dh + dh_next) * (1 - h**2)
        carry = dz @ U.T, dW + jnp.outer(x, dz), dU + jnp.outer(h_prev, dz)
        return carry, dz @ W.T

    start = jnp.zeros_like(h0), jnp.zeros_like(W), jnp.zeros_like(U)
    (dh0, dW, dU), dxs = lax.scan(cell, start, (xs, before, hs, dhs), reverse=True)
    return dxs, dh0, dW, dU


elman.defvjp(elman_fwd, elman_bwd)


@jax.custom_vjp
def sinkhorn(logits):
    """Three rounds of normalizing the rows, then the columns."""
    return sinkhorn_fwd(logits)[0]


def sinkhorn_fwd(logits):
    saved = []
    for _ in range(3):
        for axis in (1, 0):
            logits = jax.nn.log_softmax(logits, axis=axis)
            saved.append(logits)
    return jnp.exp(logits), saved


def sinkhorn_bwd(saved, g):
    g = g * jnp.exp(saved[-1])
    for n in range(len(saved) - 1, -1, -1):
        axis = 1 - n % 2
        g = g - jnp.exp(saved[n]) * jnp.sum(g, axis=axis, keepdims=True)
    return (g,)


sinkhorn.defvjp(sinkhorn_fwd, sinkhorn_bwd)


def sinkhorn_reference(logits):
    u, v = jnp.zeros_like(logits[:, 0]), jnp.zeros_like(logits[0])
    for _ in range(3):
        u = -jax.nn.logsumexp(logits + v[None, :], axis=1)
        v = -jax.nn.logsumexp(logits + u[:, None], axis=0)
    return jnp.exp(logits + u[:, None] + v[None, :])


@jax.custom_vjp
def ema(x, decay):
    """m_t = decay m_{t-1} + (1 - decay) x_t, m_0 = x_0; x: (T, D), decay: (D,)."""
    return ema_fwd(x, decay)[0]


def ema_fwd(x, decay):
    def step(m, xt):
        m = decay * m + (1 - decay) * xt
        return m, m

    _, ms = lax.scan(step, x[0], x[1:])
    return jnp.concatenate([x[:1], ms]), (x, decay, jnp.concatenate([x[:1], ms]))


def ema_bwd(res, g):
    x, decay, m = res

    def step(carry, inp):
        acc, dd = carry
        gt, xt, m_prev = inp
        acc = acc + gt
        dd = dd + acc * (m_prev - xt)
        return (acc * decay, dd), acc * (1 - decay)

    zero = jnp.zeros_like(decay)
    (acc, ddecay), dx = lax.scan(step, (zero, zero), (g[1:], x[1:], m[:-1]), reverse=True)
    return jnp.concatenate([(g[0] + acc)[None], dx]), ddecay


ema.defvjp(ema_fwd, ema_bwd)


RIGHT = [
    Case(
        "linear_attention",
        lambda dtype: linear_attention,
        lambda random: (random(5, 3), random(5, 3), random(5, 2)),
        {"reference": linear_attention_reference},
    ),
    Case("alignment_loss", lambda dtype: alignment_loss, lambda random: (random(6, 3),)),
    Case(
        "elman",
        lambda dtype: elman,
        lambda random: (random(5, 3), random(4), random(3, 4), random(4, 4)),
    ),
    Case(
        "sinkhorn",
        lambda dtype: sinkhorn,
        lambda random: (random(4, 3),),
        {"reference": sinkhorn_reference},
    ),
    Case("ema", lambda dtype: ema, lambda random: (random(5, 3), random.uniform(0.2, 0.95, 3))),
]

WRONG = [
    Wrong(
        "linear_attention",
        "d_num[:, None, :], axis=0, reverse=True",
        "d_num[:, None, :], axis=0",
        "_linear_attention_bwd",
    ),
    Wrong(
        "linear_attention",
        "d_S, v) + d_z",
        "d_S, v)",
        "_linear_attention_bwd",
        says="sum .* is dropped",
    ),
    Wrong(
        "alignment_loss",
        "jnp.logaddexp(b, shift_left(b))",
        "jnp.logaddexp(b, shift_right(b))",
        "alignment_loss_bwd",
    ),
    Wrong(
        "alignment_loss", "emit[1:], reverse=True", "emit[:-1], reverse=True", "alignment_loss_bwd"
    ),
    Wrong("elman", "(dh + dh_next)", "dh", "elman_bwd", says="is dropped, and likewise"),
    Wrong("elman", "carry = dz @ U.T,", "carry = dz @ U,", "elman_bwd", says="not transposed"),
    Wrong(
        "sinkhorn", "g * jnp.exp(saved[-1])", "g", "sinkhorn_bwd", says="exp .* factor is missing"
    ),
    Wrong("sinkhorn", "axis = 1 - n % 2", "axis = n % 2", "sinkhorn_bwd"),
    Wrong("ema", "(m_prev - xt)", "m_prev", "ema_bwd", says="is dropped, and likewise"),
    Wrong(
        "ema", "(g[0] + acc)", "(g[0] + (1 - decay) * acc)", "ema_bwd", says="1 − its other operand"
    ),
]
