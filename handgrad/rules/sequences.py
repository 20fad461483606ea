"""Recurrent nets over T steps, in either direction.

The T steps stand on the first axis, then N rows, and n has the length of each row. After it comes
padding: the state is held, the output is 0, and no gradient comes from there. reverse=True reads
each row from its own end, as torch reads a packed sequence; two nets, one in each direction, are a
bidirectional one.

truncation=k cuts the gradient, not the values, before every k-th step of its direction but the
first: what comes back to the state there (and to the memory of an LSTM) is dropped. This is the
truncated backpropagation through time of a net that is trained k steps at a time. Where nothing is
to be dropped, a long row may be cut as well: the last state of one piece is the first one of the
next, and its gradient, dh0 (and dc0), the upstream gradient of the piece before.

Werbos, Backpropagation Through Time, Proceedings of the IEEE 78, 1990; for the cells see
recurrent.py.
"""

from dataclasses import dataclass
from typing import Literal

from handgrad.arrays import array_namespace, kept, scan
from handgrad.rules.shared import over_time
from handgrad.rules.shared.over_time import carried_steps, live_steps, turned

__all__ = ["GRU", "LSTM", "RNN", "LinearRecurrence"]


@dataclass(frozen=True)
class RNN:
    """y[t] = h[t+1] = tanh(x[t] W + h[t] U + b)    over T steps

        x : (T, N, D)
        n : (N) label(T + 1)
        h0 : (N, H)
        W : (D, H)
        U : (H, H)
        b : (H)
        m = n[:, None]
        j = arange(T)[:, None]
        turn = j + reverse * where(j < n, n - 1 - 2 * j, 0)
        X[t, i, d] = x[turn[t, i], i, d]
        h[0] = h0
        a[t] = X[t] @ W + h[t] @ U + b
        h[t+1] = where(t < m, tanh(a[t]), h[t])
        Y[t] = where(t < m, h[t+1], 0)
        Z[t, i, k] = Y[turn[t, i], i, k]
        y, last = Z, h[T]

    `turn` turns each row around, if it is to be read in reverse, and X has its steps in that order.
    It is its own inverse, and so gives the gradient of Y, too:

        dY[t, i, k] = dy[turn[t, i], i, k]

    Each state goes two ways, out and into the next step. The state after all T steps is `last`,
    too:

        dh[T] = dlast + where(T - 1 < m, dY[T-1], 0)
        dh[t] = where(t < m, da[t] @ U.T, dh[t+1]) + where(t > 0, where(t - 1 < m, dY[t-1], 0), 0)
        da[t] = where(t < m, dh[t+1] * (1 - h[t+1]**2), 0)
        dX[t] = da[t] @ W.T
        dx[t, i, d] = dX[turn[t, i], i, d]
        dh0 = dh[0]

    The steps share their weights, which gather from all:

        dW = sum[t](X[t].T @ da[t])
        dU = sum[t](h[t].T @ da[t])
        db = sum(da, axis=(0, 1))

    Keeps x, n, h0, W, U and y.
    """

    truncation: int | None = None
    reverse: bool = False

    def forward(self, x, n, h0, W, U, b):
        live, X = _read(x, n, self.reverse)
        Y, last = over_time.rnn(X, live, h0, W, U, b)
        y = _turned(Y, n, self.reverse)
        return (y, last), (x, n, h0, W, U, y)

    def backward(self, residuals, dy):
        x, n, h0, W, U, y = residuals
        live, X = _read(x, n, self.reverse)
        Y, dY = (_turned(a, n, self.reverse) for a in (y, kept(live, dy[0])))
        steps = carried_steps(x, self.truncation)
        dX, *grads = over_time.rnn_back(X, live, steps, h0, W, U, Y, dY, dy[1])
        return _turned(dX, n, self.reverse), None, *grads


