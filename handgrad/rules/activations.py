"""Activations: what stands between the linear layers of a net."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept

__all__ = ["ReLU", "Sigmoid", "Softmax", "Tanh"]


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


@dataclass(frozen=True)
class Sigmoid:
    """y = 1 / (1 + e⁻ˣ)

        x : (...)

    Four nodes, left to right:

        a = -x
        b = exp(a)
        u = 1 + b
        y = 1 / u

    and the gradient from right to left. 1/u has the slope −1/u², which is −y²:

        du = -dy / u**2
           = -dy * y**2

    + passes it on, exp multiplies by its own output, and − turns the sign:

        db = du
        da = db * exp(a)
        dx = -da
           = dy * y**2 * exp(-x)
           = dy * y * (1 - y)
           = dy * sigmoid(x) * sigmoid(-x)

    Keeps the slope σ(x) σ(−x).
    """

    def forward(self, x):
        xp = array_namespace(x)
        size = xp.abs(x)
        e = xp.exp(-size)  # never overflows
        s = e / (1 + e)  # σ(−|x|), at most ½: 1 − s, which is σ(|x|), keeps its digits
        right = xp.astype(x == size, s.dtype)  # |1 − s| there, else |0 − s|: no slow where
        return xp.abs(right - s), (s * (1 - s),)  # not y(1 − y): y rounds to 1 at x = 37

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class Tanh:
    """y = tanh x

        x : (...)
        y = tanh(x)

    The quotient rule for (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ) gives 1 − y², which factors:

        dx = dy * (1 - y**2)
           = dy * (1 - y) * (1 + y)

    Keeps y.
    """

    def forward(self, x):
        y = array_namespace(x).tanh(x)
        return y, (y,)

    def backward(self, residuals, dy):
        (y,) = residuals
        return (dy * (1 - y) * (1 + y),)


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
