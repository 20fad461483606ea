"""Numbers: what a gradient is instead of the right one, whatever the forward is.

Each look takes the points and the input, and gives words that go on from *the gradient of input 0*.
"""

from collections.abc import Callable

import numpy as np

from handgrad.judge.explain import changes
from handgrad.judge.explain.points import best
from handgrad.judge.explain.words import input_name, rounded

ALIKE = 1e-7  # of the gradient's size


def dropped_output(points, i):
    """Whether dy of one of several outputs is not used."""
    count = len(points[0].dy)

    def without(point, k):
        dy = [0 * d if n == k else d for n, d in enumerate(point.dy)]
        return point.truth(point.inputs, dy)[i]

    return best(
        points,
        i,
        [
            (f"is wrong: dy of output {k} is dropped", lambda p, k=k: without(p, k))
            for k in range(count if count > 1 else 0)
        ],
    )


def rearranged(points, i):
    """The right gradient in other places, summed, masked; or that of another input."""
    shape = points[0].right[i].shape
    guesses: list[tuple[str, Callable]] = [
        (f"is {words}", lambda p, c=change: c(p.right[i])) for words, change in changes.every(shape)
    ]
    for j, other in points[0].right.items():
        name = f"the gradient of {input_name(points[0].trial, j)}"
        if j != i and other.shape == shape:
            guesses.append((f"is {name}: the two are swapped", lambda p, j=j: p.right[j]))
            guesses.append((f"has {name} added", lambda p, j=j: p.right[i] + p.right[j]))
    return best(points, i, guesses)


def added(points, i):
    """The slope of each number is another; or something is added: dy, y, 1 or an input, so many times."""
    point = points[0]
    guesses: list[tuple[str, Callable]] = []
    if point.dy[0].shape == point.right[i].shape:
        guesses += _slopes(point, i)
    things = {"dy": lambda p: p.dy[0], "the output": lambda p: p.y[0], "1": lambda p: np.ones(1)}
    things |= {input_name(point.trial, j): lambda p, j=j: p.inputs[j] for j in point.trial.real}
    for name, thing in things.items():
        a = np.asarray(thing(point), dtype=float)
        shape = point.wrong[i].shape
        if not np.any(a) or shape != point.right[i].shape or not _stretches(a.shape, shape):
            continue
        a = np.broadcast_to(a, shape)
        c = float(np.sum((point.wrong[i] - point.right[i]) * a)) / float(np.sum(a * a))
        times = "" if abs(abs(c) - 1) < 1e-7 else f"{rounded(abs(c))} × "
        words = f"has a term too many: {times}{name} is added"
        if c < 0:
            words = f"lacks a term: {times}{name} is dropped"
        guesses.append((words, lambda p, c=c, t=thing: p.right[i] + c * t(p)))
    return best(points, i, guesses)


def _stretches(shape, to):
    """Whether an array of a shape may be broadcast to another."""
    inner = to[len(to) - len(shape) :]
    return len(shape) <= len(to) and all(a in {1, b} for a, b in zip(shape, inner, strict=True))


def _slopes(point, i):
    """(words, guess) of the slopes that a function of each number may be taken to have."""
    yield "is dy itself: the derivative is taken as 1", lambda p: p.dy[0]
    words = "is dy less what it should be: the slope is taken as 1 less itself (a mask inverted?)"
    yield words, lambda p: p.dy[0] - p.right[i]
    weights = 1.0 + np.arange(point.dy[0].size).reshape(point.dy[0].shape)
    weighted = point.truth(point.inputs, (weights * point.dy[0], *point.dy[1:]))
    if weighted is None or not np.allclose(weighted[i], weights * point.right[i], rtol=1e-6):
        return  # a number of dy goes to several
    for form, of in changes.FORMS.items():
        for name, value in (("x", lambda p: p.inputs[i]), ("the output", lambda p: p.y[0])):
            if value(point).shape == point.right[i].shape:
                words = f"is wrong: the derivative is taken as {form.format(name)}"
                yield words, lambda p, o=of, v=value: p.dy[0] * o(v(p))


def permuted(points, i):
    """A sentence if the gradient of input i has the right numbers along an axis in another order."""
    for axis, size in enumerate(points[0].right[i].shape):
        if size > 1 and all(_has_the_same_numbers(point, i, axis) for point in points):
            return (
                f"is permuted along axis {axis}: the right numbers are in the wrong places "
                "(an order, and not its inverse?)"
            )
    return ""


def _has_the_same_numbers(point, i, axis):
    wrong, right = point.wrong[i], point.right[i]
    if wrong.shape != right.shape or not np.all(np.isfinite(wrong)):
        return False
    off = np.abs(np.sort(wrong, axis) - np.sort(right, axis))
    bar = ALIKE * point.size(i)
    return bool(np.max(off, initial=0.0) <= bar < np.max(np.abs(wrong - right), initial=0.0))
