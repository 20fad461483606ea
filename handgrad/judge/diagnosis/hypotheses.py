"""Hypotheses: what a wrong gradient may be, made from the right one; the simplest first.

Each is (sentence, gradient). The sentence goes on from "the gradient of input 0 ...".
"""

import itertools
import math

import numpy as np


def hypotheses(i, wrong, right, trial):
    """Every whole-array hypothesis about the gradient of input i."""
    g = right[i]
    yield "is 0: it is missing", np.zeros_like(g)
    if wrong.shape == g.shape:
        yield from _factors(g, trial)
    yield from _rearranged(wrong, g)
    if wrong.shape == g.shape:
        yield from _sums(g)
        yield from _others(i, right)
        yield from _rounded(wrong, g)
        yield from _offset(wrong, g)


def any_factor(wrong, right):
    """The factor that fits best, whatever it is."""
    square = float(np.sum(right * right))
    if square:
        a = float(np.sum(wrong * right)) / square
        yield f"is {a:.10g} times the right one", a * right


def _factors(g, trial):
    yield "has the wrong sign: a factor −1 is missing", -g
    for name, a in (("2", 2.0), ("½", 0.5)):
        yield f"is {name} times the right one: a factor {name} too many", a * g
        yield f"is −{name} times the right one: the sign, and a factor {name}", -a * g
    for size, whose in _sizes(trial):
        mean = f"{size} = {whose}"
        yield (
            f"is N times too large, N = {mean}: is a division by N (a mean) missing?",
            size * g,
        )
        yield f"is N times too small, N = {mean}: is a division by N (a mean) too many?", g / size
        root = math.sqrt(size)
        yield f"is √N times too large, N = {mean}: is a division by √N missing?", root * g
        yield f"is √N times too small, N = {mean}: is a division by √N too many?", g / root


def _sizes(trial):
    """The sizes of axes, and products of them, each with its name."""
    named = {}
    outputs = [(f"output {k}", y.shape) for k, y in enumerate(trial.y)]
    inputs = [(f"input {i}", x.shape) for i, x in enumerate(trial.inputs)]
    for name, shape in (*inputs, *outputs):
        for axis, size in enumerate(shape):
            named.setdefault(size, f"the size of axis {axis} of {name}")
        for count in range(2, len(shape) + 1):
            for axes in itertools.combinations(range(len(shape)), count):
                size = math.prod(shape[a] for a in axes)
                listed = " and ".join(map(str, axes))
                named.setdefault(size, f"the numbers in axes {listed} of {name}")
    return [(size, whose) for size, whose in named.items() if size > 1]


def _rearranged(wrong, g):
    """The numbers of the right gradient in another order."""
    orders = [
        order for order in itertools.permutations(range(g.ndim)) if order != (*range(g.ndim),)
    ]
    for order in orders:
        name = "transposed" if g.ndim == 2 else f"permuted: its axes are in the order {order}"
        yield f"is {name}", np.transpose(g, order)
    if wrong.shape != g.shape and wrong.size == g.size:
        yield f"has another shape, {wrong.shape}: the numbers are right", g.reshape(wrong.shape)
    for order in orders:
        sentence = "is transposed: its numbers are read in another order"
        yield sentence, np.transpose(g, order).reshape(g.shape)
    for axis in range(g.ndim):
        yield f"is flipped along axis {axis}", np.flip(g, axis)
        for step in (1, -1):
            sentence = f"is shifted by {step} along axis {axis}"
            yield sentence, np.roll(g, step, axis)
            yield f"{sentence}, with 0 at the edge", _shifted(g, step, axis)
    if g.ndim > 1:
        yield "is flipped along all axes", np.flip(g)
        yield "is shifted by 1 in memory", np.roll(g, 1)


def _shifted(g, step, axis):
    moved = np.roll(g, step, axis)
    edge = [slice(None)] * g.ndim
    edge[axis] = 0 if step > 0 else -1
    moved[tuple(edge)] = 0
    return moved


def _sums(g):
    for count in range(1, g.ndim + 1):
        for axes in itertools.combinations(range(g.ndim), count):
            listed = ", ".join(map(str, axes))
            total = np.broadcast_to(g.sum(axis=axes, keepdims=True), g.shape)
            yield f"is summed over axis {listed}: a sum too many", total
            mean = np.broadcast_to(g.mean(axis=axes, keepdims=True), g.shape)
            yield f"is averaged over axis {listed}: a mean too many", mean
            yield f"has its mean over axis {listed} taken away", g - mean


def _others(i, right):
    for j, other in right.items():
        if j != i and other.shape == right[i].shape:
            yield f"is the gradient of input {j}: the two are swapped", other
            yield f"has the gradient of input {j} added", right[i] + other


def _rounded(wrong, g):
    for name in ("float32", "float16"):
        with np.errstate(all="ignore"):
            low = g.astype(name).astype(g.dtype)
        close = np.abs(wrong - g) <= 4 * np.finfo(name).eps * np.abs(g)
        if np.all(close) and np.all(wrong == wrong.astype(name)):
            yield f"has lost bits: it was computed in {name} precision", wrong
        yield f"has lost bits: it was rounded to {name} precision", low


def _offset(wrong, g):
    if g.size > 1:
        c = float(np.mean(wrong - g))
        yield f"is off by a constant, {c:.6g}", g + c
