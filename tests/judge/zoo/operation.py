"""An operation: a function of NumPy arrays and its gradient, both right, and inputs for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Operation:
    """f(*inputs) is an array or a tuple of them, vjp(dy, *inputs) one gradient per input.

    An input of integers or booleans has the gradient None. `draw(rng)` gives inputs in float64.
    `entire` says that f has a derivative at every point, however large or small the numbers are.
    """

    name: str
    f: Callable[..., Any]
    vjp: Callable[..., tuple]
    draw: Callable[[np.random.Generator], tuple]
    entire: bool = False

    def make(self):
        """The pair."""
        return self.f, self.vjp


def unary(name, f, slope, draw=None, *, entire=True):
    """An elementwise function of one array, by its slope at x."""
    return Operation(name, f, lambda dy, x: (dy * slope(x),), draw or real((3, 4)), entire)


def real(*shapes):
    """Draws normal numbers."""
    return lambda rng: tuple(rng.normal(size=shape) for shape in shapes)


def positive(*shapes):
    """Draws numbers between ½ and 2."""
    return lambda rng: tuple(rng.uniform(0.5, 2, size=shape) for shape in shapes)


def probabilities(*shapes):
    """Draws rows that sum to 1."""
    return lambda rng: tuple(softmax(rng.normal(size=shape)) for shape in shapes)


def integers(shape, stop):
    """Draws labels or indices."""
    return lambda rng: (rng.integers(stop, size=shape),)


def booleans(shape):
    """Draws a mask that keeps about two of three; the first of each row is kept."""

    def draw(rng):
        keep = rng.random(shape) < 2 / 3
        keep[..., 0] = True
        return (keep,)

    return draw


def together(*draws):
    """Draws the inputs of one after those of the other."""
    return lambda rng: tuple(x for draw in draws for x in draw(rng))


def changed(draw, change):
    """Draws, and then changes the first input."""

    def redraw(rng):
        first, *others = draw(rng)
        return change(first), *others

    return redraw


def is_real(x):
    """Whether an input has a gradient."""
    return np.issubdtype(x.dtype, np.floating)


def summed_to(dx, shape):
    """dx summed over the axes along which an array of this shape was stretched."""
    extra = dx.ndim - len(shape)
    ones = (extra + axis for axis, size in enumerate(shape) if size == 1)
    return np.sum(dx, axis=(*range(extra), *ones)).reshape(shape)


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x):
    z = x - np.max(x, axis=-1, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))


def softmax_gradient(dy, y, axis=-1):
    """dx, from the output of a softmax."""
    return y * (dy - np.sum(dy * y, axis=axis, keepdims=True))


def one_hot(t, like):
    """The rows of the unit matrix, in the dtype and width of another array."""
    return np.eye(like.shape[-1], dtype=like.dtype)[t]
