"""Domains: where the numbers of a given lie, and how they are drawn at random."""

import difflib

import numpy as np

from handgrad.derivation.errors import DerivationError


def draw(rng, domain, shape, argument=None):
    """An array of this shape with numbers from a domain; `argument` is the C of `label(C)`."""
    if domain not in DOMAINS:
        nearest = difflib.get_close_matches(domain, DOMAINS, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"it may be {', '.join(DOMAINS)}"
        raise DerivationError(f"there is no domain {domain!r}: {hint}")
    return np.asarray(DOMAINS[domain](rng, shape, argument))


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
    if not isinstance(argument, int | np.integer) or argument < 1:
        raise DerivationError("label needs the number of classes, as in `t : (N) label(C)`")
    return rng.integers(argument, size=shape)


def _mask(rng, shape, _argument):
    return rng.random(size=shape) < 0.7


def _spd(rng, shape, _argument):
    """Symmetric and positive definite, with eigenvalues well apart from 0."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise DerivationError(f"spd is for square matrices, not for the shape {shape}")
    a = rng.normal(size=shape)
    return a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])


DOMAINS = {
    "real": _real,
    "positive": _positive,
    "nonzero": _nonzero,
    "probability": _probability,
    "label": _label,
    "mask": _mask,
    "spd": _spd,
}
