"""Order: the real numbers beside the exact ones decide it, and equal ones are equal exactly.

What is computed so holds on the branch that was taken.
"""

import numpy as np

from handgrad.exact.draw import current
from handgrad.exact.errors import InexactError
from handgrad.exact.moves import still
from handgrad.exact.numbers import Exact, chosen, doubt_logs, lift, linear

CLOSE = 1e-9  # of their size: numbers so close may be equal, or in either order
FAR = 1e-6  # of their size: numbers so far apart are not equal


def _sides(a, b):
    """(a < b, a > b), number by number."""
    a, b = lift(a), lift(b)
    current().branched = True
    same = a.top.equals(b.top) & (np.isfinite(a.real) == np.isfinite(b.real))
    distance = np.abs(a.real - b.real)
    close = np.isfinite(distance) & (distance <= CLOSE * (np.abs(a.real) + np.abs(b.real)))
    if np.any(close & ~same):
        raise InexactError("numbers too close to compare")
    return (a.real < b.real) & ~same, (a.real > b.real) & ~same


def less(a, b):
    return _sides(a, b)[0]


def greater(a, b):
    return _sides(a, b)[1]


def less_equal(a, b):
    smaller, larger = _sides(a, b)
    return smaller | (~larger & _comparable(a, b))


def greater_equal(a, b):
    smaller, larger = _sides(a, b)
    return larger | (~smaller & _comparable(a, b))


def equal(a, b):
    smaller, larger = _sides(a, b)
    return ~smaller & ~larger & _comparable(a, b)


def not_equal(a, b):
    return ~equal(a, b)


def _comparable(a, b):
    return ~np.isnan(lift(a).real) & ~np.isnan(lift(b).real)


def where(condition, a, b):
    """a where a condition is true, else b."""
    if isinstance(condition, Exact):
        condition = ~condition.top.is_zero()
    if not isinstance(a, Exact) and not isinstance(b, Exact):
        return np.where(condition, a, b)
    true = np.asarray(condition, dtype=bool)
    return chosen(lambda x, y: np.where(true, x, y), lift(a), lift(b))


def maximum(a, b):
    """The larger one; where they are equal, half of each moves."""
    return _extreme(a, b, *_sides(a, b))


def minimum(a, b):
    """The smaller one; where they are equal, half of each moves."""
    return _extreme(a, b, *reversed(_sides(a, b)))


def _extreme(a, b, other, own):
    extreme = where(own, a, b)
    if np.all(own | other):
        return extreme
    return where(own | other, extreme, (lift(a) + b) / 2)


def clip(x, low=None, high=None):
    x = x if low is None else maximum(x, low)
    return x if high is None else minimum(x, high)


def sign(x):
    smaller, larger = _sides(x, 0)
    return 1.0 * larger - 1.0 * smaller


def magnitude(x):
    """|x|, with the slope 0 at 0."""
    return lift(x) * sign(x)


def relu(x):
    return where(greater(x, 0), x, 0)


def argsort(x, axis=-1, **_options):
    """The places of the numbers in ascending order; of all of them where there is no axis."""
    if axis is None:
        x, axis = linear(np.ravel, x), -1
    current().branched = True
    order = np.argsort(x.real, axis=axis, kind="stable")
    ascending = linear(lambda v: np.take_along_axis(v, order, axis), still(x))
    before, behind = (
        linear(lambda v, p=places: np.take(v, p, axis=axis), ascending)
        for places in (range(x.shape[axis] - 1), range(1, x.shape[axis]))
    )
    if np.any(_sides(before, behind)[1]):
        raise InexactError("numbers that have no order")
    return order


def sort(x, axis=-1, **_options):
    order = argsort(x, axis)
    return linear(lambda values: np.take_along_axis(values, order, axis), x)


def argmax(x, axis=None, keepdims=False):
    """The place of the largest number; of equal ones the first."""
    largest = maximum_along(x, axis, keepdims=True)
    return np.argmax(equal(x, largest), axis=axis, keepdims=keepdims)


