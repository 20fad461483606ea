"""Convolutions: Σ W x over each window, by groups of channels, plus b."""

import jax.numpy as jnp

from .windows import windows_of

__all__ = ["causal_conv1d", "conv1d", "conv2d", "conv3d"]


def conv1d(x, W, b, *, stride=1, padding=0, dilation=1, groups=1):
    """A convolution along one axis"""
    return convolution(x, W, b, (stride,), (padding,), (dilation,), groups)


def conv2d(x, W, b, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """A convolution along rows and columns"""
    return convolution(x, W, b, stride, padding, dilation, groups)


def conv3d(x, W, b, *, stride=(1, 1, 1), padding=(0, 0, 0), dilation=(1, 1, 1), groups=1):
    """A convolution along three axes"""
    return convolution(x, W, b, stride, padding, dilation, groups)


def causal_conv1d(x, W, b, *, dilation=1):
    """Each channel with its own filter: the windows end at the present"""
    channels, size = W.shape
    late = jnp.pad(x, ((0, 0), (0, 0), ((size - 1) * dilation, 0)))
    return conv1d(late, W[:, None], b, dilation=dilation, groups=channels)


def convolution(x, W, b, stride, padding, dilation, groups):
    """Σ W x over each window, along any axes"""
    windows = windows_of(x, W.shape[2:], stride, padding, dilation)
    windows = windows.reshape(x.shape[0], groups, -1, *windows.shape[2:])
    filters = W.reshape(groups, -1, *W.shape[1:])
    k, p = "hij"[: x.ndim - 2], "pqr"[: x.ndim - 2]
    y = jnp.einsum(f"ngc{k}{p},goc{k}->ngo{p}", windows, filters)
    return y.reshape(x.shape[0], W.shape[0], *y.shape[3:]) + jnp.expand_dims(
        b, range(1, x.ndim - 1)
    )
