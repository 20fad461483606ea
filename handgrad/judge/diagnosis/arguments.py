"""Arguments: a gradient that is right for another dy, or at other inputs, than it was given.

The right gradients are asked for with one argument changed. If the wrong ones come out, the code
treats that argument so.
"""

import numpy as np

from handgrad.judge.diagnosis.hypotheses import collapsed, kept, rearranged
from handgrad.judge.diagnosis.naming import input_name
from handgrad.judge.libraries import is_floating


def misuses_of_dy(point):
    """(words, change) for every way to misread the upstream gradients that keeps them linear."""
    yield from drops(point)
    for k, d in enumerate(point.dy):
        name = "dy" if len(point.dy) == 1 else f"dy of output {k}"
        for words, change in _linear(d.shape):
            yield f"{name} is used {words}", _at(k, change)
        for words, factor in _factors(point):
            if len(point.dy) == 1 and d.ndim:
                yield from _multiplied(name, words, factor)
    if len(point.dy) > 1:
        yield from _exchanged(point.dy)


def drops(point):
    """(words, change) for each of several outputs whose upstream gradient is not used."""
    for k in range(len(point.dy)) if len(point.dy) > 1 else ():
        yield f"dy of output {k} is dropped: it is not used", _at(k, lambda d: 0 * d)


def _linear(shape):
    for axis, place, only, without in kept(shape):
        yield f"in {place} alone: the sum over axis {axis} is missing, or a mask is wrong", only
        yield f"everywhere but in {place}, where it is masked", without
    for words, change in rearranged(shape):
        yield f"as if it were {words}", change
    for words, change in collapsed(shape):
        yield words, change
    if shape:
        yield "as if its first number were all", lambda d: np.broadcast_to(d.ravel()[:1], d.shape)


def _at(k, change):
    return lambda p: tuple(change(d) if j == k else d for j, d in enumerate(p.dy))


def _factors(point):
    """Values that may be multiplied onto dy once too often, or not at all."""
    yield "the output", lambda p: p.y[0]
    yield "1 − the output", lambda p: 1 - p.y[0]
    yield "1 − the square of the output", lambda p: 1 - p.y[0] ** 2
    for j, x in enumerate(point.inputs):
        name = input_name(point.trial, j)
        yield name, lambda p, j=j: p.inputs[j].astype(float)
        if is_floating(x.dtype):
            yield f"1 − {name}", lambda p, j=j: 1 - p.inputs[j]
            yield f"the sign of {name}", lambda p, j=j: np.sign(p.inputs[j])
            yield f"the mask {name} > 0", lambda p, j=j: p.inputs[j] > 0


def _multiplied(name, words, factor):
    def times(p):
        return (_fitting(p.dy[0] * factor(p), p.dy[0]),)

    def over(p):
        return (_fitting(p.dy[0] / factor(p), p.dy[0]),)

    yield f"a factor is too many: {words}, times {name}", times
    yield f"a factor is missing: {words}, times {name}", over


def _fitting(changed, d):
    if changed.shape != d.shape:
        raise ValueError("of another shape")
    return changed


def _exchanged(dy):
    for a in range(len(dy)):
        for b in range(a):
            if dy[a].shape == dy[b].shape:
                swap = {a: b, b: a}
                yield (
                    f"the dy of outputs {b} and {a} are swapped",
                    lambda p, swap=swap: tuple(p.dy[swap.get(k, k)] for k in range(len(p.dy))),
                )


def rearranged_inputs(point):
    """(words, change) for inputs whose numbers stand in other places in the backward."""
    for j, x in enumerate(point.inputs):
        for words, change in rearranged(x.shape):
            yield f"as if {input_name(point.trial, j)} were {words}", _put(j, change)


def misuses_of_inputs(point):
    """(words, change) for other ways to misread an input in the backward."""
    for j, x in enumerate(point.inputs):
        name = input_name(point.trial, j)
        for words, change in _misreadings(x):
            yield f"as if {name} were {words}", _put(j, change)
        for k, other in enumerate(point.inputs):
            if k != j and other.shape == x.shape and other.dtype == x.dtype:
                words = f"as if {name} were {input_name(point.trial, k)}"
                yield words, lambda p, j=j, k=k: _with(p.inputs, j, p.inputs[k])
        for k, y in enumerate(point.y):
            if y.shape == x.shape and is_floating(x.dtype):
                words = f"as if {name} were the output"
                yield words, lambda p, j=j, k=k: _with(p.inputs, j, p.y[k])


def _misreadings(x):
    if x.dtype == bool:
        yield "true everywhere: a mask is ignored", np.ones_like
        yield "false everywhere", np.zeros_like
        yield "negated: a mask is turned round", np.logical_not
        return
    if not is_floating(x.dtype):
        yield "larger by 1", lambda x: x + 1
        yield "smaller by 1", lambda x: x - 1
        yield "0 everywhere", np.zeros_like
    else:
        yield "of the other sign", np.negative
        yield "1 everywhere", np.ones_like
        yield "0 everywhere", np.zeros_like
        yield "its absolute value", np.abs
        yield "squared", np.square
        yield "a constant, its mean", lambda x: np.full_like(x, np.mean(x))
        yield "masked: 0 where it is not positive", lambda x: np.maximum(x, 0)
    for _, place, only, without in kept(x.shape):
        yield f"0 but in {place}", only
        yield f"0 in {place}", without


def _put(j, change):
    return lambda p: _with(p.inputs, j, change(p.inputs[j]))


def _with(inputs, j, x):
    return (*inputs[:j], np.asarray(x).astype(inputs[j].dtype), *inputs[j + 1 :])


def of_dy(points, i):
    """Hypotheses for the gradient of input i: right, but for another dy."""
    for words, change in misuses_of_dy(points[0]):
        yield f"is wrong: {words}", asked(i, dy=change)


def of_inputs(points, i, misuses=misuses_of_inputs):
    """Hypotheses for the gradient of input i: right, but at other inputs."""
    for words, change in misuses(points[0]):
        yield f"is computed {words}", asked(i, inputs=change)


def turned_round(points, i):
    """Hypotheses for code that moves along an axis in the wrong direction."""
    for axis, size in enumerate(points[0].right[i].shape):
        words = f"runs, or is shifted, the wrong way along axis {axis}: dy is read backwards"
        if size > 1:
            yield f"{words}, and the result flipped", _turned_round(i, axis, inputs=False)
            words = f"{words}, and the inputs as well, and the result flipped"
            yield words, _turned_round(i, axis, inputs=True)


def _turned_round(i, axis, *, inputs):
    def guess(p):
        length = p.right[i].shape[axis]

        def flipped(x):
            return np.flip(x, axis) if x.ndim > axis and x.shape[axis] == length else x

        given = tuple(map(flipped, p.inputs)) if inputs else p.inputs
        return np.flip(p.truth(given, tuple(map(flipped, p.dy)))[i], axis)

    return guess


def asked(i, dy=None, inputs=None):
    """The guess that the gradient of input i is right for changed arguments."""

    def guess(p):
        grads = p.truth(inputs(p) if inputs else p.inputs, dy(p) if dy else p.dy)
        return grads[i]

    return guess
