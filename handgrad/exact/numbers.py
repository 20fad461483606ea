"""Exact arrays: each number in several fields at once, and as an ordinary float beside them.

A track is a number in one field and its derivatives along some directions, the moves. The first
track of an array is real: it decides comparisons, and nothing else. The second is in the highest
field, and is what a test compares. The others are in the fields below, for exponents; they have no
moves, and are None once they are not known.
"""

import functools
from fractions import Fraction
from typing import Any

import numpy as np

from handgrad.exact import gauss
from handgrad.exact.constants import is_rounded, logarithm, meaning
from handgrad.exact.degrees import CONSTANT, Degree, largest
from handgrad.exact.draw import LOGARITHMS, Logs, current, residue
from handgrad.exact.errors import InexactError
from handgrad.exact.tracks import Track, linear_tracks, multilinear_tracks, times

MOST = 20_000  # numbers in an array
RESHAPED = "reshaped"


class Exact:
    """An array of exact numbers, which NumPy's functions and operators take as one of its own."""

    __slots__ = ("base", "degree", "logs", "moved", "tracks")

    def __init__(self, tracks, degree, logs=None, moved=CONSTANT):
        if tracks[1] is None:
            raise InexactError("the exponential of a logarithm of exponentials")
        if tracks[0].value.size > MOST:
            raise InexactError("too many numbers")
        self.tracks, self.logs = tuple(tracks), logs
        self.degree, self.moved = degree, moved  # of the values, and of the moves
        self.base: Any = None  # (array, index) of what this is a view of, or RESHAPED

    shape = property(lambda self: self.tracks[0].value.shape)
    ndim = property(lambda self: self.tracks[0].value.ndim)
    size = property(lambda self: self.tracks[0].value.size)
    dtype = np.dtype(float)
    device = "cpu"
    real = property(lambda self: self.tracks[0].value)
    top = property(lambda self: self.tracks[1].value)
    T = property(lambda self: view(np.transpose, self))

    def __len__(self):
        return len(self.real)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        part = chosen(lambda x: x[index], self)
        part.base = (self, index) if _is_basic(index) and part.ndim else None
        return part

    def __setitem__(self, index, value):
        """Set numbers, as NumPy does, in what this is a view of, too."""
        if self.base is RESHAPED:
            raise InexactError("an array changed through another shape of it")
        new = chosen(lambda x, y: _with(x, index, y), self, lift(value))
        self.tracks, self.logs = new.tracks, new.logs
        self.degree, self.moved = new.degree, new.moved
        if self.base is not None:
            array, place = self.base
            array[place] = self

    def _become(self, new):
        self[...] = new
        return self

    def __iadd__(self, other):
        return self._become(self + other)

    def __isub__(self, other):
        return self._become(self - other)

    def __imul__(self, other):
        return self._become(self * other)

    def __itruediv__(self, other):
        return self._become(self / other)

    def __add__(self, other):
        return linear(np.add, self, lift(other))

    def __neg__(self):
        return linear(np.negative, self)

    def __pos__(self):
        return self

    def __sub__(self, other):
        return self + -lift(other)

    def __rsub__(self, other):
        return lift(other) - self

    def __mul__(self, other):
        if self.logs is None or isinstance(other, Exact) or logarithm(other) is not None:
            return multilinear(np.multiply, self, lift(other))
        product = multilinear(np.multiply, _without_logs(self), lift(other))
        product.logs = gauss.integers(self.logs * _fractions(other))
        return product

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other):
        if isinstance(other, int | Fraction) and other:
            return self * Fraction(1, other)
        return self * inverse(lift(other))

    def __rtruediv__(self, other):
        return lift(other) * inverse(self)

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    def __pow__(self, exponent):
        return _namespace().power(self, exponent)

    def __rpow__(self, base):
        return _namespace().power(base, self)

    def __abs__(self):
        return _namespace().abs(self)

    def __lt__(self, other):
        return _namespace().less(self, other)

    def __le__(self, other):
        return _namespace().less_equal(self, other)

    def __gt__(self, other):
        return _namespace().greater(self, other)

    def __ge__(self, other):
        return _namespace().greater_equal(self, other)

    def __eq__(self, other):
        return _namespace().equal(self, other)

    def __ne__(self, other):
        return _namespace().not_equal(self, other)

    def __hash__(self):
        return id(self)

    def __array_namespace__(self, **_version):
        return _namespace()

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        from handgrad.exact.protocol import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function, _types, arguments, options):
        from handgrad.exact.protocol import apply_function

        return apply_function(function, arguments, options)

    def __getattr__(self, name):
        from handgrad.exact.protocol import method_of

        return method_of(self, name)

    def __array__(self, *_options):
        raise InexactError("a buffer of floats")

    def __float__(self):
        raise InexactError("a number turned into a float")

    __int__ = __index__ = __complex__ = __float__

    def __bool__(self):
        if self.size != 1:
            raise InexactError("the truth of an array")
        return not bool(self.top.is_zero())


