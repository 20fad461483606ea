"""Numbers as they are written: a float stands for the simplest number that it is near to.

That is a decimal of a few digits, a fraction of small numbers, or such a one times the root of a
small number and of a power of π, or the logarithm of a small number; near is what a few roundings
reach. Any other float stands for itself, which is a fraction too.
"""

import functools
import math
from fractions import Fraction

DIGITS = 12  # of a decimal that is recognized; one of up to 15 is taken as it is written
SMALL = 10_000  # the largest denominator of a fraction that is recognized
SQUARES = 1000  # the same for what stands under a root
NEAR = 1e-15
LOGGED = 100  # the largest number whose logarithm is recognized
POWERS = (0, 2, -2, 1, -1, 4, -4)  # of √π


@functools.lru_cache(maxsize=10_000)
def meaning(x):
    """(fraction, radicand, power): x is fraction · √(radicand · π^power), exactly as it is meant."""
    if isinstance(x, int):
        return Fraction(x), Fraction(1), 0
    if (simple := _simple(x)) is not None:
        return simple, Fraction(1), 0
    for power in POWERS:
        square = Fraction(x * x / math.pi**power).limit_denominator(SQUARES)
        if square and math.isclose(math.sqrt(square * math.pi**power), abs(x), rel_tol=NEAR):
            outside, inside = _without_squares(square)
            return (outside if x > 0 else -outside), inside, power
    return Fraction(x), Fraction(1), 0


def _simple(x):
    """The decimal or the fraction that a float is near to."""
    if len(repr(abs(x)).partition("e")[0].replace(".", "").strip("0")) <= 15:
        return Fraction(repr(x))
    for fraction in (Fraction(f"{x:.{DIGITS}g}"), Fraction(x).limit_denominator(SMALL)):
        if math.isclose(fraction, x, rel_tol=NEAR):
            return fraction
    return None


def logarithm(x):
    """The n, or the 1/n, whose logarithm a float is near to; None for another number."""
    if not isinstance(x, float) or not 0 < abs(x) < math.log(LOGGED + 1):
        return None
    if _simple(float(x)) is not None:
        return None
    n = round(math.exp(abs(x)))
    if n < 2 or not math.isclose(math.log(n), abs(x), rel_tol=NEAR):
        return None
    return Fraction(n) if x > 0 else Fraction(1, n)


def is_rounded(x):
    """Whether a float stands for itself, and so perhaps for something else in another place."""
    return isinstance(x, float) and meaning(x) == (Fraction(x), 1, 0) and _simple(x) is None


def constant_parts(x):
    """(fraction, a, [(prime, ±1), …], power): x looks like fraction · π^power, and fraction is
    a² times the primes; None for other numbers.
    """
    if not 0 < x < math.inf:
        return None
    for power in (0, 1, -1, 2, -2, 3, -3):
        fraction = Fraction(x / math.pi**power).limit_denominator(SQUARES)
        if fraction and math.isclose(fraction * math.pi**power, x, rel_tol=1e-14):
            outside, inside = _without_squares(fraction)
            above, below = _primes(inside.numerator), _primes(inside.denominator)
            return fraction, outside, [(p, 1) for p in above] + [(p, -1) for p in below], power
    return None


def _primes(n):
    """The prime factors of a small number."""
    found, d = [], 2
    while n > 1:
        while n % d == 0:
            found, n = [*found, d], n // d
        d = d + 1 if d * d <= n else n
    return found


def rational_root(fraction):
    """The root of a fraction that is a square; None for another."""
    outside, inside = _without_squares(fraction)
    return outside if inside == 1 else None


def _without_squares(fraction):
    """(a, b) with fraction = a² b, where b holds no square of a small number."""
    outside, inside = [], []
    for n in (fraction.numerator, fraction.denominator):
        root = math.isqrt(n)
        if root * root == n:
            outside.append(root)
            inside.append(1)
            continue
        left, taken = n, 1
        for d in range(2, 100):
            while left % (d * d) == 0:
                left, taken = left // (d * d), taken * d
        outside.append(taken)
        inside.append(left)
    return Fraction(*outside), Fraction(*inside)
