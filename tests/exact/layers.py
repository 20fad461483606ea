"""Layers as people write them in NumPy, and what is wrong with some of them.

Each is a function that makes the layer, the shapes of its inputs, and its parameters with the names
of their gradients.
"""

import numpy as np


class Dense:
    def __init__(self, rng):
        self.W, self.b = rng.normal(size=(4, 3)), rng.normal(size=3)

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dy):
        self.dW = np.dot(self.x.T, dy)
        self.db = np.sum(dy, axis=0)
        return np.dot(dy, self.W.T)


class DenseWithMean(Dense):
    def backward(self, dy):
        dx = super().backward(dy)
        self.db = np.mean(dy, axis=0)
        return dx


class TanhDense(Dense):
    def forward(self, x):
        self.y = np.tanh(super().forward(x))
        return self.y

    def backward(self, dy):
        return super().backward(dy * (1 - self.y**2))


class TanhDenseWithoutSquare(TanhDense):
    def backward(self, dy):
        return Dense.backward(self, dy * (1 - self.y))


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dy):
        dx = dy.copy()
        dx[self.mask] = 0
        return dx


class LeakyRelu:
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, 0.01 * x)

    def backward(self, dy):
        return dy * np.where(self.x > 0, 1, 0.01)


class Sigmoid:
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, dy):
        return dy * self.y * (1 - self.y)


class Softmax:
    def forward(self, x):
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        self.y = e / e.sum(axis=-1, keepdims=True)
        return self.y

    def backward(self, dy):
        return self.y * (dy - (dy * self.y).sum(axis=-1, keepdims=True))


class SoftmaxWithoutSum(Softmax):
    def backward(self, dy):
        return self.y * (1 - self.y) * dy


class SoftmaxLoss:
    """The loss of integer labels, with the classic `p[range(n), t] -= 1`."""

    def forward(self, x):
        shifted = x - x.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self.p, self.t = np.exp(logs), np.arange(len(x)) % x.shape[1]
        return -logs[np.arange(len(x)), self.t].mean()

    def backward(self, dy):
        dx = self.p.copy()
        dx[np.arange(len(dx)), self.t] -= 1
        return dx * dy / len(dx)


class SoftmaxLossWithoutMean(SoftmaxLoss):
    def backward(self, dy):
        return super().backward(dy) * len(self.p)


class LayerNorm:
    def __init__(self, rng):
        self.gamma, self.beta = rng.normal(size=4), rng.normal(size=4)

    def forward(self, x):
        self.mu, self.var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        self.std = np.sqrt(self.var + 1e-5)
        self.x_hat = (x - self.mu) / self.std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dy):
        self.dgamma, self.dbeta = (dy * self.x_hat).sum(0), dy.sum(0)
        g = dy * self.gamma
        along = self.x_hat * (g * self.x_hat).mean(-1, keepdims=True)
        return (g - g.mean(-1, keepdims=True) - along) / self.std


class LayerNormWithFixedSpread(LayerNorm):
    def backward(self, dy):
        super().backward(dy)
        g = dy * self.gamma
        return (g - g.mean(-1, keepdims=True)) / self.std


class BatchNorm(LayerNorm):
    def forward(self, x):
        self.xc = x - np.mean(x, axis=0)
        self.std = np.sqrt(np.mean(self.xc**2, axis=0) + 10e-7)
        self.x_hat = self.xc / self.std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dy):
        n = dy.shape[0]
        self.dbeta, self.dgamma = dy.sum(axis=0), np.sum(self.x_hat * dy, axis=0)
        dxn = self.gamma * dy
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dxc += (2.0 / n) * self.xc * (0.5 * dstd / self.std)
        return dxc - np.sum(dxc, axis=0) / n


class RMSNorm:
    def forward(self, x):
        self.x, self.r = x, (np.mean(x * x, axis=-1, keepdims=True) + 1e-6) ** -0.5
        return x * self.r

    def backward(self, dy):
        return self.r * dy - self.x * self.r**3 * np.mean(dy * self.x, -1, keepdims=True)


class Rnn:
    """All steps of h = tanh(x W + h U), through time."""

    def __init__(self, rng):
        self.W, self.U = rng.normal(size=(4, 2)), rng.normal(size=(2, 2))

    def forward(self, x):
        self.x, self.h = x, {-1: np.zeros(2)}
        for t in range(len(x)):
            self.h[t] = np.tanh(x[t] @ self.W + self.h[t - 1] @ self.U)
        return np.stack([self.h[t] for t in range(len(x))])

    def backward(self, dy):
        self.dW, self.dU = np.zeros_like(self.W), np.zeros_like(self.U)
        dx, carry = np.zeros_like(self.x), 0
        for t in reversed(range(len(self.x))):
            da = (dy[t] + carry) * (1 - self.h[t] ** 2)
            self.dW += np.outer(self.x[t], da)
            self.dU += np.outer(self.h[t - 1], da)
            dx[t] = da @ self.W.T
            carry = da @ self.U.T
        return dx


class RnnWithoutCarry(Rnn):
    def backward(self, dy):
        dx = super().backward(dy)
        dx[0] = (dy[0] * (1 - self.h[0] ** 2)) @ self.W.T
        return dx


