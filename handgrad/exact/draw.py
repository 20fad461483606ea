"""One draw: the primes, the random numbers, and what must be the same for equal arguments.

What the numbers of a draw were used for is noted here, because it decides what a test proves.
"""

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np

from handgrad.exact.degrees import VARIABLE, Degree
from handgrad.exact.errors import InexactError
from handgrad.exact.primes import chain, integer

LOGARITHMS = "of logarithms little is known but the derivative"
MOST_RELATED = 200  # logarithms among which relations are looked for
CURRENT: ContextVar["Draw"] = ContextVar("CURRENT")


def current():
    """The draw that numbers belong to."""
    return CURRENT.get()


@dataclass(frozen=True, eq=False)
class Atom:
    """A logarithm, log S: a random number in each field, and S there where it is known."""

    values: tuple[tuple[int, int], ...]
    arguments: tuple[tuple[int, int] | None, ...]
    degree: Degree


class Logs:
    """A sum of logarithms with rational coefficients, {atom: coefficient}."""

    __slots__ = ("terms",)

    def __init__(self, terms=None):
        self.terms = terms or {}

    def __add__(self, other):
        if not isinstance(other, Logs) or not other.terms:
            return self
        found = dict(self.terms)
        for atom, c in other.terms.items():
            found[atom] = found.get(atom, 0) + c
        return Logs({atom: c for atom, c in found.items() if c})

    __radd__ = __add__

    def __neg__(self):
        return self * -1

    def __mul__(self, number):
        return Logs({atom: c * number for atom, c in self.terms.items()} if number else None)

    __rmul__ = __mul__


@dataclass(frozen=True, eq=False)
class Exponent:
    """What a number is the exponential of: in each field where it is known, and as logarithms."""

    values: tuple[tuple[int, int] | None, ...]
    logs: Logs = field(default_factory=Logs)
    degree: Degree = VARIABLE


@dataclass
class Roots:
    """The square roots of a draw: which radicands are squares modulo p, in their order."""

    order: dict[tuple[int, int], int] = field(default_factory=dict)
    squares: list[bool] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)

    def note(self, keys, squares):
        """Note that roots were taken, of what has these keys."""
        for key, square in zip(keys, squares, strict=True):
            if key not in self.order:
                self.order[key] = len(self.squares)
                self.squares.append(bool(square))
            self.touched.add(self.order[key])


class Draw:
    """Fields, from the highest, and random numbers in them."""

    def __init__(self, rng, levels):
        self.rng = rng
        self.fields = chain(rng, levels)[::-1]
        self.roots = Roots()
        self.values = {}  # of opaque functions, by their name and argument
        self.atoms, self.inverses = {}, {}
        self.exponents = {(1, 0): Exponent(((0, 0),) * levels)}
        self.reasons = set()  # why a test that fails need not mean that a link is wrong
        self.exponential = False
        self.branched = False

    @contextlib.contextmanager
    def running(self):
        """Compute with the numbers of this draw."""
        before = CURRENT.set(self)
        try:
            with np.errstate(all="ignore"):
                yield self
        finally:
            CURRENT.reset(before)

    def random(self):
        """A random number in each field, from the highest."""
        return tuple((integer(self.rng, f.p), 0) for f in self.fields)

    def opaque(self, name, key):
        """The value of an opaque function, the same for equal arguments."""
        self.reasons.add(f"of {name} little is known but the derivative")
        if (name, key) not in self.values:
            self.values[name, key] = self.random()
        return self.values[name, key]

    def related(self, key):
        """(atom, its sign, exponent, its sign) where key is S^±1 e^±a for a known log S; else None."""
        p = self.fields[0].p
        for atom in self.atoms.values() if len(self.atoms) <= MOST_RELATED else ():
            if atom not in self.inverses or key[1]:
                continue
            argument, inverse = self.inverses[atom]
            for sign, other in ((1, inverse), (-1, argument)):
                ratio = key[0] * other % p
                if (ratio, 0) in self.exponents:
                    return atom, sign, self.exponents[ratio, 0], 1
                if (turned := (pow(ratio, -1, p), 0)) in self.exponents:
                    return atom, sign, self.exponents[turned], -1
        return None

    def atom(self, key, arguments, degree):
        """The logarithm of what has this key."""
        if key not in self.atoms:
            self.atoms[key] = atom = Atom(self.random(), arguments, degree)
            if key[0] and not key[1]:
                self.inverses[atom] = key[0], pow(key[0], -1, self.fields[0].p)
        return self.atoms[key]


def residue(fraction, p):
    """A fraction modulo p."""
    if isinstance(fraction, int):
        return fraction % p
    if fraction.denominator % p == 0:
        raise InexactError("a denominator that is 0 modulo p")
    return fraction.numerator * pow(fraction.denominator, -1, p) % p
