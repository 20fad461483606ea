"""Divergences: how far a distribution is from another, each row by itself.

A class with the probability 0 adds nothing, for 0 log 0 is 0. t log t has the slope log t + 1, which
is −∞ there: we take 0, where torch and JAX give NaN.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept, log, log_softmax, outline, outlined, unbroadcast
from handgrad.rules.batch import Reduction, excess, of_each_row, reduced, stretched

__all__ = ["VAEKL", "JensenShannon", "KLDivergence", "ReverseKL", "TotalVariation"]


@dataclass(frozen=True)
class KLDivergence:
    """y = Σ t log(t / p), averaged over the rows, with p = softmax(x)

        x : (N, C)
        t : (N, C) probability
        z = log_softmax(x, axis=-1)
        y = mean(sum(t * (log(t) - z), axis=-1))

    Cross-entropy, without what t costs itself; so x has the gradient of SoftmaxCrossEntropy:

        dz = -dy * t / N
        p = exp(z)
        dx = dz - p * sum(dz, axis=-1, keepdims=True)
           = dy * (p * sum(t, axis=-1, keepdims=True) - t) / N

    t log t has the slope log t + 1:

        dt = dy * (log(t) + 1 - z) / N

    It is large where p misses what t has. torch's kl_div takes log p in the place of x, and calls
    the mean over rows "batchmean".

    Keeps log p and t.

    Kullback and Leibler, On Information and Sufficiency, 1951.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        xp = array_namespace(x, t)
        z, target = log_softmax(x), stretched(t, x)
        losses = xp.vecdot(target, _log_ratio(target, log(target), z))
        return reduced(losses, self.reduction), (z, target, outline(t))

    def backward(self, residuals, dy):
        z, t, t_outline = residuals
        dl = of_each_row(dy, z.shape[:-1], self.reduction)
        dt = dl * (_slope(t) - z)
        return dl * excess(array_namespace(z).exp(z), t), unbroadcast(dt, outlined(t_outline))


