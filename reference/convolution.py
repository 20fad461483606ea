"""Convolution and pooling, as XLA has them."""

import math

import jax.numpy as jnp
from jax import lax, linear_transpose

__all__ = ["avg_pool2d", "col2im", "conv2d", "im2col", "max_pool2d"]


def im2col(x, kernel=(2, 2), stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """The windows of x as columns: (N, C × numbers in a window, windows)"""
    patches = lax.conv_general_dilated_patches(
        x, kernel, stride, [(p, p) for p in padding], rhs_dilation=dilation
    )
    n, c, p, q = patches.shape
    return patches.reshape(n, c, p * q)


def col2im(x, size, kernel=(2, 2), stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """The transpose of im2col, as JAX transposes it"""
    image = jnp.zeros((x.shape[0], x.shape[1] // math.prod(kernel), *size), x.dtype)
    return linear_transpose(lambda a: im2col(a, kernel, stride, padding, dilation), image)(x)[0]


def conv2d(x, W, b, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """The correlation of x with every filter of W, plus b"""
    y = lax.conv_general_dilated(
        x,
        W,
        stride,
        [(p, p) for p in padding],
        rhs_dilation=dilation,
        feature_group_count=groups,
    )
    return y + b.reshape(1, -1, 1, 1)


def max_pool2d(x, kernel=(2, 2), stride=(2, 2), padding=(0, 0)):
    """The largest number of each window; the padding is −∞"""
    return _pool(x, -math.inf, lax.max, (kernel, stride, padding))


def avg_pool2d(x, kernel=(2, 2), stride=(2, 2), padding=(0, 0)):
    """The mean of each window; the padding is 0"""
    return _pool(x, 0.0, lax.add, (kernel, stride, padding)) / math.prod(kernel)


def _pool(x, start, operation, window):
    kernel, stride, padding = window
    edges = ((0, 0), (0, 0), *((p, p) for p in padding))
    return lax.reduce_window(x, start, operation, (1, 1, *kernel), (1, 1, *stride), edges)
