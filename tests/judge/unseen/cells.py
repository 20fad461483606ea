"""Recurrent cells in NumPy, as courses publish them: functions with a cache, and a layer."""

import numpy as np

from tests.judge.unseen.case import Case, Wrong


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    da = dnext_h * (1 - next_h**2)
    return da @ Wx.T, da @ Wh.T, x.T @ da, prev_h.T @ da, da.sum(axis=0)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_forward(x, h, c, W, U, b):
    i, f, o, g = np.split(x @ W + h @ U + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    c_next = f * c + i * g
    t = np.tanh(c_next)
    return (o * t, c_next), (x, h, c, W, U, i, f, o, g, t)


def lstm_backward(dout, cache):
    dh, dc = dout
    x, h, c, W, U, i, f, o, g, t = cache
    dc = dc + dh * o * (1 - t**2)
    gates = dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g**2)
    da = np.concatenate(gates, axis=1)
    return da @ W.T, da @ U.T, dc * f, x.T @ da, h.T @ da, da.sum(axis=0)


class LSTMCell:
    """The cell as a layer: two inputs beside x, and backward(dh, dc)."""

    def __init__(self, d, n, dtype):
        rng = np.random.default_rng(11)
        self.Wx, self.Wh = (rng.normal(0, 0.5, (k, 4 * n)).astype(dtype) for k in (d, n))
        self.b = np.zeros(4 * n, dtype)

    def forward(self, x, h, c):
        (h, c), self.cache = lstm_forward(x, h, c, self.Wx, self.Wh, self.b)
        return h, c

    def backward(self, dh, dc):
        dx, dh, dc, self.dWx, self.dWh, self.db = lstm_backward((dh, dc), self.cache)
        return dx, dh, dc


def gru_forward(x, h, Wz, Wr, Wn):
    xh = np.concatenate([x, h], axis=1)
    z, r = sigmoid(xh @ Wz), sigmoid(xh @ Wr)
    xrh = np.concatenate([x, r * h], axis=1)
    n = np.tanh(xrh @ Wn)
    return (1 - z) * h + z * n, (xh, z, r, xrh, n, h, Wz, Wr, Wn)


def gru_backward(dh_next, cache):
    xh, z, r, xrh, n, h, Wz, Wr, Wn = cache
    d = xh.shape[1] - h.shape[1]
    dan = dh_next * z * (1 - n**2)
    dxrh = dan @ Wn.T
    daz = dh_next * (n - h) * z * (1 - z)
    dar = dxrh[:, d:] * h * r * (1 - r)
    dxh = daz @ Wz.T + dar @ Wr.T
    dh = dh_next * (1 - z) + dxrh[:, d:] * r + dxh[:, d:]
    return dxrh[:, :d] + dxh[:, :d], dh, xh.T @ daz, xh.T @ dar, xrh.T @ dan


RIGHT = [
    Case(
        "rnn",
        lambda t: (rnn_step_forward, rnn_step_backward),
        lambda r: (r(2, 3), r(2, 4), r(3, 4), r(4, 4), r(4)),
    ),
    Case(
        "lstm",
        lambda t: (lstm_forward, lstm_backward),
        lambda r: (r(2, 3), r(2, 2), r(2, 2), r(3, 8), r(2, 8), r(8)),
    ),
    Case("LSTMCell", lambda t: LSTMCell(3, 2, t), lambda r: (r(2, 3), r(2, 2), r(2, 2))),
    Case(
        "gru",
        lambda t: (gru_forward, gru_backward),
        lambda r: (r(2, 3), r(2, 2), r(5, 2), r(5, 2), r(5, 2)),
    ),
]

WRONG = [
    Wrong("rnn", "prev_h.T @ da", "next_h.T @ da", "rnn_step_backward", says="stands for"),
    Wrong(
        "rnn",
        "(1 - next_h**2)",
        "(1 - next_h)",
        "rnn_step_backward",
        says="derivative of `tanh` .* is taken as 1 − its (out|in)put",
    ),
    Wrong(
        "lstm",
        "dc = dc + dh * o",
        "dc = dh * o",
        "lstm_backward",
        says=r"dy of output \d is dropped",
    ),
    Wrong(
        "lstm",
        "dc * c * f * (1 - f)",
        "dc * f * (1 - f)",
        "lstm_backward",
        says="a factor is missing",
    ),
    Wrong("LSTMCell", "self.dWx, self.dWh, self.db", "_, self.dWh, self.db"),
    Wrong("gru", " + dxrh[:, d:] * r", "", "gru_backward", says="lacks a term"),
    Wrong("gru", "(n - h)", "(h - n)", "gru_backward", says="of the wrong sign"),
]
