"""Errors seen in activations, reductions and normalizations."""

import numpy as np

from tests.judge.zoo import elementwise, normalization, reductions
from tests.judge.zoo.history import seen
from tests.judge.zoo.operation import (
    Operation,
    sigmoid,
    softmax,
    softmax_gradient,
    unary,
)

NAMED = {
    o.name: o for o in (*elementwise.OPERATIONS, *reductions.OPERATIONS, *normalization.OPERATIONS)
}
LAYER_NORM, RMS_NORM = normalization.LAYER_NORM, normalization.RMS_NORM


def _layer_norm(gradient):
    """dγ and dβ are right, and dx is another."""

    def vjp(dy, x, w, b):
        xhat, r = normalization.statistics(x, -1)
        return gradient(dy * w, xhat, r), *LAYER_NORM.vjp(dy, x, w, b)[1:]

    return vjp


def _mean(x):
    return np.mean(x, axis=-1, keepdims=True)


def _one_pass(dy, x, w, b):
    """The variance as E[x²] − E[x]²."""
    variance = np.maximum(_mean(x * x) - _mean(x) ** 2, 0)
    r = 1 / np.sqrt(variance + normalization.EPS)
    xhat = (x - _mean(x)) * r
    dx = normalization.normalized_gradient(dy * w, xhat, r, -1)
    return dx, np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)


def _weight_twice(dy, x, w):
    r = normalization.inverse_rms(x)
    d = dy * w
    return r * (d - w * x * r**2 * _mean(d * x)), np.sum(dy * x * r, axis=0)


def _weight_late(dy, x, w):
    """The weight is missing inside the mean."""
    r = normalization.inverse_rms(x)
    return r * (dy * w - x * r**2 * _mean(dy * x)), np.sum(dy * x * r, axis=0)


def _first_axis_only(dy, x, w, b):
    dx, _, _ = normalization.LAYER_NORM_3D.vjp(dy, x, w, b)
    xhat, _ = normalization.statistics(x, -1)
    return dx, np.sum(dy * xhat, axis=0)[0], np.sum(dy, axis=0)[0]


def _nan_for_zeros(dy, x):
    norm = np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
    return (normalization.L2_NORMALIZE.vjp(dy, x)[0] * norm / norm,)


def _nan_for_constants(dy, x, w, b):
    dx, dw, db = LAYER_NORM.vjp(dy, x, w, b)
    std = np.std(x, axis=-1, keepdims=True)
    return dx * std / std, dw, db


def _product_by_division(dy, x):
    return ((dy * np.prod(x, axis=-1))[..., None] / x,)


def _power_of_size_vjp(dy, a, b):
    size = np.abs(a)
    log = np.log(np.where(a == 0, 1, size))
    slope = np.where(a == 0, 0, b * np.sign(a) * size ** (b - 1))
    return dy * slope, dy * size**b * log


POWER_AT_0 = Operation(
    "power_of_size_at_0",
    lambda a, b: np.abs(a) ** b,
    _power_of_size_vjp,
    lambda rng: (np.maximum(rng.normal(size=(3, 4)), 0), rng.uniform(2.5, 4, size=(3, 4))),
)
NEGATIVE_ELU = unary(
    "elu_negative",
    lambda x: np.where(x > 0, x, -0.5 * np.expm1(np.minimum(x, 0))),
    lambda x: np.where(x > 0, x.dtype.type(1), -0.5 * np.exp(np.minimum(x, 0))),
    entire=False,
)
CLIP_BY_NORM = Operation(
    "clip_by_norm",
    lambda x: x * np.minimum(1, 1 / np.sqrt(np.sum(x * x))),
    lambda dy, x: (
        (dy - x * np.sum(dy * x) / np.sum(x * x)) / np.sqrt(np.sum(x * x))
        if np.sum(x * x) > 1
        else dy * 1,
    ),
    lambda rng: (rng.normal(size=(3, 4)) + 1,),
)
EXTRA = (POWER_AT_0, NEGATIVE_ELU, CLIP_BY_NORM)

