"""Cross-entropy: what the right classes cost, from probabilities or from logits.

A target broadcasts to the shape of the outputs, and never the other way: labels of shape (N, 1)
do not pair every row with every label.
"""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace, device_of, kept, log, outline, outlined, unbroadcast
from handgrad.rules.batch import Reduction, of_each_row, reduced

__all__ = ["CrossEntropy", "SoftmaxCrossEntropy", "SoftmaxCrossEntropyWithLabels"]


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
        return reduced(losses, self.reduction), (q, target, outline(t))

    def backward(self, residuals, dy):
        q, t, t_outline = residuals
        xp = array_namespace(q, t)
        dl = of_each_row(dy, q.shape[:-1], self.reduction)
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
        return reduced(losses, self.reduction), (log_p, target, outline(t))

    def backward(self, residuals, dy):
        log_p, t, t_outline = residuals
        xp = array_namespace(log_p, t)
        dl = of_each_row(dy, log_p.shape[:-1], self.reduction)
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
        return reduced(losses, self.reduction), (log_p, label)

    def backward(self, residuals, dy):
        log_p, label = residuals
        xp = array_namespace(log_p, label)
        dl = of_each_row(dy, label.shape, self.reduction)
        label = xp.expand_dims(label, axis=-1)
        classes = xp.arange(log_p.shape[-1], device=device_of(log_p))
        hit = xp.astype(label, classes.dtype) == classes
        others = kept(~hit, xp.exp(log_p))
        rest = others @ _ones(log_p)
        dz = others - kept(hit, rest)  # p − 1 at the label, and no digit lost near p = 1
        valid = xp.where(_is_class(label, log_p.shape[-1]), xp.ones_like(rest), xp.nan)
        return dl * valid * dz, None


VARIANTS = (
    CrossEntropy("sum", eps=1e-7),
    CrossEntropy("none"),
    SoftmaxCrossEntropy("sum"),
    SoftmaxCrossEntropy("none"),
    SoftmaxCrossEntropyWithLabels("sum"),
    SoftmaxCrossEntropyWithLabels("none"),
)


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