class LstmCell:
    def __init__(self, rng):
        self.W = rng.normal(size=(6, 8))

    def forward(self, x, h, c):
        self.z, self.c0 = np.hstack([x, h]), c
        gates = np.split(self.z @ self.W, 4, axis=1)
        self.i, self.f, self.o = (1 / (1 + np.exp(-g)) for g in gates[:3])
        self.g = np.tanh(gates[3])
        c = self.f * c + self.i * self.g
        self.tanh_c = np.tanh(c)
        return self.o * self.tanh_c, c

    def backward(self, dy):
        dh, dc = dy
        dc = dc + dh * self.o * (1 - self.tanh_c**2)
        di, df, do, dg = dc * self.g, dc * self.c0, dh * self.tanh_c, dc * self.i
        slopes = [s * (1 - s) for s in (self.i, self.f, self.o)]
        parts = [d * s for d, s in zip((di, df, do), slopes, strict=True)]
        da = np.concatenate([*parts, dg * (1 - self.g**2)], axis=1)
        self.dW = self.z.T @ da
        dz = da @ self.W.T
        return dz[:, :4], dz[:, 4:], dc * self.f


class Attention:
    def forward(self, q, k, v):
        self.q, self.k, self.v = q, k, v
        self.scale = 1 / np.sqrt(q.shape[-1])
        s = q @ k.T * self.scale
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        self.p = e / e.sum(axis=-1, keepdims=True)
        return self.p @ v

    def backward(self, dy):
        dp = dy @ self.v.T
        ds = self.p * (dp - (dp * self.p).sum(-1, keepdims=True)) * self.scale
        return ds @ self.k, ds.T @ self.q, self.p.T @ dy


class AttentionWithoutScale(Attention):
    def backward(self, dy):
        dq, dk, dv = super().backward(dy)
        return dq / self.scale, dk / self.scale, dv


class Swish:
    def forward(self, x):
        self.x, self.s = x, 1 / (1 + np.exp(-x))
        return x * self.s

    def backward(self, dy):
        return dy * (self.s + self.x * self.s * (1 - self.s))


class TanhGelu:
    def forward(self, x):
        self.x = x
        self.t = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
        return 0.5 * x * (1 + self.t)

    def backward(self, dy):
        inner = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * self.x**2)
        return dy * (0.5 * (1 + self.t) + 0.5 * self.x * (1 - self.t**2) * inner)


class MaxPool:
    """Windows of 2 numbers."""

    def forward(self, x):
        self.pairs = x.reshape(x.shape[0], -1, 2)
        self.at = self.pairs.argmax(axis=2)
        return self.pairs.max(axis=2)

    def backward(self, dy):
        d = np.zeros_like(self.pairs)
        rows, columns = np.indices(self.at.shape)
        d[rows, columns, self.at] = dy
        return d.reshape(dy.shape[0], -1)


class CosineLoss:
    def forward(self, a, b):
        self.a, self.b = a, b
        self.na, self.nb = np.sqrt(np.sum(a * a)), np.sqrt(np.sum(b * b))
        self.cos = np.sum(a * b) / (self.na * self.nb)
        return 1 - self.cos

    def backward(self, dy):
        da = self.cos * self.a / self.na**2 - self.b / (self.na * self.nb)
        db = self.cos * self.b / self.nb**2 - self.a / (self.na * self.nb)
        return dy * da, dy * db


class Huber:
    def forward(self, x):
        self.x, self.small = x, np.abs(x) <= 1
        return np.sum(np.where(self.small, 0.5 * x**2, np.abs(x) - 0.5))

    def backward(self, dy):
        return dy * np.where(self.small, self.x, np.sign(self.x))


WB = {"W": "dW", "b": "db"}
NORM = {"gamma": "dgamma", "beta": "dbeta"}
ROWS = ((3, 4),)
RIGHT = {
    Dense: (ROWS, WB),
    TanhDense: (ROWS, WB),
    Relu: (ROWS, {}),
    LeakyRelu: (ROWS, {}),
    Sigmoid: (ROWS, {}),
    Softmax: (ROWS, {}),
    SoftmaxLoss: (ROWS, {}),
    LayerNorm: (ROWS, NORM),
    BatchNorm: (ROWS, NORM),
    RMSNorm: (ROWS, {}),
    Rnn: (ROWS, {"W": "dW", "U": "dU"}),
    LstmCell: (((3, 4), (3, 2), (3, 2)), {"W": "dW"}),
    Attention: (((3, 4), (5, 4), (5, 2)), {}),
    Swish: (ROWS, {}),
    TanhGelu: (ROWS, {}),
    MaxPool: (ROWS, {}),
    CosineLoss: (((4,), (4,)), {}),
    Huber: (ROWS, {}),
}
WRONG = {
    DenseWithMean: Dense,
    TanhDenseWithoutSquare: TanhDense,
    SoftmaxWithoutSum: Softmax,
    SoftmaxLossWithoutMean: SoftmaxLoss,
    LayerNormWithFixedSpread: LayerNorm,
    RnnWithoutCarry: Rnn,
    AttentionWithoutScale: Attention,
}
