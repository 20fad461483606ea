"""Regression: how far numbers x are from their targets t.

A target broadcasts to the shape of the outputs, and never the other way.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, outline, outlined, unbroadcast
from handgrad.rules.batch import of_each

__all__ = ["MeanSquaredError", "SumSquaredError"]


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
        dx = of_each(dy * 2, e.shape, "mean") * e
        return dx, unbroadcast(-dx, outlined(t_outline))
