"""Pooling, by the window reductions of lax."""

import math

import jax.numpy as jnp
from jax import lax

from .windows import windows_of

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "global_avg_pool",
    "lp_pool",
    "max_pool1d",
    "max_pool2d",
]


def max_pool1d(x, *, kernel=2, stride=2, padding=0):
    """The largest number of each window; the padding is −∞"""
    return _pool(x, -math.inf, lax.max, ((kernel,), (stride,), (padding,)))


def max_pool2d(x, *, kernel=(2, 2), stride=(2, 2), padding=(0, 0)):
    """The largest number of each window; the padding is −∞"""
    return _pool(x, -math.inf, lax.max, (kernel, stride, padding))


def avg_pool1d(x, *, kernel=2, stride=2, padding=0):
    """The mean of each window; the padding is 0"""
    return _pool(x, 0.0, lax.add, ((kernel,), (stride,), (padding,))) / kernel


def avg_pool2d(x, *, kernel=(2, 2), stride=(2, 2), padding=(0, 0)):
    """The mean of each window; the padding is 0"""
    return _pool(x, 0.0, lax.add, (kernel, stride, padding)) / math.prod(kernel)


def global_avg_pool(x, *, keepdims=False):
    """The mean of the pixels of each channel"""
    y = x.reshape(*x.shape[:2], -1).mean(axis=-1)
    return jnp.expand_dims(y, range(2, x.ndim)) if keepdims else y


def adaptive_avg_pool2d(x, *, size):
    """The mean of each bin, cut out of the image"""
    rows, columns = (
        [slice(i * n // bins, -(-(i + 1) * n // bins)) for i in range(bins)]
        for n, bins in zip(x.shape[2:], size, strict=True)
    )
    means = [[x[:, :, r, c].mean(axis=(2, 3)) for c in columns] for r in rows]
    return jnp.stack([jnp.stack(row, axis=-1) for row in means], axis=-2)


def lp_pool(x, *, p=2.0, kernel=(2, 2), stride=(2, 2)):
    """The p-norm of each window"""
    windows = windows_of(x, kernel, stride, (0, 0), (1, 1))
    return jnp.sum(jnp.abs(windows) ** p, axis=(2, 3)) ** (1 / p)


def _pool(x, start, operation, window):
    kernel, stride, padding = window
    edges = ((0, 0), (0, 0), *((p, p) for p in padding))
    return lax.reduce_window(x, start, operation, (1, 1, *kernel), (1, 1, *stride), edges)
