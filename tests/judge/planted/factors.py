"""Planted factors: −1, 2, ½, N, 1/N and √N."""

import math
from dataclasses import dataclass

import numpy as np

import handgrad as hg
from tests.judge.planted.planted import Planted, integers, mask, pair, positive, real, softmax


class DivideWithoutMinus(hg.Divide):
    """The slope of 1/b is −1/b²."""

    def backward(self, residuals, dy):
        da, db = super().backward(residuals, dy)
        return da, -db


def cross_entropy(x, t):
    rows = np.arange(len(t))
    return -np.mean(np.log(softmax(x))[rows, t])


def cross_entropy_vjp(dy, x, t):
    return dy * (softmax(x) - np.eye(x.shape[-1])[t]) / len(t), None


def target_minus_probability(dy, x, t):
    return dy * (np.eye(x.shape[-1])[t] - softmax(x)) / len(t), None


def summed_cross_entropy(x, t):
    return len(t) * cross_entropy(x, t)


def summed_cross_entropy_vjp(dy, x, t):
    return dy * (softmax(x) - np.eye(x.shape[-1])[t]), None


def squared_error(x, t):
    return 0.5 * np.sum((x - t) ** 2, axis=-1)


def squared_error_vjp(dy, x, t):
    return dy[:, None] * (x - t), dy[:, None] * (t - x)


def squared_error_vjp_without_half(dy, x, t):
    return 2 * dy[:, None] * (x - t), dy[:, None] * (t - x)


def quadratic_form(x, A):
    return np.einsum("ni,ij,nj->n", x, A, x)


def quadratic_form_vjp(dy, x, A):
    return dy[:, None] * (x @ (A + A.T)), np.einsum("n,ni,nj->ij", dy, x, x)


def quadratic_form_vjp_doubled(dy, x, A):
    return 2 * dy[:, None] * (x @ (A + A.T)), np.einsum("n,ni,nj->ij", dy, x, x)


def distance(a, b):
    return np.sum((a - b) ** 2, axis=-1)


def distance_vjp(dy, a, b):
    da = 2 * dy[:, None] * (a - b)
    return da, -da


def distance_vjp_without_two(dy, a, b):
    da = dy[:, None] * (a - b)
    return da, -2 * da


class Dropout:
    """A layer that keeps half, and doubles it; `rescaled` says whether its backward does too."""

    def __init__(self, *, rescaled):
        self.rescaled = rescaled

    def forward(self, x, keep):
        self.keep = keep
        return np.where(keep, 2 * x, 0)

    def backward(self, dy):
        return np.where(self.keep, 2 * dy if self.rescaled else dy, 0), None


def mean_squared_error(x, t):
    return np.mean((x - t) ** 2)


def mean_squared_error_vjp(dy, x, t):
    dx = dy * 2 * (x - t) / x.size
    return dx, -dx


def mean_squared_error_vjp_of_a_sum(dy, x, t):
    dx = dy * 2 * (x - t)
    return dx, -dx


@dataclass(frozen=True)
class GlobalAveragePool:
    """y = mean(x, axis=(2, 3))"""

    def forward(self, x):
        return np.mean(x, axis=(2, 3)), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (np.broadcast_to(dy[:, :, None, None], x.shape) / math.prod(x.shape[2:]),)


class GlobalSumPool(GlobalAveragePool):
    """The backward of a sum."""

    def backward(self, residuals, dy):
        (x,) = residuals
        return (np.broadcast_to(dy[:, :, None, None], x.shape).copy(),)


def affine(x, W, b):
    return x @ W + b


def affine_vjp(dy, x, W, b):
    return dy @ W.T, x.T @ dy, np.sum(dy, axis=0)


def affine_vjp_with_mean_bias(dy, x, W, b):
    return dy @ W.T, x.T @ dy, np.mean(dy, axis=0)


def attention(q, k, v):
    return softmax(q @ k.T / math.sqrt(q.shape[-1])) @ v


def attention_vjp(dy, q, k, v):
    scale = 1 / math.sqrt(q.shape[-1])
    p = softmax(q @ k.T * scale)
    dp = dy @ v.T
    ds = p * (dp - np.sum(p * dp, axis=-1, keepdims=True)) * scale
    return ds @ k, ds.T @ q, p.T @ dy


