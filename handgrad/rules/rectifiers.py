"""Rectifiers: activations that pass what is positive, and bend at 0."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept

__all__ = ["ReLU"]


@dataclass(frozen=True)
class ReLU:
    """y = max(x, 0)

        x : (...)
        y = where(x > 0, x, 0)

    Where x > 0 it passes through; elsewhere y does not move:

        dx = where(x > 0, dy, 0)

    At 0, where every slope from 0 to 1 is a subgradient, we take 0, as JAX and torch do.
    A NaN passes forward.

    Keeps the mask x > 0.
    """

    def forward(self, x):
        xp = array_namespace(x)
        return xp.maximum(x, 0), (x > 0,)

    def backward(self, residuals, dy):
        (mask,) = residuals
        return (kept(mask, dy),)
