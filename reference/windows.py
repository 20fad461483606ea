"""Windows, from index arithmetic: row p of a window is row k of the image."""

import math

import jax.numpy as jnp
from jax import linear_transpose

__all__ = ["col2im", "im2col"]


def im2col(x, *, kernel=(2, 2), stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """The windows of x as columns: (N, C × numbers in a window, windows)"""
    windows = windows_of(x, kernel, stride, padding, dilation)
    rows, columns = windows.shape[4:]
    return windows.reshape(x.shape[0], x.shape[1] * math.prod(kernel), rows * columns)


def col2im(x, *, size, kernel=(2, 2), stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """The transpose of im2col, as JAX transposes it"""
    image = jnp.zeros((x.shape[0], x.shape[1] // math.prod(kernel), *size), x.dtype)

    def columns(a):
        return im2col(a, kernel=kernel, stride=stride, padding=padding, dilation=dilation)

    return linear_transpose(columns, image)(x)[0]


def windows_of(x, kernel, stride, padding, dilation):
    """Every window of x: (N, C, axes of the window, axes of the windows)"""
    x = jnp.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    d, index = len(kernel), []
    axes = zip(x.shape[2:], kernel, stride, dilation, strict=True)
    for axis, (n, k, s, step) in enumerate(axes):
        places = (
            jnp.arange(k)[:, None] * step + jnp.arange(len(range(0, n - step * (k - 1), s))) * s
        )
        shape = [1] * (2 * d)
        shape[axis], shape[d + axis] = places.shape
        index.append(places.reshape(shape))
    return x[(slice(None), slice(None), *index)]