@dataclass(frozen=True)
class LSTM:
    """y[t] = h[t+1], and (h[t+1], c[t+1]) = LSTMCell of x[t], h[t] and c[t]    over T steps

        x : (T, N, D)
        n : (N) label(T + 1)
        h0 : (N, H)
        c0 : (N, H)
        W : (D, 4 * H)
        U : (H, 4 * H)
        b : (4 * H)
        m = n[:, None]
        j = arange(T)[:, None]
        turn = j + reverse * where(j < n, n - 1 - 2 * j, 0)
        X[t, k, d] = x[turn[t, k], k, d]
        h[0] = h0
        c[0] = c0
        a[t] = X[t] @ W + h[t] @ U + b
        i[t] = sigmoid(a[t][:, :H])
        f[t] = sigmoid(a[t][:, H:2 * H])
        g[t] = tanh(a[t][:, 2 * H:3 * H])
        o[t] = sigmoid(a[t][:, 3 * H:])
        s[t] = f[t] * c[t] + i[t] * g[t]
        q[t] = tanh(s[t])
        c[t+1] = where(t < m, s[t], c[t])
        h[t+1] = where(t < m, o[t] * q[t], h[t])
        Y[t] = where(t < m, h[t+1], 0)
        Z[t, k, l] = Y[turn[t, k], k, l]
        y, h_last, c_last = Z, h[T], c[T]
        dY[t, k, l] = dy[turn[t, k], k, l]

    X, turn and Y are those of RNN. State and memory both carry a gradient from step to step. That
    of the memory is multiplied by f alone, on a path without weights:

        ds[t] = where(t < m, dc[t+1] + dh[t+1] * o[t] * (1 - q[t]**2), 0)
        dc[T] = dc_last
        dc[t] = where(t < m, ds[t] * f[t], dc[t+1])
        dh[T] = dh_last + where(T - 1 < m, dY[T-1], 0)
        dh[t] = where(t < m, da[t] @ U.T, dh[t+1]) + where(t > 0, where(t - 1 < m, dY[t-1], 0), 0)

    Within a step all is as in LSTMCell:

        do[t] = where(t < m, dh[t+1] * q[t], 0)
        u[t] = ds[t] * g[t] * i[t] * (1 - i[t])
        v[t] = ds[t] * c[t] * f[t] * (1 - f[t])
        w[t] = ds[t] * i[t] * (1 - g[t]**2)
        da[t] = concat((u[t], v[t], w[t], do[t] * o[t] * (1 - o[t])), axis=1)
        dX[t] = da[t] @ W.T
        dx[t, k, d] = dX[turn[t, k], k, d]
        dh0, dc0 = dh[0], dc[0]
        dW = sum[t](X[t].T @ da[t])
        dU = sum[t](h[t].T @ da[t])
        db = sum(da, axis=(0, 1))

    Keeps its inputs, y, and the memory after each step.
    """

    truncation: int | None = None
    reverse: bool = False
    order: Literal["ifgo", "fgio", "iofg"] = "ifgo"

    def forward(self, x, n, h0, c0, W, U, b):
        live, X = _read(x, n, self.reverse)
        Y, S, last = over_time.lstm(X, live, h0, c0, W, U, b, self.order)
        y = _turned(Y, n, self.reverse)
        return (y, *last), (x, n, h0, c0, W, U, b, y, S)

    def backward(self, residuals, dy):
        x, n, h0, c0, W, U, b, y, S = residuals
        live, X = _read(x, n, self.reverse)
        Y, dY = (_turned(a, n, self.reverse) for a in (y, kept(live, dy[0])))
        steps, last, order = carried_steps(x, self.truncation), dy[1:], self.order
        dX, *grads = over_time.lstm_back(X, live, steps, h0, c0, W, U, b, Y, S, dY, last, order)
        return _turned(dX, n, self.reverse), None, *grads


