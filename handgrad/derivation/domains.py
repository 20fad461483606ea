"""Domains: where the numbers of a given lie, how they are drawn, and whether given ones fit."""

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.derivation.errors import DerivationError, EmptyError

WRITTEN = 1e-6  # how far written numbers may be from a sum or a norm of 1
FREE = (("", None),)
SYMMETRIC = (
    *FREE,
    ("read for symmetric moves", lambda g: (g + np.swapaxes(g, -1, -2)) / 2),
    (
        "read with each entry and its mirror as one",
        lambda g: g + np.swapaxes(g, -1, -2) - g * np.eye(g.shape[-1]),
    ),
)
MOVES = {  # (words, what of the free gradient counts) of each way to read that of a matrix
    "spd": SYMMETRIC,
    "symmetric": SYMMETRIC,
    "lower": (*FREE, ("read for moves of the lower triangle", np.tril)),
}


@dataclass(frozen=True)
class Domain:
    """How an array of a domain is drawn, what its numbers are in words, and how to tell.

    `holds(x, argument)` is true for each number that fits, or for the whole array.
    """

    draw: Callable[..., Any]
    words: str
    holds: Callable[..., Any]
    kind: type = float


def draw(rng, domain, shape, argument=None):
    """An array of this shape with numbers from a domain; `argument` is the C of `label(C)`."""
    return np.asarray(_domain(domain).draw(rng, shape, argument))


def within(domain, move):
    """A move of matrices, so that they stay in their domain: symmetric, or lower triangular."""
    match domain:
        case "spd" | "symmetric":
            return (move + np.swapaxes(move, -1, -2)) / 2
        case "lower":
            return np.tril(move)
    return move


def stated(domain, value, argument=None):
    """A value that was written down, as an array of a domain. Raises DerivationError if it is none."""
    known = _domain(domain)
    with np.errstate(all="ignore"):
        fits = np.asarray(known.holds(value, argument))
    if not np.all(fits):
        wrong = f"{value[~fits][0]:.10g}" if fits.shape == value.shape else "its value"
        raise DerivationError(f"{wrong} is not in {domain}: {known.words.format(argument)}")
    return value.astype(known.kind)


def _domain(name):
    if name in DOMAINS:
        return DOMAINS[name]
    nearest = difflib.get_close_matches(name, DOMAINS, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"it may be {', '.join(DOMAINS)}"
    raise DerivationError(f"there is no domain {name!r}: {hint}")


def _real(rng, shape, _argument):
    return rng.normal(size=shape)


def _positive(rng, shape, _argument):
    return rng.lognormal(0.0, 0.5, size=shape)


def _nonzero(rng, shape, argument):
    return rng.choice((-1.0, 1.0), size=shape) * _positive(rng, shape, argument)


def _probability(rng, shape, _argument):
    weights = _positive(rng, shape, None)
    return weights / np.sum(weights, axis=-1, keepdims=True)


def _label(rng, shape, argument):
    return rng.integers(_classes(argument), size=shape)


def _classes(argument):
    if not isinstance(argument, int | np.integer) or isinstance(argument, bool) or argument < 1:
        raise DerivationError("label needs the number of classes, as in `t : (N) label(C)`")
    return argument


def _mask(rng, shape, _argument):
    return rng.random(size=shape) < 0.7


def _matrix(rng, shape, name, *, square=True):
    """Normal numbers in the shape of a matrix, or of a stack of them."""
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        raise DerivationError(
            f"{name} is for {'square ' * square}matrices, not for the shape {shape}"
        )
    return rng.normal(size=shape)


def _transposed(a):
    return np.swapaxes(a, -1, -2)


def _spd(rng, shape, _argument):
    """Symmetric and positive definite, with eigenvalues well apart from 0."""
    a = _matrix(rng, shape, "spd")
    return a @ _transposed(a) + shape[-1] * np.eye(shape[-1])


def _symmetric(rng, shape, _argument):
    a = _matrix(rng, shape, "symmetric")
    return (a + _transposed(a)) / 2


def _invertible(rng, shape, _argument):
    """With singular values from 1 to 2, so that no digits are lost to its inverse."""
    u, _, v = np.linalg.svd(_matrix(rng, shape, "invertible"))
    return (u * rng.uniform(1, 2, size=shape[:-1])[..., None, :]) @ v


def _lower(rng, shape, _argument):
    """Lower triangular, with a positive diagonal."""
    a = np.tril(_matrix(rng, shape, "lower"), -1)
    return a + rng.lognormal(0.0, 0.5, size=shape[:-1])[..., None] * np.eye(shape[-1])


def _orthonormal(rng, shape, _argument):
    """With columns of norm 1 that are orthogonal to each other."""
    a = _matrix(rng, shape, "orthonormal", square=False)
    if shape[-2] < shape[-1]:
        raise EmptyError(f"orthonormal columns have at least as many rows, not the shape {shape}")
    q, r = np.linalg.qr(a)
    return q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]


