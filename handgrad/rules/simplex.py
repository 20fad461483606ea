"""Maps onto the simplex: of any numbers they make shares that sum to 1."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace

__all__ = ["Softmax"]


@dataclass(frozen=True)
class Softmax:
    """yᵢ = eˣⁱ / Σⱼ eˣʲ along one axis

        x : (M, N)
        e = exp(x)
        S = sum(e, axis=axis, keepdims=True)
        y = e / S

    Each eᵢ reaches y twice, by its own numerator and through the sum that all share:

        dS = -sum(dy * e, axis=axis, keepdims=True) / S**2
           = -sum(dy * y, axis=axis, keepdims=True) / S
        de = dy / S + dS

    exp multiplies by its own output, and e / S is y:

        dx = de * e
           = y * (dy - sum(dy * y, axis=axis, keepdims=True))

    Keeps y.
    """

    axis: int = -1

    def forward(self, x):
        xp = array_namespace(x)
        e = xp.exp(x - xp.max(x, axis=self.axis, keepdims=True))  # at most 1: never overflows
        y = e / xp.sum(e, axis=self.axis, keepdims=True)
        return y, (y,)

    def backward(self, residuals, dy):
        (y,) = residuals
        xp = array_namespace(y, dy)
        return (y * (dy - xp.sum(dy * y, axis=self.axis, keepdims=True)),)


VARIANTS = (Softmax(axis=0),)
