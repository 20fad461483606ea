"""Planted terms that are dropped, and upstream gradients that are ignored, clipped or used twice."""

import numpy as np

from handgrad.rules.batch_normalization import BatchNorm
from tests.judge.planted.planted import Planted, integers, pair, real, sigmoid, softmax

EPS = 1e-5


def _normalized(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    scale = 1 / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + EPS)
    return centred * scale, scale


def layer_norm(x, gamma, beta):
    return gamma * _normalized(x)[0] + beta


def layer_norm_vjp(dy, x, gamma, beta):
    u, scale = _normalized(x)
    du = dy * gamma
    means = np.mean(du, axis=-1, keepdims=True) + u * np.mean(du * u, axis=-1, keepdims=True)
    return scale * (du - means), np.sum(dy * u, axis=0), np.sum(dy, axis=0)


def layer_norm_vjp_without_variance(dy, x, gamma, beta):
    u, scale = _normalized(x)
    du = dy * gamma
    dx = scale * (du - np.mean(du, axis=-1, keepdims=True))
    return dx, np.sum(dy * u, axis=0), np.sum(dy, axis=0)


class BatchNormWithoutMean(BatchNorm):
    """The batch's mean is taken for a constant: dx has to be without a mean."""

    def backward(self, residuals, dy):
        _, inv_s, gamma = residuals
        dx, d_gamma, d_beta = super().backward(residuals, dy)
        return dx + gamma * inv_s * d_beta / len(dx), d_gamma, d_beta


def swish(x):
    return x * sigmoid(x)


def swish_vjp(dy, x):
    s = sigmoid(x)
    return (dy * (s + x * s * (1 - s)),)


def swish_vjp_of_one_factor(dy, x):
    return (dy * sigmoid(x),)


def residual_block(x, W):
    return x + np.tanh(x @ W)


def residual_block_vjp(dy, x, W):
    du = dy * (1 - np.tanh(x @ W) ** 2)
    return dy + du @ W.T, x.T @ du


def residual_block_vjp_without_skip(dy, x, W):
    du = dy * (1 - np.tanh(x @ W) ** 2)
    return du @ W.T, x.T @ du


def softmax_vjp(dy, x):
    y = softmax(x)
    return (y * (dy - np.sum(dy * y, axis=-1, keepdims=True)),)


def softmax_vjp_of_the_diagonal(dy, x):
    y = softmax(x)
    return (y * dy,)


class CrossEntropy:
    """A loss that ends the net, and one that only seems to."""

    def __init__(self, *, takes_dy):
        self.takes_dy = takes_dy

    def forward(self, x, t):
        self.p, self.t = softmax(x), t
        return -np.mean(np.log(self.p[np.arange(len(t)), t]))

    def backward(self, dy):
        dx = (self.p - np.eye(self.p.shape[-1])[self.t]) / len(self.t)
        return dy * dx if self.takes_dy else dx


def energy(x):
    return np.sum(x**2, axis=-1)


def energy_vjp(dy, x):
    return (2 * dy[:, None] * x,)


def energy_vjp_without_dy(dy, x):
    return (2 * x,)


def hyperbolic(x):
    return np.tanh(x)


def hyperbolic_vjp(dy, x):
    return (dy * (1 - np.tanh(x) ** 2),)


def hyperbolic_vjp_clipped(dy, x):
    return (np.clip(dy, -1, 1) * (1 - np.tanh(x) ** 2),)


def recurrent(x, h, W, U):
    return np.tanh(x @ W + h @ U)


def recurrent_vjp(dy, x, h, W, U):
    da = dy * (1 - recurrent(x, h, W, U) ** 2)
    return da @ W.T, da @ U.T, x.T @ da, h.T @ da


def recurrent_vjp_clipped(dy, x, h, W, U):
    return tuple(np.clip(dx, -5, 5) for dx in recurrent_vjp(dy, x, h, W, U))


def sigmoid_vjp(dy, x):
    y = sigmoid(x)
    return (dy * y * (1 - y),)


def sigmoid_vjp_twice(dy, x):
    y = sigmoid(x)
    return (dy * y * (1 - y) * dy,)


def mean_of_squares(x):
    return np.mean(x**2)


def mean_of_squares_vjp(dy, x):
    return (2 * dy * x / x.size,)


def mean_of_squares_vjp_twice(dy, x):
    dl = dy * dy
    return (2 * dl * x / x.size,)


LOGITS = *real((8, 5)), *integers(5, (8,))
PLANTED = [
    Planted(
        "layer norm without the variance's path",
        "dropped term",
        r"input 0 .*(lacks|dropped).*(varian|square|standard|scale)",
        real((8, 5), (5,), (5,)),
        pair(layer_norm, layer_norm_vjp),
        pair(layer_norm, layer_norm_vjp_without_variance),
    ),
    Planted(
        "batch norm without the mean's path",
        "dropped term",
        r"input 0 .*(lacks|dropped).*mean",
        real((8, 5), (5,), (5,)),
        BatchNorm,
        BatchNormWithoutMean,
    ),
    Planted(
        "swish of one factor",
        "dropped term",
        r"(lacks|dropped)",
        real((8, 5)),
        pair(swish, swish_vjp),
        pair(swish, swish_vjp_of_one_factor),
    ),
    Planted(
        "residual block without its skip",
        "dropped term",
        r"input 0 .*(lacks|dropped)",
        real((8, 5), (5, 5)),
        pair(residual_block, residual_block_vjp),
        pair(residual_block, residual_block_vjp_without_skip),
    ),
    Planted(
        "softmax's diagonal alone",
        "dropped term",
        r"(lacks|dropped).*sum",
        real((8, 5)),
        pair(softmax, softmax_vjp),
        pair(softmax, softmax_vjp_of_the_diagonal),
    ),
    Planted(
        "cross-entropy layer without dy",
        "dy ignored",
        r"ignored",
        LOGITS,
        lambda: CrossEntropy(takes_dy=True),
        lambda: CrossEntropy(takes_dy=False),
    ),
    Planted(
        "energy without dy",
        "dy ignored",
        r"ignored",
        real((8, 5)),
        pair(energy, energy_vjp),
        pair(energy, energy_vjp_without_dy),
    ),
    Planted(
        "tanh clips dy",
        "dy clipped",
        r"clipped to ±1\b",
        real((8, 5)),
        pair(hyperbolic, hyperbolic_vjp),
        pair(hyperbolic, hyperbolic_vjp_clipped),
    ),
    Planted(
        "recurrent cell clips its gradients",
        "dy clipped",
        r"clipped to ±5\b",
        real((8, 5), (8, 4), (5, 4), (4, 4)),
        pair(recurrent, recurrent_vjp),
        pair(recurrent, recurrent_vjp_clipped),
    ),
    Planted(
        "sigmoid times dy twice",
        "dy twice",
        r"used twice",
        real((8, 5)),
        pair(sigmoid, sigmoid_vjp),
        pair(sigmoid, sigmoid_vjp_twice),
    ),
    Planted(
        "mean of squares times dy twice",
        "dy twice",
        r"used twice",
        real((8, 5)),
        pair(mean_of_squares, mean_of_squares_vjp),
        pair(mean_of_squares, mean_of_squares_vjp_twice),
    ),
]
