"""Regression: how far numbers x are from their targets t."""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept, outline, outlined, unbroadcast
from handgrad.rules.batch import Reduction, of_each, reduced, stretched

__all__ = [
    "L1",
    "Charbonnier",
    "GaussianNLL",
    "Huber",
    "LogCosh",
    "MeanSquaredError",
    "PoissonNLL",
    "QuantileLoss",
    "SmoothL1",
    "SumSquaredError",
]


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

    reduction: Reduction = "sum"

    def forward(self, x, t):
        u = x - stretched(t, x)
        return reduced(u * u, self.reduction) / 2, (u, outline(t))

    def backward(self, residuals, dy):
        u, t_outline = residuals
        return _both(of_each(dy, u.shape, self.reduction) * u, t_outline)


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

    reduction: Reduction = "mean"

    def forward(self, x, t):
        u = x - stretched(t, x)
        return reduced(u * u, self.reduction), (u, outline(t))

    def backward(self, residuals, dy):
        u, t_outline = residuals
        return _both(of_each(dy * 2, u.shape, self.reduction) * u, t_outline)


@dataclass(frozen=True)
class L1:
    """y = |x − t|, averaged over all numbers

        x : (N, D)
        t : (N, D)
        u = x - t
        y = mean(abs(u))

    |u| has the slope 1 above 0 and −1 below:

        dx = dy * sign(u) / (N * D)
        dt = -dx

    At 0 every slope from −1 to 1 is a subgradient. We take 0, as torch does; JAX takes 1.

    Keeps the sign of x − t.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        xp = array_namespace(x, t)
        u = x - stretched(t, x)
        return reduced(xp.abs(u), self.reduction), (xp.sign(u), outline(t))

    def backward(self, residuals, dy):
        sign, t_outline = residuals
        return _both(of_each(dy, sign.shape, self.reduction) * sign, t_outline)


@dataclass(frozen=True)
class Huber:
    """y = ½ u² where |u| ≤ δ, else δ (|u| − ½ δ), averaged over all numbers; u = x − t

        x : (N, D)
        t : (N, D)
        u = x - t
        s = clip(u, -delta, delta)
        y = mean(where(abs(u) <= delta, u**2 / 2, delta * (abs(u) - delta / 2)))
          = mean(s * (u - s / 2))

    The parabola has the slope u, which reaches ±δ where the lines of that slope go on:

        dx = dy * where(abs(u) <= delta, u, delta * sign(u)) / (N * D)
           = dy * s / (N * D)
        dt = -dx

    So an outlier pulls no harder than δ, and at ±δ there is no kink.

    Keeps the slope s.

    Huber, Robust Estimation of a Location Parameter, 1964.
    """

    reduction: Reduction = "mean"
    delta: float = 1.0

    def forward(self, x, t):
        xp = array_namespace(x, t)
        u = x - stretched(t, x)
        slope = xp.clip(u, -self.delta, self.delta)
        return reduced(slope * (u - slope / 2), self.reduction), (slope, outline(t))

    def backward(self, residuals, dy):
        slope, t_outline = residuals
        return _both(of_each(dy, slope.shape, self.reduction) * slope, t_outline)


@dataclass(frozen=True)
class SmoothL1:
    """y = u² / (2 β) where |u| < β, else |u| − ½ β, averaged over all numbers; u = x − t

        x : (N, D)
        t : (N, D)
        u = x - t
        s = clip(u / beta, -1, 1)
        y = mean(where(abs(u) < beta, u**2 / (2 * beta), abs(u) - beta / 2))
          = mean(s * (u - s * beta / 2))

    It is Huber's loss divided by β: |u| with its kink rounded off. s is the slope of both parts:

        dx = dy * s / (N * D)
        dt = -dx

    Keeps the slope s. β is above 0; the limit at 0 is L1.

    Girshick, Fast R-CNN, 2015, arXiv:1504.08083, section 2.3.
    """

    reduction: Reduction = "mean"
    beta: float = 1.0

    def forward(self, x, t):
        xp = array_namespace(x, t)
        u = x - stretched(t, x)
        slope = xp.clip(u / self.beta, -1, 1)
        return reduced(slope * (u - slope * (self.beta / 2)), self.reduction), (slope, outline(t))

    def backward(self, residuals, dy):
        slope, t_outline = residuals
        return _both(of_each(dy, slope.shape, self.reduction) * slope, t_outline)


@dataclass(frozen=True)
class LogCosh:
    """y = log cosh(x − t), averaged over all numbers

        x : (N, D)
        t : (N, D)
        u = x - t
        y = mean(log(cosh(u)))

    cosh overflows, and near 0 the logarithm of it loses all digits. With cosh u = 1 + 2 sinh²(½ u)
    near 0 and cosh u = ½ e^|u| (1 + e^(−2 |u|)) farther out:

          = mean(where(abs(u) < 1, log1p(2 * sinh(u / 2)**2), abs(u) + log1p(exp(-2 * abs(u))) - log(2)))

    cosh has the slope sinh, so its logarithm has sinh / cosh, which is tanh:

        dx = dy * tanh(u) / (N * D)
        dt = -dx

    Keeps x − t.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        xp = array_namespace(x, t)
        u = x - stretched(t, x)
        size = xp.abs(u)
        near = xp.log1p(2 * xp.sinh(xp.clip(size, None, 1.0) / 2) ** 2)
        far = size + xp.log1p(xp.exp(-2 * size)) - math.log(2)
        return reduced(xp.where(size < 1, near, far), self.reduction), (u, outline(t))

    def backward(self, residuals, dy):
        u, t_outline = residuals
        slope = array_namespace(u).tanh(u)
        return _both(of_each(dy, u.shape, self.reduction) * slope, t_outline)


