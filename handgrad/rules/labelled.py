"""Losses of labels: numbers of classes, of which some are ignored, weighed or smoothed.

SoftmaxCrossEntropyWithLabels is the plain form of what is here. Rows with the label `ignore_index`
do not count: their loss and their gradient are 0, and means divide by the rows that count. If none
does, the mean is 0, and so is the gradient, where 0 / 0 in torch gives NaN. A label that is neither
ignored nor from 0 … C − 1 gives NaN.
"""

from dataclasses import dataclass

from handgrad.arrays import (
    array_namespace,
    device_of,
    kept,
    log_softmax,
    outline,
    outlined,
    unbroadcast,
)
from handgrad.rules.batch import Reduction, excess, floating, reduced

__all__ = ["NLL", "CappedCrossEntropy", "MulticlassHinge", "PolyLoss", "WeightedCrossEntropy"]


@dataclass(frozen=True)
class NLL:
    """y = −z[t], averaged over the rows that count; z holds logarithms of probabilities

        z : (N, C)
        t : (N) label(C)
        m = t != ignore_index
        M = maximum(sum(m), 1)
        h = one_hot(t, C) * m[:, None]
        y = -sum(h * z) / M
        dz = -dy * h / M

    After log-softmax this is cross-entropy.

    Keeps the labels, which have no gradient, and which rows count.
    """

    reduction: Reduction = "mean"
    ignore_index: int = -100

    def forward(self, z, t):
        m = _counted(t, z, self.ignore_index)
        losses = -_picked(t, z, m) * m
        return _averaged(losses, m, self.reduction), (t, m, outline(z))

    def backward(self, residuals, dy):
        t, m, z_outline = residuals
        hit = _hit(t, outlined(z_outline))
        return -_of_each_row(dy, m, self.reduction) * _column(m) * _like(hit, m), None


@dataclass(frozen=True)
class WeightedCrossEntropy:
    """y = −Σ w q log softmax(x), averaged by the weights of the labels; q is one-hot or smoothed

        x : (N, C)
        t : (N) label(C)
        w : (C) positive
        ε = label_smoothing
        m = t != ignore_index
        h = one_hot(t, C) * m[:, None]
        q = (1 - ε) * h + ε / C * m[:, None]

    q takes the share ε from the label and gives it to all classes alike. Each class has a weight,
    and the mean divides by the weights of the labels:

        z = log_softmax(x, axis=-1)
        W = sum(w * h)
        y = -sum(w * q * z) / W

    SoftmaxCrossEntropy with the weights w q in the place of t, by the same steps up to the last:

        dz = -dy * w * q / W
        p = exp(z)
        dx = dz - p * sum(dz, axis=-1, keepdims=True)
           = dy * (p * sum(w * q, axis=-1, keepdims=True) - w * q) / W

    w stands above the line and below it; the quotient −Σ / W has the slope −1 / W and −y / W:

        dw = -dy * (sum(q * z, axis=0) + y * sum(h, axis=0)) / W

    This is torch's cross_entropy. Without weights, let w be ones.

    Keeps log p, the labels, which rows count, and w.

    Szegedy et al., Rethinking the Inception Architecture, 2015, arXiv:1512.00567, section 7.
    """

    reduction: Reduction = "mean"
    ignore_index: int = -100
    label_smoothing: float = 0.0

    def forward(self, x, t, w):
        z, m, w = log_softmax(x), _counted(t, x, self.ignore_index), floating(w, x)
        h, q = _smoothed(t, z, m, self.label_smoothing)
        y = _averaged(_cost(w * q, z), _weights(w, h), self.reduction)
        return y, (z, t, m, w)

    def backward(self, residuals, dy):
        z, t, m, w = residuals
        xp = array_namespace(z, w)
        h, q = _smoothed(t, z, m, self.label_smoothing)
        weights = _weights(w, h)
        dl = _of_each_row(dy, weights, self.reduction)
        dw = kept(q != 0, z) * q
        if self.reduction == "mean":
            dw = dw + h * _averaged(_cost(w * q, z), weights, "mean")
        return dl * excess(xp.exp(z), w * q), None, unbroadcast(-dl * dw, w.shape)


