"""Places: where a gradient is wrong, if it is right elsewhere, and what it is there.

A place has to explain every point: a mask that fits once may do so by chance.
"""

from functools import partial

import numpy as np

from handgrad.judge.explain.changes import of_the_last_two
from handgrad.judge.explain.words import input_name, rounded
from handgrad.judge.trial import largest

CLEAR = 1e-3  # of the largest error


def wrong_places(points, i, *, vaguely=False):
    """A sentence on the places at which the gradient of input i is wrong, or "".

    Only `vaguely` may it be without a name for the places, or for what is there.
    """
    offs = [_off(point, i) for point in points]
    off, point = offs[0], points[0]
    if not off.any() or point.wrong[i].shape != point.right[i].shape:
        return ""
    what = _at_all(points, i, offs)
    if off.size > 1 and all(o.all() or not o.size for o in offs):
        return "is NaN everywhere" if what == "is NaN" else ""
    if what == "is wrong" and not vaguely:
        return ""
    for name, place in _places(point, i, off.shape):
        if _fits(points, i, offs, place):
            return f"{what} {name}"
    count, counted = np.count_nonzero(off), ""
    if vaguely and 2 * count <= off.size:
        counted = f"{what} at {count} of {off.size} places{_within(points, i, offs)}"
    return _single(what, offs) or ("" if vaguely else _block(what, offs)) or counted


def _within(points, i, offs):
    """In words, what all wrong places have in common, though there are right ones among them."""
    for name, place in _places(points[0], i, offs[0].shape):
        try:
            masks = [np.broadcast_to(place(p), o.shape) for p, o in zip(points, offs, strict=True)]
        except ValueError:
            continue
        few = all(2 * np.count_nonzero(mask) <= mask.size for mask in masks)
        if few and not any(np.any(o & ~mask) for o, mask in zip(offs, masks, strict=True)):
            return f", all {name}"
    return ""


def _off(point, i):
    """Where the gradient of input i is wrong."""
    with np.errstate(all="ignore"):
        error = np.abs(point.wrong[i] - point.right[i])
    finite = error[np.isfinite(error)]
    bar = max(point.truth.accuracy * point.size(i), CLEAR * largest(finite))
    if largest(finite) <= point.truth.accuracy * point.size(i):
        bar = point.truth.accuracy * point.size(i)
    return ~(error <= bar)


def _at_all(points, i, offs):
    """What the wrong numbers are, if it is the same at every point."""
    said = {
        _what(point.wrong[i][off], point.right[i][off])
        for point, off in zip(points, offs, strict=True)
        if off.any()
    }
    return said.pop() if len(said) == 1 else "is wrong"


def _what(wrong, right):
    """What the wrong numbers are."""
    if not np.all(np.isfinite(wrong)):
        return "is NaN" if np.any(np.isnan(wrong)) else "is infinite"
    if not np.any(wrong):
        return "is masked: it is 0"
    if largest(right) <= 1e-9 * largest(wrong):
        return "is not 0, as it should be: a mask is missing,"
    ratio = wrong[right != 0] / right[right != 0]
    if np.all(right != 0) and np.ptp(ratio) <= 1e-6 * largest(ratio):
        turned = abs(ratio.mean() + 1) < 1e-9
        return (
            "has the wrong sign"
            if turned
            else f"is {rounded(float(ratio.mean()))} times the right one"
        )
    return "is wrong"


def _fits(points, i, offs, place):
    """Whether the wrong places are these, at every point."""
    right_places = wrong_places = 0
    for point, off in zip(points, offs, strict=True):
        try:
            where = np.broadcast_to(place(point), off.shape)
        except ValueError:
            return False
        counted = (point.right[i] != 0) | off | np.all(point.right[i][off] == 0)
        if not np.array_equal(off, where & counted):
            return False
        wrong_places += np.count_nonzero(off)
        right_places += np.count_nonzero(~off & counted)
    return wrong_places > 0 and (right_places > 1 or offs[0].size < 3)


def _places(point, i, shape):
    """(name, mask of a point) for the places that have a name; the commonest first."""
    for j, x in enumerate(point.inputs):
        if x.dtype.kind in "iu" and shape:
            name, chosen = input_name(point.trial, j), partial(_chosen, j, shape[-1])
            yield f"at the label that {name} gives", chosen
            yield f"everywhere but at the label that {name} gives", lambda p, c=chosen: ~c(p)
    yield from _positions(shape)
    yield from _of_values("x", lambda p: p.inputs[i], ties=True)
    for j, x in enumerate(point.inputs):
        if j != i and x.shape == shape:
            name = input_name(point.trial, j)
            yield f"where x and {name} tie", lambda p, j=j: p.inputs[i] == p.inputs[j]
        if j != i:
            yield from _of_others(input_name(point.trial, j), x, lambda p, j=j: p.inputs[j], shape)


