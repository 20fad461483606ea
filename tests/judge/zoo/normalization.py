"""Softmax and the normalizations."""

import numpy as np

from tests.judge.zoo.operation import (
    Operation,
    changed,
    log_softmax,
    positive,
    real,
    softmax,
    softmax_gradient,
    together,
)

EPS = 1e-5


def statistics(x, axis):
    """x normalized along the axes, and the reciprocal of its standard deviation."""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    r = 1 / np.sqrt(np.mean(centred**2, axis=axis, keepdims=True) + EPS)
    return centred * r, r


def normalized_gradient(d, xhat, r, axis):
    """The gradient through mean and variance, from that of the normalized x."""
    shared = np.mean(d, axis=axis, keepdims=True) + xhat * np.mean(
        d * xhat, axis=axis, keepdims=True
    )
    return r * (d - shared)


def normalization(name, axis, outer, *shapes, change=lambda x: x):
    """(x − μ) / σ · γ + β along the axes; γ and β are shared along the outer ones."""

    def f(x, w, b):
        return statistics(x, axis)[0] * w + b

    def vjp(dy, x, w, b):
        xhat, r = statistics(x, axis)
        dx = normalized_gradient(dy * w, xhat, r, axis)
        return dx, np.sum(dy * xhat, axis=outer), np.sum(dy, axis=outer)

    return Operation(name, f, vjp, changed(real(*shapes), change), entire=True)


def _batch_norm_2d(x, w, b):
    return statistics(x, (0, 2, 3))[0] * w[:, None, None] + b[:, None, None]


def _batch_norm_2d_vjp(dy, x, w, b):
    xhat, r = statistics(x, (0, 2, 3))
    dx = normalized_gradient(dy * w[:, None, None], xhat, r, (0, 2, 3))
    return dx, np.sum(dy * xhat, axis=(0, 2, 3)), np.sum(dy, axis=(0, 2, 3))


def _batch_norm_eval_vjp(dy, x, mean, variance, w):
    r = 1 / np.sqrt(variance + EPS)
    dw = np.sum(dy * (x - mean) * r, axis=0)
    dmean = -np.sum(dy, axis=0) * w * r
    return dy * w * r, dmean, -0.5 * dw * w * r**2, dw


def _group_norm(x, w, b):
    grouped = x.reshape(len(x), 2, -1)
    return statistics(grouped, -1)[0].reshape(x.shape) * w[:, None] + b[:, None]


def _group_norm_vjp(dy, x, w, b):
    xhat, r = statistics(x.reshape(len(x), 2, -1), -1)
    d = (dy * w[:, None]).reshape(xhat.shape)
    dx = normalized_gradient(d, xhat, r, -1).reshape(x.shape)
    return dx, np.sum(dy * xhat.reshape(x.shape), axis=(0, 2)), np.sum(dy, axis=(0, 2))


def inverse_rms(x):
    return 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPS)


def _rms_norm_vjp(dy, x, w):
    r = inverse_rms(x)
    d = dy * w
    dx = r * (d - x * r**2 * np.mean(d * x, axis=-1, keepdims=True))
    return dx, np.sum(dy * x * r, axis=0)


def _l2_normalize(x):
    return x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True) + EPS)


def _l2_normalize_vjp(dy, x):
    r = 1 / np.sqrt(np.sum(x * x, axis=-1, keepdims=True) + EPS)
    return (r * (dy - x * r**2 * np.sum(dy * x, axis=-1, keepdims=True)),)


def _row_of_zeros(x):
    x[1] = 0
    return x


def _constant_row(x):
    x[1] = 0.75
    return x


def _gated(x, z, w):
    return x * inverse_rms(x) * w * z


def _gated_vjp(dy, x, z, w):
    dx, dw = _rms_norm_vjp(dy * z, x, w)
    return dx, dy * x * inverse_rms(x) * w, dw


def _weight_norm(v, g):
    return g[:, None] * v / np.sqrt(np.sum(v * v, axis=-1, keepdims=True))


def _weight_norm_vjp(dy, v, g):
    n = np.sqrt(np.sum(v * v, axis=-1, keepdims=True))
    dg = np.sum(dy * v / n, axis=-1)
    return g[:, None] / n * (dy - v / n * dg[:, None]), dg


