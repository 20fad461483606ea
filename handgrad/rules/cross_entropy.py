"""Cross-entropy: what the right classes cost, from probabilities or from logits."""

from dataclasses import dataclass

from handgrad.arrays import (
    array_namespace,
    device_of,
    kept,
    log,
    log_softmax,
    outline,
    outlined,
    unbroadcast,
)
from handgrad.rules.batch import Reduction, excess, of_each_row, reduced, stretched

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
        target = stretched(t, p)
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
        p = exp(z)
        T = sum(t, axis=-1, keepdims=True)
        dx = dz - p * sum(dz, axis=-1, keepdims=True)
           = dy * (p * T - t) / N
           = dy * (p - t) / N
        dt = -dy * z / N

    The last form of dx holds for targets that sum to 1, the one before it for any weights. Where
    the net is sure, p T − t subtracts nearly equal numbers. There 1 − p is better known as the sum
    of the others, and one p of a row at most is above ½:

        others = sum(where(p > 1/2, 0, p), axis=-1, keepdims=True)
        dx = dy * where(p > 1/2, T - t - T * others, T * p - t) / N

    A class with a logit of −∞ is ruled out: it costs nothing unless it is the target.

    Keeps log p and t.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        xp = array_namespace(x, t)
        z = log_softmax(x)
        target = stretched(t, x)
        losses = -xp.vecdot(target, kept(target != 0, z))
        return reduced(losses, self.reduction), (z, target, outline(t))

    def backward(self, residuals, dy):
        z, t, t_outline = residuals
        xp = array_namespace(z, t)
        dl = of_each_row(dy, z.shape[:-1], self.reduction)
        dx = dl * excess(xp.exp(z), t)
        return dx, unbroadcast(-dl * z, outlined(t_outline))


@dataclass(frozen=True)
class SoftmaxCrossEntropyWithLabels:
    """y = −log softmax(x)[t], averaged over the rows; t is the number of the right class

        x : (N, C)
        t : (N) label(C)
        z = x - logsumexp(x, axis=-1, keepdims=True)
        hit = one_hot(t, C)
        y = mean(-sum(hit * z, axis=-1))
        dz = -dy * hit / N
        p = exp(z)
        dx = dz - p * sum(dz, axis=-1, keepdims=True)
           = dy * (p - hit) / N

    At the label, p − 1 is minus the sum of the other p, which loses no digit where p is near 1:

           = dy * where(hit == 1, -sum(where(hit == 1, 0, p), axis=-1, keepdims=True), p) / N

    A label outside 0 … C − 1 has no probability: its loss and its row of dx are NaN, where the
    array library does not refuse it.

    Keeps log p and the labels, which have no gradient.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        xp = array_namespace(x, t)
        z = log_softmax(x)
        label = xp.broadcast_to(t, x.shape[:-1])
        picked = xp.take_along_axis(z, xp.expand_dims(label, axis=-1), axis=-1)[..., 0]
        losses = xp.where(_is_class(label, x.shape[-1]), -picked, xp.nan)
        return reduced(losses, self.reduction), (z, label)

    def backward(self, residuals, dy):
        z, label = residuals
        xp = array_namespace(z, label)
        dl = of_each_row(dy, label.shape, self.reduction)
        label = xp.expand_dims(label, axis=-1)
        classes = xp.arange(z.shape[-1], device=device_of(z))
        hit = xp.astype(label, classes.dtype) == classes
        p = xp.exp(z)
        others = xp.sum(kept(~hit, p), axis=-1, keepdims=True)
        valid = xp.where(_is_class(label, z.shape[-1]), xp.ones_like(others), xp.nan)
        return dl * valid * xp.where(hit, -others, p), None


VARIANTS = (CrossEntropy(eps=1e-7),)


def _is_class(label, classes):
    return (label >= 0) & (label < classes)