def _one_hot(rng, shape, _argument):
    if not shape:
        raise DerivationError("one_hot is for rows, not for a number")
    return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]


def _unit(rng, shape, _argument):
    """Rows of norm 1."""
    x = rng.normal(size=shape or (1,))
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).reshape(shape)


def _interval(rng, shape, argument):
    low, high = _limits(argument)
    return rng.uniform(low, high, size=shape)


def _limits(argument):
    if isinstance(argument, tuple) and len(argument) == 2:
        low, high = argument
        if low < high and abs(low) != math.inf and abs(high) != math.inf:
            return low, high
    raise DerivationError("interval needs its ends, as in `x : (N) interval(0, 1)`")


def _sorted(rng, shape, _argument):
    return np.sort(rng.normal(size=shape), axis=-1) if shape else rng.normal()


def _is_square(x):
    return x.ndim >= 2 and x.shape[-1] == x.shape[-2] and bool(np.all(np.isfinite(x)))


def _is_spd(x, _argument):
    return _is_symmetric(x, None) and bool(np.all(np.linalg.eigvalsh(x) > 0))


def _is_symmetric(x, _argument):
    return _is_square(x) and np.array_equal(x, _transposed(x))


def _is_orthonormal(x, _argument):
    if x.ndim < 2 or not np.all(np.isfinite(x)):
        return False
    return bool(np.all(np.abs(_transposed(x) @ x - np.eye(x.shape[-1])) <= WRITTEN))


def _are_probabilities(x, _argument):
    sums = np.abs(np.sum(x, axis=-1) - 1) <= WRITTEN if x.ndim else x == 1
    return bool(np.all(x > 0) and np.all(sums))


def _are_one_hot(x, _argument):
    return bool(x.ndim and np.all((x == 0) | (x == 1)) and np.all(np.sum(x, axis=-1) == 1))


def _are_units(x, _argument):
    return (
        bool(np.all(np.abs(np.linalg.norm(x, axis=-1) - 1) <= WRITTEN)) if x.ndim else abs(x) == 1
    )


def _are_labels(x, argument):
    return (x == np.floor(x)) & (x >= 0) & (x < _classes(argument))


def _are_inside(x, argument):
    low, high = _limits(argument)
    return (x >= low) & (x <= high)


DOMAINS = {
    "real": Domain(_real, "it holds finite numbers", lambda x, _: np.isfinite(x)),
    "positive": Domain(
        _positive, "it holds numbers above 0", lambda x, _: np.isfinite(x) & (x > 0)
    ),
    "nonzero": Domain(
        _nonzero, "it holds numbers that are not 0", lambda x, _: np.isfinite(x) & (x != 0)
    ),
    "interval": Domain(_interval, "it holds the numbers between {}", _are_inside),
    "probability": Domain(
        _probability,
        "it holds numbers above 0 that sum to 1 along the last axis",
        _are_probabilities,
    ),
    "unit": Domain(_unit, "it holds rows of norm 1", _are_units),
    "sorted": Domain(
        _sorted, "it holds rows that ascend", lambda x, _: bool(np.all(np.diff(x) >= 0))
    ),
    "one_hot": Domain(_one_hot, "it holds rows of one 1 and else 0", _are_one_hot),
    "label": Domain(_label, "it holds whole numbers from 0 that are below {}", _are_labels, int),
    "mask": Domain(
        _mask, "it holds 0 and 1, for false and true", lambda x, _: (x == 0) | (x == 1), bool
    ),
    "symmetric": Domain(_symmetric, "it holds symmetric matrices", _is_symmetric),
    "spd": Domain(_spd, "it holds symmetric matrices with positive eigenvalues", _is_spd),
    "invertible": Domain(
        _invertible,
        "it holds matrices that have an inverse",
        lambda x, _: _is_square(x) and bool(np.all(np.linalg.det(x))),
    ),
    "lower": Domain(
        _lower,
        "it holds lower triangular matrices",
        lambda x, _: _is_square(x) and np.array_equal(x, np.tril(x)),
    ),
    "orthonormal": Domain(
        _orthonormal, "it holds columns of norm 1 that are orthogonal", _is_orthonormal
    ),
}
