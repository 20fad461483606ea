"""Activations: what stands between the linear layers of a net."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace

__all__ = ["Sigmoid", "Tanh"]


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
