"""Draws: random inputs for a rule, in the shapes and domains that its derivation states."""

import zlib
from dataclasses import dataclass

import numpy as np

from handgrad.derivation.givens import count_leading, givens_of

SIZES = (2, 3, 4, 5)


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
    return rng.integers(argument, size=shape)


def _mask(rng, shape, _argument):
    return rng.random(size=shape) < 0.7


DOMAINS = {
    "real": _real,
    "positive": _positive,
    "nonzero": _nonzero,
    "probability": _probability,
    "label": _label,
    "mask": _mask,
}


@dataclass(frozen=True)
class Case:
    """Inputs for one trial, and in words what is particular about them."""

    inputs: tuple[np.ndarray, ...]
    description: str

    def __str__(self):
        shapes = ", ".join(str(np.shape(x)) for x in self.inputs)
        return f"{self.description}: inputs {shapes}"


def generator(seed, *names):
    """A random generator of its own for each seed and list of names."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])


def draw_cases(rule, seed):
    """The cases of a rule, drawn from its derivation; none if it has no givens."""
    manners = [
        ("distinct sizes", _distinct, lambda _: (2, 3)),
        ("sizes 1", lambda _: lambda _: 1, lambda _: ()),
    ]
    if count_leading(rule) > 1:
        stretched = ((4, 1), (2, 1, 3), (1, 1))
        manners.append(("broadcast", _distinct, lambda i: stretched[i % 3]))
        manners.append(("broadcast backwards", _distinct, lambda i: ((3,), ())[i % 2]))
    cases = []
    for description, letters, leading in manners:
        rng = generator(seed, rule, description)
        givens = givens_of(rule, letters(rng), leading)
        if givens:
            cases.append(Case(tuple(_draw(rng, given) for given in givens), description))
    return cases


def _distinct(rng):
    """Sizes for the letters: all different, as long as there are any."""
    unused = []

    def letter(_name):
        if not unused:
            unused.extend(rng.permutation(SIZES))
        return int(unused.pop())

    return letter


def _draw(rng, given):
    if given.domain not in DOMAINS:
        known = ", ".join(DOMAINS)
        raise ValueError(f"{given.name} has the domain {given.domain!r}; it may be {known}")
    return np.asarray(DOMAINS[given.domain](rng, given.shape, given.argument))
