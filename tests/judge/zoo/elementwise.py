"""Elementwise functions of one array and of two."""

import math

import numpy as np

from tests.judge.zoo.operation import (
    Operation,
    integers,
    positive,
    real,
    sigmoid,
    summed_to,
    together,
    unary,
)

GELU = math.sqrt(2 / math.pi)
SQUARE = real((4, 4))


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _gelu(x):
    return 0.5 * x * (1 + np.tanh(GELU * (x + 0.044715 * x**3)))


def _gelu_slope(x):
    t = np.tanh(GELU * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * GELU * (1 + 3 * 0.044715 * x**2)


def _silu_slope(x):
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


def _mish_slope(x):
    t = np.tanh(_softplus(x))
    return t + x * (1 - t**2) * sigmoid(x)


UNARY = (
    unary("sin", np.sin, np.cos),
    unary("exp", np.exp, np.exp),
    unary("expm1", np.expm1, np.exp),
    unary("tanh", np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    unary("arctan", np.arctan, lambda x: 1 / (1 + x**2)),
    unary("square", np.square, lambda x: 2 * x, SQUARE),
    unary("cube", lambda x: x**3, lambda x: 3 * x**2, real((7,))),
    unary("sigmoid", sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    unary("softplus", _softplus, sigmoid),
    unary("log_sigmoid", lambda x: -_softplus(-x), lambda x: sigmoid(-x)),
    unary("silu", lambda x: x * sigmoid(x), _silu_slope, real((2, 3, 2))),
    unary("gelu_tanh", _gelu, _gelu_slope),
    unary("quick_gelu", lambda x: x * sigmoid(1.702 * x), lambda x: _silu_slope(1.702 * x)),
    unary("mish", lambda x: x * np.tanh(_softplus(x)), _mish_slope),
    unary("softcap", lambda x: 3 * np.tanh(x / 3), lambda x: 1 - np.tanh(x / 3) ** 2, SQUARE),
    unary("charbonnier", lambda x: np.sqrt(1 + x**2), lambda x: x / np.sqrt(1 + x**2)),
    unary("gaussian", lambda x: np.exp(-(x**2)), lambda x: -2 * x * np.exp(-(x**2))),
    unary("log", np.log, lambda x: 1 / x, positive((3, 4)), entire=False),
    unary("sqrt", np.sqrt, lambda x: 0.5 / np.sqrt(x), positive((3, 4)), entire=False),
    unary("log1p", np.log1p, lambda x: 1 / (1 + x), positive((5,)), entire=False),
    unary("reciprocal", lambda x: 1 / x, lambda x: -1 / x**2, positive((4, 3)), entire=False),
)

KINKED = (
    unary("relu", lambda x: np.maximum(x, 0), lambda x: x > 0, entire=False),
    unary(
        "leaky_relu",
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x: np.where(x > 0, x.dtype.type(1), x.dtype.type(0.1)),
        entire=False,
    ),
    unary("abs", np.abs, np.sign, entire=False),
    unary("clip", lambda x: np.clip(x, -1, 1), lambda x: np.abs(x) < 1, entire=False),
    unary(
        "elu",
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.exp(np.minimum(x, 0)),
        entire=False,
    ),
    unary("softsign", lambda x: x / (1 + np.abs(x)), lambda x: (1 + np.abs(x)) ** -2, entire=False),
    unary("relu_squared", lambda x: np.maximum(x, 0) ** 2, lambda x: 2 * np.maximum(x, 0)),
    unary(
        "hardswish",
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        lambda x: np.where(np.abs(x) < 3, (2 * x + 3) / 6, np.clip(np.sign(x), 0, 1)),
        real((3, 5)),
        entire=False,
    ),
)


def _power_vjp(dy, a, b):
    """Where b is 0, the power is 1 whatever a is, and where a is 0, a constant."""
    da = dy * np.where(b == 0, 0, b * a ** (b - 1))
    return da, dy * a**b * np.log(np.where(a == 0, 1, a))


def _hypot_vjp(dy, a, b):
    """0 at the tip of the cone."""
    h = np.hypot(a, b)
    inverse = np.where(h == 0, 0, 1 / np.where(h == 0, 1, h))
    return dy * a * inverse, dy * b * inverse


def _divide_vjp(dy, a, b):
    return dy / b, summed_to(-dy * a / b**2, b.shape)


def _maximum_vjp(dy, a, b):
    return dy * (a > b) + 0.5 * dy * (a == b), dy * (a < b) + 0.5 * dy * (a == b)


def _prelu_vjp(dy, x, a):
    return dy * np.where(x > 0, 1, a), np.sum(dy * np.minimum(x, 0), axis=0)


def _integer_power_vjp(dy, x, n):
    """Where n is 0, the power is 1 at 0 too."""
    n = n.astype(x.dtype)
    return dy * n * x ** np.maximum(n - 1, 0), None


def _overlap_vjp(dy, w, h):
    return dy * (w > 0) * np.maximum(h, 0), dy * (h > 0) * np.maximum(w, 0)


def _mod_vjp(dy, a, b):
    return dy * 1, -dy * np.floor(a / b)


def _swiglu_vjp(dy, a, b):
    return dy * b * _silu_slope(a), dy * a * sigmoid(a)


TWO = real((3, 4), (3, 4))

BINARY = (
    Operation("subtract", lambda a, b: a - b, lambda dy, a, b: (dy * 1, -dy), TWO, entire=True),
    Operation(
        "add_bias",
        lambda x, b: x + b,
        lambda dy, x, b: (dy * 1, np.sum(dy, axis=0)),
        real((3, 4), (4,)),
        entire=True,
    ),
    Operation("multiply", np.multiply, lambda dy, a, b: (dy * b, dy * a), TWO, entire=True),
    Operation(
        "multiply_broadcast",
        np.multiply,
        lambda dy, a, b: (summed_to(dy * b, a.shape), summed_to(dy * a, b.shape)),
        real((2, 1, 3), (4, 1)),
        entire=True,
    ),
    Operation(
        "scale",
        lambda a, x: a * x,
        lambda dy, a, x: (np.sum(dy * x), dy * a),
        real((), (3, 4)),
        entire=True,
    ),
    Operation("divide", np.divide, _divide_vjp, lambda rng: (*TWO(rng)[:1], *positive((4,))(rng))),
    Operation("power", np.power, _power_vjp, positive((3, 4), (3, 4))),
    Operation("maximum", np.maximum, _maximum_vjp, TWO),
    Operation(
        "arctan2",
        np.arctan2,
        lambda dy, a, b: (dy * b / (a**2 + b**2), -dy * a / (a**2 + b**2)),
        positive((3, 4), (3, 4)),
    ),
    Operation(
        "hypot",
        np.hypot,
        _hypot_vjp,
        positive((3, 4), (3, 4)),
    ),
    Operation(
        "logaddexp",
        np.logaddexp,
        lambda dy, a, b: (dy * sigmoid(a - b), dy * sigmoid(b - a)),
        TWO,
        entire=True,
    ),
    Operation("prelu", lambda x, a: np.where(x > 0, x, a * x), _prelu_vjp, real((3, 4), (4,))),
    Operation(
        "overlap",
        lambda w, h: np.maximum(w, 0) * np.maximum(h, 0),
        _overlap_vjp,
        positive((5,), (5,)),
    ),
    Operation("mod", np.mod, _mod_vjp, lambda rng: (*real((5,))(rng), *positive((5,))(rng))),
    Operation(
        "power_of_integers",
        lambda x, n: x ** n.astype(x.dtype),
        _integer_power_vjp,
        together(real((7,)), integers((7,), 4)),
    ),
    Operation("swiglu", lambda a, b: a * sigmoid(a) * b, _swiglu_vjp, TWO, entire=True),
)

OPERATIONS = (*UNARY, *KINKED, *BINARY)
