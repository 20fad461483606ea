"""What a planted bug is, and what its diagnosis has to say."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Planted:
    """A gradient that is wrong in one way, beside the right one.

    `says` is a regular expression that the diagnosis has to match: the kind of the error, and the
    guilty input where there are several. `right()` and `wrong()` give fresh subjects.
    """

    name: str
    kind: str
    says: str
    inputs: tuple[np.ndarray, ...]
    right: Callable[[], Any]
    wrong: Callable[[], Any]
    params: dict[str, str] | None = None


def pair(f, vjp):
    """A maker of the pair (f, vjp)."""
    return lambda: (f, vjp)


def real(*shapes, seed=0):
    """Dense and signed random numbers, one array for each shape."""
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=shape) for shape in shapes)


def positive(*shapes, seed=0):
    """Numbers between ½ and 2."""
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(0.5, 2, size=shape) for shape in shapes)


def integers(stop, *shapes, seed=1):
    """Labels and indices below `stop`."""
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(stop, size=shape) for shape in shapes)


def mask(shape, seed=2):
    """True for about two thirds."""
    return np.random.default_rng(seed).random(shape) < 0.67


def softmax(x):
    """Over the last axis."""
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))
