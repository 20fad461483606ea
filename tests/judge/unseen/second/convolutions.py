"""Convolutions in NumPy, by columns and by loops."""

import jax
import numpy as np

from tests.judge.unseen.case import Case, Wrong, parameters


def im2col(x, kh, kw, stride, pad):
    N, C, H, W = x.shape
    oh = (H + 2 * pad - kh) // stride + 1
    ow = (W + 2 * pad - kw) // stride + 1
    xp = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    col = np.zeros((N, C, kh, kw, oh, ow), x.dtype)
    for i in range(kh):
        for j in range(kw):
            col[:, :, i, j] = xp[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * oh * ow, -1)


def col2im(col, shape, kh, kw, stride, pad):
    N, C, H, W = shape
    oh = (H + 2 * pad - kh) // stride + 1
    ow = (W + 2 * pad - kw) // stride + 1
    col = col.reshape(N, oh, ow, C, kh, kw).transpose(0, 3, 4, 5, 1, 2)
    xp = np.zeros((N, C, H + 2 * pad, W + 2 * pad), col.dtype)
    for i in range(kh):
        for j in range(kw):
            xp[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride] += col[:, :, i, j]
    return xp[:, :, pad : pad + H, pad : pad + W]


class Conv:
    def __init__(self, W, b, stride=1, pad=1):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def forward(self, x):
        F, _C, kh, kw = self.W.shape
        N, _, H, Wd = x.shape
        oh = (H + 2 * self.pad - kh) // self.stride + 1
        ow = (Wd + 2 * self.pad - kw) // self.stride + 1
        self.x_shape = x.shape
        self.col = im2col(x, kh, kw, self.stride, self.pad)
        out = self.col @ self.W.reshape(F, -1).T + self.b
        return out.reshape(N, oh, ow, F).transpose(0, 3, 1, 2)

    def backward(self, dout):
        F, C, kh, kw = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, F)
        self.db = dout.sum(axis=0)
        self.dW = (self.col.T @ dout).T.reshape(F, C, kh, kw)
        dcol = dout @ self.W.reshape(F, -1)
        return col2im(dcol, self.x_shape, kh, kw, self.stride, self.pad)


def conv_naive(x, w, b):
    stride = 2
    N, _C, H, W = x.shape
    F, _, kh, kw = w.shape
    oh, ow = (H - kh) // stride + 1, (W - kw) // stride + 1
    out = np.zeros((N, F, oh, ow), x.dtype)
    for i in range(oh):
        for j in range(ow):
            win = x[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
            out[:, :, i, j] = np.tensordot(win, w, axes=([1, 2, 3], [1, 2, 3])) + b
    return out, (x, w, stride)


def conv_naive_backward(dout, cache):
    x, w, stride = cache
    _F, _, kh, kw = w.shape
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    db = dout.sum(axis=(0, 2, 3))
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            si, sj = i * stride, j * stride
            win = x[:, :, si : si + kh, sj : sj + kw]
            d = dout[:, :, i, j]
            dw += np.tensordot(d, win, axes=([0], [0]))
            dx[:, :, si : si + kh, sj : sj + kw] += np.tensordot(d, w, axes=([1], [0]))
    return dx, dw, db


def conv1d(x, w):
    """Valid correlation of each channel with its own filter."""
    K = w.shape[1]
    T = x.shape[2] - K + 1
    return sum(w[:, k, None] * x[:, :, k : k + T] for k in range(K)), (x, w)


def conv1d_backward(dy, cache):
    x, w = cache
    K, T = w.shape[1], dy.shape[2]
    dx = np.zeros_like(x)
    dw = np.zeros_like(w)
    for k in range(K):
        dx[:, :, k : k + T] += w[:, k, None] * dy
        dw[:, k] = (x[:, :, k : k + T] * dy).sum(axis=(0, 2))
    return dx, dw


def deconv1d(x, w):
    """Transposed convolution, stride 2: (N, C, T), (C, D, K) -> (N, D, 2 (T - 1) + K)."""
    N, _C, T = x.shape
    _, D, K = w.shape
    y = np.zeros((N, D, 2 * (T - 1) + K), x.dtype)
    for t in range(T):
        y[:, :, 2 * t : 2 * t + K] += np.einsum("nc,cdk->ndk", x[:, :, t], w)
    return y, (x, w)


def deconv1d_backward(dy, cache):
    x, w = cache
    K = w.shape[2]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for t in range(x.shape[2]):
        d = dy[:, :, 2 * t : 2 * t + K]
        dx[:, :, t] = np.einsum("ndk,cdk->nc", d, w)
        dw += np.einsum("nc,ndk->cdk", x[:, :, t], d)
    return dx, dw


class SmallConvNet:
    """Convolution of one channel, ReLU, mean over the image, dense."""

    def __init__(self, K, W):
        self.K, self.W = K, W

    def forward(self, x):
        kh, kw = self.K.shape[1:]
        win = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))
        self.win = win
        self.a = np.einsum("nijkl,fkl->nfij", win, self.K)
        self.r = np.maximum(self.a, 0)
        self.p = self.r.mean(axis=(2, 3))
        self.x_shape = x.shape
        return self.p @ self.W

    def backward(self, dy):
        self.dW = self.p.T @ dy
        dp = dy @ self.W.T
        dr = np.ones_like(self.r) * dp[:, :, None, None] / (self.r.shape[2] * self.r.shape[3])
        da = dr * (self.a > 0)
        self.dK = np.einsum("nfij,nijkl->fkl", da, self.win)
        dx = np.zeros(self.x_shape, dy.dtype)
        oh, ow = da.shape[2:]
        for k in range(self.K.shape[1]):
            for m in range(self.K.shape[2]):
                dx[:, k : k + oh, m : m + ow] += np.einsum("nfij,f->nij", da, self.K[:, k, m])
        return dx


