"""Losses."""

import numpy as np

from tests.judge.zoo.operation import (
    Operation,
    integers,
    log_softmax,
    one_hot,
    probabilities,
    real,
    sigmoid,
    softmax,
    softmax_gradient,
    together,
)
from tests.judge.zoo.reductions import logsumexp

SMOOTHING = 0.1
DELTA = 0.75
LABELLED = together(real((4, 5)), integers((4,), 5))


def _nll(x, t):
    """−log p of the label of each row."""
    return -np.sum(one_hot(t, x) * log_softmax(x), axis=-1)


def _ce_vjp(dy, x, t):
    return dy * (softmax(x) - one_hot(t, x)) / len(x), None


def _ce_none_vjp(dy, x, t):
    return dy[:, None] * (softmax(x) - one_hot(t, x)), None


def _soft_vjp(dy, x, t):
    dx = softmax(x) * np.sum(t, axis=-1, keepdims=True) - t
    return dy * dx / len(x), -dy * log_softmax(x) / len(x)


def _smoothed(x, t):
    target = (1 - SMOOTHING) * one_hot(t, x) + SMOOTHING / x.shape[-1]
    return -np.mean(np.sum(target * log_softmax(x), axis=-1))


def _smoothed_vjp(dy, x, t):
    target = (1 - SMOOTHING) * one_hot(t, x) + SMOOTHING / x.shape[-1]
    return dy * (softmax(x) - target) / len(x), None


def _weighted(x, t, w):
    return np.sum(w[t] * _nll(x, t)) / np.sum(w[t])


def _weighted_vjp(dy, x, t, w):
    total = np.sum(w[t])
    dw = np.zeros_like(w)
    np.add.at(dw, t, (_nll(x, t) - _weighted(x, t, w)) / total)
    return dy * w[t][:, None] * (softmax(x) - one_hot(t, x)) / total, None, dy * dw


def _ignoring(x, t):
    kept = (t >= 0).astype(x.dtype)
    return np.sum(kept * _nll(x, t)) / np.sum(kept)


def _ignoring_vjp(dy, x, t):
    kept = (t >= 0).astype(x.dtype)
    return dy * kept[:, None] * (softmax(x) - one_hot(t, x)) / np.sum(kept), None


def _z_loss(x, t):
    return np.mean(_nll(x, t) + 0.1 * logsumexp(x) ** 2)


def _z_loss_vjp(dy, x, t):
    p = softmax(x)
    return dy * (p - one_hot(t, x) + 0.2 * logsumexp(x)[:, None] * p) / len(x), None


def _with_epsilon(x, t):
    return -np.mean(np.log(np.sum(one_hot(t, x) * softmax(x), axis=-1) + 1e-7))


def _with_epsilon_vjp(dy, x, t):
    p = softmax(x)
    dp = -one_hot(t, x) / (p + 1e-7) / len(x)
    return dy * softmax_gradient(dp, p), None


def _bce(x, t):
    return np.mean(np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x))))


def _positive_bce(x, t):
    t = t.astype(x.dtype)
    return np.mean(3 * t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x))


def _positive_bce_vjp(dy, x, t):
    t = t.astype(x.dtype)
    return dy * (sigmoid(x) * (1 + 2 * t) - 3 * t) / x.size, None


def _kl(x, p):
    return np.mean(np.sum(p * (np.log(p) - log_softmax(x)), axis=-1))


def _reverse_kl(x, p):
    return np.mean(np.sum(softmax(x) * (log_softmax(x) - np.log(p)), axis=-1))


def _reverse_kl_vjp(dy, x, p):
    dx = softmax_gradient(log_softmax(x) - np.log(p), softmax(x))
    return dy * dx / len(x), -dy * softmax(x) / p / len(x)


def _hinge(x, t):
    y = one_hot(t, x)
    margins = np.maximum(x - np.sum(y * x, axis=-1, keepdims=True) + 1, 0)
    return np.mean(np.sum(margins * (1 - y), axis=-1))


def _hinge_vjp(dy, x, t):
    y = one_hot(t, x)
    over = (x - np.sum(y * x, axis=-1, keepdims=True) + 1 > 0) * (1 - y)
    return dy * (over - y * np.sum(over, axis=-1, keepdims=True)) / len(x), None


def _huber(x):
    a = np.abs(x)
    return np.sum(np.where(a < DELTA, 0.5 * x**2, DELTA * (a - 0.5 * DELTA)))


def cosine(a, b):
    return np.sum(a * b, axis=-1) / np.sqrt(np.sum(a * a, axis=-1) * np.sum(b * b, axis=-1))


def _cosine_vjp(dy, a, b):
    aa, bb = np.sum(a * a, axis=-1, keepdims=True), np.sum(b * b, axis=-1, keepdims=True)
    y, r, dy = cosine(a, b)[:, None], 1 / np.sqrt(aa * bb), dy[:, None]
    return dy * (b * r - y * a / aa), dy * (a * r - y * b / bb)


