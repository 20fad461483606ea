"""Readings: the ways in which a part of an equation can be meant, in the notation."""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handgrad.derivation.budget import BudgetError, spend
from handgrad.derivation.errors import DerivationError

MOST = 6  # readings of one part
COMPARISON, SUM, PRODUCT, POWER, ATOM = range(5)


@dataclass(frozen=True)
class Reading:
    """An expression of the notation, how tightly it binds, and its value at one point.

    `turn` says whether a vector is a "column" or a "row", where that shows. `derivative` is the y
    and x of a local derivative, or of a product of them.
    """

    text: str
    level: int
    value: Any
    turn: str = ""
    derivative: tuple[str, ...] = ()

    @property
    def ndim(self):
        return np.ndim(self.value)

    @property
    def shape(self):
        return np.shape(self.value)

    def within(self, level):
        """The text, in parentheses where its operators bind less tightly."""
        return self.text if self.level >= level else f"({self.text})"

    @property
    def counted(self):
        """A truth value as 0 or 1, for NumPy takes no difference of these; else the reading itself."""
        if self.text.isidentifier() or np.asarray(self.value).dtype != bool:
            return self
        return replace(self, text=f"where({self.text}, 1, 0)", level=ATOM, value=self.value * 1)


def made(environment, text, level, turn="", shape=None):
    """The reading with this text, evaluated; [] if it has no value.

    In a literal reading, what does not fit is taken to have the `shape` that it is meant to have.
    """
    spend()
    try:
        value = environment.value(text)
    except BudgetError:
        raise
    except DerivationError:
        if not environment.literal or shape is None:
            return []
        value = np.zeros(shape)
    return [Reading(text, level, value, turn)]


def distinct(readings):
    """The readings that differ in value, the likeliest first."""
    found = []
    for reading in readings:
        if not any(_alike(reading, other) for other in found):
            found.append(reading)
        if len(found) == MOST:
            break
    return found


def _alike(a, b):
    if a.shape != b.shape or a.turn != b.turn or isinstance(a.value, tuple | str | None):
        return a.text == b.text
    try:
        return bool(np.allclose(a.value, b.value, rtol=1e-7, atol=0, equal_nan=True))
    except TypeError:
        return a.text == b.text


def aligned(a, b, level):
    """The texts of two operands that do not fit, where axes of 1 in one of them fit it to the other.

    So is x − μ read with a mean of each row; where several axes would do, it is not.
    """
    small, large = sorted((a, b), key=lambda reading: reading.ndim)
    if not small.ndim or small.ndim == large.ndim or _fit(small, large):
        return []
    found = [
        kept
        for kept in itertools.combinations(range(large.ndim), small.ndim)
        if tuple(large.shape[axis] for axis in kept) == small.shape
    ]
    if len(found) != 1:
        return []
    axes = ", ".join(":" if axis in found[0] else "None" for axis in range(large.ndim))
    if small.ndim > 1 and found[0] == tuple(range(small.ndim)):
        axes = ", ".join(["...", *["None"] * (large.ndim - small.ndim)])
    spread = f"{small.within(ATOM)}[{axes}]"
    return [(spread, b.within(level + 1)) if small is a else (a.within(level), spread)]


def _fit(small, large):
    """Whether NumPy broadcasts one array to another."""
    ends = zip(small.shape, large.shape[-small.ndim :], strict=True)
    return all(1 in pair or pair[0] == pair[1] for pair in ends)


def pairs(first, second):
    """Every reading of one part with every reading of another, the likeliest first."""
    numbered = itertools.product(enumerate(first), enumerate(second))
    ordered = sorted(numbered, key=lambda pair: pair[0][0] + pair[1][0])
    return [(a, b) for (_, a), (_, b) in ordered]
