"""Losses: how far the outputs x are from the targets t.

A target broadcasts to the shape of the outputs, and never the other way: labels of shape (N, 1)
do not pair every row with every label.

`reduction` says what becomes of the losses: "none" leaves one for each row (or number), "sum" and
"mean" make one number of them. The mean over no losses is NaN, as in NumPy.
"""

import math
from dataclasses import dataclass
from typing import Literal

from handgrad.arrays import array_namespace, device_of, kept, log, outline, outlined, unbroadcast

__all__ = [
    "CrossEntropy",
    "MeanSquaredError",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SoftmaxCrossEntropyWithLabels",
    "SumSquaredError",
]

Reduction = Literal["none", "sum", "mean"]


@dataclass(frozen=True)
class CrossEntropy:
    """y = −Σ t log(p + ε), averaged over the rows

        p : (N, C) probability
        t : (N, C) probability
        y = mean(-sum(t * log(p + eps), axis=-1))
        dp = -dy * t / (p + eps) / N
        dt = -dy * log(p + eps) / N

    The same ε stands in both directions. Where t is 0 the term is 0, also at p = 0.

    Keeps p + ε and t.
    """

    reduction: Reduction = "mean"
    eps: float = 0.0

    def forward(self, p, t):
        xp = array_namespace(p, t)
        q = p + self.eps
        target = xp.broadcast_to(t, p.shape)
        losses = -xp.vecdot(target, kept(target != 0, log(q)))
        return _reduce(losses, self.reduction), (q, target, outline(t))

    def backward(self, residuals, dy):
        q, t, t_outline = residuals
        xp = array_namespace(q, t)
        dl = _row_gradient(dy, q.shape[:-1], self.reduction)
        dp = -dl * t / xp.where(t == 0, 1, q)
        return dp, unbroadcast(-dl * log(q), outlined(t_outline))


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """y = −Σ t log softmax(x), averaged over the rows; t is one-hot or any weights

        x : (N, C)
        t : (N, C) probability
        z = x - logsumexp(x, axis=-1, keepdims=True)
        y = mean(-sum(t * z, axis=-1))

    z is log p, with p = softmax(x). It moves with x directly and through the row's sum, whose
    slope is p:

        dz = -dy * t / N
        dx = dz - softmax(x, axis=-1) * sum(dz, axis=-1, keepdims=True)
           = dy * (softmax(x, axis=-1) * sum(t, axis=-1, keepdims=True) - t) / N
           = dy * (softmax(x, axis=-1) - t) / N
        dt = -dy * z / N

    The last form of dx holds for targets that sum to 1, the one before it for any weights.

    Keeps log p and t.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        xp = array_namespace(x, t)
        log_p = _log_softmax(x)
        target = xp.broadcast_to(t, x.shape)
        losses = -xp.vecdot(target, kept(target != 0, log_p))
        return _reduce(losses, self.reduction), (log_p, target, outline(t))

    def backward(self, residuals, dy):
        log_p, t, t_outline = residuals
        xp = array_namespace(log_p, t)
        dl = _row_gradient(dy, log_p.shape[:-1], self.reduction)
        ones = _ones(log_p)
        total = t @ ones
        sure = log_p > math.log(0.75)  # one of a row at most
        others = kept(~sure, xp.exp(log_p))
        # where p is near 1, p Σt − t is (p − 1) Σt − (t − Σt), and p − 1 minus the others' sum
        p = others - kept(sure, others @ ones)
        dx = dl * (p * total - (t - kept(sure, total)))
        return dx, unbroadcast(-dl * log_p, outlined(t_outline))


@dataclass(frozen=True)
class SoftmaxCrossEntropyWithLabels:
    """y = −log softmax(x)[t], averaged over the rows; t is the number of the right class

        x : (N, C)
        t : (N) label(C)
        z = x - logsumexp(x, axis=-1, keepdims=True)
        y = mean(-sum(one_hot(t, C) * z, axis=-1))
        dz = -dy * one_hot(t, C) / N
        dx = dz - softmax(x, axis=-1) * sum(dz, axis=-1, keepdims=True)
           = dy * (softmax(x, axis=-1) - one_hot(t, C)) / N

    A label outside 0 … C − 1 has no probability: its loss and its row of dx are NaN, where the
    array library does not refuse it.

    Keeps log p and the labels, which have no gradient.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        xp = array_namespace(x, t)
        log_p = _log_softmax(x)
        label = xp.broadcast_to(t, x.shape[:-1])
        picked = xp.take_along_axis(log_p, xp.expand_dims(label, axis=-1), axis=-1)[..., 0]
        losses = xp.where(_is_class(label, x.shape[-1]), -picked, xp.nan)
        return _reduce(losses, self.reduction), (log_p, label)

    def backward(self, residuals, dy):
        log_p, label = residuals
        xp = array_namespace(log_p, label)
        dl = _row_gradient(dy, label.shape, self.reduction)
        label = xp.expand_dims(label, axis=-1)
        classes = xp.arange(log_p.shape[-1], device=device_of(log_p))
        hit = xp.astype(label, classes.dtype) == classes
        others = kept(~hit, xp.exp(log_p))
        rest = others @ _ones(log_p)
        dz = others - kept(hit, rest)  # p − 1 at the label, and no digit lost near p = 1
        valid = xp.where(_is_class(label, log_p.shape[-1]), xp.ones_like(rest), xp.nan)
        return dl * valid * dz, None


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """y = −t log σ(x) − (1 − t) log σ(−x), averaged over all numbers

        x : (N, D)
        t : (N, D)
        l = log(1 + exp(x)) - t * x
        y = mean(l)

    log(1 + eˣ) has the slope σ(x):

        dx = dy * (sigmoid(x) - t) / (N * D)
           = dy * ((1 - t) * sigmoid(x) - t * sigmoid(-x)) / (N * D)
        dt = -dy * x / (N * D)

    The last form of dx subtracts nothing near 1.

    Keeps x and t.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        xp = array_namespace(x, t)
        target = xp.broadcast_to(t, x.shape)
        losses = xp.maximum(x, 0) - target * x + xp.log1p(xp.exp(-xp.abs(x)))
        return _reduce(losses, self.reduction), (x, target, outline(t))

    def backward(self, residuals, dy):
        x, t, t_outline = residuals
        xp = array_namespace(x, t)
        dl = _gradient(dy, x.shape, self.reduction)
        e = xp.exp(-xp.abs(x))
        s = e / (1 + e)
        right = xp.astype(x >= 0, x.dtype)
        dx = dl * (right - t + (1 - 2 * right) * s)  # σ(x) is 1 − s or s, and 1 − t comes first
        return dx, unbroadcast(-dl * x, outlined(t_outline))


@dataclass(frozen=True)
class SumSquaredError:
    """y = ½ Σ (x − t)²

        x : (N, D)
        t : (N, D)
        y = sum((x - t)**2) / 2
        dx = dy * (x - t)
        dt = -dx

    After an identity output layer this is the gradient that softmax has with cross-entropy.

    Keeps x − t.
    """

    def forward(self, x, t):
        xp = array_namespace(x, t)
        e = x - xp.broadcast_to(t, x.shape)
        return xp.sum(e * e) / 2, (e, outline(t))

    def backward(self, residuals, dy):
        e, t_outline = residuals
        dx = dy * e
        return dx, unbroadcast(-dx, outlined(t_outline))


@dataclass(frozen=True)
class MeanSquaredError:
    """y = Σ (x − t)² / n    over all n numbers, without ½

        x : (N, D)
        t : (N, D)
        y = mean((x - t)**2)
        dx = dy * 2 * (x - t) / (N * D)
        dt = -dx

    Keeps x − t.
    """

    def forward(self, x, t):
        xp = array_namespace(x, t)
        e = x - xp.broadcast_to(t, x.shape)
        return xp.mean(e * e), (e, outline(t))

    def backward(self, residuals, dy):
        e, t_outline = residuals
        dx = _gradient(dy * 2, e.shape, "mean") * e
        return dx, unbroadcast(-dx, outlined(t_outline))


VARIANTS = (
    CrossEntropy("sum", eps=1e-7),
    CrossEntropy("none"),
    SoftmaxCrossEntropy("sum"),
    SoftmaxCrossEntropy("none"),
    SoftmaxCrossEntropyWithLabels("sum"),
    SoftmaxCrossEntropyWithLabels("none"),
    SigmoidCrossEntropy("sum"),
    SigmoidCrossEntropy("none"),
)


def _reduce(losses, reduction):
    xp = array_namespace(losses)
    match reduction:
        case "none":
            return losses
        case "sum":
            return xp.sum(losses)
        case "mean":
            return xp.mean(losses)
    raise ValueError(f"reduction is {reduction!r}; it may be 'none', 'sum' or 'mean'")


def _gradient(dy, shape, reduction):
    """The gradient of each loss; `shape` is that of the losses."""
    return dy / max(1, math.prod(shape)) if reduction == "mean" else dy


def _row_gradient(dy, shape, reduction):
    """The gradient of each row's loss, ready to multiply the row."""
    dl = _gradient(dy, shape, reduction)
    return array_namespace(dl).expand_dims(dl, axis=-1) if reduction == "none" else dl


def _ones(rows):
    """A column of ones: a row times it is the row's sum, which XLA then does not store N C times."""
    xp = array_namespace(rows)
    return xp.ones((rows.shape[-1], 1), dtype=rows.dtype, device=device_of(rows))


def _log_softmax(x):
    xp = array_namespace(x)
    shifted = x - xp.max(x, axis=-1, keepdims=True)  # exp is at most 1: never overflows
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))


def _is_class(label, classes):
    return (label >= 0) & (label < classes)
