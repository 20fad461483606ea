"""Domains: where the numbers of a given lie, how they are drawn, and whether given ones fit."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.derivation.errors import DerivationError

SUM_TO_ONE = 1e-6  # how far written probabilities may be from it


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


def _spd(rng, shape, _argument):
    """Symmetric and positive definite, with eigenvalues well apart from 0."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise DerivationError(f"spd is for square matrices, not for the shape {shape}")
    a = rng.normal(size=shape)
    return a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])


def _is_spd(x, _argument):
    if x.ndim < 2 or x.shape[-1] != x.shape[-2] or not np.all(np.isfinite(x)):
        return False
    return np.array_equal(x, np.swapaxes(x, -1, -2)) and np.all(np.linalg.eigvalsh(x) > 0)


def _are_probabilities(x, _argument):
    sums = np.abs(np.sum(x, axis=-1) - 1) <= SUM_TO_ONE if x.ndim else x == 1
    return bool(np.all(x > 0) and np.all(sums))


def _are_labels(x, argument):
    return (x == np.floor(x)) & (x >= 0) & (x < _classes(argument))


DOMAINS = {
    "real": Domain(_real, "it holds finite numbers", lambda x, _: np.isfinite(x)),
    "positive": Domain(
        _positive, "it holds numbers above 0", lambda x, _: np.isfinite(x) & (x > 0)
    ),
    "nonzero": Domain(
        _nonzero, "it holds numbers that are not 0", lambda x, _: np.isfinite(x) & (x != 0)
    ),
    "probability": Domain(
        _probability,
        "it holds numbers above 0 that sum to 1 along the last axis",
        _are_probabilities,
    ),
    "label": Domain(_label, "it holds whole numbers from 0 that are below {}", _are_labels, int),
    "mask": Domain(
        _mask, "it holds 0 and 1, for false and true", lambda x, _: (x == 0) | (x == 1), bool
    ),
    "spd": Domain(_spd, "it holds symmetric matrices with positive eigenvalues", _is_spd),
}
