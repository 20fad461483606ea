"""Selection: of two numbers, or of a number and its bounds, one is passed on.

Inputs broadcast as in NumPy. Where one was stretched, its gradient is summed back to its shape.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept, outline, outlined, unbroadcast, where

__all__ = ["Clip", "Maximum", "Minimum", "Where"]


@dataclass(frozen=True)
class Maximum:
    """y = max(a, b)    the larger of two numbers

        a : (...)
        b : (...)
        y = where(a > b, a, b)

    Only the larger one moves y, and as much as itself. If neither is, each takes half:

        da = where(a > b, dy, where(a < b, 0, dy / 2))
        db = where(a < b, dy, where(a > b, 0, dy / 2))

    So do JAX and torch at a tie. A NaN comes out, and both have the half of its gradient.

    Keeps the masks a > b and a < b, and the shapes.
    """

    def forward(self, a, b):
        y = array_namespace(a, b).maximum(a, b)
        return y, (a > b, a < b, outline(a), outline(b))

    def backward(self, residuals, dy):
        return _shared(residuals, dy)


@dataclass(frozen=True)
class Minimum:
    """y = min(a, b)    the smaller of two numbers

        a : (...)
        b : (...)
        y = where(a < b, a, b)

    Only the smaller one moves y, and as much as itself. If neither is, each takes half, as for
    Maximum:

        da = where(a < b, dy, where(a > b, 0, dy / 2))
        db = where(a > b, dy, where(a < b, 0, dy / 2))

    Keeps the masks a < b and a > b, and the shapes.
    """

    def forward(self, a, b):
        y = array_namespace(a, b).minimum(a, b)
        return y, (a < b, a > b, outline(a), outline(b))

    def backward(self, residuals, dy):
        return _shared(residuals, dy)


@dataclass(frozen=True)
class Where:
    """y = a where c is true, else b

        c : (...) mask
        a : (...)
        b : (...)
        y = where(c, a, b)

    What was not taken does not move y, whatever it is, an infinity or a NaN:

        da = where(c, dy, 0)
        db = where(c, 0, dy)

    Keeps c, which has no gradient, and the shapes.
    """

    def forward(self, c, a, b):
        return where(c, a, b), (c, outline(a), outline(b))

    def backward(self, residuals, dy):
        c, a, b = residuals
        da, db = where(c, dy, 0), where(c, 0, dy)
        return None, unbroadcast(da, outlined(a)), unbroadcast(db, outlined(b))


@dataclass(frozen=True)
class Clip:
    """y = min(max(x, low), high)

        x : (...) interval(-2, 3)
        y = minimum(maximum(x, low), high)

    A number that stays as it is passes its gradient on:

        dx = where((x >= low) * (x <= high), dy, 0)

    At the bounds this is 1, as in torch; JAX takes ½. (HardTanh is the same function with slope 0.)
    low = −∞ or high = ∞ leaves that side open.

    Keeps the mask low ≤ x ≤ high.
    """

    low: float = 0.0
    high: float = 1.0

    def forward(self, x):
        y = array_namespace(x).clip(x, self.low, self.high)
        return y, ((x >= self.low) & (x <= self.high),)

    def backward(self, residuals, dy):
        (mask,) = residuals
        return (kept(mask, dy),)


VARIANTS = (Clip(-0.5, 1.6),)


def _shared(residuals, dy):
    """dy for what was selected, and half of it for both where neither was."""
    of_a, of_b, a, b = residuals
    da = where(of_a, dy, where(of_b, 0, dy / 2))
    db = where(of_b, dy, where(of_a, 0, dy / 2))
    return unbroadcast(da, outlined(a)), unbroadcast(db, outlined(b))
