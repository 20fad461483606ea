"""Hypotheses: what a wrong gradient may be, made from right ones; the simplest first.

Each is (sentence, guess). The sentence goes on from "the gradient of input 0 ...".
"""

import itertools

import numpy as np

from handgrad.judge.diagnosis.naming import input_name, rounded


def orders(ndim):
    """Every other order of so many axes."""
    same = (*range(ndim),)
    return [order for order in itertools.permutations(same) if order != same] if ndim < 5 else []


def rearranged(shape):
    """(words, change) for ways in which numbers can stand in other places, with the same shape."""
    for order in orders(len(shape)):
        if tuple(shape[a] for a in order) == shape:
            name = (
                "transposed"
                if len(shape) == 2
                else f"transposed: its axes are permuted, in the order {order}"
            )
            yield name, lambda g, order=order: np.transpose(g, order)
    for order in orders(len(shape)):
        sentence = f"transposed in memory: the axes are in the order {order}, and read as {shape}"
        yield sentence, lambda g, order=order: np.transpose(g, order).reshape(g.shape)
        sentence = f"reshaped where it should be transposed (axes {order})"
        yield sentence, lambda g, order=order: _untransposed(g, order)
    for axis, size in enumerate(shape):
        if size > 1:
            yield f"flipped along axis {axis}", lambda g, axis=axis: np.flip(g, axis)
    if len(shape) > 1:
        yield "flipped along the last two axes", lambda g: np.flip(g, (-2, -1))
        yield "flipped along all axes", np.flip
        yield "reversed in memory", lambda g: np.ravel(g)[::-1].reshape(g.shape)
    yield from _shifts(shape)


def _untransposed(g, order):
    """g, whose numbers were laid out for another order of the axes."""
    other = np.reshape(g, [g.shape[a] for a in order])
    return np.transpose(other, np.argsort(order))


def _shifts(shape):
    for axis, size in enumerate(shape):
        for step in (1, -1, 2, -2):
            if size > abs(step):
                sentence = f"shifted by {step} along axis {axis}"
                yield sentence, lambda g, step=step, axis=axis: np.roll(g, step, axis)
                yield (
                    f"{sentence}, with 0 at the edge",
                    lambda g, step=step, axis=axis: shifted(g, step, axis),
                )
    if len(shape) > 1:
        yield "shifted by 1 in memory", lambda g: np.roll(g, 1)
        yield "shifted by -1 in memory", lambda g: np.roll(g, -1)


def shifted(g, step, axis):
    """g moved by a step along an axis, with 0 where nothing comes in."""
    moved = np.roll(g, step, axis)
    edge = [slice(None)] * g.ndim
    edge[axis] = slice(0, step) if step > 0 else slice(step, None)
    moved[tuple(edge)] = 0
    return moved


def collapsed(shape):
    """(words, change) for a sum or a mean over axes that is put into every place."""
    for axes in some_axes(len(shape)):
        if all(shape[a] == 1 for a in axes):
            continue
        over = f"over {axes_named(axes)}"
        yield f"summed {over}: a sum too many", lambda g, axes=axes: _spread(np.sum, g, axes)
        yield f"averaged {over}: a mean too many", lambda g, axes=axes: _spread(np.mean, g, axes)


def centred(shape):
    """(words, change) for a sum or a mean that is taken away, or added."""
    for axes in some_axes(len(shape)):
        over = f"over {axes_named(axes)}"
        yield f"has its mean {over} taken away", lambda g, axes=axes: g - _spread(np.mean, g, axes)
        yield f"has its sum {over} taken away", lambda g, axes=axes: g - _spread(np.sum, g, axes)
        yield f"has its sum {over} added", lambda g, axes=axes: g + _spread(np.sum, g, axes)
    for axis in range(len(shape)):
        yield (
            f"is summed up along axis {axis} (a cumulative sum)",
            lambda g, axis=axis: np.cumsum(g, axis),
        )


def kept(shape):
    """(axis, place, only, without): one part along an axis that alone counts, or does not count."""
    for axis, size in enumerate(shape):
        what = "row" if axis == 0 and len(shape) > 1 else f"place along axis {axis}"
        spots = np.arange(size)
        parts = {"the first": spots == 0, "the last": spots == size - 1}
        parts["every second"] = spots % 2 == 0
        for word, part in parts.items():
            if (size > 1 and not np.array_equal(part, spots == 0)) or (
                word == "the first" and size > 1
            ):
                yield axis, f"{word} {what}", _masked(part, axis), _masked(~part, axis)