@dataclass(frozen=True)
class ReverseKL:
    """y = Σ p log(p / t), averaged over the rows, with p = softmax(x)

        x : (N, C)
        t : (N, C) probability
        z = log_softmax(x, axis=-1)
        p = exp(z)
        r = z - log(t)
        y = mean(sum(p * r, axis=-1))

    z moves p, by its exponential, and r:

        dp = dy * r / N
        dr = dy * p / N
        dz = dp * p + dr
           = dy * p * (r + 1) / N

    and log-softmax takes off p times the row's sum, with which the 1 is gone:

        dx = dz - p * sum(dz, axis=-1, keepdims=True)
           = dy * p * (r - sum(p * r, axis=-1, keepdims=True)) / N
        dt = -dy * p / t / N

    It is large where p has what t does not: infinite, where t is 0 and p is not.

    Keeps log p and t.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        xp = array_namespace(x, t)
        z, target = log_softmax(x), stretched(t, x)
        p = xp.exp(z)
        losses = xp.vecdot(p, _log_ratio(p, z, log(target)))
        return reduced(losses, self.reduction), (z, target, outline(t))

    def backward(self, residuals, dy):
        z, t, t_outline = residuals
        xp = array_namespace(z, t)
        p = xp.exp(z)
        r = _log_ratio(p, z, log(t))
        dl = of_each_row(dy, z.shape[:-1], self.reduction)
        dx = dl * p * (r - xp.sum(p * r, axis=-1, keepdims=True))
        dt = -dl * kept(t > 0, p / xp.where(t > 0, t, 1))
        return dx, unbroadcast(dt, outlined(t_outline))


@dataclass(frozen=True)
class JensenShannon:
    """y = β KL(t ‖ m) + (1 − β) KL(p ‖ m), averaged over the rows; m = β t + (1 − β) p

        x : (N, K + 2)
        t : (N, K + 2) probability
        z = log_softmax(x, axis=-1)
        p = exp(z)
        m = beta * t + (1 - beta) * p
        h = z - log(m)
        k = log(t) - log(m)
        y = mean(sum(beta * t * k + (1 - beta) * p * h, axis=-1))

    Both are held against their mixture m, which is 0 only where both are, so that y is finite. log m
    stands in both terms, and together they have m for its factor. The factor of p
    is h, and p moves m by 1 − β. exp has the slope p; dx is that of log_softmax; t log t has the
    slope log t + 1:

        dm = -dy * (beta * t + (1 - beta) * p) / m / N
           = -dy * ones_like(m) / N
        dp = dy * (1 - beta) * (h - 1) / N
        dz = dp * p + dy * (1 - beta) * p / N
           = dy * (1 - beta) * p * h / N
        dx = dz - p * sum(dz, axis=-1, keepdims=True)
           = dy * (1 - beta) * p * (h - sum(p * h, axis=-1, keepdims=True)) / N
        dt = dy * beta * k / N
           = dy * beta * ((log(t) + 1) - (log(m) + 1)) / N

    Keeps log p and t.

    Lin, Divergence Measures Based on the Shannon Entropy, 1991.
    """

    reduction: Reduction = "mean"
    beta: float = 0.5

    def forward(self, x, t):
        xp = array_namespace(x, t)
        z, target = log_softmax(x), stretched(t, x)
        p, m, h = self._mixture(z, target)
        k = _log_ratio(target, log(target), log(m))
        losses = self.beta * xp.vecdot(target, k) + (1 - self.beta) * xp.vecdot(p, h)
        return reduced(losses, self.reduction), (z, target, outline(t))

    def backward(self, residuals, dy):
        z, t, t_outline = residuals
        xp = array_namespace(z)
        p, m, h = self._mixture(z, t)
        dl = of_each_row(dy, z.shape[:-1], self.reduction)
        dx = dl * (1 - self.beta) * p * (h - xp.sum(p * h, axis=-1, keepdims=True))
        dt = dl * self.beta * (_slope(t) - _slope(m))
        return dx, unbroadcast(dt, outlined(t_outline))

    def _mixture(self, z, t):
        """p, m and log(p / m), which is 0 where p is."""
        p = array_namespace(z).exp(z)
        m = self.beta * t + (1 - self.beta) * p
        return p, m, _log_ratio(p, z, log(m))


@dataclass(frozen=True)
class TotalVariation:
    """y = ½ Σ |p − t|, averaged over the rows: the most by which the two differ on any event

        p : (N, C) probability
        t : (N, C) probability
        u = p - t
        y = mean(sum(abs(u), axis=-1) / 2)
        dp = dy * sign(u) / 2 / N
        dt = -dp

    Where p = t we take 0, as L1 does.

    Keeps the sign of p − t.
    """

    reduction: Reduction = "mean"

    def forward(self, p, t):
        xp = array_namespace(p, t)
        u = p - stretched(t, p)
        losses = xp.sum(xp.abs(u), axis=-1) / 2
        return reduced(losses, self.reduction), (xp.sign(u), outline(t))

    def backward(self, residuals, dy):
        sign, t_outline = residuals
        dp = of_each_row(dy, sign.shape[:-1], self.reduction) * sign / 2
        return dp, unbroadcast(-dp, outlined(t_outline))


@dataclass(frozen=True)
class VAEKL:
    """y = ½ Σ (μ² + eˢ − 1 − s), averaged over the rows: KL(N(μ, eˢ) ‖ N(0, 1)), s = log σ²

        μ : (N, D)
        s : (N, D)
        y = mean(sum(μ**2 + exp(s) - 1 - s, axis=-1) / 2)
          = mean(sum(μ**2 + (expm1(s) - s), axis=-1) / 2)
        dμ = dy * μ / N
        ds = dy * (exp(s) - 1) / 2 / N
           = dy * expm1(s) / 2 / N

    The means are pulled to 0 as by a weight decay, and the variances to 1. expm1(s) is eˢ − 1 with
    all its digits where the variance is near 1.

    Keeps μ and s.

    Kingma and Welling, Auto-Encoding Variational Bayes, 2013, arXiv:1312.6114, appendix B.
    """

    reduction: Reduction = "mean"

    def forward(self, mean, s):
        xp = array_namespace(mean, s)
        losses = xp.sum(mean * mean + (xp.expm1(s) - s), axis=-1) / 2
        return reduced(losses, self.reduction), (mean, s)

    def backward(self, residuals, dy):
        mean, s = residuals
        dl = of_each_row(dy, mean.shape[:-1], self.reduction)
        return dl * mean, dl * array_namespace(s).expm1(s) / 2


VARIANTS = (JensenShannon(beta=0.2),)


def _slope(t):
    """That of t log t, which is log t + 1, and 0 at 0."""
    return kept(t > 0, log(t) + 1)


def _log_ratio(a, log_a, log_b):
    """log(a / b), and 0 where a is 0."""
    return kept(a > 0, log_a) - kept(a > 0, log_b)
