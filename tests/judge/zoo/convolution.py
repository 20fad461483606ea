"""Convolution and pooling."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.judge.zoo.operation import Operation, changed, real

K, STRIDE, PAD = 3, 2, 1


def padded(x, value=0.0):
    """x with PAD more numbers on each side of its last two axes."""
    return np.pad(x, ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)), constant_values=value)


def offsets(dy, size=K):
    """Each place in the window, and where in the padded x it falls for every window."""
    height, width = dy.shape[-2:]
    for i in range(size):
        for j in range(size):
            rows = slice(i, i + STRIDE * (height - 1) + 1, STRIDE)
            columns = slice(j, j + STRIDE * (width - 1) + 1, STRIDE)
            yield i, j, (..., rows, columns)


def cropped(x):
    return x[..., PAD:-PAD, PAD:-PAD].copy()


def windows(x, size=K):
    """The square windows of a padded x, as the last two axes."""
    return sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::STRIDE, ::STRIDE]


def _conv2d(x, w, b):
    return np.einsum("nchwij,ocij->nohw", windows(padded(x), w.shape[-1]), w) + b[:, None, None]


def _conv2d_vjp(dy, x, w, b):
    x_padded = padded(x)
    dx, dw = np.zeros_like(x_padded), np.zeros_like(w)
    for i, j, place in offsets(dy, w.shape[-1]):
        dx[place] += np.einsum("nohw,oc->nchw", dy, w[:, :, i, j])
        dw[:, :, i, j] = np.einsum("nohw,nchw->oc", dy, x_padded[place])
    return cropped(dx), dw, np.sum(dy, axis=(0, 2, 3))


def _max_pool(x):
    return np.max(windows(padded(x, -np.inf)), axis=(-2, -1))


def max_pool_gradient(dy, x, y, border):
    """The entries that are the maximum share the gradient; the border has this value."""
    x_padded = padded(x, border)
    chosen = [(place, x_padded[place] == y) for _, _, place in offsets(dy)]
    share = dy / np.maximum(sum(mask.astype(dy.dtype) for _, mask in chosen), 1)
    dx = np.zeros_like(x_padded)
    for place, mask in chosen:
        dx[place] += share * mask
    return cropped(dx)


def _avg_pool(x):
    return np.mean(windows(padded(x)), axis=(-2, -1))


def _avg_pool_vjp(dy, x):
    dx = np.zeros_like(padded(x))
    for _, _, place in offsets(dy):
        dx[place] += dy / K**2
    return (cropped(dx),)


def _conv1d(x, w):
    return np.einsum("nclk,ock->nol", sliding_window_view(x, w.shape[-1], axis=-1), w)


def _conv1d_vjp(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for k in range(w.shape[-1]):
        place = (..., slice(k, k + dy.shape[-1]))
        dx[place] += np.einsum("nol,oc->ncl", dy, w[..., k])
        dw[..., k] = np.einsum("nol,ncl->oc", dy, x[place])
    return dx, dw


def _causal(x, w, state):
    """Each channel by its own filter, over the state that came before and x."""
    return np.einsum("clk,ck->cl", sliding_window_view(_history(x, state), w.shape[-1], axis=-1), w)


def _history(x, state):
    return np.concatenate([state, x], axis=-1)


def _causal_vjp(dy, x, w, state):
    whole = _history(x, state)
    d, dw = np.zeros_like(whole), np.zeros_like(w)
    for k in range(w.shape[-1]):
        place = (..., slice(k, k + dy.shape[-1]))
        d[place] += dy * w[:, k, None]
        dw[:, k] = np.sum(dy * whole[place], axis=-1)
    return d[:, state.shape[-1] :].copy(), dw, d[:, : state.shape[-1]].copy()


CONV2D = Operation(
    "conv2d", _conv2d, _conv2d_vjp, real((2, 3, 6, 5), (4, 3, 3, 3), (4,)), entire=True
)
MAX_POOL = Operation(
    "max_pool",
    _max_pool,
    lambda dy, x: (max_pool_gradient(dy, x, _max_pool(x), -np.inf),),
    real((2, 2, 5, 5)),
)
MAX_POOL_NEGATIVE = Operation(
    "max_pool_negative", _max_pool, MAX_POOL.vjp, changed(real((2, 2, 5, 5)), lambda x: x - 4)
)
AVG_POOL = Operation("avg_pool", _avg_pool, _avg_pool_vjp, real((2, 2, 5, 5)), entire=True)
CAUSAL = Operation("causal_conv1d", _causal, _causal_vjp, real((3, 6), (3, 4), (3, 3)), entire=True)
CAUSAL_SHORT = Operation(
    "causal_conv1d_short", _causal, _causal_vjp, real((3, 2), (3, 4), (3, 3)), entire=True
)

OPERATIONS = (
    CONV2D,
    MAX_POOL,
    MAX_POOL_NEGATIVE,
    AVG_POOL,
    CAUSAL,
    CAUSAL_SHORT,
    Operation("conv1d", _conv1d, _conv1d_vjp, real((2, 3, 6), (4, 3, 3)), entire=True),
)
