"""Changes: what can be done to an array of gradients, whatever it is the gradient of.

Each is (words, change), where the words go on from *is*; the simpler stand first.
"""

import itertools

import numpy as np

from handgrad.judge.explain.words import axes_named


def orders(ndim):
    """Every other order of so many axes."""
    same = (*range(ndim),)
    return [order for order in itertools.permutations(same) if order != same] if ndim < 5 else []


def rearranged(shape):
    """Numbers in other places, with the same shape."""
    for order in orders(len(shape)):
        if tuple(shape[a] for a in order) == shape:
            more = "" if len(shape) == 2 else f": its axes are permuted, in the order {order}"
            yield f"transposed{more}", lambda g, o=order: np.transpose(g, o)
    for order in orders(len(shape)):
        words = f"reshaped where it should be transposed: the axes {order} are read as {shape}"
        yield words, lambda g, o=order: np.transpose(g, o).reshape(g.shape)
        words = f"reshaped where it should be transposed (axes {order})"
        yield words, lambda g, o=order: _untransposed(g, o)
    for axis, size in enumerate(shape):
        if size > 1:
            yield f"flipped along axis {axis}", lambda g, axis=axis: np.flip(g, axis)
    if len(shape) > 1:
        yield "flipped along the last two axes", lambda g: np.flip(g, (-2, -1))
    yield from _shifts(shape)


def _untransposed(g, order):
    """g, whose numbers were laid out for another order of the axes."""
    other = np.reshape(g, [g.shape[a] for a in order])
    return np.transpose(other, np.argsort(order))


def _shifts(shape):
    for axis, size in enumerate(shape):
        for step in (1, -1, 2, -2, 3, -3, 4, -4):
            if size > abs(step) * (1 if abs(step) < 3 else 2):  # most numbers stay
                words = f"shifted by {step} along axis {axis}"
                yield words, lambda g, s=step, a=axis: np.roll(g, s, a)
                yield f"{words}, with 0 at the edge", lambda g, s=step, a=axis: shifted(g, s, a)


def shifted(g, step, axis):
    """g moved by a step along an axis, with 0 where nothing comes in."""
    moved = np.roll(g, step, axis)
    edge = [slice(None)] * g.ndim
    edge[axis] = slice(0, step) if step > 0 else slice(step, None)
    moved[tuple(edge)] = 0
    return moved


def collapsed(shape):
    """A sum or a mean over axes that is put into every place."""
    for axes in some_axes(len(shape)):
        if all(shape[a] == 1 for a in axes):
            continue
        over = f"over {axes_named(axes)}"
        yield f"summed {over}: a sum too many", lambda g, a=axes: spread_out(np.sum, g, a)
        yield f"averaged {over}: a mean too many", lambda g, a=axes: spread_out(np.mean, g, a)


def masked(shape):
    """One part along an axis that alone counts, or does not count."""
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        what = "row" if axis == 0 and len(shape) > 1 else f"place along axis {axis}"
        spots = np.arange(size).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        parts = {"the first": spots == 0, "the last": spots == size - 1}
        if size > 2:
            parts["every second"] = spots % 2 == 0
        for word, part in parts.items():
            only = f"used in {word} {what} alone: the sum over axis {axis} is missing"
            yield f"{only}, or a mask is wrong", lambda g, m=part: g * m
            yield f"masked: it is 0 in {word} {what}", lambda g, m=part: g * ~m
    if len(shape) > 1 and min(shape[-2:]) > 1:
        for word, spot in (("the last", -1), ("the first", 0)):
            corner = np.zeros(shape, bool)
            corner[..., spot, spot] = True
            says = f"used in {word} place of the last two axes alone: is it assigned at each, "
            yield f"{says}and not added up?", lambda g, m=corner: g * m
    if len(shape) > 1 and shape[-1] == shape[-2]:
        for word, part in of_the_last_two(shape).items():
            yield f"masked: it is 0 {word}", lambda g, m=part: g * ~m


def of_the_last_two(shape):
    """{where: mask} of what lies about the diagonal of the last two axes."""
    rows, columns = np.indices(shape[-2:])
    return {
        "above the diagonal": columns > rows,
        "below the diagonal": columns < rows,
        "on the diagonal": columns == rows,
        "off the diagonal": columns != rows,
        "on and above the diagonal": columns >= rows,
        "on and below the diagonal": columns <= rows,
    }


def every(shape):
    """All of them, the simplest first."""
    yield "0, as if missing", np.zeros_like
    yield from rearranged(shape)
    yield from collapsed(shape)
    yield from masked(shape)


def some_axes(ndim):
    """Every choice of at least one axis, the fewest first."""
    return [c for n in range(1, ndim + 1) for c in itertools.combinations(range(ndim), n)]


def reduced(shape, axes):
    """The shape of what is reduced over some axes, which stay with size 1."""
    return tuple(1 if a in axes else n for a, n in enumerate(shape))


def spread_out(reduce, g, axes):
    """A reduction over some axes, repeated along them."""
    return np.broadcast_to(reduce(g, axis=axes, keepdims=True), g.shape)


# of what an elementwise operation may be taken to have for its derivative, by a value v
FORMS = {
    "{}": lambda v: v,
    "−{}": lambda v: -v,
    "1 − {}": lambda v: 1 - v,
    "{}²": lambda v: v * v,
    "1 − {}²": lambda v: 1 - v * v,
    "(1 − {})²": lambda v: (1 - v) ** 2,
    "{0} (1 − {0})": lambda v: v * (1 - v),
    "√{}": lambda v: np.sqrt(np.abs(v)),
    "the mask {} > 0": lambda v: (v > 0) * 1.0,
    "the mask {} < 0": lambda v: (v < 0) * 1.0,
    "the sign of {}": np.sign,
}