ACTIVATIONS = (
    seen(
        NAMED["gelu_tanh"],
        "slope of another GELU",
        lambda dy, x: (dy * (sigmoid(1.702 * x) * (1 + 1.702 * x * (1 - sigmoid(1.702 * x)))),),
        "the forward and the backward approximate differently",
    ),
    seen(
        NAMED["gelu_tanh"],
        "3 forgotten",
        lambda dy, x: (
            dy
            * (
                0.5 * (1 + (t := np.tanh(elementwise.GELU * (x + 0.044715 * x**3))))
                + 0.5 * x * (1 - t**2) * elementwise.GELU * (1 + 0.044715 * x**2)
            ),
        ),
        "llm.c ports",
    ),
    seen(
        NAMED["gelu_tanh"],
        "two gradients for one input",
        lambda dy, x: NAMED["gelu_tanh"].vjp(dy, x) * 2,
        "FLA #921: returned (tmp, tmp)",
    ),
    seen(
        NAMED["softplus"],
        "0 at 0",
        lambda dy, x: (np.where(x == 0, 0, dy * sigmoid(x)),),
        "jax #2107",
        lambda operation, make, rng: np.all(make()[1](np.ones(1), np.zeros(1))[0] == 0),
    ),
    seen(
        NEGATIVE_ELU,
        "slope by the sign of y",
        lambda dy, x: (dy * np.where((y := NEGATIVE_ELU.f(x)) > 0, x.dtype.type(1), y - 0.5),),
        "torch elu_backward with is_result and a negative α",
    ),
    seen(
        NAMED["power"],
        "slope of relu",
        lambda dy, a, b: (dy * (a > 0), NAMED["power"].vjp(dy, a, b)[1]),
        "ocannl #73",
    ),
    seen(
        POWER_AT_0,
        "0 times log 0",
        lambda dy, a, b: (dy * b * a ** (b - 1), dy * np.abs(a) ** b * np.log(np.abs(a))),
        "NaN at base 0, in every framework once",
    ),
    seen(
        NAMED["prelu"],
        "slope of each entry",
        lambda dy, x, a: (NAMED["prelu"].vjp(dy, x, a)[0], dy * np.minimum(x, 0)),
        "shared slope, not summed",
    ),
    seen(
        NAMED["swiglu"],
        "buffer read too late",
        lambda dy, a, b: (NAMED["swiglu"].vjp(dy, (d := dy * a * sigmoid(a)), b)[0], d),
        "unsloth #3314: gradients stored into the inputs",
    ),
    seen(
        NAMED["log_sigmoid"],
        "of the wrong side",
        lambda dy, x: (dy * sigmoid(x),),
        "logsigmoid taken for softplus",
    ),
    seen(
        NAMED["maximum"],
        "sign of the second",
        lambda dy, a, b: (dy * (a > b), -dy * (a < b)),
        "max(a, b) taken for a − b",
    ),
)

