"""Domains: where the numbers of an input lie, and how they are kept there when they are changed.

A domain is stated, by a derivation or by `domains=`, or recognized: rows that sum to 1, rows of one
1 and zeros, a matrix that is its own transpose.
"""

import ast
from dataclasses import dataclass

import numpy as np

from handgrad.common.random import generator
from handgrad.derivation.domains import DOMAINS, draw

CLOSE = 1e-6  # to a sum of 1
HELD = "const"  # behind a domain, or alone
MADE = ("probability", "one_hot", "unit", "orthonormal", "spd", "symmetric", "lower", "invertible")


@dataclass(frozen=True)
class Domain:
    """A name of the notation's, and its argument, as the C of `label(C)`."""

    name: str = "real"
    argument: object = None

    def __str__(self):
        return self.name if self.argument is None else f"{self.name}({self.argument})"

    def holds(self, x):
        """Whether every number of an array lies in it."""
        if self.name not in DOMAINS or not np.all(np.isfinite(x.astype(float))):
            return self.name == "real"
        try:
            return bool(np.all(DOMAINS[self.name].holds(x, self.argument)))
        except (ValueError, IndexError, TypeError, np.linalg.LinAlgError):
            return False  # no array of this shape does

    def drawn(self, x, *names):
        """Another array of the domain, of the shape and type of x."""
        rng = generator(0, self.name, x.shape, *names)
        return draw(rng, self.name, x.shape, self.argument).astype(x.dtype)


REAL = Domain()


def is_held(words):
    """Whether a text says that an input has no gradient, as `const` and `mask const` do."""
    return str(words).split()[-1:] == [HELD]


def stated(words):
    """The domain that a text names, such as `label(10)`. Raises ValueError for others.

    A text that says no more than `const` names none.
    """
    text = str(words).strip()
    if is_held(text) and not (text := text.removesuffix(HELD).strip()):
        return None
    name, _, rest = text.partition("(")
    if name.strip() not in DOMAINS:
        raise ValueError(
            f"domains names {words!r}: a domain is one of {', '.join(DOMAINS)}, or const"
        )
    try:
        argument = ast.literal_eval(f"({rest}") if rest else None
    except (SyntaxError, ValueError):
        raise ValueError(f"domains names {words!r}: write an argument as in 'label(10)'") from None
    return Domain(name.strip(), argument)


def recognized(x):
    """The domain that an array seems to be of."""
    classes = x.dtype.kind == "b" or (x.dtype.kind in "iu" and x.shape[-1:] > (2,))
    if x.ndim and classes and _is_one_hot(x):
        return Domain("one_hot")
    if x.dtype.kind != "f" or x.ndim == 0 or not x.size or not np.all(np.isfinite(x)):
        return REAL
    if x.shape[-1] > 1 and np.all(x >= 0) and np.all(np.abs(np.sum(x, axis=-1) - 1) < CLOSE):
        return Domain("one_hot" if _is_one_hot(x) else "probability")
    if x.ndim == 1 or not x.shape[-1] == x.shape[-2] > 1:
        return REAL
    diagonal = np.all(x == x * np.eye(x.shape[-1], dtype=x.dtype))  # symmetric by accident
    if diagonal or not np.array_equal(x, np.swapaxes(x, -1, -2)):
        return REAL
    return Domain("spd" if np.all(np.linalg.eigvalsh(x.astype(float)) > 0) else "symmetric")


def _is_one_hot(x):
    counts = np.sum(x != 0, axis=-1)
    return bool(x.size and x.shape[-1] > 1 and np.all(counts == 1) and np.all((x == 0) | (x == 1)))


def kept(domain, x):
    """An array of the domain, for one that was made of such an array: itself, if it still is one."""
    if domain.name not in MADE or domain.holds(x) or not x.size:
        return x
    if domain.name == "probability":
        sums = np.sum(x, axis=-1, keepdims=True)
        return (x / np.where(sums > 0, sums, 1)).astype(x.dtype)
    if domain.name in {"symmetric", "spd"} and x.shape[-1] == x.shape[-2]:
        both = ((x + np.swapaxes(x, -1, -2)) / 2).astype(x.dtype)
        if domain.holds(both):
            return both
    try:
        return domain.drawn(x)
    except ValueError:
        return x  # no array of this shape is of the domain
