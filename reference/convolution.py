"""Convolution and pooling, from index arithmetic: row p of a window is row k of the image."""

import math

import jax.numpy as jnp
from jax import lax, linear_transpose

__all__ = ["avg_pool2d", "col2im", "conv2d", "im2col", "max_pool2d"]


def im2col(x, *, kernel=(2, 2), stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """The windows of x as columns: (N, C × numbers in a window, windows)"""
    windows = _windows(x, kernel, stride, padding, dilation)
    rows, columns = windows.shape[4:]
    return windows.reshape(x.shape[0], x.shape[1] * math.prod(kernel), rows * columns)


def col2im(x, *, size, kernel=(2, 2), stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """The transpose of im2col, as JAX transposes it"""
    image = jnp.zeros((x.shape[0], x.shape[1] // math.prod(kernel), *size), x.dtype)

    def columns(a):
        return im2col(a, kernel=kernel, stride=stride, padding=padding, dilation=dilation)

    return linear_transpose(columns, image)(x)[0]


def conv2d(x, W, b, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """Σ W x over each window, by groups of channels, plus b"""
    windows = _windows(x, W.shape[2:], stride, padding, dilation)
    windows = windows.reshape(x.shape[0], groups, -1, *windows.shape[2:])
    filters = W.reshape(groups, -1, *W.shape[1:])
    y = jnp.einsum("ngcklpq,gockl->ngopq", windows, filters)
    return y.reshape(x.shape[0], W.shape[0], *y.shape[3:]) + b.reshape(1, -1, 1, 1)


def max_pool2d(x, *, kernel=(2, 2), stride=(2, 2), padding=(0, 0)):
    """The largest number of each window; the padding is −∞"""
    return _pool(x, -math.inf, lax.max, (kernel, stride, padding))


def avg_pool2d(x, *, kernel=(2, 2), stride=(2, 2), padding=(0, 0)):
    """The mean of each window; the padding is 0"""
    return _pool(x, 0.0, lax.add, (kernel, stride, padding)) / math.prod(kernel)


def _pool(x, start, operation, window):
    kernel, stride, padding = window
    edges = ((0, 0), (0, 0), *((p, p) for p in padding))
    return lax.reduce_window(x, start, operation, (1, 1, *kernel), (1, 1, *stride), edges)


def _windows(x, kernel, stride, padding, dilation):
    """Every window of x: (N, C, rows and columns of the window, rows and columns of windows)"""
    x = jnp.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    rows, columns = (
        jnp.arange(k)[:, None] * d + jnp.arange(len(range(0, n - d * (k - 1), s))) * s
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    )
    return x[:, :, rows[:, None, :, None], columns[None, :, None, :]]