@dataclass(frozen=True)
class Charbonnier:
    """y = √((x − t)² + ε²), averaged over all numbers: |x − t| with its kink rounded off

        x : (N, D)
        t : (N, D)
        u = x - t
        r = sqrt(u**2 + eps**2)
        y = mean(r)

    √ has the slope 1 / (2 r), and the square 2 u:

        dx = dy * u / r / (N * D)
        dt = -dx

    Keeps the slope u / r.

    Charbonnier et al., Two Deterministic Half-Quadratic Regularization Algorithms, 1994.
    """

    reduction: Reduction = "mean"
    eps: float = 1e-3

    def forward(self, x, t):
        xp = array_namespace(x, t)
        u = x - stretched(t, x)
        r = xp.hypot(u, xp.full_like(u, self.eps))  # u² may overflow
        return reduced(r, self.reduction), (u / r, outline(t))

    def backward(self, residuals, dy):
        slope, t_outline = residuals
        return _both(of_each(dy, slope.shape, self.reduction) * slope, t_outline)


@dataclass(frozen=True)
class QuantileLoss:
    """y = q (t − x) where t ≥ x, else (1 − q) (x − t), averaged over all numbers

        x : (N, D)
        t : (N, D)
        u = x - t
        y = mean(where(u > 0, (1 - q) * u, -q * u))

    The least mean has the q-quantile of the targets: there the numbers of targets above, weighed
    with q, and below, weighed with 1 − q, balance.

        dx = dy * where(u > 0, 1 - q, where(u < 0, -q, 0)) / (N * D)
        dt = -dx

    At 0 every slope from −q to 1 − q is a subgradient. We take 0, as L1 does.

    Keeps the slope.

    Koenker and Bassett, Regression Quantiles, 1978.
    """

    reduction: Reduction = "mean"
    q: float = 0.9

    def forward(self, x, t):
        xp = array_namespace(x, t)
        u = x - stretched(t, x)
        slope = (1 - self.q) * xp.astype(u > 0, u.dtype) - self.q * xp.astype(u < 0, u.dtype)
        return reduced(slope * u, self.reduction), (slope, outline(t))

    def backward(self, residuals, dy):
        slope, t_outline = residuals
        return _both(of_each(dy, slope.shape, self.reduction) * slope, t_outline)


@dataclass(frozen=True)
class GaussianNLL:
    """y = ½ (log v + (x − t)² / v), averaged over all numbers: −log of a normal density

        x : (N, D)
        t : (N, D)
        v : (N, D) interval(-1, 2)
        w = maximum(v, eps)
        u = x - t
        y = mean((log(w) + u**2 / w) / 2)

    The constant ½ log 2π is left out. With w fixed it is a squared error:

        dx = dy * u / w / (N * D)
        dt = -dx

    log w has the slope 1 / w, and u² / w has −u² / w². Below ε the loss does not move with v:

        dv = where(v > eps, dy * (1 / w - u**2 / w**2) / 2 / (N * D), 0)
           = where(v > eps, dy * (1 - (u / w) * u) / w / 2 / (N * D), 0)

    torch has the same loss, but ignores there that v is held at ε, and passes the gradient at ε on.

    Keeps x − t and v.

    Nix and Weigend, Estimating the Mean and Variance of the Target Distribution, 1994.
    """

    reduction: Reduction = "mean"
    eps: float = 1e-6

    def forward(self, x, t, v):
        xp = array_namespace(x, t, v)
        u = x - stretched(t, x)
        spread = stretched(v, x)
        w = xp.maximum(spread, self.eps)
        losses = (xp.log(w) + u * (u / w)) / 2
        return reduced(losses, self.reduction), (u, spread, outline(t), outline(v))

    def backward(self, residuals, dy):
        u, v, t_outline, v_outline = residuals
        w = array_namespace(u, v).maximum(v, self.eps)
        dl = of_each(dy, u.shape, self.reduction)
        dx, dt = _both(dl * (u / w), t_outline)
        dv = kept(v > self.eps, dl * (1 - (u / w) * u) / w / 2)
        return dx, dt, unbroadcast(dv, outlined(v_outline))


@dataclass(frozen=True)
class PoissonNLL:
    """y = eˣ − t x, averaged over all numbers: −log of a Poisson density with the rate eˣ

        x : (N, D)
        t : (N, D) positive
        y = mean(exp(x) - t * x)
        dx = dy * (exp(x) - t) / (N * D)
        dt = -dy * x / (N * D)

    log t!, which x does not move, is left out, and so is its part of dt. dx is rate minus count, as
    it is p − t for softmax.

    Keeps x and t.
    """

    reduction: Reduction = "mean"

    def forward(self, x, t):
        target = stretched(t, x)
        losses = array_namespace(x, t).exp(x) - target * x
        return reduced(losses, self.reduction), (x, target, outline(t))

    def backward(self, residuals, dy):
        x, t, t_outline = residuals
        dl = of_each(dy, x.shape, self.reduction)
        dx = dl * (array_namespace(x, t).exp(x) - t)
        return dx, unbroadcast(-dl * x, outlined(t_outline))


VARIANTS = (
    Huber(delta=0.5),
    SmoothL1(beta=0.5),
    Charbonnier(eps=0.5),
    QuantileLoss(q=0.2),
    GaussianNLL(eps=0.8),
)


def _both(dx, t_outline):
    """The gradients of x and of t, which move x − t against each other."""
    return dx, unbroadcast(-dx, outlined(t_outline))