def _namespace():
    """The functions of exact arrays, which are made of the ones here."""
    from handgrad.exact import namespace

    return namespace


def _is_basic(index):
    """Whether NumPy gives a view for an index, and not a copy."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or isinstance(part, int | slice | type(...)) for part in parts)


def _with(x, index, y):
    """A copy of an array with other numbers at an index."""
    x = x.copy()
    x[index] = y
    return x


def linear(f, *arrays, chooses=False):
    """A function that is linear in all arrays together: it acts on values and moves alike."""
    made = linear_tracks(f, [a.tracks for a in arrays], chooses=chooses)
    terms = max(1, max(a.size for a in arrays) // max(1, made[0].value.size))
    degree, moved = (
        functools.reduce(Degree.plus, degrees).summed(terms)
        for degrees in ([a.degree for a in arrays], [a.moved for a in arrays])
    )
    return Exact(made, degree, _logs(f, arrays), moved)


def view(f, array):
    """The same numbers in another shape or order, which is not to be changed."""
    found = chosen(f, array)
    found.base = RESHAPED
    return found


def chosen(f, *arrays):
    """A linear function whose every number is one of those in the arrays."""
    found = linear(f, *arrays, chooses=True)
    found.degree = largest(a.degree for a in arrays)
    found.moved = largest(a.moved for a in arrays)
    return found


def _logs(f, arrays):
    """The logarithms in a linear function of some arrays; None if there are none."""
    if all(a.logs is None for a in arrays):
        return None
    parts = [no_logs(a.shape) if a.logs is None else a.logs for a in arrays]
    return gauss.integers(f(*parts))


def doubt_logs(*arrays):
    """Note that logarithms are used as numbers of which nothing more is known."""
    for a in arrays:
        if a.logs is not None and any(isinstance(t, Logs) and t.terms for t in a.logs.ravel()):
            current().reasons.add(LOGARITHMS)


def _without_logs(a):
    """The same numbers, which do not say what logarithms are in them."""
    found = Exact(a.tracks, a.degree, moved=a.moved)
    found.base = a.base
    return found


def no_logs(shape):
    """An array of empty sums of logarithms."""
    empty = np.empty(shape, dtype=object)
    empty.fill(Logs())
    return empty


def multilinear(f, *arrays, terms=1):
    """A function that is linear in each array, by the product rule; it sums so many terms."""
    doubt_logs(*arrays)
    made = multilinear_tracks(f, [a.tracks for a in arrays])
    degrees = [a.degree for a in arrays]
    moved = [
        functools.reduce(Degree.times, [*degrees[:i], a.moved, *degrees[i + 1 :]])
        for i, a in enumerate(arrays)
        if a.tracks[1].moves
    ]
    return Exact(
        made,
        functools.reduce(Degree.times, degrees).summed(terms),
        moved=functools.reduce(Degree.plus, moved, CONSTANT).summed(terms),
    )


def matmul(a, b):
    """a @ b, with the rules of NumPy."""
    a, b = lift(a), lift(b)
    return multilinear(np.matmul, a, b, terms=max(1, a.shape[-1]) if a.ndim else 1)


def inverse(a):
    """1 / a, whose slope is −1 / a²; not a number where a is 0."""
    doubt_logs(a)
    zero = a.top.is_zero()
    if np.any(np.isinf(a.real)):
        raise InexactError("a division by infinity")
    made = [Track(np.where(zero, np.nan, 1 / a.real))]
    made += [None if t is None else Track(t.value.inverse()) for t in a.tracks[1:]]
    degree = CONSTANT.over(a.degree)
    return moved_by(made, a, lambda y: -(y * y), degree, degree.power(2))


def moved_by(tracks, a, slope, degree, of_slope):
    """The array with these values, a function of a whose slope at its own values is `slope`."""
    made = []
    for place, track in enumerate(tracks):
        moves = a.tracks[place].moves if track and place < 2 else ()
        s = slope(track.value) if moves else None
        made.append(Track(track.value, times(s, moves)) if moves else track)
    return Exact(made, degree, moved=of_slope.times(a.moved))


def lift(x):
    """A number or an array of NumPy's as exact numbers that stand still."""
    if isinstance(x, Exact):
        return x
    if isinstance(x, int | Fraction):
        return _of_keys(np.asarray(float(x)), [x])
    if (n := logarithm(x)) is not None:
        return _namespace().log(lift(n))
    array = np.asarray(x)
    if array.dtype == object:
        return _stacked(array)
    if array.dtype.kind not in "bifu":
        raise InexactError(f"numbers of the type {array.dtype}")
    return _of_keys(array.astype(float), array.ravel().tolist())


