"""Reductions: many numbers become one, along some axes or along all of them.

`axis` is an axis, a tuple of axes, or None for all. `keepdims` keeps each one with size 1.
"""

import math
from dataclasses import dataclass

from handgrad.arrays import (
    array_namespace,
    fresh,
    kept,
    largest,
    norm,
    outline,
    outlined,
    products_before,
)

__all__ = ["Max", "Mean", "Min", "Norm", "Prod", "Std", "Sum", "Var"]


@dataclass(frozen=True)
class Sum:
    """y = Σ x

        x : (L, M, N)
        k = sum(x, axis=axis, keepdims=True)
        y = sum(x, axis=axis, keepdims=keepdims)

    Every term moves the sum as much as it moves itself, so each one gets the sum's gradient:
    dy, with the summed axes back in place, spread along them.

        dx = broadcast_to(reshape(dy, k.shape), x.shape)

    Keeps the shape of x.
    """

    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False

    def forward(self, x):
        y = array_namespace(x).sum(x, axis=self.axis, keepdims=self.keepdims)
        return y, (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        return (fresh(_spread(dy, x, self.axis)),)


@dataclass(frozen=True)
class Mean:
    """y = Σ x / n    where n numbers share one mean

        x : (L, M, N)
        k = sum(x, axis=axis, keepdims=True)
        y = mean(x, axis=axis, keepdims=keepdims)

    A sum, divided by n = x.size / y.size:

        dx = broadcast_to(reshape(dy, k.shape), x.shape) * y.size / x.size

    The mean of no numbers is NaN, as in NumPy.

    Keeps the shape of x.
    """

    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False

    def forward(self, x):
        y = array_namespace(x).mean(x, axis=self.axis, keepdims=self.keepdims)
        return y, (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        n = math.prod(x) // max(1, math.prod(_kept(x, self.axis)))
        return (_spread(dy, x, self.axis) / n,)


@dataclass(frozen=True)
class Max:
    """y = max x

        x : (L, M, N)
        k = max(x, axis=axis, keepdims=True)
        hit = x == k
        y = max(x, axis=axis, keepdims=keepdims)

    Only the largest number moves the maximum, and it moves it as much as itself:

        dx = hit * reshape(dy, k.shape) / sum(hit, axis=axis, keepdims=True)

    Numbers that tie for the maximum share the gradient equally, as in JAX and torch's amax;
    torch's max(dim) gives it all to the first. A NaN is the maximum and gets the gradient.

    Keeps x and y.
    """

    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False

    def forward(self, x):
        k = array_namespace(x).max(x, axis=self.axis, keepdims=True)
        return _dropped(k, self.axis, self.keepdims), (x, k)

    def backward(self, residuals, dy):
        x, k = residuals
        return (_shared(dy, x, k, self.axis),)


@dataclass(frozen=True)
class Min:
    """y = min x

        x : (L, M, N)
        k = min(x, axis=axis, keepdims=True)
        hit = x == k
        y = min(x, axis=axis, keepdims=keepdims)

    Only the smallest number moves the minimum, and it moves it as much as itself:

        dx = hit * reshape(dy, k.shape) / sum(hit, axis=axis, keepdims=True)

    Numbers that tie share the gradient equally, and a NaN gets it, as for Max.

    Keeps x and y.
    """

    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False

    def forward(self, x):
        k = array_namespace(x).min(x, axis=self.axis, keepdims=True)
        return _dropped(k, self.axis, self.keepdims), (x, k)

    def backward(self, residuals, dy):
        x, k = residuals
        return (_shared(dy, x, k, self.axis),)


@dataclass(frozen=True)
class Prod:
    """y = Π x    along one axis, or of all numbers

        x : (L, M, N)
        k = prod(x, axis=axis, keepdims=True)
        y = prod(x, axis=axis, keepdims=keepdims)

    A factor moves the product by the product of the others, which is k / x where x is not 0:

        dx = reshape(dy, k.shape) * k / x

    The others are those before x and those behind it. Their products need no division, so that one
    0 among the factors has a gradient, and k may be too large or too small for its type:

        before = reshape(cumprod(x, axis=axis, exclusive=True), x.shape)
        behind = reshape(cumprod(x, axis=axis, exclusive=True, reverse=True), x.shape)
        dx = reshape(dy, k.shape) * before * behind

    With two zeros every gradient is 0.

    Keeps x.
    """

    axis: int | None = None
    keepdims: bool = False

    def forward(self, x):
        return array_namespace(x).prod(x, axis=self.axis, keepdims=self.keepdims), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        xp = array_namespace(x)
        axis = 0 if self.axis is None else self.axis
        factors = xp.reshape(x, (-1,)) if self.axis is None else x
        before = products_before(factors, axis)
        behind = xp.flip(products_before(xp.flip(factors, axis=axis), axis), axis=axis)
        return (_spread(dy, x.shape, self.axis) * xp.reshape(before * behind, x.shape),)


@dataclass(frozen=True)
class Var:
    """y = Σ (x − μ)² / (n − correction)    with μ the mean of the n numbers that share it

        x : (L + 1, M, N)
        c = x - mean(x, axis=axis, keepdims=True)
        k = sum(c**2, axis=axis, keepdims=True)
        n = x.size / k.size
        y = sum(c**2, axis=axis, keepdims=keepdims) / (n - correction)

    A square has the slope 2 c. x moves c itself and, by the mean, all other c:

        dc = reshape(dy, k.shape) * 2 * c / (n - correction)
        dx = dc - mean(dc, axis=axis, keepdims=True)
           = dc

    for c has the mean 0: how far the mean moves does not matter where it is the mean.

    correction=1, the default of torch, makes the estimate unbiased. NumPy and JAX have 0. The
    variance of no more numbers than the correction is NaN.

    Keeps c.
    """

    axis: int | tuple[int, ...] | None = None
    correction: int = 0
    keepdims: bool = False

    def forward(self, x):
        xp = array_namespace(x)
        c = x - xp.mean(x, axis=self.axis, keepdims=True)
        total = xp.sum(c * c, axis=self.axis, keepdims=self.keepdims)
        return total / _freedom(c.shape, self.axis, self.correction), (c,)

    def backward(self, residuals, dy):
        (c,) = residuals
        n = _freedom(c.shape, self.axis, self.correction)
        return (_spread(dy, c.shape, self.axis) * 2 * c / n,)


@dataclass(frozen=True)
class Std:
    """y = √(Σ (x − μ)² / (n − correction))    with μ the mean of the n numbers that share it

        x : (L + 1, M, N)
        c = x - mean(x, axis=axis, keepdims=True)
        k = norm(c, axis=axis, keepdims=True)
        n = x.size / k.size
        y = reshape(k, sum(x, axis=axis, keepdims=keepdims).shape) / sqrt(n - correction)

    It is the length of c, which has the slope c / k, over the root of n. The mean drops out, as in
    Var, for c has the mean 0:

        dk = reshape(dy, k.shape) / sqrt(n - correction)
        dc = dk * c / k
        dx = dc - mean(dc, axis=axis, keepdims=True)
           = dc

    Numbers that are all the same have k = 0, a kink: the gradient is 0 there, as in torch, where
    JAX has NaN.

    Keeps c and k.
    """

    axis: int | tuple[int, ...] | None = None
    correction: int = 0
    keepdims: bool = False

    def forward(self, x):
        c = x - array_namespace(x).mean(x, axis=self.axis, keepdims=True)
        k = norm(c, self.axis)
        y = k / math.sqrt(_freedom(c.shape, self.axis, self.correction))
        return _dropped(y, self.axis, self.keepdims), (c, k)

    def backward(self, residuals, dy):
        c, k = residuals
        n = _freedom(c.shape, self.axis, self.correction)
        dk = array_namespace(c).reshape(dy, k.shape) / math.sqrt(n)
        return (dk * _ratio(c, k),)


@dataclass(frozen=True)
class Norm:
    """y = (Σ |x|ᵖ)^(1/p)    with p = ord ≥ 1

        x : (L, M, N)
        s = max(abs(x), axis=axis, keepdims=True)
        T = sum(abs(x / s)**ord, axis=axis, keepdims=True)
        k = s * T**(1 / ord)
          = sum(abs(x)**ord, axis=axis, keepdims=True)**(1 / ord)
        y = reshape(k, sum(x, axis=axis, keepdims=keepdims).shape)

    The largest number, s, is taken out, so that no power overflows. A power has the slope
    p |x|ᵖ⁻¹, and the root (1/p) (…)^(1/p − 1), so that p cancels. Then s cancels as well:

        dx = reshape(dy, k.shape) * sign(x) * (abs(x) / k)**(ord - 1)
           = reshape(dy, k.shape) * sign(x) * abs(x / s)**(ord - 1) * T**(1 / ord - 1)

    For p = 2 that is dy x / y. In the limit p = ∞ only the largest numbers are left, T counts them,
    and they share the gradient equally, as in Max. At 0 the gradient is 0, as in torch: for p = 1
    at each number (JAX has 1), else where all are 0 (JAX has NaN).

    Keeps x / s and T.
    """

    ord: float = 2
    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False

    def forward(self, x):
        xp = array_namespace(x)
        s = largest(x, self.axis)
        w = x / s
        T = xp.sum(xp.abs(w) ** self.ord, axis=self.axis, keepdims=True)
        return _dropped(s * T ** (1 / self.ord), self.axis, self.keepdims), (w, T)

    def backward(self, residuals, dy):
        w, T = residuals
        xp = array_namespace(w)
        dk = xp.reshape(dy, T.shape) * xp.where(T > 0, T, 1) ** (1 / self.ord - 1)
        return (dk * xp.sign(w) * xp.abs(w) ** (self.ord - 1),)


VARIANTS = (
    *(
        rule(axis, keepdims)
        for rule in (Sum, Mean, Max, Min)
        for axis, keepdims in ((-1, True), ((0, 2), False))
    ),
    Prod(1, keepdims=True),
    Var((0, 2), correction=1),
    Std((0, 2), correction=1),
    Norm(1, (0, 2)),
    Norm(3.5, 0, keepdims=True),
)


def _kept(shape, axis):
    """The shape after a reduction that keeps its axes with size 1."""
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    reduced = {a % len(shape) for a in axes}
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))


def _dropped(k, axis, keepdims):
    """k without its reduced axes, unless they are to be kept."""
    if keepdims:
        return k
    xp = array_namespace(k)
    return xp.squeeze(k, axis=tuple(range(k.ndim)) if axis is None else axis)


def _freedom(shape, axis, correction):
    """How many numbers each reduction takes, less the correction, and not below 0."""
    return max(0, math.prod(shape) // max(1, math.prod(_kept(shape, axis))) - correction)


def _ratio(c, k):
    """c / k, and 0 where k is 0, and with it c."""
    return c / array_namespace(k).where(k > 0, k, 1)


def _spread(dy, shape, axis):
    """dy along the axes that a reduction of this shape removed."""
    xp = array_namespace(dy)
    return xp.broadcast_to(xp.reshape(dy, _kept(shape, axis)), shape)


def _shared(dy, x, k, axis):
    """dy where x is the extreme number k, in equal shares where several are."""
    xp = array_namespace(x)
    hit = (x == k) | xp.isnan(x)
    ties = xp.sum(xp.astype(hit, x.dtype), axis=axis, keepdims=True)
    return kept(hit, xp.reshape(dy, k.shape) / ties)