@dataclass(frozen=True)
class CappedCrossEntropy:
    """y = −Σ q log softmax(s) + λ L²    with s = c tanh(x / c) and L = log Σ eˢ

        x : (N, K + 2)
        C = K + 2
        t : (N) label(C)
        c = softcap
        λ = z_loss
        s = c * tanh(x / c)
        L = logsumexp(s, axis=-1, keepdims=True)
        z = s - L

    The cap keeps the logits within ±c, and λ L² pulls the sum of their exponentials towards 1: so
    language models keep their logits from drifting. q is the label, smoothed by ε:

        ε = label_smoothing
        m = t != ignore_index
        M = maximum(sum(m), 1)
        h = one_hot(t, C)
        q = (1 - ε) * h + ε / C
        y = sum(m[:, None] * (λ * L**2 - sum(q * z, axis=-1, keepdims=True))) / M

    L is the sum of a row, with the slope p = softmax(s). It stands in z and in its own square:

        k = dy * m[:, None] / M
        dz = -k * q
        p = exp(z)
        dL = k * 2 * λ * L - sum(dz, axis=-1, keepdims=True)
        ds = dz + p * dL
           = k * (p - q + 2 * λ * L * p)
           = k * ((p * sum(q, axis=-1, keepdims=True) - q) + 2 * λ * L * p)

    tanh has the slope 1 − tanh²:

        dx = ds * (1 - s / c) * (1 + s / c)

    Keeps s, L, the labels, and which rows count.

    Gemma 2, 2024, arXiv:2408.00118, section 2 (cap); PaLM, 2022, arXiv:2204.02311, section 5 (λ L²).
    """

    reduction: Reduction = "mean"
    ignore_index: int = -100
    label_smoothing: float = 0.0
    z_loss: float = 1e-4
    softcap: float = 30.0

    def forward(self, x, t):
        xp = array_namespace(x)
        s = self.softcap * xp.tanh(x / self.softcap)
        z, m = log_softmax(s), _counted(t, x, self.ignore_index)
        L = s[..., :1] - z[..., :1]
        _, q = _smoothed(t, z, m, self.label_smoothing)
        losses = _cost(q, z) + m * self.z_loss * L[..., 0] ** 2
        return _averaged(losses, m, self.reduction), (s, L, t, m)

    def backward(self, residuals, dy):
        s, L, t, m = residuals
        p = array_namespace(s).exp(s - L)
        _, q = _smoothed(t, s, m, self.label_smoothing)
        pull = excess(p, q) + 2 * self.z_loss * _column(m) * L * p
        u = s / self.softcap
        return _of_each_row(dy, m, self.reduction) * pull * (1 - u) * (1 + u), None


@dataclass(frozen=True)
class PolyLoss:
    """y = −log p[t] + ε (1 − p[t]), averaged over the rows, with p = softmax(x)

        x : (N, C)
        t : (N) label(C)
        z = log_softmax(x, axis=-1)
        p = exp(z)
        h = one_hot(t, C)
        y = mean(sum(h * (eps * (1 - p) - z), axis=-1))

    −log p is (1 − p) + (1 − p)² / 2 + …; ε adds to the first term. By the slopes −1 of −z and p of
    exp:

        dz = -dy * h * (1 + eps * p) / N
        dx = dz - p * sum(dz, axis=-1, keepdims=True)
           = dy * (1 + eps * sum(h * p, axis=-1, keepdims=True)) * (p - h) / N

    Keeps log p, the labels, which have no gradient, and which are classes.

    Leng et al., PolyLoss, 2022, arXiv:2204.12511, section 4.
    """

    reduction: Reduction = "mean"
    eps: float = 1.0

    def forward(self, x, t):
        xp = array_namespace(x)
        z, m = log_softmax(x), _counted(t, x, None)
        right = _picked(t, z, m)
        losses = (-self.eps * xp.expm1(right) - right) * m
        return reduced(losses, self.reduction), (z, t, m)

    def backward(self, residuals, dy):
        z, t, m = residuals
        xp = array_namespace(z)
        h = _like(_hit(t, z.shape), z)
        right = _column(xp.exp(_picked(t, z, m)))
        dl = _of_each_row(dy, xp.ones_like(m), self.reduction)
        return dl * _column(m) * (1 + self.eps * right) * excess(xp.exp(z), h), None


