"""Planted memories, of other calls, and planted losses of bits."""

import numpy as np

from tests.judge.planted.planted import Planted, pair, real, sigmoid


class Affine:
    """y = x W + b"""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, np.sum(dy, axis=0)
        return dy @ self.W.T


class AccumulatingAffine(Affine):
    """Nobody sets its dW to 0."""

    def __init__(self, W, b):
        super().__init__(W, b)
        self.dW = np.zeros_like(W)

    def backward(self, dy):
        before = self.dW
        dx = super().backward(dy)
        self.dW = self.dW + before
        return dx


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y**2)


class TanhOfTheFirst(Tanh):
    """Its slope is computed once."""

    slope = None

    def backward(self, dy):
        if self.slope is None:
            self.slope = 1 - self.y**2
        return dy * self.slope


class TanhInABuffer(Tanh):
    """Every gradient goes into the same memory."""

    dx = None

    def backward(self, dy):
        if self.dx is None or self.dx.shape != dy.shape or self.dx.dtype != dy.dtype:
            self.dx = np.empty_like(dy)
        self.dx[...] = super().backward(dy)
        return self.dx


def momentum():
    """A vjp in a closure, in which a tenth of the gradient before lives on."""
    last = {}

    def logistic(x):
        return sigmoid(x)

    def logistic_vjp(dy, x):
        y = sigmoid(x)
        dx = dy * y * (1 - y)
        last[x.shape] = 0.9 * dx + 0.1 * last.get(x.shape, dx)
        return (last[x.shape],)

    return logistic, logistic_vjp


def plain():
    """The same without a memory."""

    def logistic(x):
        return sigmoid(x)

    def logistic_vjp(dy, x):
        y = sigmoid(x)
        return (dy * y * (1 - y),)

    return logistic, logistic_vjp


def product(x, W):
    return x @ W


def product_vjp(dy, x, W):
    return dy @ W.T, x.T @ dy


def product_vjp_in_single(dy, x, W):
    dW = x.astype(np.float32).T @ dy.astype(np.float32)
    return dy @ W.T, dW.astype(W.dtype)


def summed(x, s):
    return x * s


def summed_vjp(dy, x, s):
    return dy * s, np.sum(dy * x, axis=0)


def summed_vjp_in_half(dy, x, s):
    products = (dy * x).astype(np.float16)
    return dy * s, np.sum(products, axis=0).astype(s.dtype)


def _deviations(x):
    return x - np.mean(x, axis=-1, keepdims=True)


def standardized(x):
    centred = _deviations(x)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True))


def _pulled(dy, y, variance):
    means = np.mean(dy, axis=-1, keepdims=True) + y * np.mean(dy * y, axis=-1, keepdims=True)
    return ((dy - means) / np.sqrt(variance),)


def standardized_vjp(dy, x):
    variance = np.mean(_deviations(x) ** 2, axis=-1, keepdims=True)
    return _pulled(dy, standardized(x), variance)


def standardized_vjp_in_one_pass(dy, x):
    mean, square = np.mean(x, axis=-1, keepdims=True), np.mean(x**2, axis=-1, keepdims=True)
    return _pulled(dy, standardized(x), square - mean**2)


W, B = real((5, 3), (3,), seed=3)
PARAMS = {"W": "dW", "b": "db"}
FAR = real((8, 5))[0].astype(np.float32) + np.float32(100)
PLANTED = [
    Planted(
        "affine layer adds up dW",
        "state",
        r"\bW\b.*accumulates",
        real((8, 5)),
        lambda: Affine(W, B),
        lambda: AccumulatingAffine(W, B),
        PARAMS,
    ),
    Planted(
        "tanh layer keeps its first slope",
        "state",
        r"state is kept.*first call",
        real((8, 5)),
        Tanh,
        TanhOfTheFirst,
    ),
    Planted(
        "tanh layer reuses its buffer",
        "state",
        r"buffer|overwrit",
        real((8, 5)),
        Tanh,
        TanhInABuffer,
    ),
    Planted(
        "sigmoid with a moving average",
        "state",
        r"state is kept.*(mixed|moving average)",
        real((8, 5)),
        plain,
        momentum,
    ),
    Planted(
        "dW in float32",
        "bits",
        r"input 1 .*lost bits.*float32",
        real((8, 5), (5, 3)),
        pair(product, product_vjp),
        pair(product, product_vjp_in_single),
    ),
    Planted(
        "scale's gradient summed in float16",
        "bits",
        r"input 1 .*(lost|loses) .*bits.*float16",
        tuple(x.astype(np.float32) for x in real((8, 5), (5,))),
        pair(summed, summed_vjp),
        pair(summed, summed_vjp_in_half),
    ),
    Planted(
        "variance in one pass",
        "bits",
        r"loses \d+ bits.*subtracted",
        (FAR,),
        pair(standardized, standardized_vjp),
        pair(standardized, standardized_vjp_in_one_pass),
    ),
]
