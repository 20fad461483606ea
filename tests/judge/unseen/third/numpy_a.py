"""Course homework: forward functions that return (out, cache), backward functions of (dout, cache)."""

import math

import jax
import numpy as np
from jax import numpy as jnp

from tests.judge.unseen.case import Case, Wrong


class Node:
    """A pair of homework functions with the face of a layer."""

    def __init__(self, forward_function, backward_function):
        self.forward_function = forward_function
        self.backward_function = backward_function

    def forward(self, *inputs):
        out, self.cache = self.forward_function(*inputs)
        return out

    def backward(self, dout):
        return self.backward_function(dout, self.cache)


def batchnorm_forward(x, gamma, beta, eps=1e-3):
    mu = x.mean(axis=0)
    xc = x - mu
    var = np.mean(xc**2, axis=0)
    std = np.sqrt(var + eps)
    xhat = xc / std
    out = gamma * xhat + beta
    cache = (xhat, xc, std, gamma)
    return out, cache


def batchnorm_backward(dout, cache):
    xhat, xc, std, gamma = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    dstd = -np.sum(dxhat * xc, axis=0) / std**2
    dvar = 0.5 * dstd / std
    dxc = dxhat / std + (2.0 / N) * xc * dvar
    dmu = -dxc.sum(axis=0)
    dx = dxc + dmu / N
    return dx, dgamma, dbeta


def batchnorm_reference(x, gamma, beta):
    mu, var = jnp.mean(x, axis=0), jnp.var(x, axis=0)
    return gamma * (x - mu) * jax.lax.rsqrt(var + 1e-3) + beta


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def lstm_forward(x, h0, Wx, Wh, b):
    """
    x: (N, T, D), h0: (N, H), Wx: (D, 4H), Wh: (H, 4H), b: (4H,)
    Returns the hidden states of all time steps, (N, T, H).
    """
    N, T, _ = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H), dtype=x.dtype)
    prev_h, prev_c = h0, np.zeros_like(h0)
    steps = []
    for t in range(T):
        a = x[:, t].dot(Wx) + prev_h.dot(Wh) + b
        i, f, o = (sigmoid(a[:, k * H : (k + 1) * H]) for k in range(3))
        g = np.tanh(a[:, 3 * H :])
        next_c = f * prev_c + i * g
        tanh_c = np.tanh(next_c)
        steps.append((prev_h, prev_c, i, f, o, g, tanh_c))
        prev_h, prev_c = o * tanh_c, next_c
        h[:, t] = prev_h
    return h, (x, h, Wx, Wh, steps)


def lstm_backward(dh, cache):
    x, h, Wx, Wh, steps = cache
    dx = np.zeros_like(x)
    dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)
    db = np.zeros(Wx.shape[1], dtype=x.dtype)
    dprev_h = np.zeros_like(dh[:, 0])
    dprev_c = np.zeros_like(dprev_h)
    for t in reversed(range(x.shape[1])):
        prev_h, prev_c, i, f, o, g, tanh_c = steps[t]
        dnext_h = dh[:, t] + dprev_h
        dnext_c = dprev_c + dnext_h * o * (1 - tanh_c**2)
        di = dnext_c * g * i * (1 - i)
        df = dnext_c * prev_c * f * (1 - f)
        do = dnext_h * tanh_c * o * (1 - o)
        dg = dnext_c * i * (1 - g**2)
        da = np.hstack((di, df, do, dg))
        dx[:, t] = da.dot(Wx.T)
        dWx += x[:, t].T.dot(da)
        dWh += prev_h.T.dot(da)
        db += da.sum(axis=0)
        dprev_h = da.dot(Wh.T)
        dprev_c = dnext_c * f
    return dx, dprev_h, dWx, dWh, db


def causal_conv_forward(x, w, b, dilation=2):
    """x: (N, C, T), w: (F, C, K), b: (F,); the output at t sees x up to t."""
    T, K = x.shape[2], w.shape[2]
    pad = (K - 1) * dilation
    xp = np.pad(x, ((0, 0), (0, 0), (pad, 0)))
    out = np.zeros((x.shape[0], w.shape[0], T), dtype=x.dtype)
    for k in range(K):
        out += np.einsum("nct,fc->nft", xp[:, :, k * dilation : k * dilation + T], w[:, :, k])
    return out + b[None, :, None], (xp, w, dilation)


def causal_conv_backward(dout, cache):
    xp, w, dilation = cache
    T, K = dout.shape[2], w.shape[2]
    pad = (K - 1) * dilation
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(w)
    for k in range(K):
        s = slice(k * dilation, k * dilation + T)
        dw[:, :, k] = np.einsum("nft,nct->fc", dout, xp[:, :, s])
        dxp[:, :, s] += np.einsum("nft,fc->nct", dout, w[:, :, k])
    dx = dxp[:, :, pad:]
    db = dout.sum(axis=(0, 2))
    return dx, dw, db


def causal_conv_reference(x, w, b):
    y = jax.lax.conv_general_dilated(
        x, w, (1,), [((w.shape[2] - 1) * 2, 0)], rhs_dilation=(2,),
        dimension_numbers=("NCH", "OIH", "NCH"),
    )  # fmt: skip
    return y + b[:, None]


def avg_pool_forward(x, size=3, stride=2, pad=1):
    """Average over windows of x: (N, C, L); what lies outside of x is not counted."""
    L = x.shape[2]
    starts = range(-pad, L + pad - size + 1, stride)
    spans = [(max(s, 0), min(s + size, L)) for s in starts]
    out = np.stack([x[:, :, lo:hi].mean(axis=2) for lo, hi in spans], axis=2)
    return out, (x.shape, spans, size)