def argmin(x, axis=None, keepdims=False):
    return argmax(-x, axis, keepdims)


def maximum_along(x, axis=None, keepdims=False, **_options):
    """The largest number along axes; equal ones move it together, each by its share."""
    still_x, axes = still(x), axis
    if axis is None:
        axes = tuple(range(x.ndim))
    largest = _picked(still_x, axes)
    hit = equal(still_x, largest)
    total = linear(lambda v: np.sum(v, axis=axes, keepdims=keepdims), where(hit, x, 0))
    ties = np.sum(hit, axis=axes, keepdims=keepdims)
    return total if np.all(ties == 1) else total * (1 / np.maximum(ties, 1))


def minimum_along(x, axis=None, keepdims=False, **_options):
    return -maximum_along(-x, axis, keepdims)


def _picked(x, axes):
    """The numbers that are largest in the real track, with the axes kept."""
    for axis in axes if isinstance(axes, tuple) else (axes,):
        place = np.argmax(x.real, axis=axis, keepdims=True)
        x = linear(lambda v, p=place, k=axis: np.take_along_axis(v, p, k), x)
    return x


def rounded(function):
    """A step function, such as floor: a whole number near each number, which does not move."""

    def call(x, *_options):
        current().branched = True
        if np.any(np.abs(x.real - np.round(2 * x.real) / 2) <= CLOSE * (1 + np.abs(x.real))):
            raise InexactError("numbers too close to a step")
        return lift(function(x.real))

    return call


def _or_numpy(name, function):
    """The function, or NumPy's own where an array is one of its own."""
    plain = getattr(np, name)

    def call(x, *arguments, **options):
        chosen_one = function if isinstance(x, Exact) else plain
        return chosen_one(x, *arguments, **options)

    return call


OF_ONE = {
    "argmax": argmax,
    "argmin": argmin,
    "argsort": argsort,
    "floor": rounded(np.floor),
    "ceil": rounded(np.ceil),
    "max": maximum_along,
    "min": minimum_along,
    "rint": rounded(np.rint),
    "round": rounded(np.round),
    "sign": sign,
    "sort": sort,
}
TABLE = {name: _or_numpy(name, function) for name, function in OF_ONE.items()}
TABLE |= {"amax": TABLE["max"], "amin": TABLE["min"]}
TABLE |= {
    "abs": magnitude,
    "absolute": magnitude,
    "clip": clip,
    "equal": equal,
    "greater": greater,
    "greater_equal": greater_equal,
    "less": less,
    "less_equal": less_equal,
    "maximum": maximum,
    "minimum": minimum,
    "not_equal": not_equal,
    "where": where,
}


def count_nonzero(x):
    """How many numbers are not 0."""
    return int(np.count_nonzero(~lift(x).top.is_zero()))


def same(a, b):
    """Whether two arrays are equal exactly.

    Raises InexactError where the floats beside them are not finite, or differ all the same.
    """
    a, b = lift(a), lift(b)
    doubt_logs(a, b)
    if a.shape != b.shape:
        return False
    size = max(np.max(np.abs(a.real), initial=0.0), np.max(np.abs(b.real), initial=0.0))
    return equal_beside(np.all(a.top.equals(b.top)), np.abs(a.real - b.real), size)


def is_apart(a, b, size=0.0):
    """Whether floats differ by more than rounding makes of numbers of their size."""
    if np.shape(a) != np.shape(b):
        return True
    size = max(size, np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0))
    return bool(np.any(np.abs(a - b) > FAR * (1 + size)))


def equal_beside(equal_exactly, distance, size):
    """Whether what is compared is equal exactly; the floats beside it must not contradict."""
    if not (np.all(np.isfinite(distance)) and np.isfinite(size)):
        raise InexactError("numbers that are not finite")
    if equal_exactly and np.any(distance > FAR * (1 + size)):
        raise InexactError("a branch of a root on which it does not hold")
    return bool(equal_exactly)
