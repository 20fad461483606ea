"""Planted in larger pieces of nets: recurrences, pooling, normalization over several axes, padding."""

import numpy as np

from tests.judge.planted.planted import Planted, mask, pair, real, softmax

EPS = 1e-5


def rnn(x, W, U):
    """The last state of h = tanh(x W + h U), from 0; x is (time, batch, features)."""
    return _states(x, W, U)[-1]


def _states(x, W, U):
    states = [np.zeros((x.shape[1], W.shape[-1]))]
    for row in x:
        states.append(np.tanh(row @ W + states[-1] @ U))
    return states


def _unrolled(dy, arrays, *, steps, carries):
    """Back through so many steps; `carries` says whether dh goes on to the step before."""
    x, W, U = arrays
    h = _states(x, W, U)
    dx, dW, dU, dh = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U), dy
    for t in range(steps - 1, -1, -1):
        da = dh * (1 - h[t + 1] ** 2)
        dx[t], dW, dU = da @ W.T, dW + x[t].T @ da, dU + h[t].T @ da
        dh = da @ U.T if carries else 0 * dy
    return dx, dW, dU


def rnn_vjp(dy, x, W, U):
    return _unrolled(dy, (x, W, U), steps=len(x), carries=True)


def rnn_vjp_of_the_last_step(dy, x, W, U):
    return _unrolled(dy, (x, W, U), steps=len(x), carries=False)


def batch_norm(x, gamma):
    """Over the batch and both spatial axes."""
    centred = x - np.mean(x, axis=(0, 2, 3), keepdims=True)
    variance = np.mean(centred**2, axis=(0, 2, 3), keepdims=True)
    return gamma[:, None, None] * centred / np.sqrt(variance + EPS)


def _batch_norm_vjp(dy, x, gamma, axes):
    """The means of dx are taken over these axes."""
    centred = x - np.mean(x, axis=(0, 2, 3), keepdims=True)
    scale = 1 / np.sqrt(np.mean(centred**2, axis=(0, 2, 3), keepdims=True) + EPS)
    u, du = centred * scale, dy * gamma[:, None, None]
    means = np.mean(du, axis=axes, keepdims=True) + u * np.mean(du * u, axis=axes, keepdims=True)
    return scale * (du - means), np.sum(dy * u, axis=(0, 2, 3))


def batch_norm_vjp(dy, x, gamma):
    return _batch_norm_vjp(dy, x, gamma, (0, 2, 3))


def batch_norm_vjp_over_the_batch(dy, x, gamma):
    return _batch_norm_vjp(dy, x, gamma, (0,))


def average_pool(x):
    """Windows of 3 that overlap by 1."""
    return np.stack([np.mean(x[:, i : i + 3], axis=1) for i in range(0, x.shape[1] - 2, 2)], axis=1)


def average_pool_vjp(dy, x):
    dx = np.zeros_like(x)
    for k in range(dy.shape[1]):
        dx[:, 2 * k : 2 * k + 3] += dy[:, k : k + 1] / 3
    return (dx,)


def average_pool_vjp_assigned(dy, x):
    dx = np.zeros_like(x)
    for k in range(dy.shape[1]):
        dx[:, 2 * k : 2 * k + 3] = dy[:, k : k + 1] / 3
    return (dx,)


def softmax_vjp(dy, x):
    y = softmax(x)
    return (y * (dy - np.sum(dy * y, axis=-1, keepdims=True)),)


def softmax_vjp_over_rows(dy, x):
    y = softmax(x)
    return (y * (dy - np.sum(dy * y, axis=0, keepdims=True)),)


def padded_embedding(E, t):
    """Index 0 is padding: its row counts as 0."""
    return E[t] * (t != 0)[:, None]


def padded_embedding_vjp(dy, E, t):
    dE = np.zeros_like(E)
    np.add.at(dE, t, dy * (t != 0)[:, None])
    return dE, None


def padded_embedding_vjp_of_all(dy, E, t):
    dE = np.zeros_like(E)
    np.add.at(dE, t, dy)
    return dE, None


