"""Reductions: many numbers become one, along some axes or along all of them.

`axis` is an axis, a tuple of axes, or None for all. `keepdims` keeps each one with size 1.
"""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace, fresh, kept, outline, outlined

__all__ = ["Max", "Mean", "Min", "Sum"]


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


VARIANTS = tuple(
    rule(axis, keepdims)
    for rule in (Sum, Mean, Max, Min)
    for axis, keepdims in ((0, False), (-1, True), ((0, 2), False))
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