def _masked(keep, axis):
    def masked(g):
        return g * keep.reshape([-1 if a == axis else 1 for a in range(g.ndim)])

    return masked


def some_axes(ndim):
    """Every choice of at least one axis, the fewest first."""
    return [c for n in range(1, ndim + 1) for c in itertools.combinations(range(ndim), n)]


def axes_named(axes):
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


def _spread(reduce, g, axes):
    """A reduction over some axes, repeated along them."""
    return np.broadcast_to(reduce(g, axis=axes, keepdims=True), g.shape)


def whole(i, points):
    """Hypotheses about the whole gradient of input i, from right gradients alone."""
    shape = points[0].right[i].shape
    yield "is 0, as if missing", lambda p: np.zeros_like(p.right[i])
    for words, change in rearranged(shape):
        yield f"is {words}", lambda p, change=change: change(p.right[i])
    yield from _others(i, points[0])
    for words, change in collapsed(shape):
        yield f"is {words}", lambda p, change=change: change(p.right[i])
    for words, change in centred(shape):
        yield words, lambda p, change=change: change(p.right[i])


def _others(i, point):
    """The gradient of another input, instead of it or on top of it."""
    for j, other in point.right.items():
        if j == i:
            continue
        if other.shape == point.right[i].shape:
            yield f"is the gradient of input {j}: the two are swapped", lambda p, j=j: p.right[j]
            yield f"has the gradient of input {j} added", lambda p, j=j: p.right[i] + p.right[j]
            yield (
                f"has the gradient of input {j} taken away",
                lambda p, j=j: p.right[i] - p.right[j],
            )
        if other.ndim == 2 and other.T.shape == point.right[i].shape:
            yield (
                f"is the gradient of input {j}, transposed: the two are swapped",
                lambda p, j=j: p.right[j].T,
            )


def _acts_on_each(point, i):
    """Whether every number of dy goes to one number of the gradient alone."""
    weights = 1.0 + np.arange(point.dy[0].size).reshape(point.dy[0].shape)
    weighted = point.truth(point.inputs, (weights * point.dy[0],))
    return weighted is not None and np.allclose(weighted[i], weights * point.right[i], rtol=1e-6)


SLOPES = {
    "the mask x > 0": lambda x, y: x > 0,
    "the mask x < 0": lambda x, y: x < 0,
    "the sign of x": lambda x, y: np.sign(x),
    "x": lambda x, y: x,
    "the output": lambda x, y: y,
    "1 − the output": lambda x, y: 1 - y,
    "y (1 − y) of the output y": lambda x, y: y * (1 - y),
    "1 − the square of the output": lambda x, y: 1 - y * y,
}


def added(i, points):
    """Something that is added: a multiple of an input, of dy, of y, or of 1."""
    point = points[0]
    if point.dy[0].shape == point.right[i].shape:
        yield "is dy itself: the derivative is taken as 1", lambda p: p.dy[0]
        for words, slope in SLOPES.items() if _acts_on_each(point, i) else ():
            says = f"is wrong: the derivative is taken as {words}"
            yield says, lambda p, slope=slope: p.dy[0] * slope(p.inputs[i], p.y[0])
    things = {"dy": lambda p: p.dy[0], "the output": lambda p: p.y[0], "1": lambda p: np.ones(1)}
    things |= {input_name(point.trial, j): lambda p, j=j: p.inputs[j] for j in point.trial.real}
    for name, thing in things.items():
        try:
            a = np.broadcast_to(thing(point), point.right[i].shape).astype(float)
        except ValueError:
            continue
        square = float(np.sum(a * a))
        if not square:
            continue
        c = float(np.sum((point.wrong[i] - point.right[i]) * a)) / square
        times = "" if abs(abs(c) - 1) < 1e-7 else f"{rounded(abs(c))} × "
        words = f"has a term too many: {times}{name} is added"
        if c < 0:
            words = f"lacks a term: {times}{name} is dropped"
        yield words, lambda p, c=c, thing=thing: p.right[i] + c * thing(p)