def attention_vjp_unscaled(dy, q, k, v):
    p = softmax(q @ k.T / math.sqrt(q.shape[-1]))
    dp = dy @ v.T
    ds = p * (dp - np.sum(p * dp, axis=-1, keepdims=True))
    return ds @ k, ds.T @ q, p.T @ dy


def embedding(E, t):
    return E[t] * math.sqrt(E.shape[-1])


def embedding_vjp(dy, E, t):
    dE, _ = embedding_vjp_unscaled(dy, E, t)
    return dE * math.sqrt(E.shape[-1]), None


def embedding_vjp_unscaled(dy, E, t):
    dE = np.zeros_like(E)
    np.add.at(dE, t, dy)
    return dE, None


LOGITS = *real((8, 5)), *integers(5, (8,))
PLANTED = [
    Planted(
        "divide without its minus",
        "−1",
        r"input 1 .*(wrong sign|−1)",
        (*real((8, 5)), *positive((8, 5))),
        hg.Divide,
        DivideWithoutMinus,
    ),
    Planted(
        "cross-entropy, target − p",
        "−1",
        r"input 0 .*(wrong sign|−1)",
        LOGITS,
        pair(cross_entropy, cross_entropy_vjp),
        pair(cross_entropy, target_minus_probability),
    ),
    Planted(
        "squared error without its ½",
        "2",
        r"input 0 .*\b2 times",
        real((8, 5), (8, 5)),
        pair(squared_error, squared_error_vjp),
        pair(squared_error, squared_error_vjp_without_half),
    ),
    Planted(
        "quadratic form doubled",
        "2",
        r"input 0 .*\b2 times",
        real((8, 5), (5, 5)),
        pair(quadratic_form, quadratic_form_vjp),
        pair(quadratic_form, quadratic_form_vjp_doubled),
    ),
    Planted(
        "distance without its 2",
        "½",
        r"input 0 .*½ times",
        real((8, 5), (8, 5)),
        pair(distance, distance_vjp),
        pair(distance, distance_vjp_without_two),
    ),
    Planted(
        "dropout without its scale",
        "½",
        r"input 0 .*½ times",
        (*real((8, 5)), mask((8, 5))),
        lambda: Dropout(rescaled=True),
        lambda: Dropout(rescaled=False),
    ),
    Planted(
        "mean squared error not divided",
        "N",
        r"input 0 .*and input 1 .*\bN times too large, N = 40",
        real((8, 5), (8, 5)),
        pair(mean_squared_error, mean_squared_error_vjp),
        pair(mean_squared_error, mean_squared_error_vjp_of_a_sum),
    ),
    Planted(
        "global average pool not divided",
        "N",
        r"N times too large, N = 20",
        real((2, 3, 4, 5)),
        GlobalAveragePool,
        GlobalSumPool,
    ),
    Planted(
        "bias averaged over the batch",
        "1/N",
        r"input 2 .*N times too small, N = 8",
        real((8, 5), (5, 3), (3,)),
        pair(affine, affine_vjp),
        pair(affine, affine_vjp_with_mean_bias),
    ),
    Planted(
        "summed cross-entropy divided by N",
        "1/N",
        r"input 0 .*N times too small, N = 8",
        LOGITS,
        pair(summed_cross_entropy, summed_cross_entropy_vjp),
        pair(summed_cross_entropy, cross_entropy_vjp),
    ),
    Planted(
        "attention's scores unscaled",
        "√N",
        r"input 0 .*and input 1 .*√N times too large, N = 5",
        real((4, 5), (6, 5), (6, 3)),
        pair(attention, attention_vjp),
        pair(attention, attention_vjp_unscaled),
    ),
    Planted(
        "embedding unscaled",
        "√N",
        r"input 0 .*√N times too small, N = 5",
        (*real((7, 5)), *integers(7, (9,))),
        pair(embedding, embedding_vjp),
        pair(embedding, embedding_vjp_unscaled),
    ),
]
