"""Segmentation: how far masks overlap, each image by itself; all its axes count, the batch's not."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, outline, outlined, unbroadcast
from handgrad.rules.batch import Reduction, of_each, reduced, stretched

__all__ = ["Dice", "Tversky"]


@dataclass(frozen=True)
class Dice:
    """y = 1 − (2 Σ p t + smooth) / (Σ p + Σ t + smooth), averaged over the images

        p : (N, H, W) interval(0, 1)
        t : (N, H, W) interval(0, 1)
        I = sum(p * t, axis=(1, 2), keepdims=True) + smooth / 2
        S = sum(p + t, axis=(1, 2), keepdims=True) / 2 + smooth / 2
        f = I / S
        y = mean(1 - f)

    f is the overlap by the mean of the areas, both halves of what y has. p moves I by t and S by ½,
    and 1 / S has the slope −1 / S²:

        df = -dy * ones_like(f) / N
        dp = df * (t / S - I / S**2 / 2)
           = df * (t - f / 2) / S
        dt = df * (p - f / 2) / S

    It is Tversky with α = β = ½. Two empty masks overlap wholly: without `smooth` their 0 / 0 is
    taken as 1, with the gradient 0.

    Keeps p, t, f and S.

    Milletari, Navab and Ahmadi, V-Net, 2016, arXiv:1606.04797, section 3, but without squares.
    """

    reduction: Reduction = "mean"
    smooth: float = 1.0

    def forward(self, p, t):
        return _tversky(p, t, (0.5, 0.5, self.smooth / 2), self.reduction)

    def backward(self, residuals, dy):
        return _tversky_backward(residuals, (0.5, 0.5), self.reduction, dy)


@dataclass(frozen=True)
class Tversky:
    """y = 1 − (I + smooth) / (I + α Σ p (1 − t) + β Σ (1 − p) t + smooth); I = Σ p t

        p : (N, H, W) interval(0, 1)
        t : (N, H, W) interval(0, 1)
        I = sum(p * t, axis=(1, 2), keepdims=True)
        A = sum(p * (1 - t), axis=(1, 2), keepdims=True)
        B = sum((1 - p) * t, axis=(1, 2), keepdims=True)
        k = 1 - alpha - beta
        S = I + alpha * A + beta * B + smooth
        f = (I + smooth) / S
        y = mean(1 - f)
          = mean((alpha * A + beta * B) / S)

    α weighs A, what is too much, and β weighs B, what is missing: ½ and ½ give Dice, 1 and 1 the
    Jaccard index. The overlap I moves what is above the line and below it, A and B only what is
    below. 1 / S has the slope −1 / S², and (I + smooth) / S is f again:

        df = -dy * ones_like(f) / N
        dS = -df * f / S
        dI = df / S + dS
        dA = alpha * dS
        dB = beta * dS

    p moves I by t, A by 1 − t and B by −t; t does likewise. The last forms collect f:

        dp = dI * t + dA * (1 - t) - dB * t
           = df * (t - f * (alpha + k * t)) / S
        dt = dI * p - dA * p + dB * (1 - p)
           = df * (p - f * (beta + k * p)) / S

    Two empty masks overlap wholly: without `smooth` their 0 / 0 is taken as 1, with the gradient 0.

    Keeps p, t, f and S.

    Salehi, Erdogmus and Gholipour, Tversky loss function for image segmentation, 2017,
    arXiv:1706.05721, section 2.
    """

    reduction: Reduction = "mean"
    alpha: float = 0.3
    beta: float = 0.7
    smooth: float = 1.0

    def forward(self, p, t):
        return _tversky(p, t, (self.alpha, self.beta, self.smooth), self.reduction)

    def backward(self, residuals, dy):
        return _tversky_backward(residuals, (self.alpha, self.beta), self.reduction, dy)


VARIANTS = (Dice(smooth=0.0), Tversky(alpha=1.0, beta=0.4, smooth=0.5))


def _tversky(p, t, options, reduction):
    alpha, beta, smooth = options
    xp = array_namespace(p, t)
    target = stretched(t, p)
    overlap, extra, missing = (  # I, A and B
        xp.sum(product, axis=tuple(range(1, p.ndim)), keepdims=True)
        for product in (p * target, p * (1 - target), (1 - p) * target)
    )
    wrong = alpha * extra + beta * missing
    S = overlap + wrong + smooth
    f = xp.where(S == 0, 1, (overlap + smooth) / xp.where(S == 0, 1, S))
    losses = xp.reshape(wrong / xp.where(S == 0, 1, S), p.shape[:1])
    return reduced(losses, reduction), (p, target, f, S, outline(t))


def _tversky_backward(residuals, weights, reduction, dy):
    p, t, f, S, t_outline = residuals
    alpha, beta = weights
    k = 1 - alpha - beta
    xp = array_namespace(p, t)
    dl = of_each(dy, p.shape[:1], reduction)
    df = -xp.reshape(dl, f.shape) if reduction == "none" else -dl
    per_S = xp.where(S == 0, 0, df / xp.where(S == 0, 1, S))
    dt = per_S * (p - f * (beta + k * p))
    return per_S * (t - f * (alpha + k * t)), unbroadcast(dt, outlined(t_outline))
