"""Planted where there are several outputs, several wrong paths, or checks in the forward."""

import numpy as np

from tests.judge.planted.planted import Planted, pair, positive, real, softmax


def moments(x):
    return np.mean(x, axis=0), np.var(x, axis=0)


def moments_vjp(dy, x):
    of_mean, of_variance = dy
    return ((of_mean + 2 * of_variance * (x - np.mean(x, axis=0))) / len(x),)


def moments_vjp_of_the_mean(dy, x):
    return (np.broadcast_to(dy[0] / len(x), x.shape).copy(),)


def polar(r, angle):
    return r * np.cos(angle), r * np.sin(angle)


def polar_vjp(dy, r, angle):
    c, s = np.cos(angle), np.sin(angle)
    return dy[0] * c + dy[1] * s, r * (dy[1] * c - dy[0] * s)


def polar_vjp_with_cos(dy, r, angle):
    c, s = np.cos(angle), np.sin(angle)
    return dy[0] * c + dy[1] * s, r * (dy[1] * c - dy[0] * c)


def turned(x, sign=1):
    """The first half of the columns and the second, as pairs, turned by angles of their own."""
    a, b = np.split(x, 2, axis=1)
    angles = np.arange(len(x))[:, None] * 10.0 ** -np.arange(a.shape[1])
    c, s = np.cos(angles), sign * np.sin(angles)
    return np.concatenate([a * c - b * s, a * s + b * c], axis=1)


def checked_net(x, W, V):
    """tanh(x W) V, of finite numbers."""
    if not all(np.isfinite(a).all() for a in (x, W, V)):
        raise ValueError("not finite")
    return np.tanh(x @ W) @ V


def _net_vjp(dy, arrays, slope):
    x, W, V = arrays
    h = np.tanh(x @ W)
    da = dy @ V.T * slope(h)
    return da @ W.T, x.T @ da, h.T @ dy


def net_vjp(dy, x, W, V):
    return _net_vjp(dy, (x, W, V), lambda h: 1 - h**2)


def net_vjp_without_square(dy, x, W, V):
    return _net_vjp(dy, (x, W, V), lambda h: 1 - h)


def kernel(x, y, scales):
    """A Gaussian kernel with a scale for each feature, none of them 0."""
    if not np.all(scales):
        raise ValueError("a scale is 0")
    return np.exp(-0.5 * np.sum(((x[:, None] - y) / scales) ** 2, axis=-1))


def _kernel_vjp(dy, arrays, dtype):
    x, y, scales = arrays
    r = (x[:, None] - y) / scales
    k = kernel(x, y, scales).astype(dtype).astype(x.dtype)
    g = (dy * k)[..., None] * r / scales
    return -np.sum(g, axis=1), np.sum(g, axis=0), np.sum(g * r, axis=(0, 1))


def kernel_vjp(dy, x, y, scales):
    return _kernel_vjp(dy, (x, y, scales), x.dtype)


def kernel_vjp_in_single(dy, x, y, scales):
    return _kernel_vjp(dy, (x, y, scales), np.float32)


def _causal(q, k, ahead):
    """Softmax of the scores of a query with the keys up to its own, or so many ahead."""
    seen = np.tri(len(q), len(k), ahead, dtype=bool)
    return softmax(np.where(seen, q @ k.T, -1e9))


def attend(q, k, v):
    return _causal(q, k, 0) @ v


def _attend_vjp(dy, arrays, ahead):
    q, k, v = arrays
    p, dp = _causal(q, k, ahead), dy @ v.T
    ds = p * (dp - np.sum(dp * p, axis=-1, keepdims=True))
    return ds @ k, ds.T @ q, p.T @ dy


PLANTED = [
    Planted(
        "variance without dy",
        "dy ignored",
        r"dy of output 1 is dropped",
        real((6, 4)),
        pair(moments, moments_vjp),
        pair(moments, moments_vjp_of_the_mean),
    ),
    Planted(
        "cos for sin",
        "slope",
        r"input 1 .*derivative of `cos`.*taken as −its output",
        real((4, 3), (4, 3)),
        pair(polar, polar_vjp),
        pair(polar, polar_vjp_with_cos),
    ),
    Planted(
        "turned the same way",
        "−1",
        r"paths through the product.*of the wrong sign",
        real((5, 6)),
        pair(turned, lambda dy, x: (turned(dy, -1),)),
        pair(turned, lambda dy, x: (turned(dy),)),
    ),
    Planted(
        "tanh's square forgotten, in a net that checks its inputs",
        "slope",
        r"input 0 .*input 1 .*derivative of `tanh`.*1 − its output",
        real((5, 3), (3, 4), (4, 2)),
        pair(checked_net, net_vjp),
        pair(checked_net, net_vjp_without_square),
    ),
    Planted(
        "one key ahead",
        "padding",
        r"input 0 .*input 2 .*the mask.*shifted by 1 along axis 1",
        real((5, 4), (5, 4), (5, 3)),
        pair(attend, lambda dy, *arrays: _attend_vjp(dy, arrays, 0)),
        pair(attend, lambda dy, *arrays: _attend_vjp(dy, arrays, 1)),
    ),
    Planted(
        "kernel in single precision",
        "bits",
        r"input 2 \(scales\).*lost bits.*float32(?!.*no simple way)",
        (*real((4, 2), (5, 2)), *positive((2,))),
        pair(kernel, kernel_vjp),
        pair(kernel, kernel_vjp_in_single),
    ),
]
