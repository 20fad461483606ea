"""Smooth activations: what stands between the linear layers of a net.

A slope keeps its digits in both tails. Where y has rounded to its limit, y (1 − y) or 1 − y² has
lost them all; so slopes are formed of e = exp(−|x|), which is at most 1 and never overflows.
What is kept for backward is the slope.
"""

import math
from dataclasses import dataclass
from typing import Literal

from handgrad.arrays import array_namespace, erfc, sigmoid, where

__all__ = [
    "GELU",
    "LogSigmoid",
    "Mish",
    "QuickGELU",
    "SiLU",
    "Sigmoid",
    "Softcap",
    "Softplus",
    "Softsign",
    "Tanh",
]


@dataclass(frozen=True)
class Sigmoid:
    """y = 1 / (1 + e⁻ˣ)

        x : (...)

    Four nodes, left to right. With e⁻ˡˣˡ in the place of e⁻ˣ nothing overflows:

        a = -x
        b = exp(a)
        u = 1 + b
        y = 1 / u
          = where(x < 0, exp(-abs(x)), 1) / (1 + exp(-abs(x)))

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

    1 − y is 0 from x = 37 on. σ(x) σ(−x) is even, and keeps its digits in both tails:

        e = exp(-abs(x))
        dx = dy * e / (1 + e)**2

    Keeps the slope.
    """

    def forward(self, x):
        return _sigmoid_and_slope(x)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class Tanh:
    """y = tanh x

        x : (...)
        y = tanh(x)

    The quotient rule for (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ) gives 1 − y², which is the 4 / (eˣ + e⁻ˣ)²
    that does not cancel where y is near ±1:

        dx = dy * (1 - y**2)
           = dy * (1 - y) * (1 + y)
           = dy * 4 / (exp(x) + exp(-x))**2
        e = exp(-2 * abs(x))
        dx = dy * 4 * e / (1 + e)**2

    Keeps the slope. JAX and torch take 1 − y², which is 0 from |x| = 19 on (9 in float32).
    """

    def forward(self, x):
        return _tanh_and_slope(x)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class Softcap:
    """y = c tanh(x / c)    which lies between −c and c

        x : (...)
        y = cap * tanh(x / cap)

    c and 1/c cancel, and tanh has the slope 1 − tanh²:

        dx = dy * (1 - (y / cap)**2)
        e = exp(-2 * abs(x / cap))
        dx = dy * 4 * e / (1 + e)**2

    Keeps the slope.

    Gemma Team, Gemma 2, 2024, arXiv:2408.00118, section 2.
    """

    cap: float = 2.0

    def forward(self, x):
        y, residuals = _tanh_and_slope(x / self.cap)
        return self.cap * y, residuals

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class Softplus:
    """y = log(1 + exp(β x)) / β

        x : (...)
        y = log(1 + exp(beta * x)) / beta
          = maximum(x, 0) + log1p(exp(-beta * abs(x))) / beta

    The last form never overflows. The slope is that of log(1 + b), 1 / (1 + b), times b β / β:

        dx = dy * exp(beta * x) / (1 + exp(beta * x))
           = dy * sigmoid(beta * x)
        e = exp(-beta * abs(x))
        dx = dy * where(x < 0, e, 1) / (1 + e)

    It holds for every x. torch takes y = x from β x = 20 on, and jumps there by 2·10⁻⁹.

    Keeps the slope. β is positive.
    """

    beta: float = 1.0

    def forward(self, x):
        xp = array_namespace(x)
        e = xp.exp(-self.beta * xp.abs(x))
        y = xp.maximum(x, 0) + xp.log1p(e) / self.beta
        return y, (where(x < 0, e, 1) / (1 + e),)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class LogSigmoid:
    """y = log σ(x) = −log(1 + e⁻ˣ)

        x : (...)
        y = -log(1 + exp(-x))
          = minimum(x, 0) - log1p(exp(-abs(x)))

    The slope of log σ is σ' / σ, where σ' = σ(x) σ(−x). What is left is σ(−x):

        dx = dy * exp(-x) / (1 + exp(-x))
           = dy * sigmoid(-x)
        e = exp(-abs(x))
        dx = dy * where(x < 0, 1, e) / (1 + e)

    Keeps the slope.
    """

    def forward(self, x):
        xp = array_namespace(x)
        e = xp.exp(-xp.abs(x))
        return xp.minimum(x, 0) - xp.log1p(e), (where(x < 0, 1, e) / (1 + e),)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class Softsign:
    """y = x / (1 + |x|)

        x : (...)
        r = 1 / (1 + abs(x))
        y = x * r

    |x| r is 1 − r, so what comes through r takes away all of r but r²:

        dr = dy * x
        dx = dy * r - dr * sign(x) * r**2
           = dy * (r - (1 - r) * r)
           = dy * r**2

    There is no kink at 0: the slope is 1 from both sides.

    Keeps the slope.
    """

    def forward(self, x):
        r = 1 / (1 + array_namespace(x).abs(x))
        return x * r, (r * r,)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class SiLU:
    """y = x σ(x)    also called swish

        x : (...)
        s = 1 / (1 + exp(-x))
        y = x * s

    A product: s is reached by x itself, and through s, whose slope is s (1 − s):

        ds = dy * x
        dx = dy * s + ds * s * (1 - s)
           = dy * (s + y * (1 - s))
           = dy * (s + x * sigmoid(x) * sigmoid(-x))

    Keeps the slope.

    Elfwing, Uchibe and Doya, Sigmoid-weighted linear units, 2017, arXiv:1702.03118.
    """

    def forward(self, x):
        s, (slope,) = _sigmoid_and_slope(x)
        return x * s, (s + x * slope,)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class QuickGELU:
    """y = x σ(1.702 x)    GELU with σ(1.702 x) for Φ(x)

        x : (...)
        s = sigmoid(1.702 * x)
        y = x * s

    As SiLU, with the factor 1.702 of the inner slope:

        ds = dy * x
        dx = dy * s + ds * 1.702 * s * (1 - s)
           = dy * (s + 1.702 * x * sigmoid(1.702 * x) * sigmoid(-1.702 * x))

    Keeps the slope.

    Hendrycks and Gimpel, Gaussian error linear units, 2016, arXiv:1606.08415, section 2.
    """

    def forward(self, x):
        s, (slope,) = _sigmoid_and_slope(1.702 * x)
        return x * s, (s + 1.702 * x * slope,)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class GELU:
    """y = x Φ(x)    with Φ the distribution function (cdf) of the standard normal

        x : (...)
        Φ = (1 + erf(x / sqrt(2))) / 2
          = erfc(-x / sqrt(2)) / 2

    erfc is 1 − erf, and erf is odd: the last form keeps its digits on the left, where 1 + erf
    has none. approximate="tanh" takes s = σ(v) for Φ, which differs by up to 2·10⁻⁴:

        v = 2 * sqrt(2 / pi) * (x + 0.044715 * x**3)
        s = sigmoid(v)
          = (1 + tanh(v / 2)) / 2
        y = x * where(approximate == "tanh", s, Φ)

    The slope of Φ is the normal density (pdf), that of σ(v) is σ(v) σ(−v), and y is a product:

        ∂Φ/∂x = exp(-x**2 / 2) / sqrt(2 * pi)
        ∂v/∂x = 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2)
        ∂s/∂x = s * sigmoid(-v) * ∂v/∂x
        dx = dy * where(approximate == "tanh", s + x * ∂s/∂x, Φ + x * ∂Φ/∂x)

    Keeps the slope of y.

    Hendrycks and Gimpel, Gaussian error linear units, 2016, arXiv:1606.08415, section 2.
    """

    approximate: Literal["none", "tanh"] = "none"

    def forward(self, x):
        xp = array_namespace(x)
        near = xp.clip(x, -40, 40)  # beyond, φ is 0 in every precision: no power overflows
        if self.approximate == "tanh":
            k = 2 * math.sqrt(2 / math.pi)
            v = k * (near + 0.044715 * near**3)
            dv_dx = k * (1 + 3 * 0.044715 * near**2)
            s, (ds_dv,) = _sigmoid_and_slope(v)
            return x * s, (s + near * ds_dv * dv_dx,)
        cdf = erfc(-x / math.sqrt(2)) / 2
        pdf = xp.exp(-(near**2) / 2) / math.sqrt(2 * math.pi)
        return x * cdf, (cdf + near * pdf,)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class Mish:
    """y = x tanh(log(1 + eˣ))

        x : (...)
        a = log(1 + exp(x))
          = logaddexp(x, 0)
        t = tanh(a)
        y = x * t

    tanh has the slope 1 − t², and log(1 + eˣ) the slope s = σ(x):

        dt = dy * x
        da = dt * (1 - t**2)
        s = sigmoid(x)
        dx = dy * t + da * s
           = dy * (t + x * (1 - t) * (1 + t) * s)

    Keeps the slope.

    Misra, Mish, 2019, arXiv:1908.08681.
    """

    def forward(self, x):
        xp = array_namespace(x)
        t, s = xp.tanh(xp.logaddexp(x, xp.zeros_like(x))), sigmoid(x)
        return x * t, (t + x * (1 - t) * (1 + t) * s,)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


VARIANTS = (Softplus(beta=2.5), GELU("tanh"))


def _sigmoid_and_slope(x):
    """σ(x), and as the only residual σ(x) σ(−x)."""
    xp = array_namespace(x)
    e = xp.exp(-xp.abs(x))
    return where(x < 0, e, 1) / (1 + e), (e / (1 + e) ** 2,)


def _tanh_and_slope(x):
    """tanh(x), and as the only residual 1 − tanh²(x)."""
    xp = array_namespace(x)
    e = xp.exp(-2 * xp.abs(x))
    return xp.tanh(x), (4 * e / (1 + e) ** 2,)
