"""Sums and products over axes, and products of arrays."""

import math

import numpy as np

from handgrad.exact.errors import InexactError
from handgrad.exact.functions import exp, log, sqrt
from handgrad.exact.numbers import Exact, chosen, lift, linear, matmul, multilinear

MOST = 2_000_000  # products of an einsum


def total(x, axis=None, keepdims=False, **_options):
    """The sum over axes."""
    if not isinstance(x, Exact):
        return np.sum(x, axis=axis, keepdims=keepdims)
    return linear(lambda values: np.sum(values, axis=axis, keepdims=keepdims), x)


def mean(x, axis=None, keepdims=False, **_options):
    found = total(lift(x), axis, keepdims)
    return found / max(1, np.size(x) // max(1, found.size))


def var(x, axis=None, ddof=0, correction=0, keepdims=False, **_options):
    centred = lift(x) - mean(x, axis, True)
    found = total(centred * centred, axis, keepdims)
    return found / (np.size(x) // max(1, found.size) - ddof - correction)


def std(x, axis=None, ddof=0, correction=0, keepdims=False, **_options):
    return sqrt(var(x, axis, ddof, correction, keepdims))


def norm(x, order=None, axis=None, keepdims=False, **options):
    """The root of the sum of squares."""
    if order not in {None, 2} or options:
        raise InexactError("a norm of another kind")
    return sqrt(total(x * x, axis, keepdims))


def prod(x, axis=None, keepdims=False, **_options):
    """The product over axes, one number after the other."""
    x = lift(x)
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis)
    axes = sorted(a % x.ndim for a in axes)
    order = [*axes, *(a for a in range(x.ndim) if a not in axes)]
    rest = tuple(x.shape[a] for a in order[len(axes) :])
    rows = linear(lambda v: np.transpose(v, order).reshape(-1, *rest), x)
    result = lift(np.ones(rest))
    for row in rows:
        result = result * row
    if not keepdims:
        return result
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    return linear(lambda v: np.reshape(v, shape), result)


def cumprod(x, axis=0, **_options):
    rows, found = linear(lambda v: np.moveaxis(v, axis, 0), x), []
    for row in rows:
        found.append(row if not found else found[-1] * row)
    stacked = chosen(lambda *parts: np.stack(parts), *found)
    return linear(lambda v: np.moveaxis(v, 0, axis), stacked)


def _with_first(x, axis, first, found):
    """Cumulative results with what stands before the first of them."""
    shape = tuple(1 if a == axis % x.ndim else n for a, n in enumerate(x.shape))
    start = lift(np.full(shape, first))
    return chosen(lambda a, b: np.concatenate([a, b], axis=axis), start, found)


def cumulative_sum(x, axis=-1, include_initial=False, **_options):
    """Running sums, after a 0 if it is asked for."""
    found = linear(lambda v: np.cumsum(v, axis=axis), lift(x))
    return _with_first(x, axis, 0.0, found) if include_initial else found


def cumulative_prod(x, axis=-1, include_initial=False, **_options):
    """Running products, after a 1 if it is asked for."""
    found = cumprod(lift(x), axis)
    return _with_first(x, axis, 1.0, found) if include_initial else found


def logsumexp(x, axis=None, keepdims=False):
    return log(total(exp(x), axis, keepdims))


def logcumsumexp(x, axis=0):
    return log(linear(lambda v: np.cumsum(v, axis=axis), exp(x)))


def softmax(x, axis=-1):
    e = exp(x)
    return e / total(e, axis, True)


def log_softmax(x, axis=-1):
    return lift(x) - logsumexp(x, axis, True)


def einsum(subscripts, *arrays, **_options):
    """Sums of products, by NumPy's notation."""
    if not any(isinstance(a, Exact) for a in arrays):
        return np.einsum(subscripts, *arrays)
    if not isinstance(subscripts, str):  # einsum(a, [0, 1], b, [1, 2], [0, 2])
        return _of_lists([subscripts, *arrays])
    arrays = [lift(a) for a in arrays]
    found = multilinear(lambda *values: np.einsum(subscripts, *values), *arrays)
    terms = math.prod(max(1, a.size) for a in arrays) // max(1, found.size)
    return Exact(found.tracks, found.degree.summed(max(1, terms)))


def _of_lists(arguments):
    result = [arguments.pop()] if len(arguments) % 2 else []
    letters = [[chr(ord("a") + n) for n in part] for part in (*arguments[1::2], *result)]
    words = ["".join(word) for word in letters]
    after = f"->{words.pop()}" if result else ""
    return einsum(",".join(words) + after, *arguments[::2])


def product_of(function):
    """A product of two arrays by one of NumPy's functions."""

    def call(a, b, *options):
        if not isinstance(a, Exact) and not isinstance(b, Exact):
            return function(a, b, *options)
        a, b = lift(a), lift(b)
        return multilinear(lambda x, y: function(x, y, *options), a, b, terms=max(a.size, b.size))

    return call


def vecdot(a, b, axis=-1):
    return total(lift(a) * b, axis)


def _any(x, axis=None, keepdims=False, **_options):
    return np.any(_nonzero(x), axis=axis, keepdims=keepdims)


def _all(x, axis=None, keepdims=False, **_options):
    return np.all(_nonzero(x), axis=axis, keepdims=keepdims)


def _nonzero(x):
    return ~x.top.is_zero() if isinstance(x, Exact) else np.asarray(x, dtype=bool)


OWN = {
    "log_softmax": log_softmax,
    "logcumsumexp": logcumsumexp,
    "logsumexp": logsumexp,
    "softmax": softmax,
}
TABLE = {
    "all": _all,
    "any": _any,
    "convolve": product_of(np.convolve),
    "cumprod": cumprod,
    "cumulative_prod": cumulative_prod,
    "cumulative_sum": cumulative_sum,
    "dot": product_of(np.dot),
    "einsum": einsum,
    "inner": product_of(np.inner),
    "kron": product_of(np.kron),
    "matmul": matmul,
    "mean": mean,
    "norm": norm,
    "outer": product_of(np.outer),
    "prod": prod,
    "std": std,
    "sum": total,
    "tensordot": product_of(np.tensordot),
    "var": var,
    "vdot": product_of(np.vdot),
    "vecdot": vecdot,
}
