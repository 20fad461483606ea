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

UPSTREAM = re.compile(r"d[a-z_]?|dout\w*|dy\w*|dz|dL\w*|g|grad\w*|upstream\w*|delta\w*|err\w*")


@dataclass(frozen=True)
class Way:
    """How what forward returned becomes the output, and how backward is called after it.

    `takes(result)` is how many arguments backward has to take, or None where it is not this way.
    """

    name: str
    takes: Callable
    call: Callable
    output: Callable = lambda result: result
    reentrant: bool = False


def _is_pair(result):
    return 2 if isinstance(result, tuple | list) and len(result) == 2 else None


def _several(result):
    return len(result) if isinstance(result, tuple | list) and len(result) > 1 else None


def _first(result):
    return result[0]


def _times(grads, dy):
    """The gradients of a loss, which its backward gives for dy = 1."""
    found = as_tuple(grads)
    return tuple(g if g is None else g * dy for g in found)


RULE = Way("rule", _is_pair, lambda back, y, dy, _: back(y[1], dy), _first, reentrant=True)
CACHE = Way("cache", _is_pair, lambda back, y, dy, _: back(dy, y[1]), _first, reentrant=True)
MEMORY = Way("memory", lambda _: 1, lambda back, y, dy, _: back(dy))
SPREAD = Way("spread", _several, lambda back, y, dy, _: back(*dy))
RATE = Way("rate", lambda _: 2, lambda back, y, dy, _: back(dy, 0.0))
LOSS = Way("loss", lambda _: 0, lambda back, y, dy, _: _times(back(), dy))
PAIR = Way("pair", lambda _: 1, lambda back, y, dy, xs: back(dy, *xs), reentrant=True)


def of_object(obj, forward, backward, arguments, copied):
    """The way of an object with a forward and a backward, and how many calls it took to find it."""
    result = _returned(copied(obj), forward, arguments)
    wants = _names(getattr(obj, backward))
    pairs = (CACHE, RULE) if wants and UPSTREAM.fullmatch(wants[0]) else (RULE, CACHE)
    carries = isinstance(result, tuple | list) and len(result) == 2 and not is_real(result[1])
    order = (
        (*pairs, MEMORY) if carries or not _binds(getattr(obj, backward), 1) else (MEMORY, *pairs)
    )
    if result is None:
        return (MEMORY if _binds(getattr(obj, backward), 1) else RULE), 1

    def attempts(ways):
        for way in ways:
            if _suits(way, getattr(obj, backward), result):
                fresh = copied(obj)
                yield getattr(fresh, forward), getattr(fresh, backward), way

    usual, tried = _best(attempts(order), arguments)
    if usual is not None:
        return usual, 1 + tried
    unusual, more = _best(attempts((SPREAD, RATE, LOSS)), arguments)
    return unusual or order[0], 1 + tried + more


def of_pair(f, vjp, arguments):
    """The way of a pair of functions, and how many calls it took to find it."""
    result = _returned(f, None, arguments)
    pairs = [w for w in (CACHE, RULE) if _is_pair(result) and _binds(vjp, 2)]
    if not pairs:
        return PAIR, 1
    ways = [PAIR, *pairs] if _binds(vjp, 1 + len(arguments)) else pairs
    way, tried = _best([(f, vjp, way) for way in ways], arguments)
    return way or ways[0], 1 + tried


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
    return count is not None and _binds(backward, count)


def _best(attempts, arguments):
    """The first way that gives gradients of the inputs' shapes, else the first that runs, or None.

    With the number of calls.
    """
    ran, tried = None, 0
    for forward, backward, way in attempts:
        tried += 1
        try:
            with Contained():
                result = forward(*arguments)
                y = way.output(result)
                grads = as_tuple(way.call(backward, result, upstream(y), arguments))
        except CodeError:
            continue
        if _fit(grads, arguments):
            return way, tried
        ran = ran or way
    return ran, tried


def _fit(grads, arguments):
    """Whether each gradient has its argument's shape; there may be fewer, or more for parameters."""
    for dx, x in zip(grads, arguments, strict=False):
        shaped = hasattr(x, "shape") or isinstance(x, float | int)
        if dx is not None and shaped and np.shape(_plain(dx)) != np.shape(_plain(x)):
            return False
    return True


def _plain(x):
    try:
        return as_numpy(x)
    except (TypeError, ValueError, RuntimeError):
        return np.empty(0)


def upstream(y: Any):
    """An upstream gradient like y."""
    outputs = y if isinstance(y, tuple | list) else (y,)
    drawn = []
    for k, output in enumerate(outputs):
        plain = as_numpy(output)
        kind = plain.dtype if is_floating(plain.dtype) else float
        d = np.random.default_rng(k).normal(size=plain.shape).astype(kind)
        drawn.append(to_library(d, library_of([output])))
    if not isinstance(y, tuple | list):
        return drawn[0]
    return getattr(y, "_make", type(y))(drawn)


def is_real(x):
    """Whether something is an array of real numbers, and so may be an output."""
    plain = getattr(x, "dtype", None)
    return plain is not None and "float" in str(plain)


def _returned(obj, forward, arguments):
    """What forward returns, or None where it raises."""
    try:
        with Contained():
            function = obj if forward is None else getattr(obj, forward)
            return function(*arguments)
    except CodeError:
        return None


def _binds(function, count):
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
