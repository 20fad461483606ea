"""Factors: a gradient that is a fixed multiple of the right one, and where the factor comes from."""

import itertools
import math

import numpy as np

from handgrad.common.factors import FORMS, NUMBERS
from handgrad.common.text import listed
from handgrad.judge.calls import CodeError
from handgrad.judge.explain.points import left_over
from handgrad.judge.explain.words import input_name, rounded
from handgrad.judge.oracles.directions import direction, project
from handgrad.judge.sizes import resized

CLOSE = 1e-7  # of a factor
COARSER = 64  # times what is known of gradients in low precision, a factor of many of them is known
HALVES = {"2": "½", "3": "⅓", "4": "¼"}


def factor_of(points, i):
    """The factor that fits the gradient of input i at every point, if one does; else None."""
    right, wrong = points[0].right[i], points[0].wrong[i]
    square = float(np.sum(right * right))
    if not square or right.shape != wrong.shape or not np.all(np.isfinite(wrong)):
        return None
    a = float(np.sum(wrong * right)) / square
    return a if a and left_over(points, i, lambda point: a * point.right[i]) < np.inf else None


def known(points, i):
    """What a factor may come from, in words; "" if there is none, or none that is known."""
    a = factor_of(points, i)
    if a is None:
        return _counted(points, i)
    sign = "the sign is wrong, and it " if a < 0 else ""
    if abs(a + 1) < CLOSE:
        return "has the wrong sign: a factor −1 is missing or too many"
    number, (sizes, size) = _of_numbers(abs(a)), _of_sizes(abs(a), points[0].trial)
    if sizes:
        depends = _grows_with(size, abs(a), points[0].trial, i)
        number = "" if depends else number
        sizes = "" if depends is False else sizes
    both = f"{number}, unless {sizes.removeprefix('is ')}" if number and sizes else number or sizes
    return f"{sign}{both}" if both else ""


def plainly(points, i):
    """A factor that is nothing in particular."""
    a = factor_of(points, i)
    if a is None:
        return ""
    near = ": a factor close to 1" if 0.9 < a < 1.1 else ""
    said = rounded(a) if rounded(a) != "1" else f"1 {'−' if a < 1 else '+'} {abs(a - 1):.1g}"
    said = min(said, f"1/{rounded(1 / a)}", key=len)
    return f"is {said} times the right one{near}"


def named(a, trial):
    """A factor by what it may be: ½, N = 4 (axis 0 of input 0), or its digits."""
    sign = "−" if a < 0 else ""
    for name, number in NUMBERS.items():
        half = HALVES.get(name, f"1/{name}")
        if abs(abs(a) / number - 1) < CLOSE:
            return f"{sign}{name}"
        if abs(abs(a) * number - 1) < CLOSE:
            return f"{sign}{half}"
    for size, where in sizes_of(trial):
        texts = {f"{size}": size, f"1/{size}": 1 / size, f"{size - 1}/{size}": 1 - 1 / size}
        for text, value in texts.items():
            if abs(abs(a) / value - 1) < CLOSE:
                return f"{sign}{text} ({where})"
    return rounded(a)


def _of_numbers(a):
    """Numbers that are often forgotten."""
    for name, number in NUMBERS.items():
        half = HALVES.get(name, f"1/{name}")
        if abs(a / number - 1) < CLOSE:
            return f"is {name} times the right one: a factor {name} too many, or {half} missing"
        if abs(a * number - 1) < CLOSE:
            return f"is {half} times the right one: a factor {name} missing, or {half} too many"
    return ""


def _of_sizes(a, trial):
    """In words, which size of an axis, product of sizes or root it is; and that size."""
    for form, of in FORMS.items():
        for large, ratio in (("large", a), ("small", 1 / a)):
            fits = [(s, w) for s, w in sizes_of(trial) if abs(ratio / of(s) - 1) < CLOSE]
            if fits:
                what = "missing" if large == "large" else "too many"
                mean = " (a mean)" if form == "N" else ""
                places = " or ".join(dict.fromkeys(where for _, where in fits[:4]))
                return (
                    f"is {form} times too {large}, N = {fits[0][0]}, the size of {places}: "
                    f"is a division by {form}{mean} {what}?"
                ), fits[0][0]
    return "", 0


def _grows_with(product, a, trial, i):
    """Whether the factor is another where a size is another; None if no other size is taken."""
    sizes = {size for size, _ in sizes_of(trial, products=False) if product % size == 0}
    asked = None
    for size in sizes:
        found = _factor_at(trial, resized(trial.inputs, {size: size + 1}), i)
        if found is not None:
            asked = False if asked is None else asked
            if abs(found / a - 1) > 1e-3:
                return True
    return asked


def _factor_at(trial, inputs, i):
    """The size of the factor at inputs of other shapes, by one directional derivative."""
    try:
        other = trial.at(inputs)
        u = direction(other, "factor", only=i)
        found = project(other, other.grads, u)
        moves = float(np.sum(other.grads[i] * u[other.real.index(i)]))
    except (CodeError, ValueError):
        return None  # not of these shapes
    return abs(moves / found.derivative) if found.known else None


def sizes_of(trial, *, products=True):
    """(size, where) of every axis, and of all axes but one, and of all, together."""
    arrays = [(input_name(trial, i), x.shape) for i, x in enumerate(trial.inputs)]
    many = len(trial.y) > 1
    arrays += [(f"output {k}" if many else "the output", y.shape) for k, y in enumerate(trial.y)]
    single, several = [], []
    for name, shape in arrays:
        single += [(size, f"axis {axis} of {name}") for axis, size in enumerate(shape)]
        for count in range(2, len(shape) + 1):
            for axes in itertools.combinations(range(len(shape)), count):
                size = math.prod(shape[a] for a in axes)
                several.append((size, f"axes {listed(axes)} of {name} together"))
    return [(size, where) for size, where in (*single, *(several if products else ())) if size > 1]


def _counted(points, i):
    """A factor that is another one at every point: a count, a sum or a norm of an input; or ""."""
    close = max(CLOSE, points[0].truth.accuracy / COARSER)
    found = [_proportion(point.wrong[i], point.right[i], close) for point in points]
    factors = np.array([a for a in found if a is not None])
    if len(factors) < len(points) or not factors.size or np.ptp(factors) <= close:
        return ""
    for j, x in enumerate(points[0].inputs):
        for words, measure in _measures(x):
            with np.errstate(all="ignore"):
                sizes = np.array([float(measure(point.inputs[j])) for point in points])
                for how, power in (
                    ("large: is a division by it missing?", 1),
                    ("small: is a division by it too many?", -1),
                ):
                    if np.allclose(factors, sizes**power, rtol=close, atol=0):
                        return f"is {words} {input_name(points[0].trial, j)} times too {how}"
    return ""


def _proportion(wrong, right, close):
    """The factor between two arrays that are proportional; else None."""
    square = float(np.sum(right * right))
    if not square or wrong.shape != right.shape:
        return None
    a = float(np.sum(wrong * right)) / square
    bar = close * abs(a) * np.max(np.abs(right))
    return a if np.allclose(wrong, a * right, rtol=0, atol=bar) else None


def _measures(x):
    """(words, measure) of what an input may be divided by."""
    if x.dtype == bool:
        yield "the number of true in", np.sum
        yield "the share of true in", np.mean
    elif x.dtype.kind in "iu":
        for words, test in (("not negative", lambda x: x >= 0), ("not 0", lambda x: x != 0)):
            yield f"the number of those that are {words} in", lambda x, t=test: np.sum(t(x))
            yield f"the share of those that are {words} in", lambda x, t=test: np.mean(t(x))