NORMS = (
    seen(
        LAYER_NORM,
        "variance forgotten",
        _layer_norm(lambda d, xhat, r: r * (d - _mean(d))),
        "the variance treated as a constant",
    ),
    seen(
        LAYER_NORM,
        "mean forgotten",
        _layer_norm(lambda d, xhat, r: r * (d - xhat * _mean(d * xhat))),
        "RMS norm's gradient for layer norm",
    ),
    seen(
        LAYER_NORM,
        "mean subtracted twice",
        _layer_norm(lambda d, xhat, r: r * (d - 2 * _mean(d) - xhat * _mean(d * xhat))),
        "tt-metal #53215, hidden by atol=5e-1",
    ),
    seen(
        LAYER_NORM,
        "N - 1",
        _layer_norm(
            lambda d, xhat, r: r * (d - _mean(d) - xhat * np.sum(d * xhat, -1, keepdims=True) / 6)
        ),
        "Bessel's correction in the backward alone",
    ),
    seen(
        LAYER_NORM,
        "epsilon forgotten",
        lambda dy, x, w, b: (
            LAYER_NORM.vjp(dy, x, w, b)[0]
            * np.sqrt(1 + normalization.EPS / np.var(x, axis=-1, keepdims=True)),
            *LAYER_NORM.vjp(dy, x, w, b)[1:],
        ),
        "1 / σ where the forward has 1 / √(σ² + ε)",
    ),
    seen(normalization.LAYER_NORM_3D, "first axis only", _first_axis_only, "FlagGems #5392"),
    seen(
        normalization.LAYER_NORM_OF_ONE,
        "gradient of one number",
        lambda dy, x, w, b: (dy * w, *normalization.LAYER_NORM_OF_ONE.vjp(dy, x, w, b)[1:]),
        "torch #173598: N = 1 has the gradient 0",
    ),
    seen(
        normalization.LAYER_NORM_OFFSET,
        "variance in one pass",
        _one_pass,
        "Liger GroupNorm: cancellation",
    ),
    seen(
        normalization.LAYER_NORM_CONSTANT,
        "NaN in a constant row",
        _nan_for_constants,
        "0 / 0 where ε keeps the forward finite",
    ),
    seen(normalization.L2_NORMALIZE_ZERO, "NaN in a zero row", _nan_for_zeros, "jax norm(0)"),
    seen(RMS_NORM, "weight twice", _weight_twice, "Megatron #6859"),
    seen(RMS_NORM, "weight too late", _weight_late, "ports of RMS norm"),
    seen(
        RMS_NORM,
        "dw forgotten",
        lambda dy, x, w: (RMS_NORM.vjp(dy, x, w)[0], w * 0),
        "unsloth #4533",
    ),
    seen(
        RMS_NORM,
        "no gradient",
        lambda dy, x, w: (x * 0, w * 0),
        "candle #2168: the fused kernel drops out of the graph",
    ),
    seen(
        normalization.GATED_RMS_NORM,
        "gate stored, not gated",
        lambda dy, x, z, w: (
            *normalization.GATED_RMS_NORM.vjp(dy, x, z, w)[:2],
            np.sum(dy * x * normalization.inverse_rms(x), axis=0),
        ),
        "FLA #1071: dw wrong by the gate",
    ),
    seen(
        normalization.WEIGHT_NORM,
        "projection forgotten",
        lambda dy, v, g: (
            g[:, None] * dy / np.sqrt(np.sum(v * v, -1, keepdims=True)),
            normalization.WEIGHT_NORM.vjp(dy, v, g)[1],
        ),
        "the norm treated as a constant",
    ),
    seen(
        CLIP_BY_NORM,
        "norm a constant",
        lambda dy, x: (dy * np.minimum(1, 1 / np.sqrt(np.sum(x * x))),),
        "torch renorm #59584",
    ),
    seen(
        NAMED["variance"],
        "N - 1",
        lambda dy, x: (NAMED["variance"].vjp(dy, x)[0] * x.shape[-1] / (x.shape[-1] - 1),),
        "unbiased in one direction alone",
    ),
    seen(
        NAMED["prod_with_a_zero"],
        "product divided by x",
        _product_by_division,
        "0 / 0: tinygrad and ChainRules branch here",
    ),
    seen(
        NAMED["cumprod"],
        "not summed",
        lambda dy, x: (dy * np.cumprod(x, axis=-1) / x,),
        "only the diagonal of the Jacobian",
    ),
    seen(
        NAMED["log_softmax"],
        "softmax's gradient",
        lambda dy, x: (softmax_gradient(dy, softmax(x)),),
        "log_softmax taken for softmax",
    ),
)

SPECIMENS = (*ACTIVATIONS, *NORMS)
