"""Transposed convolutions: zeros between the numbers of x, and a convolution with flipped filters."""

import jax.numpy as jnp
from jax import lax

from .convolution import convolution

__all__ = ["conv_transpose1d", "conv_transpose2d"]


def conv_transpose1d(x, W, b, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """A transposed convolution along one axis"""
    return _transposed(x, W, b, (stride,), (padding,), (output_padding,), (dilation,), groups)


def conv_transpose2d(
    x, W, b, *, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), groups=1
):
    """A transposed convolution along rows and columns"""
    return _transposed(x, W, b, stride, padding, output_padding, dilation, groups)


def _transposed(x, W, b, stride, padding, output_padding, dilation, groups):
    kernel = W.shape[2:]
    reach = [d * (k - 1) - p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    edges = [(r, r + e, s - 1) for r, e, s in zip(reach, output_padding, stride, strict=True)]
    spread = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (0, 0, 0), *edges])
    filters = jnp.flip(W, range(2, W.ndim)).reshape(groups, -1, W.shape[1], *kernel)
    filters = jnp.swapaxes(filters, 1, 2).reshape(groups * W.shape[1], -1, *kernel)
    ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
    return convolution(spread, filters, b, ones, zeros, dilation, groups)