def avg_pool_backward(dout, cache):
    shape, spans, size = cache
    dx = np.zeros(shape, dtype=dout.dtype)
    for j, (lo, hi) in enumerate(spans):
        dx[:, :, lo:hi] += dout[:, :, j, None] / (hi - lo)
    return dx


def svm_forward(scores, y):
    """Multiclass hinge loss, the mean over the minibatch."""
    N = scores.shape[0]
    correct = scores[np.arange(N), y][:, None]
    margins = np.maximum(0, scores - correct + 1.0)
    margins[np.arange(N), y] = 0
    return margins.sum() / N, (margins, y)


def svm_backward(dout, cache):
    margins, y = cache
    N = margins.shape[0]
    dscores = np.zeros_like(margins)
    dscores[margins > 0] = 1
    dscores[np.arange(N), y] -= np.sum(margins > 0, axis=1)
    return dout * dscores / N


def attention_forward(q, k, v):
    """Single-head causal attention; q, k, v: (N, T, D)."""
    T, D = q.shape[1:]
    scale = 1.0 / math.sqrt(D)
    scores = q @ k.transpose(0, 2, 1) * scale
    scores = np.where(np.tri(T, dtype=bool), scores, -math.inf)
    scores = scores - scores.max(axis=-1, keepdims=True)
    probs = np.exp(scores)
    probs /= probs.sum(axis=-1, keepdims=True)
    return probs @ v, (q, k, v, probs, scale)


def attention_backward(dout, cache):
    q, k, v, probs, scale = cache
    dv = probs.transpose(0, 2, 1) @ dout
    dprobs = dout @ v.transpose(0, 2, 1)
    inner = np.sum(dprobs * probs, axis=-1, keepdims=True)
    dscores = probs * (dprobs - inner)
    dq = dscores @ k * scale
    dk = dscores.transpose(0, 2, 1) @ q * scale
    return dq, dk, dv


def attention_reference(q, k, v):
    s = jnp.einsum("nid,njd->nij", q, k) / q.shape[-1] ** 0.5
    s = jnp.where(jnp.tri(q.shape[1], dtype=bool), s, -jnp.inf)
    return jnp.einsum("nij,njd->nid", jax.nn.softmax(s, axis=-1), v)


RIGHT = [
    Case(
        "batchnorm",
        lambda dtype: Node(batchnorm_forward, batchnorm_backward),
        lambda random: (random(6, 4), random(4), random(4)),
        {"reference": batchnorm_reference},
    ),
    Case(
        "lstm",
        lambda dtype: Node(lstm_forward, lstm_backward),
        lambda random: (random(2, 4, 3), random(2, 3), random(3, 12), random(3, 12), random(12)),
    ),
    Case(
        "causal_conv",
        lambda dtype: Node(causal_conv_forward, causal_conv_backward),
        lambda random: (random(2, 3, 7), random(4, 3, 3), random(4)),
        {"reference": causal_conv_reference},
    ),
    Case(
        "avg_pool",
        lambda dtype: Node(avg_pool_forward, avg_pool_backward),
        lambda random: (random(2, 3, 7),),
    ),
    Case(
        "svm",
        lambda dtype: Node(svm_forward, svm_backward),
        lambda random: (random(5, 4), random.labels(4, 5)),
    ),
    Case(
        "attention",
        lambda dtype: Node(attention_forward, attention_backward),
        lambda random: (random(2, 4, 3), random(2, 4, 3), random(2, 4, 3)),
        {"reference": attention_reference},
    ),
]

WRONG = [
    Wrong(
        "batchnorm",
        "(2.0 / N) * xc",
        "(1.0 / N) * xc",
        "batchnorm_backward",
        says="variance .* is halved",
    ),
    Wrong(
        "batchnorm",
        "dx = dxc + dmu / N",
        "dx = dxc",
        "batchnorm_backward",
        says="mean .* is dropped",
    ),
    Wrong("batchnorm", "dout * xhat", "dout * xc", "batchnorm_backward", says="factor is missing"),
    Wrong(
        "lstm", "(di, df, do, dg)", "(di, do, df, dg)", "lstm_backward", "is swapped, and likewise"
    ),
    Wrong(
        "lstm", "prev_h.T.dot(da)", "h[:, t].T.dot(da)", "lstm_backward", says="factor of the next"
    ),
    Wrong(
        "lstm",
        "dprev_c = dnext_c * f",
        "dprev_c = dnext_c",
        "lstm_backward",
        says="factor is missing, and likewise",
    ),
    Wrong(
        "causal_conv", "dxp[:, :, pad:]", "dxp[:, :, :T]", "causal_conv_backward", "shifted by 4"
    ),
    Wrong("causal_conv", "dxp[:, :, s] +=", "dxp[:, :, s] =", "causal_conv_backward"),
    Wrong(
        "causal_conv",
        "axis=(0, 2)",
        "axis=2",
        "causal_conv_backward",
        says="sum over axis 0 is missing",
    ),
    Wrong("avg_pool", "/ (hi - lo)", "/ size", "avg_pool_backward", says="2/3"),
    Wrong("svm", "-= np.sum(margins > 0, axis=1)", "-= 1", "svm_backward", says="at the label"),
    Wrong(
        "svm",
        "dout * dscores / N",
        "dscores / N",
        "svm_backward",
        says="upstream gradient is ignored",
    ),
    Wrong("attention", "@ q * scale", "@ q", "attention_backward", says="√N times too large"),
    Wrong(
        "attention",
        "axis=-1",
        "axis=-2",
        "attention_backward",
        says="summed over axis 1, and not axis 2",
    ),
]
