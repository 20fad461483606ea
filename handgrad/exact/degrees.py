"""Bounds of degrees: what a rational function's numerator and denominator have at most.

They are needed for the bound of Schwartz and Zippel alone, so they may be generous.
"""

from typing import NamedTuple


class Degree(NamedTuple):
    """The degrees of a numerator and of a denominator."""

    above: int
    below: int = 0

    def plus(self, other):
        above = max(self.above + other.below, other.above + self.below)
        return Degree(above, self.below + other.below)

    def times(self, other):
        return Degree(self.above + other.above, self.below + other.below)

    def over(self, other):
        return Degree(self.above + other.below, self.below + other.above)

    def summed(self, terms):
        """Of a sum of so many terms."""
        return Degree(self.above + (terms - 1) * self.below, terms * self.below)

    def power(self, n):
        """Of an n-th power; n may be a half."""
        above, below = (-(-int(2 * abs(n)) * part // 2) for part in self)
        return Degree(above, below) if n >= 0 else Degree(below, above)


CONSTANT = Degree(0)
VARIABLE = Degree(1)


def largest(degrees):
    """A degree that none of some exceeds."""
    degrees = list(degrees)
    return Degree(max(d.above for d in degrees), max(d.below for d in degrees))