@dataclass(frozen=True)
class MulticlassHinge:
    """y = Σⱼ max(0, margin − x[t] + xⱼ) / C over the wrong classes j, averaged over the rows

        x : (N, C)
        t : (N) label(C)
        h = one_hot(t, C)
        u = margin - sum(h * x, axis=-1, keepdims=True) + x
        y = mean(sum((1 - h) * where(u > 0, u, 0), axis=-1) / C)

    A wrong class that comes closer than the margin is pushed down, and the right one is lifted by
    as much as all of them together:

        du = dy * (1 - h) * (u > 0) / (N * C)
        dx = du - h * sum(du, axis=-1, keepdims=True)

    At the margin we take 0, as torch does.

    Keeps which classes push, and the labels, which have no gradient.

    Weston and Watkins, Support Vector Machines for Multi-Class Pattern Recognition, 1999.
    """

    reduction: Reduction = "mean"
    margin: float = 1.0

    def forward(self, x, t):
        xp = array_namespace(x)
        m = _counted(t, x, None)
        u = self.margin - _column(_picked(t, x, m)) + x
        push = (u > 0) & ~_hit(t, x.shape)
        losses = xp.sum(kept(push, u), axis=-1) / x.shape[-1] * m
        return reduced(losses, self.reduction), (push, t, m)

    def backward(self, residuals, dy):
        push, t, m = residuals
        xp = array_namespace(m)
        pushed = _like(push, m)
        h = _like(_hit(t, push.shape), m)
        dl = _of_each_row(dy, xp.ones_like(m), self.reduction) * _column(m) / push.shape[-1]
        return dl * (pushed - h * xp.sum(pushed, axis=-1, keepdims=True)), None


VARIANTS = (
    NLL(ignore_index=1),
    WeightedCrossEntropy(ignore_index=1, label_smoothing=0.1),
    CappedCrossEntropy(ignore_index=1, label_smoothing=0.1, z_loss=0.1, softcap=2.0),
    PolyLoss(eps=0.5),
    MulticlassHinge(margin=0.5),
)


def _counted(t, x, ignore_index):
    """1 for each row that counts, 0 where its label is ignored, NaN where it is not a class."""
    xp = array_namespace(x, t)
    one = xp.ones(x.shape[:-1], dtype=x.dtype, device=device_of(x))
    t = xp.broadcast_to(t, x.shape[:-1])
    m = xp.where((t >= 0) & (t < x.shape[-1]), one, xp.nan)
    return m if ignore_index is None else xp.where(t == ignore_index, 0, m)


def _hit(t, shape):
    """Whether a class is that of the label, for each class of each row."""
    xp = array_namespace(t)
    classes = xp.arange(shape[-1], device=device_of(t))
    label = xp.expand_dims(xp.broadcast_to(t, shape[:-1]), axis=-1)
    return xp.astype(label, classes.dtype) == classes


def _like(mask, x):
    """A mask as numbers of x's kind."""
    return array_namespace(x).astype(mask, x.dtype)


def _column(m):
    """One number for each row, in a shape that multiplies the row."""
    return array_namespace(m).expand_dims(m, axis=-1)


def _picked(t, x, m):
    """x at the label of each row that counts, else 0."""
    xp = array_namespace(x, t)
    label = xp.astype(xp.broadcast_to(t, x.shape[:-1]), xp.arange(0).dtype)
    label = _column(xp.clip(label, 0, x.shape[-1] - 1))
    return kept(m != 0, xp.take_along_axis(x, label, axis=-1)[..., 0])


def _smoothed(t, z, m, smoothing):
    """The labels as one-hot rows, and the same with a share of the 1 for all classes alike."""
    h = _like(_hit(t, z.shape), z) * _column(m)
    return h, (1 - smoothing) * h + smoothing / z.shape[-1] * _column(m)


def _cost(q, z):
    """−Σ q z of each row, without the z that have no weight."""
    return -array_namespace(z).vecdot(q, kept(q != 0, z))


def _weights(w, h):
    """The weight of each row's label."""
    return array_namespace(w).sum(w * h, axis=-1)


def _share(weights):
    """What a mean multiplies by: 1 / Σ weights, and 0 where nothing has a weight."""
    xp = array_namespace(weights)
    total = xp.sum(weights)
    return xp.where(total == 0, 0, 1 / xp.where(total == 0, 1, total))


def _averaged(losses, weights, reduction):
    if reduction == "mean":
        return array_namespace(losses).sum(losses) * _share(weights)
    return reduced(losses, reduction)


def _of_each_row(dy, weights, reduction):
    """The gradient of each row's loss, ready to multiply the row."""
    if reduction == "mean":
        return dy * _share(weights)
    return _column(dy) if reduction == "none" else dy
