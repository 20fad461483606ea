"""Ways to call a forward and its backward, found by calling them and not by counting parameters."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.judge.calls import CodeError, Contained
from handgrad.judge.libraries import as_numpy, is_floating, library_of, to_library
from handgrad.judge.subjects.base import as_tuple

UPSTREAM = re.compile(
    r"d[a-z_]?|d[a-z]_\w+|dout\w*|dy\w*|dz|dL\w*|g|grad\w*|upstream\w*|delta\w*|err\w*"
)


@dataclass(frozen=True)
class Way:
    """How what forward returned becomes the output, and how backward is called after it.

    `takes(result)` is how many arguments backward has to take, or None where it is not this way.
    """

    takes: Callable
    call: Callable
    output: Callable = lambda result: result
    reentrant: bool = False


def _is_pair(result):
    return 2 if isinstance(result, tuple | list) and len(result) == 2 else None


def _is_reversed(result):
    """(cache, output): what comes first is not an array."""
    return 2 if _is_pair(result) and is_real(result[1]) and not is_real(result[0]) else None


def _several(result):
    several = isinstance(result, tuple | list) and len(result) > 1
    return len(result) if several and all(map(is_real, result)) else None


def _first(result):
    return result[0]


def _times(grads, dy):
    """The gradients of a loss, which its backward gives for dy = 1."""
    if grads is None:
        return None
    return tuple(g if g is None else g * dy for g in as_tuple(grads))


RULE = Way(_is_pair, lambda back, y, dy, _: back(y[1], dy), _first, reentrant=True)
CACHE = Way(_is_pair, lambda back, y, dy, _: back(dy, y[1]), _first, reentrant=True)
REVERSED = Way(
    _is_reversed,
    lambda back, y, dy, _: back(dy, y[0]),
    lambda result: result[1],
    reentrant=True,
)
MEMORY = Way(lambda _: 1, lambda back, y, dy, _: back(dy))
SPREAD = Way(_several, lambda back, y, dy, _: back(*dy))
RATE = Way(lambda _: 2, lambda back, y, dy, _: back(dy, 0.0))
LOSS = Way(lambda _: 0, lambda back, y, dy, _: _times(back(), dy))
PAIR = Way(lambda _: 1, lambda back, y, dy, xs: back(dy, *xs), reentrant=True)


def of_object(fresh, arguments, names=()):
    """The way of an object with a forward and a backward, and how many calls it took to find it.

    `fresh()` are its two methods, of a new copy.
    """
    forward, back = fresh()
    result, takes_one = _returned(forward, arguments), binds(back, 1)
    if result is None:
        return (MEMORY if takes_one else RULE), 1
    wants = _names(back)
    pairs = (CACHE, RULE) if wants and UPSTREAM.fullmatch(wants[0]) else (RULE, CACHE)
    carries = _is_pair(result) and not is_real(result[1])
    order = (*pairs, MEMORY) if carries or not takes_one else (MEMORY, *pairs)
    order = (*order, REVERSED, SPREAD, RATE, LOSS)
    return _best(fresh, [w for w in order if _suits(w, back, result)], arguments, names)


def of_pair(f, vjp, arguments, names=()):
    """The way of a pair of functions, and how many calls it took to find it."""
    result = _returned(f, arguments)
    pairs = [way for way in (CACHE, RULE, REVERSED) if _suits(way, vjp, result)]
    if not pairs:
        return PAIR, 1
    order = [PAIR, *pairs] if binds(vjp, 1 + len(arguments)) else pairs
    return _best(lambda: (f, vjp), order, arguments, names)


def takes_upstream_last(vjp):
    """Whether the parameters' names say that vjp takes dy after the inputs."""
    wants = _names(vjp)
    return (
        len(wants) > 1
        and wants[-1] in {"dy", "dout", "grad", "grad_output", "upstream"}
        and not UPSTREAM.fullmatch(wants[0])
    )


def _suits(way, backward, result):
    count = way.takes(result)
    if count is None or not binds(backward, count) or (way is LOSS and binds(backward, 1)):
        return False
    first, second = ([bool(UPSTREAM.fullmatch(n)) for n in _names(backward)] + [False] * 2)[:2]
    if count != 2 or first == second:
        return not (way.reentrant and first and second)  # of two outputs, and no cache
    return (way is RULE) == second  # its names say which of the two is dy


def _best(fresh, order, arguments, names):
    """The way that gives gradients of the inputs' shapes, linear in dy; else of the shapes; else any.

    With the number of calls. Where dy and a cache are mistaken for each other, it is seldom linear.
    """
    ranked, tried = {}, 1
    for way in order:
        found, (forward, backward) = [], fresh()
        try:
            for times in (1.0, 2.0):
                tried += 1
                with Contained():
                    y = forward(*arguments)
                    dy = upstream(way.output(y), times)
                    found.append(as_tuple(way.call(backward, y, dy, arguments), names))
                if not _fit(found[0], arguments):
                    break
        except CodeError:
            pass
        if len(found) == 2 and _is_twice(*(grads[: len(arguments)] for grads in found)):
            return way, tried
        if found:
            ranked.setdefault(_fit(found[0], arguments), way)
    return ranked.get(True) or ranked.get(False) or next(iter(order), RULE), tried


def _is_twice(once, twice):
    """Whether gradients are twice those of before, as they are for 2 dy."""
    pairs = [(_plain(a), _plain(b)) for a, b in zip(once, twice, strict=False) if a is not None]
    return bool(pairs) and all(
        a.shape == b.shape and np.array_equal(a + a, b, equal_nan=True) for a, b in pairs
    )


def _fit(grads, arguments):
    """Whether each gradient has its argument's shape, and not all are 0.

    There may be fewer of them, or more for parameters.
    """
    for dx, x in zip(grads, arguments, strict=False):
        shaped = hasattr(x, "shape") or isinstance(x, float | int)
        if dx is not None and shaped and np.shape(_plain(dx)) != np.shape(_plain(x)):
            return False
    return any(dx is not None and np.any(_plain(dx)) for dx in grads)


def _plain(x):
    try:
        return as_numpy(x)
    except (TypeError, ValueError, RuntimeError):
        return np.empty(0)


def upstream(y: Any, times=1.0):
    """An upstream gradient like y, or so many times it."""
    outputs = y if isinstance(y, tuple | list) else (y,)
    drawn = []
    for k, output in enumerate(outputs):
        plain = as_numpy(output)
        kind = plain.dtype if is_floating(plain.dtype) else float
        d = (times * np.random.default_rng(k).normal(size=plain.shape)).astype(kind)
        drawn.append(to_library(d, library_of([output])))
    if not isinstance(y, tuple | list):
        return drawn[0]
    return getattr(y, "_make", type(y))(drawn)


def is_real(x):
    """Whether something is an array of real numbers, and so may be an output."""
    plain = getattr(x, "dtype", None)
    return plain is not None and "float" in str(plain)


def _returned(forward, arguments):
    """What forward returns, or None where it raises."""
    try:
        with Contained():
            return forward(*arguments)
    except CodeError:
        return None


def binds(function, count):
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:
        return True  # it has no signature to be read
    return True


def _names(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
