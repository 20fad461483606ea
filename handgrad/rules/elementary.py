"""Elementary functions of each number: exponentials, logarithms, angles."""

import math
from dataclasses import dataclass

from handgrad.arrays import (
    array_namespace,
    erf,
    log,
    outline,
    outlined,
    shape_of,
    sigmoid,
    unbroadcast,
)

__all__ = ["Atan2", "Cos", "Erf", "Exp", "Expm1", "Log", "Log1p", "LogAddExp", "Sin", "Xlogy"]


@dataclass(frozen=True)
class Exp:
    """y = eˣ

        x : (...)
        y = exp(x)

    exp is its own slope:

        dx = dy * exp(x)
           = dy * y

    Keeps y.
    """

    def forward(self, x):
        y = array_namespace(x).exp(x)
        return y, (y,)

    def backward(self, residuals, dy):
        (y,) = residuals
        return (dy * y,)


@dataclass(frozen=True)
class Log:
    """y = log x

        x : (...) positive
        y = log(x)

    From x = exp(y) and δx = x δy:

        dx = dy / x

    Keeps x.
    """

    def forward(self, x):
        return array_namespace(x).log(x), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (dy / x,)


@dataclass(frozen=True)
class Expm1:
    """y = eˣ − 1    with all its digits near 0

        x : (...)
        y = expm1(x)

    The 1 does not move. y + 1 is the slope, too, but has lost its digits where y is near −1:

        dx = dy * (y + 1)
           = dy * exp(x)

    Keeps the slope.
    """

    def forward(self, x):
        xp = array_namespace(x)
        return xp.expm1(x), (xp.exp(x),)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class Log1p:
    """y = log(1 + x)    with all its digits near 0

        x : (...) interval(-0.9, 4)
        y = log1p(x)

    From 1 + x = exp(y) and δx = (1 + x) δy:

        dx = dy / (1 + x)

    Keeps x.
    """

    def forward(self, x):
        return array_namespace(x).log1p(x), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (dy / (1 + x),)


@dataclass(frozen=True)
class LogAddExp:
    """y = log(eᵃ + eᵇ)

        a : (...)
        b : (...)
        y = log(exp(a) + exp(b))
          = maximum(a, b) + log1p(exp(-abs(a - b)))

    The last form never overflows. Each term moves y by its share of the sum:

        da = dy * exp(a) / (exp(a) + exp(b))
           = dy * sigmoid(a - b)
        db = dy * sigmoid(b - a)

    Equal numbers have the share ½ each, also two equal infinities; for −∞ JAX and torch give NaN.

    Keeps a − b, and the shapes.
    """

    def forward(self, a, b):
        xp = array_namespace(a, b)
        both = (a == b) & xp.isinf(a)  # ∞ − ∞ is NaN
        d = xp.where(both, 0, a) - xp.where(both, 0, b)
        y = xp.maximum(a, b) + xp.log1p(xp.exp(-xp.abs(d)))
        return y, (d, outline(a), outline(b))

    def backward(self, residuals, dy):
        d, a, b = residuals
        da, db = dy * sigmoid(d), dy * sigmoid(-d)
        return unbroadcast(da, outlined(a)), unbroadcast(db, outlined(b))


@dataclass(frozen=True)
class Xlogy:
    """y = a log b    which is 0 where a is 0

        a : (...)
        b : (...) positive
        y = a * log(b)

    A product, and log with its slope 1/b:

        da = dy * log(b)
        db = dy * a / b

    Where a = 0, y is 0 for every b, as in an entropy. If also b ≤ 0, where log has no slope, da and
    db are 0. At a = b = 0 torch has 0 and NaN, and JAX −∞ and NaN.

    Keeps a and b.
    """

    def forward(self, a, b):
        xp = array_namespace(a, b)
        return a * log(xp.where((a == 0) & ~xp.isnan(b), 1, b)), (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        inside = array_namespace(a, b).where((a == 0) & (b <= 0), 1, b)
        return unbroadcast(dy * log(inside), shape_of(a)), unbroadcast(dy * a / inside, shape_of(b))


@dataclass(frozen=True)
class Sin:
    """y = sin x

        x : (...)
        y = sin(x)

    sin(x + δ) = sin(x) cos(δ) + cos(x) sin(δ), and for a small δ this is sin(x) + δ cos(x):

        dx = dy * cos(x)

    Keeps x.
    """

    def forward(self, x):
        return array_namespace(x).sin(x), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (dy * array_namespace(x, dy).cos(x),)


@dataclass(frozen=True)
class Cos:
    """y = cos x

        x : (...)
        y = cos(x)

    cos(x + δ) = cos(x) cos(δ) − sin(x) sin(δ), and for a small δ this is cos(x) − δ sin(x):

        dx = -dy * sin(x)

    Keeps x.
    """

    def forward(self, x):
        return array_namespace(x).cos(x), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (-dy * array_namespace(x, dy).sin(x),)


@dataclass(frozen=True)
class Atan2:
    """y = atan2(a, b)    the angle of the point with the coordinates b, to the right, and a, up

        a : (...)
        b : (...)
        r = hypot(a, b)
        y = atan2(a, b)

    With a = r sin(y) and b = r cos(y), b δa − a δb is r² δy:

        δy = (b * δa - a * δb) / r**2
        da = dy * b / r**2
           = dy * (b / r) / r
        db = -dy * (a / r) / r

    r² would overflow, or vanish, long before r does. At the origin, where no angle is defined, both
    gradients are 0, as in torch; JAX says NaN.

    Keeps a and b.
    """

    def forward(self, a, b):
        return array_namespace(a, b).atan2(a, b), (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        xp = array_namespace(a, b)
        r = xp.hypot(a, b)
        r = xp.where(r == 0, 1, r)
        da, db = dy * (b / r) / r, -dy * (a / r) / r
        return unbroadcast(da, shape_of(a)), unbroadcast(db, shape_of(b))


@dataclass(frozen=True)
class Erf:
    """y = 2/√π times the integral of exp(−t²) from 0 to x

        x : (...)
        y = erf(x)

    An integral moves with its upper limit as much as the integrand there:

        dx = dy * 2 / sqrt(pi) * exp(-x**2)

    Keeps x.
    """

    def forward(self, x):
        return erf(x), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        xp = array_namespace(x, dy)
        near = xp.clip(x, -30, 30)  # beyond, exp(−x²) is 0 in every precision
        return (dy * (2 / math.sqrt(math.pi)) * xp.exp(-(near**2)),)
