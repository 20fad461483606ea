"""Sequences in NumPy: recurrences, attention, embeddings."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.judge.unseen.case import Case, Wrong, parameters


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Embedding:
    def __init__(self, W):
        self.W = W

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dy):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dy)


def rnn(x, h0, Wx, Wh, b):
    hs = [h0]
    for t in range(x.shape[1]):
        hs.append(np.tanh(x[:, t] @ Wx + hs[-1] @ Wh + b))
    return np.stack(hs[1:], axis=1), (x, hs, Wx, Wh)


def rnn_backward(dout, cache):
    x, hs, Wx, Wh = cache
    dx = np.zeros_like(x)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(Wh.shape[1])
    dh = np.zeros_like(hs[0])
    for t in reversed(range(x.shape[1])):
        da = (dout[:, t] + dh) * (1 - hs[t + 1] ** 2)
        dx[:, t] = da @ Wx.T
        dWx += x[:, t].T @ da
        dWh += hs[t].T @ da
        db += da.sum(axis=0)
        dh = da @ Wh.T
    return dx, dh, dWx, dWh, db


class LSTMCell:
    def __init__(self, Wx, Wh, b):
        self.Wx, self.Wh, self.b = Wx, Wh, b

    def forward(self, x, h, c):
        H = h.shape[1]
        a = x @ self.Wx + h @ self.Wh + self.b
        f, g = sigmoid(a[:, :H]), np.tanh(a[:, H : 2 * H])
        i, o = sigmoid(a[:, 2 * H : 3 * H]), sigmoid(a[:, 3 * H :])
        c_next = f * c + g * i
        h_next = o * np.tanh(c_next)
        self.cache = (x, h, c, f, g, i, o, c_next)
        return h_next, c_next

    def backward(self, dh_next, dc_next):
        x, h, c, f, g, i, o, c_next = self.cache
        tc = np.tanh(c_next)
        ds = dc_next + dh_next * o * (1 - tc**2)
        df = ds * c * f * (1 - f)
        di = ds * g * i * (1 - i)
        dg = ds * i * (1 - g**2)
        do = dh_next * tc * o * (1 - o)
        dA = np.hstack((df, dg, di, do))
        self.dWx, self.dWh, self.db = x.T @ dA, h.T @ dA, dA.sum(axis=0)
        return dA @ self.Wx.T, dA @ self.Wh.T, ds * f


def gru_step(x, h, W, U):
    """W : (D, 3H), U : (H, 3H); gates z, r and the candidate n."""
    H = h.shape[1]
    xw, hu = x @ W, h @ U
    z = sigmoid(xw[:, :H] + hu[:, :H])
    r = sigmoid(xw[:, H : 2 * H] + hu[:, H : 2 * H])
    n = np.tanh(xw[:, 2 * H :] + r * hu[:, 2 * H :])
    return (1 - z) * n + z * h, (x, h, W, U, z, r, n, hu)


def gru_step_backward(dy, cache):
    x, h, W, U, z, r, n, hu = cache
    H = h.shape[1]
    dn = dy * (1 - z) * (1 - n**2)
    dz = dy * (h - n) * z * (1 - z)
    dr = dn * hu[:, 2 * H :] * r * (1 - r)
    dxw = np.hstack([dz, dr, dn])
    dhu = np.hstack([dz, dr, dn * r])
    dx = dxw @ W.T
    dh = dhu @ U.T + dy * z
    return dx, dh, x.T @ dxw, h.T @ dhu


def causal_attention(q, k, v):
    T, d = q.shape[-2:]
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(d)
    mask = np.tril(np.ones((T, T), bool))
    p = softmax(np.where(mask, s, -1e30))
    return p @ v, (q, k, v, p, mask)


def causal_attention_backward(do, cache):
    q, k, v, p, mask = cache
    d = q.shape[-1]
    dv = np.swapaxes(p, -1, -2) @ do
    dp = do @ np.swapaxes(v, -1, -2)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / np.sqrt(d)
    ds = np.where(mask, ds, 0)
    return ds @ k, np.swapaxes(ds, -1, -2) @ q, dv


class SelfAttention:
    def __init__(self, Wq, Wk, Wv):
        self.Wq, self.Wk, self.Wv = Wq, Wk, Wv

    def forward(self, x):
        self.x = x
        self.q, self.k, self.v = x @ self.Wq, x @ self.Wk, x @ self.Wv
        self.scale = 1 / np.sqrt(self.q.shape[-1])
        self.p = softmax(self.q @ self.k.T * self.scale)
        return self.p @ self.v

    def backward(self, dy):
        dv = self.p.T @ dy
        dp = dy @ self.v.T
        ds = self.p * (dp - (dp * self.p).sum(-1, keepdims=True)) * self.scale
        dq = ds @ self.k
        dk = ds.T @ self.q
        self.dWq, self.dWk, self.dWv = self.x.T @ dq, self.x.T @ dk, self.x.T @ dv
        return dq @ self.Wq.T + dk @ self.Wk.T + dv @ self.Wv.T


class Cumsum:
    def forward(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, dy):
        return np.cumsum(dy[:, ::-1], axis=1)[:, ::-1]


class MeanOverTime:
    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=1)

    def backward(self, dy):
        dx = np.zeros(self.shape)
        dx += dy[:, None, :] / self.shape[1]
        return dx


def _attn(q, k, v):
    s = jnp.einsum("...td,...sd->...ts", q, k) / jnp.sqrt(q.shape[-1])
    n = s.shape[-1]
    p = jax.nn.softmax(jnp.where(jnp.tril(jnp.ones((n, n), bool)), s, -jnp.inf), -1)
    return p @ v


def _rnn(x, h, Wx, Wh, b):
    out = []
    for t in range(x.shape[1]):
        h = jnp.tanh(x[:, t] @ Wx + h @ Wh + b)
        out.append(h)
    return jnp.stack(out, 1)


RIGHT = [
    Case("Embedding", lambda d: Embedding(*parameters(d, (4, 3))), lambda r: (r.labels(4, 6),)),
    Case(
        "rnn",
        lambda d: (rnn, rnn_backward),
        lambda r: (r(2, 4, 3), r(2, 5), r(3, 5), r(5, 5), r(5)),
        {"reference": _rnn},
    ),
    Case(
        "LSTMCell",
        lambda d: LSTMCell(*parameters(d, (2, 16), (4, 16), (16,))),
        lambda r: (r(3, 2), r(3, 4), r(3, 4)),
    ),
    Case(
        "gru_step",
        lambda d: (gru_step, gru_step_backward),
        lambda r: (r(3, 2), r(3, 4), r(2, 12), r(4, 12)),
    ),
    Case(
        "causal_attention",
        lambda d: (causal_attention, causal_attention_backward),
        lambda r: (r(2, 5, 3), r(2, 5, 3), r(2, 5, 3)),
        {"reference": _attn},
    ),
    Case(
        "SelfAttention",
        lambda d: SelfAttention(*parameters(d, (3, 4), (3, 4), (3, 2))),
        lambda r: (r(5, 3),),
    ),
    Case("Cumsum", lambda d: Cumsum(), lambda r: (r(3, 5),)),
    Case("MeanOverTime", lambda d: MeanOverTime(), lambda r: (r(3, 4, 2),)),
]

WRONG = [
    Wrong(
        "Embedding",
        "np.add.at(self.dW, self.idx, dy)",
        "self.dW[self.idx] += dy",
        says="assigned, and not added",
    ),
    Wrong(
        "rnn",
        "dWh += hs[t].T @ da",
        "dWh = hs[t].T @ da",
        within="rnn_backward",
        says="alone counts",
    ),
    Wrong(
        "rnn",
        "da = (dout[:, t] + dh) * (1 - hs[t + 1] ** 2)",
        "da = (dout[:, t] + dh) * (1 - hs[t] ** 2)",
        within="rnn_backward",
    ),
    Wrong("LSTMCell", "ds = dc_next + dh_next", "ds = dh_next", says="dy of output 1 is dropped"),
    Wrong("LSTMCell", "dg = ds * i * (1 - g**2)", "dg = ds * g * (1 - g**2)"),
    Wrong(
        "gru_step",
        "dhu = np.hstack([dz, dr, dn * r])",
        "dhu = np.hstack([dz, dr, dn])",
        within="gru_step_backward",
        says="taken as 1: a factor is missing",
    ),
    Wrong(
        "causal_attention",
        "np.swapaxes(ds, -1, -2) @ q, dv",
        "np.swapaxes(ds, -1, -2) @ q * np.sqrt(d), dv",
        within="causal_attention_backward",
        says="times too large",
    ),
    Wrong(
        "causal_attention",
        "ds = np.where(mask, ds, 0)",
        "ds = np.where(np.tril(np.ones(mask.shape), -1), ds, 0)",
        within="causal_attention_backward",
        says="0 on the diagonal",
    ),
    Wrong(
        "SelfAttention",
        "self.x.T @ dq, self.x.T @ dk",
        "self.x.T @ dk, self.x.T @ dq",
        says="swapped",
    ),
    Wrong(
        "Cumsum",
        "np.cumsum(dy[:, ::-1], axis=1)[:, ::-1]",
        "np.cumsum(dy, axis=1)",
        says="wrong direction",
    ),
    Wrong(
        "MeanOverTime", "np.zeros(self.shape)", "np.zeros(self.shape, np.float16)", says="float16"
    ),
]
