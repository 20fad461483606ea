"""Losses of yes and no: each number is judged by itself."""

from dataclasses import dataclass

from handgrad.arrays import outline, outlined, sigmoid, softplus, unbroadcast
from handgrad.rules.batch import Reduction, of_each, reduced, stretched

__all__ = ["SigmoidCrossEntropy"]


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """y = −w t log σ(x) − (1 − t) log σ(−x), averaged over all numbers

        x : (N, D)
        t : (N, D)
        w = pos_weight

    The weight w of a yes, where yes is rare, is above 1. softplus(x) = log(1 + eˣ) is −log σ(−x),
    and softplus(−x) is −log σ(x), which is x less:

        l = w * t * softplus(-x) + (1 - t) * softplus(x)
          = (1 + (w - 1) * t) * softplus(-x) + (1 - t) * x
        y = mean(l)

    softplus has the slope σ. The last form of dx subtracts nothing near 1:

        dx = dy * (w * t * -sigmoid(-x) + (1 - t) * sigmoid(x)) / (N * D)
        dt = dy * (w * softplus(-x) - softplus(x)) / (N * D)
           = dy * ((w - 1) * softplus(-x) - x) / (N * D)

    With w = 1, dx is σ(x) − t.

    Keeps x and t.
    """

    reduction: Reduction = "mean"
    pos_weight: float = 1.0

    def forward(self, x, t):
        target = stretched(t, x)
        weight = 1 + (self.pos_weight - 1) * target
        losses = weight * softplus(-x) + (1 - target) * x
        return reduced(losses, self.reduction), (x, target, outline(t))

    def backward(self, residuals, dy):
        x, t, t_outline = residuals
        dl = of_each(dy, x.shape, self.reduction)
        dx = dl * ((1 - t) * sigmoid(x) - self.pos_weight * t * sigmoid(-x))
        dt = dl * ((self.pos_weight - 1) * softplus(-x) - x)
        return dx, unbroadcast(dt, outlined(t_outline))


VARIANTS = (SigmoidCrossEntropy("none", pos_weight=3.0),)
