"""Losses of yes and no: each number is judged by itself."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, outline, outlined, unbroadcast
from handgrad.rules.batch import Reduction, of_each, reduced

__all__ = ["SigmoidCrossEntropy"]


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
        return reduced(losses, self.reduction), (x, target, outline(t))

    def backward(self, residuals, dy):
        x, t, t_outline = residuals
        xp = array_namespace(x, t)
        dl = of_each(dy, x.shape, self.reduction)
        e = xp.exp(-xp.abs(x))
        s = e / (1 + e)
        right = xp.astype(x >= 0, x.dtype)
        dx = dl * (right - t + (1 - 2 * right) * s)  # σ(x) is 1 − s or s, and 1 − t comes first
        return dx, unbroadcast(-dl * x, outlined(t_outline))


VARIANTS = (SigmoidCrossEntropy("sum"), SigmoidCrossEntropy("none"))
