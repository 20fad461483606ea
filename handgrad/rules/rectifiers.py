"""Rectifiers: activations that pass what is positive, and bend at 0.

At 0 the slope is that of the left side, where x > 0 is false: 0 for ReLU, as in JAX and torch.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept, shape_of, unbroadcast, where

__all__ = ["CELU", "ELU", "SELU", "LeakyReLU", "PReLU", "ReLU", "SquaredReLU"]


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
class LeakyReLU:
    """y = x where x > 0, else a x, with a fixed small slope a

        x : (...)
        y = where(x > 0, x, slope * x)

    Each side is a line of its own:

        dx = where(x > 0, dy, slope * dy)

    At 0 we take the slope a of the left side, as torch does; JAX takes 1.

    Keeps the mask x > 0.

    Maas, Hannun and Ng, Rectifier nonlinearities, 2013.
    """

    slope: float = 0.01

    def forward(self, x):
        mask = x > 0
        return where(mask, x, self.slope * x), (mask,)

    def backward(self, residuals, dy):
        (mask,) = residuals
        return (where(mask, dy, self.slope * dy),)


@dataclass(frozen=True)
class PReLU:
    """y = x where x > 0, else a x, with slopes a that are learned

        x : (...)
        a : (...)
        y = where(x > 0, x, a * x)

    a moves y where x is not positive, and then by x:

        dx = where(x > 0, dy, a * dy)
        da = where(x <= 0, dy * x, 0)

    a broadcasts against x, and its gradient is summed back to its shape: of shape (C, 1, 1) it is
    one slope for each channel of images, and of shape () one for all. At 0 dx takes the slope a,
    as torch does.

    Keeps x and a.

    He et al., Delving deep into rectifiers, 2015, arXiv:1502.01852, section 2.1.
    """

    def forward(self, x, a):
        return where(x > 0, x, a * x), (x, a)

    def backward(self, residuals, dy):
        x, a = residuals
        dx = where(x > 0, dy, a * dy)
        return unbroadcast(dx, shape_of(x)), unbroadcast(kept(x <= 0, dy * x), shape_of(a))


@dataclass(frozen=True)
class ELU:
    """y = x where x > 0, else α (eˣ − 1)

        x : (...)
        y = where(x > 0, x, alpha * (exp(x) - 1))
          = where(x > 0, x, alpha * expm1(minimum(x, 0)))

    On the left the slope is α eˣ, which is y + α; but y + α has no digits left where eˣ is small:

        dx = dy * where(x > 0, 1, y + alpha)
           = dy * where(x > 0, 1, alpha * exp(minimum(x, 0)))

    At 0 we take the slope α of the left side, as JAX and torch do. For α = 1 there is no kink.

    Keeps the slope.

    Clevert, Unterthiner and Hochreiter, Exponential linear units, 2015, arXiv:1511.07289.
    """

    alpha: float = 1.0

    def forward(self, x):
        return _exponential_left(x, 1, self.alpha)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class SELU:
    """y = λ x where x > 0, else λ α (eˣ − 1)

        x : (...)
        λ = 1.0507009873554804934193349852946
        α = 1.6732632423543772848170429916717
        y = where(x > 0, λ * x, λ * α * (exp(x) - 1))
          = where(x > 0, λ * x, λ * α * expm1(minimum(x, 0)))

    λ times ELU. The two numbers make mean 0 and variance 1 a fixed point: if x is a standard
    normal, y has them too.

        dx = dy * where(x > 0, λ, λ * α * exp(minimum(x, 0)))

    At 0 we take the slope λ α of the left side, as JAX and torch do.

    Keeps the slope.

    Klambauer et al., Self-normalizing neural networks, 2017, arXiv:1706.02515.
    """

    def forward(self, x):
        scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
        return _exponential_left(x, scale, scale * alpha)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class CELU:
    """y = x where x > 0, else α (exp(x / α) − 1)

        x : (...)
        y = where(x > 0, x, alpha * (exp(x / alpha) - 1))
          = maximum(x, 0) + alpha * expm1(minimum(x, 0) / alpha)

    α and 1/α cancel in the slope:

        dx = dy * where(x > 0, 1, exp(x / alpha))
           = dy * exp(minimum(x, 0) / alpha)

    There is no kink: the slope at 0 is 1 from both sides, for every α. torch rounds 1/α to
    float32, and is off by 10⁻⁸ where that is not exact.

    Keeps the slope.

    Barron, Continuously differentiable exponential linear units, 2017, arXiv:1704.07483.
    """

    alpha: float = 1.0

    def forward(self, x):
        xp = array_namespace(x)
        left = xp.minimum(x, 0) / self.alpha
        return xp.maximum(x, 0) + self.alpha * xp.expm1(left), (xp.exp(left),)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return (dy * slope,)


@dataclass(frozen=True)
class SquaredReLU:
    """y = max(x, 0)²

        x : (...)
        r = where(x > 0, x, 0)
        y = r**2

    The square has the slope 2 r, and where r is 0 so is its slope:

        dr = 2 * dy * r
        dx = where(x > 0, dr, 0)
           = 2 * dy * r

    There is no kink at 0: the slope is 0 from both sides.

    Keeps r.

    So et al., Primer, 2021, arXiv:2109.08668, section 4.
    """

    def forward(self, x):
        r = array_namespace(x).maximum(x, 0)
        return r * r, (r,)

    def backward(self, residuals, dy):
        (r,) = residuals
        return (2 * dy * r,)


VARIANTS = (ELU(alpha=1.7), CELU(alpha=0.6))


def _exponential_left(x, right, left):
    """y = right x where x > 0, else left (eˣ − 1), and its slope. No exponential overflows."""
    xp = array_namespace(x)
    negative = xp.minimum(x, 0)
    y = where(x > 0, right * x, left * xp.expm1(negative))
    return y, (where(x > 0, right, left * xp.exp(negative)),)