def _conv(x, w, b, stride, pad):
    return jax.lax.conv_general_dilated(x, w, (stride, stride), [(pad, pad)] * 2) + b[:, None, None]


RIGHT = [
    Case("Conv", lambda d: Conv(*parameters(d, (3, 2, 3, 3), (3,))), lambda r: (r(2, 2, 5, 4),)),
    Case(
        "conv_naive",
        lambda d: (conv_naive, conv_naive_backward),
        lambda r: (r(2, 2, 7, 7), r(3, 2, 3, 3), r(3)),
        {"reference": lambda x, w, b: _conv(x, w, b, 2, 0)},
    ),
    Case("conv1d", lambda d: (conv1d, conv1d_backward), lambda r: (r(3, 3, 7), r(3, 4))),
    Case("deconv1d", lambda d: (deconv1d, deconv1d_backward), lambda r: (r(2, 3, 4), r(3, 2, 3))),
    Case(
        "SmallConvNet",
        lambda d: SmallConvNet(*parameters(d, (2, 3, 2), (2, 4))),
        lambda r: (r(3, 5, 6),),
    ),
]

WRONG = [
    Wrong(
        "Conv",
        "return col2im(dcol, self.x_shape, kh, kw, self.stride, self.pad)",
        "return col2im(dcol, self.x_shape, kh, kw, self.stride, self.pad)[:, :, ::-1, ::-1]",
        says="flipped along",
    ),
    Wrong(
        "Conv",
        "(self.col.T @ dout).T.reshape(F, C, kh, kw)",
        "(self.col.T @ dout).reshape(F, C, kh, kw)",
        says=r"read as \(3, 2, 3, 3\)",
    ),
    Wrong(
        "conv_naive",
        "dw += np.tensordot",
        "dw = np.tensordot",
        within="conv_naive_backward",
        says="is it assigned at each",
    ),
    Wrong(
        "conv_naive",
        "dx[:, :, si : si + kh, sj : sj + kw] += ",
        "dx[:, :, i : i + kh, j : j + kw] += ",
        within="conv_naive_backward",
    ),
    Wrong(
        "conv1d",
        "dx[:, :, k : k + T] += w[:, k, None] * dy",
        "dx[:, :, k : k + T] += w[:, K - 1 - k, None] * dy",
        within="conv1d_backward",
        says="taken in reverse",
    ),
    Wrong(
        "conv1d",
        "(x[:, :, k : k + T] * dy).sum(axis=(0, 2))",
        "(x[0, :, k : k + T] * dy[0]).sum(axis=1)",
        within="conv1d_backward",
        says="used in the first row alone",
    ),
    Wrong(
        "deconv1d",
        'np.einsum("ndk,cdk->nc", d, w)',
        'np.einsum("ndk,cdk->nc", d, w[:, :, ::-1])',
        within="deconv1d_backward",
        says="flipped along",
    ),
    Wrong(
        "SmallConvNet",
        "da = dr * (self.a > 0)",
        "da = dr * (self.a[:, :, ::-1] > 0)",
        says="flipped along",
    ),
]