def _tempered_vjp(dy, x, t):
    dz = softmax_gradient(dy, softmax(x / t))
    return dz / t, -np.sum(dz * x) / t**2


LAYER_NORM = normalization("layer_norm", -1, 0, (5, 7), (7,), (7,))
LAYER_NORM_3D = normalization("layer_norm_3d", -1, (0, 1), (2, 3, 4), (4,), (4,))
LAYER_NORM_OF_ONE = normalization("layer_norm_of_one", -1, 0, (4, 1), (1,), (1,))
LAYER_NORM_CONSTANT = normalization(
    "layer_norm_constant_row", -1, 0, (3, 4), (4,), (4,), change=_constant_row
)
LAYER_NORM_OFFSET = normalization(
    "layer_norm_offset", -1, 0, (3, 4), (4,), (4,), change=lambda x: x + 1e4
)
BATCH_NORM = normalization("batch_norm", 0, 0, (6, 3), (3,), (3,))
BATCH_NORM_2D = Operation(
    "batch_norm_2d", _batch_norm_2d, _batch_norm_2d_vjp, real((2, 3, 2, 4), (3,), (3,)), entire=True
)
BATCH_NORM_EVAL = Operation(
    "batch_norm_eval",
    lambda x, mean, variance, w: (x - mean) / np.sqrt(variance + EPS) * w,
    _batch_norm_eval_vjp,
    together(real((6, 3), (3,)), positive((3,), (3,))),
)
RMS_NORM = Operation(
    "rms_norm", lambda x, w: x * inverse_rms(x) * w, _rms_norm_vjp, real((4, 5), (5,)), entire=True
)
GATED_RMS_NORM = Operation(
    "gated_rms_norm", _gated, _gated_vjp, real((4, 5), (4, 5), (5,)), entire=True
)
L2_NORMALIZE = Operation(
    "l2_normalize", _l2_normalize, _l2_normalize_vjp, real((3, 4)), entire=True
)
L2_NORMALIZE_ZERO = Operation(
    "l2_normalize_zero_row",
    _l2_normalize,
    _l2_normalize_vjp,
    changed(real((3, 4)), _row_of_zeros),
    entire=True,
)
WEIGHT_NORM = Operation("weight_norm", _weight_norm, _weight_norm_vjp, real((3, 4), (3,)))
SOFTMAX = Operation(
    "softmax", softmax, lambda dy, x: (softmax_gradient(dy, softmax(x)),), real((3, 4)), entire=True
)
SOFTMAX_3D = Operation("softmax_3d", SOFTMAX.f, SOFTMAX.vjp, real((2, 4, 3)), entire=True)
SOFTMAX_OF_LARGE = Operation(
    "softmax_of_large",
    SOFTMAX.f,
    SOFTMAX.vjp,
    changed(real((3, 4)), lambda x: x + 1000),
    entire=True,
)
SOFTMAX_TEMPERED = Operation(
    "softmax_temperature",
    lambda x, t: softmax(x / t),
    _tempered_vjp,
    together(real((3, 4)), positive(())),
)
GROUP_NORM = Operation(
    "group_norm", _group_norm, _group_norm_vjp, real((2, 4, 3), (4,), (4,)), entire=True
)

OPERATIONS = (
    SOFTMAX,
    SOFTMAX_3D,
    SOFTMAX_OF_LARGE,
    SOFTMAX_TEMPERED,
    LAYER_NORM,
    LAYER_NORM_3D,
    LAYER_NORM_OF_ONE,
    LAYER_NORM_CONSTANT,
    LAYER_NORM_OFFSET,
    BATCH_NORM,
    BATCH_NORM_2D,
    BATCH_NORM_EVAL,
    RMS_NORM,
    GATED_RMS_NORM,
    L2_NORMALIZE,
    L2_NORMALIZE_ZERO,
    WEIGHT_NORM,
    GROUP_NORM,
    Operation(
        "log_softmax",
        log_softmax,
        lambda dy, x: (dy - softmax(x) * np.sum(dy, axis=-1, keepdims=True),),
        real((3, 4)),
        entire=True,
    ),
)