def _positions(shape):
    for axis, size in enumerate(shape):
        k = np.arange(size).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        what = {0: "row", len(shape) - 1: "column"}.get(axis, f"place along axis {axis}")
        what = "place" if len(shape) == 1 else what
        places = {
            f"in the last {what}": k == size - 1,
            f"in the first {what}": k == 0,
            f"in every second {what}": (k % 2 == 1) & (size > 3),
            f"in every first of two {what}s": k % 2 == 0,
            f"everywhere but in the first {what}": k != 0,
            f"everywhere but in the last {what}": k != size - 1,
            f"in the last two {what}s": k >= size - 2,
            f"in the first and the last {what}": (k == 0) | (k == size - 1),
        }
        for name, mask in places.items():
            yield name, lambda p, mask=mask: mask
    if len(shape) > 1:
        for name, mask in of_the_last_two(shape).items():
            yield name, lambda p, mask=mask: mask


def _of_values(name, array, *, ties=False):
    tests = {
        f"where {name} is 0": lambda a: a == 0,
        f"where {name} > 0": lambda a: a > 0,
        f"where {name} < 0": lambda a: a < 0,
        f"where {name} ≥ 0": lambda a: a >= 0,
        f"where {name} ≤ 0": lambda a: a <= 0,
        f"where |{name}| > 1": lambda a: np.abs(a) > 1,
        f"where {name} > 1": lambda a: a > 1,
        f"where {name} < −1": lambda a: a < -1,
        f"where {name} is the largest of its row": lambda a: a == a.max(-1, keepdims=True),
    }
    if ties:
        tests[f"where numbers of {name} tie"] = _ties
        tests[f"where the whole row of {name} is 0"] = lambda a: np.all(a == 0, -1, keepdims=True)
        tests[f"where the largest numbers of a row of {name} tie"] = _tie_for_the_largest
        tests["in a constant row"] = lambda a: np.all(a == a[..., :1], -1, keepdims=True)
        tests["in a row that holds a tie"] = lambda a: np.any(_ties(a), -1, keepdims=True)
        tests["where a number is not finite"] = lambda a: ~np.isfinite(a)
        tests["in a row that is not finite"] = lambda a: np.any(~np.isfinite(a), -1, keepdims=True)
    for words, test in tests.items():
        yield words, lambda p, test=test: test(np.atleast_1d(array(p)))


def _tie_for_the_largest(a):
    return _ties(a) & (a == a.max(-1, keepdims=True))


def _of_others(name, x, array, shape):
    """Places that another input marks."""
    if x.dtype == bool:
        for form, test in (("true", lambda a: a), ("false", np.logical_not)):
            yield (
                f"where {name} is {form} (a mask)",
                lambda p, test=test: _turned(test(array(p)), shape),
            )
        return
    yield from _of_values(name, lambda p: _turned(array(p), shape))


def _turned(a, shape):
    """A mask of rows stands for all of a row."""
    rows = a.shape == shape[: a.ndim] != shape[len(shape) - a.ndim :]
    return a.reshape(a.shape + (1,) * (len(shape) - a.ndim)) if rows else a


def _chosen(j, count, point):
    return np.expand_dims(point.inputs[j], -1) == np.arange(count)


def _ties(x):
    """Whether a number stands elsewhere in its row as well."""
    rows = x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)
    same = rows[:, :, None] == rows[:, None, :]
    return (same.sum(axis=-1) > 1).reshape(x.shape)


def _block(what, offs):
    """The wrong places, if they are a block, and the same at every point."""
    off = offs[0]
    if off.ndim == 0 or not all(np.array_equal(off, other) for other in offs):
        return ""
    box = tuple(slice(int(k.min()), int(k.max()) + 1) for k in np.nonzero(off))
    if np.all(off[box]) and (len(offs) > 1 or np.count_nonzero(off) > 1):
        shown = ", ".join(f"{s.start}:{s.stop}" for s in box)
        return f"{what} in the block [{shown}]"
    return ""


def _single(what, offs):
    off = offs[0]
    if np.count_nonzero(off) != 1 or off.size == 1:
        return ""
    if not all(np.array_equal(off, other) or not other.any() for other in offs):
        return ""
    return f"{what} at a single place, {np.argwhere(off)[0].tolist()}"