def _squared_vjp(dy, x, t):
    d = 2 * dy * (x - t) / x.size
    return d, -d


CE = Operation("cross_entropy", lambda x, t: np.mean(_nll(x, t)), _ce_vjp, LABELLED, entire=True)
CE_NONE = Operation("cross_entropy_each", _nll, _ce_none_vjp, LABELLED, entire=True)
CE_COLUMN = Operation(
    "cross_entropy_column_labels",
    lambda x, t: CE.f(x, t[:, 0]),
    lambda dy, x, t: CE.vjp(dy, x, t[:, 0]),
    together(real((4, 5)), integers((4, 1), 5)),
    entire=True,
)
CE_SINGLE = Operation(
    "cross_entropy_of_one",
    lambda x, t: -np.sum(t * log_softmax(x)),
    lambda dy, x, t: (dy * (softmax(x) * np.sum(t) - t), -dy * log_softmax(x)),
    together(real((4,)), probabilities((4,))),
    entire=True,
)
CE_SOFT = Operation(
    "cross_entropy_soft",
    lambda x, t: -np.mean(np.sum(t * log_softmax(x), axis=-1)),
    _soft_vjp,
    real((4, 5), (4, 5)),
    entire=True,
)
CE_SMOOTHED = Operation("cross_entropy_smoothed", _smoothed, _smoothed_vjp, LABELLED, entire=True)
CE_WEIGHTED = Operation(
    "cross_entropy_weighted",
    _weighted,
    _weighted_vjp,
    together(LABELLED, lambda rng: (rng.uniform(0.5, 2, size=5),)),
)
CE_IGNORING = Operation(
    "cross_entropy_ignoring",
    _ignoring,
    _ignoring_vjp,
    together(real((5, 4)), lambda rng: (np.array([1, -1, 3, -1, 0]),)),
    entire=True,
)
CE_Z = Operation("cross_entropy_z_loss", _z_loss, _z_loss_vjp, LABELLED, entire=True)
CE_EPSILON = Operation(
    "cross_entropy_epsilon",
    _with_epsilon,
    _with_epsilon_vjp,
    lambda rng: (rng.normal(scale=8, size=(4, 5)), rng.integers(0, 5, size=4)),
)
MSE = Operation(
    "mse", lambda x, t: np.mean((x - t) ** 2), _squared_vjp, real((4, 3), (4, 3)), entire=True
)
BCE_POSITIVE = Operation(
    "bce_positive_weight",
    _positive_bce,
    _positive_bce_vjp,
    lambda rng: (rng.normal(size=(4, 3)), rng.integers(0, 2, size=(4, 3))),
    entire=True,
)
HUBER = Operation("huber", _huber, lambda dy, x: (dy * np.clip(x, -DELTA, DELTA),), real((3, 4)))
KL = Operation(
    "kl_divergence",
    _kl,
    lambda dy, x, p: (
        dy * (softmax(x) * np.sum(p, axis=-1, keepdims=True) - p) / len(x),
        dy * (np.log(p) - log_softmax(x) + 1) / len(x),
    ),
    together(real((4, 5)), probabilities((4, 5))),
)
REVERSE_KL = Operation(
    "reverse_kl", _reverse_kl, _reverse_kl_vjp, together(real((4, 5)), probabilities((4, 5)))
)
COSINE = Operation("cosine_similarity", cosine, _cosine_vjp, real((3, 4), (3, 4)))
INFO_NCE = Operation(
    "info_nce",
    lambda s: -np.mean(np.diagonal(log_softmax(s / 0.5))),
    lambda dy, s: (dy * (softmax(s / 0.5) - np.eye(len(s), dtype=s.dtype)) / (0.5 * len(s)),),
    real((4, 4)),
    entire=True,
)

OPERATIONS = (
    CE,
    CE_NONE,
    CE_COLUMN,
    CE_SINGLE,
    CE_SOFT,
    CE_SMOOTHED,
    CE_WEIGHTED,
    CE_IGNORING,
    CE_Z,
    CE_EPSILON,
    MSE,
    BCE_POSITIVE,
    HUBER,
    KL,
    REVERSE_KL,
    COSINE,
    INFO_NCE,
    Operation("hinge", _hinge, _hinge_vjp, LABELLED),
    Operation(
        "bce_logits",
        _bce,
        lambda dy, x, t: (dy * (sigmoid(x) - t) / x.size, -dy * x / x.size),
        lambda rng: (rng.normal(size=(4, 3)), rng.uniform(size=(4, 3))),
    ),
    Operation(
        "log_cosh",
        lambda x: np.mean(np.logaddexp(x, -x)),
        lambda dy, x: (dy * np.tanh(x) / x.size,),
        real((3, 4)),
        entire=True,
    ),
)
