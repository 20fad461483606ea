"""Gradients that are right in float64, and lose their digits in float32."""

import numpy as np

from tests.judge.zoo import normalization
from tests.judge.zoo.operation import (
    Operation,
    changed,
    integers,
    one_hot,
    real,
    sigmoid,
    softmax,
    together,
)
from tests.judge.zoo.specimen import Specimen
from tests.judge.zoo.witnesses import loses_precision


def _between(low, high):
    return lambda rng: (rng.uniform(low, high, size=(3, 4)),)


def _confident_vjp(dy, x, t):
    """p − 1 at the label is minus the sum of the others, which loses nothing."""
    others = softmax(x) * (1 - one_hot(t, x))
    return dy * (others - one_hot(t, x) * np.sum(others, axis=-1, keepdims=True)) / len(x), None


def _confident_loss(x, t):
    """log(1 + Σ exp(x − x_t)) over the others, which keeps its digits when it is small."""
    label = one_hot(t, x)
    behind = x - np.sum(label * x, axis=-1, keepdims=True)
    others = np.logaddexp.reduce(np.where(label == 1, -np.inf, behind), axis=-1)
    return np.mean(np.logaddexp(0, others))


def _confident(rng):
    x, t = together(real((4, 5)), integers((4,), 5))(rng)
    return x + 14 * np.eye(5)[t], t


def _one_pass(dy, x, w, b):
    variance = np.mean(x * x, axis=-1, keepdims=True) - np.mean(x, axis=-1, keepdims=True) ** 2
    r = 1 / np.sqrt(np.maximum(variance, 0) + normalization.EPS)
    xhat = (x - np.mean(x, axis=-1, keepdims=True)) * r
    dx = normalization.normalized_gradient(dy * w, xhat, r, -1)
    return dx, np.sum(dy * xhat, axis=0), np.sum(dy, axis=0)


LAYER_NORM = normalization.LAYER_NORM
TANH = Operation(
    "tanh_saturated", np.tanh, lambda dy, x: (dy / np.cosh(x) ** 2,), _between(5, 8), entire=True
)
SIGMOID = Operation(
    "sigmoid_saturated",
    sigmoid,
    lambda dy, x: (dy * sigmoid(x) * sigmoid(-x),),
    _between(9, 14),
    entire=True,
)
CONFIDENT = Operation(
    "cross_entropy_confident",
    _confident_loss,
    _confident_vjp,
    _confident,
    entire=True,
)
FAR = Operation(
    "layer_norm_at_100",
    LAYER_NORM.f,
    LAYER_NORM.vjp,
    changed(LAYER_NORM.draw, lambda x: x + 100),
    entire=True,
)
EXTRA = (TANH, SIGMOID, CONFIDENT, FAR)


def _imprecise(operation, kind, vjp, origin):
    only = ("float32",)
    return Specimen(operation, kind, lambda: (operation.f, vjp), loses_precision, only, origin)


SPECIMENS = (
    _imprecise(
        TANH,
        "1 - y squared",
        lambda dy, x: (dy * (1 - np.tanh(x) ** 2),),
        "every book: cancellation",
    ),
    _imprecise(
        SIGMOID,
        "y (1 - y)",
        lambda dy, x: (dy * sigmoid(x) * (1 - sigmoid(x)),),
        "Deep Learning from Scratch, T11",
    ),
    _imprecise(
        CONFIDENT,
        "p rounded before - 1",
        lambda dy, x, t: (dy * (softmax(x) - one_hot(t, x)) / len(x), None),
        "Liger #1329",
    ),
    _imprecise(FAR, "variance in one pass", _one_pass, "Liger GroupNorm"),
)
