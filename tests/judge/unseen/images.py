"""Layers of images in NumPy, as courses publish them: im2col and max pooling."""

import numpy as np

from tests.judge.unseen.case import Case, Wrong


def im2col(x, k, stride, pad):
    n, c, h, w = x.shape
    out_h, out_w = (h + 2 * pad - k) // stride + 1, (w + 2 * pad - k) // stride + 1
    img = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    col = np.zeros((n, c, k, k, out_h, out_w), x.dtype)
    for i in range(k):
        for j in range(k):
            rows, columns = i + stride * out_h, j + stride * out_w
            col[:, :, i, j] = img[:, :, i:rows:stride, j:columns:stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * out_h * out_w, -1)


def col2im(col, shape, k, stride, pad):
    n, c, h, w = shape
    out_h, out_w = (h + 2 * pad - k) // stride + 1, (w + 2 * pad - k) // stride + 1
    col = col.reshape(n, out_h, out_w, c, k, k).transpose(0, 3, 4, 5, 1, 2)
    img = np.zeros((n, c, h + 2 * pad + stride - 1, w + 2 * pad + stride - 1), col.dtype)
    for i in range(k):
        for j in range(k):
            rows, columns = i + stride * out_h, j + stride * out_w
            img[:, :, i:rows:stride, j:columns:stride] += col[:, :, i, j]
    return img[:, :, pad : h + pad, pad : w + pad]


class Convolution:
    def __init__(self, c_in, c_out, k, dtype, stride=1, pad=1):
        rng = np.random.default_rng(6)
        self.W = rng.normal(0, 0.3, (c_out, c_in, k, k)).astype(dtype)
        self.b = rng.normal(0, 0.3, c_out).astype(dtype)
        self.stride, self.pad = stride, pad

    def forward(self, x):
        c_out, _, k, _ = self.W.shape
        n, _, h, w = x.shape
        out_h = (h + 2 * self.pad - k) // self.stride + 1
        out_w = (w + 2 * self.pad - k) // self.stride + 1
        self.shape, self.col = x.shape, im2col(x, k, self.stride, self.pad)
        out = self.col @ self.W.reshape(c_out, -1).T + self.b
        return out.reshape(n, out_h, out_w, -1).transpose(0, 3, 1, 2)

    def backward(self, dout):
        c_out, _, k, _ = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, c_out)
        self.db = np.sum(dout, axis=0)
        self.dW = (self.col.T @ dout).T.reshape(self.W.shape)
        dcol = dout @ self.W.reshape(c_out, -1)
        return col2im(dcol, self.shape, k, self.stride, self.pad)


class MaxPool:
    def __init__(self, k=2):
        self.k = k

    def forward(self, x):
        n, c, h, w = x.shape
        k, rows, columns = self.k, h // self.k, w // self.k
        x = x[:, :, : rows * k, : columns * k].reshape(n, c, rows, k, columns, k)
        x = x.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, rows, columns, k * k)
        self.shape, self.arg = (n, c, h, w), x.argmax(axis=-1)
        return x.max(axis=-1)

    def backward(self, dout):
        n, c, *_ = self.shape
        k, (rows, columns) = self.k, dout.shape[2:]
        d = (np.arange(k * k) == self.arg[..., None]) * dout[..., None]
        d = d.reshape(n, c, rows, columns, k, k).transpose(0, 1, 2, 4, 3, 5)
        dx = np.zeros(self.shape, dout.dtype)
        dx[:, :, : rows * k, : columns * k] = d.reshape(n, c, rows * k, columns * k)
        return dx


RIGHT = [
    Case("Convolution", lambda t: Convolution(2, 3, 3, t), lambda r: (r(2, 2, 5, 5),)),
    Case(
        "Convolution of stride 2",
        lambda t: Convolution(2, 3, 3, t, stride=2),
        lambda r: (r(2, 2, 7, 6),),
    ),
    Case("MaxPool", lambda t: MaxPool(2), lambda r: (r(2, 2, 4, 6),)),
]

WRONG = [
    Wrong(
        "Convolution",
        "(self.col.T @ dout).T",
        "(self.col.T @ dout)",
        says="reshaped where it should be transposed",
    ),
    Wrong("Convolution", "np.sum(dout, axis=0)", "np.mean(dout, axis=0)", says="N times too small"),
    Wrong(
        "Convolution",
        "+= col[:, :, i, j]",
        "= col[:, :, i, j]",
        within="col2im",
        says="assigned, and not added",
    ),
    Wrong(
        "MaxPool",
        "(np.arange(k * k) == self.arg[..., None]) * dout[..., None]",
        "np.repeat(dout[..., None], k * k, -1) / (k * k)",
        says="averaged over axis 4",
    ),
]