def _of_keys(real, numbers):
    draw = current()
    tracks = [Track(real)]
    for level in range(len(draw.fields)):
        keys = [_constant(x, level) for x in numbers]
        tracks.append(Track(gauss.from_keys(keys, real.shape, draw.fields[level].p)))
    return Exact(tracks, CONSTANT)


def _constant(x, level):
    """A number in a field; 0 for what is not finite, which its real track shows."""
    draw = current()
    if isinstance(x, int | Fraction):
        return residue(x, draw.fields[level].p), 0
    if x in {0.0, 1.0}:
        return int(x), 0
    if x - x != 0:
        return 0, 0
    key = ("constant", x, level)
    if key not in draw.values:
        draw.values[key] = _written(x, draw, level)
    return draw.values[key]


def _written(x, draw, level):
    """A float as what it was written for: a fraction, times the root of a number and of a power of π."""
    fraction, radicand, power = meaning(x)
    if is_rounded(x):
        draw.reasons.add(f"{x!r} is a rounded number")
    functions = _namespace()
    found = lift(fraction)
    if radicand != 1 or power % 2:
        found = found * functions.sqrt(
            lift(radicand) * functions.number_pi() ** (power % 2 * power)
        )
    if power and power % 2 == 0:
        found = found * functions.number_pi() ** (power // 2)
    return found.tracks[1 + level].value.keys()[0]


def _fractions(x):
    """The fractions that numbers are written for; 0 for a float that is none, which has no log."""
    return np.frompyfunc(lambda v: v if isinstance(v, Fraction) else meaning(v)[0], 1, 1)(
        np.asarray(x, dtype=object) if isinstance(x, Fraction) else np.asarray(x).astype(object)
    )


def _stacked(array):
    """An array of objects, exact numbers among them, as one exact array."""
    if not all(isinstance(x, Exact | int | float | Fraction) for x in array.ravel().tolist()):
        raise InexactError("something that is not a number")
    from handgrad.exact.namespace import reshape, stack

    return reshape(stack([lift(x) for x in array.ravel().tolist()]), array.shape)
