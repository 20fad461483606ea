"""Recurrent cells: one step, from a state and an input to the next state.

N rows of D numbers come in, and a state has H. A net over many steps is in sequences.py.
"""

from dataclasses import dataclass
from typing import Literal

from handgrad.arrays import array_namespace
from handgrad.rules.shared import cells

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


@dataclass(frozen=True)
class RNNCell:
    """y = tanh(x W + h U + b)

        x : (N, D)
        h : (N, H)
        W : (D, H)
        U : (H, H)
        b : (H)
        a = x @ W + h @ U + b
        y = tanh(a)

    tanh has the slope 1 − y², of which the second form keeps all digits where y is near ±1. In the
    products each factor gets da times the other:

        da = dy * (1 - y**2)
           = dy * (1 - y) * (1 + y)
        dx = da @ W.T
        dh = da @ U.T
        dW = x.T @ da
        dU = h.T @ da
        db = sum(da, axis=0)

    Keeps x, h, W, U and y.

    Elman, Finding Structure in Time, 1990.
    """

    def forward(self, x, h, W, U, b):
        y = cells.rnn(x @ W + h @ U + b)
        return y, (x, h, W, U, y)

    def backward(self, residuals, dy):
        x, h, W, U, y = residuals
        xp = array_namespace(x)
        da = cells.rnn_back(y, dy)
        dx, dh = da @ xp.matrix_transpose(W), da @ xp.matrix_transpose(U)
        dW, dU = xp.matrix_transpose(x) @ da, xp.matrix_transpose(h) @ da
        return dx, dh, dW, dU, xp.sum(da, axis=0)


@dataclass(frozen=True)
class LSTMCell:
    """h' = o tanh(c')    c' = f c + i g    with i, f, o = σ and g = tanh of x W + h U + b

        x : (N, D)
        h : (N, H)
        c : (N, H)
        W : (D, 4 * H)
        U : (H, 4 * H)
        b : (4 * H)
        a = x @ W + h @ U + b
        k = where(order == "ifgo", a, concat((a[:, 2 * H:3 * H], a[:, :2 * H], a[:, 3 * H:]), axis=1))
        i = sigmoid(k[:, :H])
        f = sigmoid(k[:, H:2 * H])
        g = tanh(k[:, 2 * H:3 * H])
        o = sigmoid(k[:, 3 * H:])
        s = f * c + i * g
        t = tanh(s)
        y, c_next = o * t, s

    i, f, g and o are the four gates, whose blocks k has in this order. The memory s is used twice:
    it goes out, and through tanh into the state. Both give it a gradient:

        ds = dc_next + dy * o * (1 - t**2)
           = dc_next + dy * o * (1 - t) * (1 + t)

    s is a sum of two products, and every factor gets ds times the other. f alone decides how much
    of the gradient goes on to c:

        do, df, di, dg = dy * t, ds * c, ds * g, ds * i
        dc = ds * f

    σ has the slope i (1 − i), and tanh 1 − g². The difference would lose its digits near 1, and
    neither needs it:

        u = exp(-abs(a))
        sigmoid(a) * (1 - sigmoid(a)) = u / (1 + u)**2
        1 - tanh(a)**2 = 4 * u**2 / (1 + u**2)**2

    The four blocks stand side by side, and go back to their places in W:

        dk = concat((di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)), axis=1)
        da = where(order == "ifgo", dk, concat((dk[:, H:3 * H], dk[:, :H], dk[:, 3 * H:]), axis=1))
        dx = da @ W.T
        dh = da @ U.T
        dW = x.T @ da
        dU = h.T @ da
        db = sum(da, axis=0)

    The order "ifgo" is that of torch and of Keras, where g is called c. Deep Learning from Scratch 2
    has "fgio", which the lines above have too, and ONNX "iofg". The sum of torch's two biases is b.

    Keeps x, h, c, W, U and a.

    Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; Gers et al., 2000, for f.
    """

    order: Literal["ifgo", "fgio", "iofg"] = "ifgo"

    def forward(self, x, h, c, W, U, b):
        a = x @ W + h @ U + b
        return cells.lstm(a, c, self.order), (x, h, c, W, U, a)

    def backward(self, residuals, dy):
        x, h, c, W, U, a = residuals
        xp = array_namespace(x)
        da, dc = cells.lstm_back(a, c, dy[0], dy[1], self.order)
        dx, dh = da @ xp.matrix_transpose(W), da @ xp.matrix_transpose(U)
        dW, dU = xp.matrix_transpose(x) @ da, xp.matrix_transpose(h) @ da
        return dx, dh, dc, dW, dU, xp.sum(da, axis=0)


