"""Arrays over F_p(i): a + b i modulo a prime p that is 3 modulo 4, where i is not in F_p.

The numbers are Python's integers in NumPy's object arrays, so any p will do. `im` is None where
all of it is 0, which is nearly always.
"""

import numpy as np

from handgrad.exact.errors import InexactError

_inverse = np.frompyfunc(lambda a, p: pow(a, -1, p) if a else 0, 2, 1)
_power = np.frompyfunc(pow, 3, 1)


def integers(x):
    """An array of Python's integers."""
    return np.asarray(x, dtype=object)


class Gauss:
    """re + im i, each reduced modulo p, unless they are `reduced` already."""

    __slots__ = ("im", "p", "re")

    def __init__(self, re, im, p, *, reduced=False):
        self.re = integers(re if reduced else re % p)
        self.im = None if im is None else integers(im if reduced else im % p)
        self.p = p
        if im is not None and not np.any(self.im):
            self.im = None

    @property
    def shape(self):
        return self.re.shape

    def __add__(self, other):
        if self.im is None and other.im is None:
            return Gauss(self.re + other.re, None, self.p)
        return Gauss(self.re + other.re, self.imaginary + other.imaginary, self.p)

    def __neg__(self):
        return Gauss(-self.re, None if self.im is None else -self.im, self.p)

    def __sub__(self, other):
        return self + -other

    def __mul__(self, other):
        return multilinear(np.multiply, (self, other))

    @property
    def imaginary(self):
        """The coefficients of i, zeros among them."""
        return integers(np.zeros(self.shape, dtype=object)) if self.im is None else self.im

    def times_i(self):
        return Gauss(-self.imaginary, self.re, self.p)

    def inverse(self):
        """1 / (a + b i) = (a − b i) / (a² + b²), and 0 where that is 0."""
        if self.im is None:
            return Gauss(integers(_inverse(self.re, self.p)), None, self.p)
        norm = integers(_inverse((self.re**2 + self.im**2) % self.p, self.p))
        return Gauss(self.re * norm, -self.im * norm, self.p)

    def power(self, n):
        """The n-th power for an integer n, or for an array of integers."""
        if self.im is None and np.all(n >= 0):
            return Gauss(integers(_power(self.re, n, self.p)), None, self.p)
        if np.ndim(n) or np.any(n < 0):
            found = self.power(abs(n)) if self.im is None else _one_by_one(self, n)
            return linear(lambda a, b: np.where(n < 0, b, a), found, found.inverse())
        result, square = Gauss(integers(np.ones(self.shape, dtype=object)), None, self.p), self
        while n:
            result, square, n = result * square if n % 2 else result, square * square, n // 2
        return result

    def root(self):
        """A square root of numbers of F_p: in F_p, or i times one of F_p."""
        if self.im is not None:
            raise InexactError("a root of a root")
        quarter = (self.p + 1) // 4
        root = integers(_power(self.re, quarter, self.p))
        square = root * root % self.p == self.re
        other = integers(_power(-self.re % self.p, quarter, self.p))
        return Gauss(np.where(square, root, 0), np.where(square, 0, other), self.p)

    def keys(self):
        """One hashable value for each number, as a flat list."""
        flat = self.re.ravel().tolist()
        if self.im is None:
            return [(a, 0) for a in flat]
        return list(zip(flat, self.im.ravel().tolist(), strict=True))

    def equals(self, other):
        """Where two arrays are equal, with broadcasting."""
        same = self.re == other.re
        if self.im is not None or other.im is not None:
            same = same & (self.imaginary == other.imaginary)
        return np.asarray(same, dtype=bool)

    def is_zero(self):
        zero = self.re == 0
        return np.asarray(zero if self.im is None else zero & (self.im == 0), dtype=bool)


def from_keys(keys, shape, p):
    """The array of what `keys` gave."""
    re, im = (_filled([key[part] for key in keys], shape) for part in (0, 1))
    return Gauss(re, im if any(key[1] for key in keys) else None, p)


def _filled(values, shape):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def _one_by_one(base, n):
    """Powers of numbers with i, by the absolute values of some integers."""
    shape = np.broadcast_shapes(base.shape, np.shape(n))
    wide = linear(lambda x: np.broadcast_to(x, shape), base)
    keys = []
    for key, exponent in zip(wide.keys(), np.abs(np.broadcast_to(n, shape)).ravel(), strict=True):
        keys += from_keys([key], (), base.p).power(int(exponent)).keys()
    return from_keys(keys, shape, base.p)


def linear(f, *arrays, chooses=False):
    """A function of arrays that is linear in all of them together, such as a sum.

    One that `chooses` gives numbers that are in the arrays, which are reduced.
    """
    p = arrays[0].p
    re = f(*[a.re for a in arrays])
    for a in arrays:
        if a.im is not None:
            return Gauss(re, f(*[a.imaginary for a in arrays]), p, reduced=chooses)
    return Gauss(re, None, p, reduced=chooses)


def zeros(shape, p):
    """An array of zeros."""
    return Gauss(np.zeros(shape, dtype=object), None, p, reduced=True)


def multilinear(f, arrays):
    """A function of arrays that is linear in each of them, such as a product."""
    for place, a in enumerate(arrays):
        if a.im is not None:
            rest = list(arrays)
            rest[place] = Gauss(a.re, None, a.p)
            re = multilinear(f, rest)
            rest[place] = Gauss(a.im, None, a.p)
            return re + multilinear(f, rest).times_i()
    return Gauss(f(*[a.re for a in arrays]), None, arrays[0].p)