@dataclass(frozen=True)
class GRU:
    """y[t] = h[t+1] = GRUCell of x[t] and h[t]    over T steps

        x : (T, N, D)
        n : (N) label(T + 1)
        h0 : (N, H)
        W : (D, 3 * H)
        U : (H, 3 * H)
        b : (3 * H)
        c : (3 * H)
        m = n[:, None]
        j = arange(T)[:, None]
        turn = j + reverse * where(j < n, n - 1 - 2 * j, 0)
        X[t, i, d] = x[turn[t, i], i, d]
        a[t] = X[t] @ W + b
        h[0] = h0
        g[t] = h[t] @ U + c
        r[t] = sigmoid(a[t][:, :H] + g[t][:, :H])
        z[t] = sigmoid(a[t][:, H:2 * H] + g[t][:, H:2 * H])
        q[t] = g[t][:, 2 * H:]
        v[t] = tanh(a[t][:, 2 * H:] + r[t] * q[t])
        h[t+1] = where(t < m, v[t] + z[t] * (h[t] - v[t]), h[t])
        Y[t] = where(t < m, h[t+1], 0)
        Z[t, i, k] = Y[turn[t, i], i, k]
        y, last = Z, h[T]
        dY[t, i, k] = dy[turn[t, i], i, k]

    As in RNN a state goes out and into the next step, where z lets a part of its gradient pass:

        dh[T] = dlast + where(T - 1 < m, dY[T-1], 0)
        dh[t] = where(t < m, dh[t+1] * z[t] + dg[t] @ U.T, dh[t+1]) + where(t > 0, where(t - 1 < m, dY[t-1], 0), 0)

    Within a step all is as in GRUCell, and with reset="before" as it says there:

        s[t] = where(t < m, dh[t+1], 0)
        u[t] = s[t] * (h[t] - v[t]) * z[t] * (1 - z[t])
        p[t] = s[t] * (1 - z[t]) * (1 - v[t]**2)
        w[t] = p[t] * q[t] * r[t] * (1 - r[t])
        da[t] = concat((w[t], u[t], p[t]), axis=1)
        dg[t] = concat((w[t], u[t], p[t] * r[t]), axis=1)
        dX[t] = da[t] @ W.T
        dx[t, i, d] = dX[turn[t, i], i, d]
        dh0 = dh[0]
        dW = sum[t](X[t].T @ da[t])
        dU = sum[t](h[t].T @ dg[t])
        db = sum(da, axis=(0, 1))
        dc = sum(dg, axis=(0, 1))

    The gates are formed again, which costs two products.

    Keeps its inputs and y.
    """

    truncation: int | None = None
    reverse: bool = False
    reset: Literal["after", "before"] = "after"

    def forward(self, x, n, h0, W, U, b, c):
        live, X = _read(x, n, self.reverse)
        Y, last = over_time.gru(X, live, h0, W, U, b, c, self.reset)
        y = _turned(Y, n, self.reverse)
        return (y, last), (x, n, h0, W, U, b, c, y)

    def backward(self, residuals, dy):
        x, n, h0, W, U, b, c, y = residuals
        live, X = _read(x, n, self.reverse)
        Y, dY = (_turned(a, n, self.reverse) for a in (y, kept(live, dy[0])))
        steps, reset = carried_steps(x, self.truncation), self.reset
        dX, *grads = over_time.gru_back(X, live, steps, h0, W, U, b, c, Y, dY, dy[1], reset)
        return _turned(dX, n, self.reverse), None, *grads


@dataclass(frozen=True)
class LinearRecurrence:
    """y[t] = h[t+1] = a[t] h[t] + b[t]    over T steps, elementwise

        a : (T, N, D)
        b : (T, N, D)
        h0 : (N, D)
        h[0] = h0
        h[t+1] = a[t] * h[t] + b[t]
        y[t] = h[t+1]

    A state goes out, and into the next one, where it is multiplied by a. So its gradient follows
    the same kind of recurrence, from the end, and with the a of the step after it:

        dh[t+1] = dy[t] + where(t + 1 < T, a[t+1] * dh[t+2], 0)
        db[t] = dh[t+1]
        da[t] = dh[t+1] * h[t]
        dh0 = a[0] * dh[1]

    This is the scan of minimal recurrent nets and of state space models. Nothing is divided by a,
    so that it may be a gate of 0, which forgets all that came before.

    Keeps a, h0 and y.

    Martin and Cundy, Parallelizing Linear Recurrent Neural Nets Over Sequence Length, 2017,
    arXiv:1709.04057.
    """

    def forward(self, a, b, h0):
        def step(h, a, b):
            h = a * h + b
            return h, (h,)

        _, (y,) = scan(step, h0, (a, b))
        return y, (a, h0, y)

    def backward(self, residuals, dy):
        a, h0, y = residuals

        def step(later, a, dy, h):
            dh = dy + later
            return a * dh, (dh * h, dh)

        before = over_time.before(h0, y)
        dh0, (da, db) = scan(step, array_namespace(y).zeros_like(h0), (a, dy, before), reverse=True)
        return da, db, dh0


VARIANTS = (RNN(reverse=True),)


def _read(x, n, reverse):
    """Which steps are those of their rows, and these steps in the order in which they are read."""
    live = live_steps(x, n)
    return live, _turned(kept(live, x), n, reverse)


def _turned(x, n, reverse):
    return turned(x, n) if reverse else x