@dataclass(frozen=True)
class GRUCell:
    """y = (1 − z) v + z h    with r, z = σ(x W + b + h U + c) and v = tanh(x W + b + r (h U + c))

        x : (N, D)
        h : (N, H)
        W : (D, 3 * H)
        U : (H, 3 * H)
        b : (3 * H)
        c : (3 * H)
        a = x @ W + b
        g = h @ U[:, :2 * H] + c[:2 * H]
        r = sigmoid(a[:, :H] + g[:, :H])
        z = sigmoid(a[:, H:2 * H] + g[:, H:])
        m = where(reset == "before", r * h, h)
        q = m @ U[:, 2 * H:] + c[2 * H:]
        v = tanh(a[:, 2 * H:] + where(reset == "before", q, r * q))
        y = (1 - z) * v + z * h
          = v + z * (h - v)

    y lies between the candidate v and the old state h, and the gate z says where:

        dz = dy * (h - v)
        dv = dy * (1 - z)

    v is a tanh of a sum, in which the gate r multiplies q after its product with U, or h before it.
    Let p be the gradient of that sum:

        p = dv * (1 - v**2)
        dq = where(reset == "before", p, p * r)
        dm = dq @ U[:, 2 * H:].T
        dr = where(reset == "before", dm * h, p * q)

    In the gates the sides of x and of h are added, and so have the same gradient. The slopes of σ
    and tanh are formed as in LSTMCell:

        dg = concat((dr * r * (1 - r), dz * z * (1 - z)), axis=1)
        da = concat((dg, p), axis=1)
        dx = da @ W.T
        dh = dy * z + dg @ U[:, :2 * H].T + where(reset == "before", dm * r, dm)
        dW = x.T @ da
        dU = concat((h.T @ dg, m.T @ dq), axis=1)
        db = sum(da, axis=0)
        dc = concat((sum(dg, axis=0), sum(dq, axis=0)))

    reset="after" is the GRU of torch, of cuDNN and of Keras. reset="before" is that of the paper
    and of Deep Learning from Scratch 2: v = tanh(x W + b + (r h) U + c). Some have z and 1 − z
    exchanged.

    Keeps x, h, W, U, a and c: the gates are formed again.

    Cho et al., Learning Phrase Representations, 2014, arXiv:1406.1078.
    """

    reset: Literal["after", "before"] = "after"

    def forward(self, x, h, W, U, b, c):
        a = x @ W + b
        return cells.gru(a, h, U, c, self.reset), (x, h, W, U, a, c)

    def backward(self, residuals, dy):
        x, h, W, U, a, c = residuals
        xp = array_namespace(x)
        H = h.shape[-1]
        da, dg, dh, m = cells.gru_back(a, h, U, c, dy, self.reset)
        left = xp.matrix_transpose(h) @ dg[:, : 2 * H], xp.matrix_transpose(m) @ dg[:, 2 * H :]
        dx, dW = da @ xp.matrix_transpose(W), xp.matrix_transpose(x) @ da
        return dx, dh, dW, xp.concat(left, axis=1), xp.sum(da, axis=0), xp.sum(dg, axis=0)


VARIANTS = (LSTMCell("fgio"), GRUCell("before"))