def masked_mean(x, keep):
    return np.sum(np.where(keep, x, 0)) / np.maximum(np.sum(keep), 1)


def masked_mean_vjp(dy, x, keep):
    return dy * keep / np.maximum(np.sum(keep), 1), None


def masked_mean_vjp_over_all(dy, x, keep):
    return dy * keep / keep.size, None


def clipped(x):
    return np.clip(x, -1, 1)


def clipped_vjp(dy, x):
    return (dy * (np.abs(x) < 1),)


def clipped_vjp_above_alone(dy, x):
    return (dy * (x < 1),)


def gated(a, b):
    return a * np.tanh(b)


def gated_vjp(dy, a, b):
    return dy * np.tanh(b), dy * a * (1 - np.tanh(b) ** 2)


def gated_vjp_without_slope(dy, a, b):
    return dy * np.tanh(b), dy * a


class MaskedScores:
    """Scores with −10 added where they are masked, times a scale."""

    def forward(self, x, scale):
        self.x, self.scale = x, scale
        return (x - 10 * (x < -1)) * scale

    def backward(self, dy):
        return dy * self.scale, np.sum(dy * (self.x - 10 * (self.x < -1)), axis=0)


class ScoresScaledOnce(MaskedScores):
    """The scale of the first call stays."""

    first = None

    def backward(self, dy):
        self.first = self.scale if self.first is None else self.first
        return dy * self.first, super().backward(dy)[1]


PLANTED = [
    Planted(
        "recurrence not carried",
        "dropped term",
        r"input 0 .*(lack|dropped)",
        real((4, 3, 5), (5, 2), (2, 2)),
        pair(rnn, rnn_vjp),
        pair(rnn, rnn_vjp_of_the_last_step),
    ),
    Planted(
        "batch norm's means over the batch alone",
        "sum missing",
        r"input 0 .*mean.*variance.*summed over axis 0, and not axes 0, 2, 3",
        real((3, 2, 4, 5), (2,)),
        pair(batch_norm, batch_norm_vjp),
        pair(batch_norm, batch_norm_vjp_over_the_batch),
    ),
    Planted(
        "overlapping windows assigned",
        "sum missing",
        r"(assigned|overlap|sum .*missing)",
        real((4, 9)),
        pair(average_pool, average_pool_vjp),
        pair(average_pool, average_pool_vjp_assigned),
    ),
    Planted(
        "softmax's sum over the rows",
        "permuted",
        r"sum.*axis 0",
        real((8, 5)),
        pair(softmax, softmax_vjp),
        pair(softmax, softmax_vjp_over_rows),
    ),
    Planted(
        "embedding learns its padding",
        "padding",
        r"input 0 .*mask is missing, in the first row",
        (*real((7, 5)), np.array([0, 3, 0, 5, 6, 3, 1])),
        pair(padded_embedding, padded_embedding_vjp),
        pair(padded_embedding, padded_embedding_vjp_of_all),
    ),
    Planted(
        "masked mean divided by all",
        "1/N",
        r"input 0 .*share of true in input 1",
        (*real((8, 5)), mask((8, 5))),
        pair(masked_mean, masked_mean_vjp),
        pair(masked_mean, masked_mean_vjp_over_all),
    ),
    Planted(
        "clip passes below",
        "x > 0",
        r"mask is missing.* x (is below|<) [-−]1",
        real((8, 5)),
        pair(clipped, clipped_vjp),
        pair(clipped, clipped_vjp_above_alone),
    ),
    Planted(
        "gate without tanh's slope",
        "dropped term",
        r"input 1 .*(tanh|factor)",
        real((8, 5), (8, 5)),
        pair(gated, gated_vjp),
        pair(gated, gated_vjp_without_slope),
    ),
    Planted(
        "scores keep their first scale",
        "state",
        r"state is kept.*input 0 .*first call",
        real((8, 5), (5,)),
        MaskedScores,
        ScoresScaledOnce,
    ),
]
