"""Letters: the shapes of a derivation's arrays as its author writes them, (N, D) and not (3, 5)."""

import numpy as np

from handgrad.common.random import generator
from handgrad.derivation.domains import draw
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.points import Runner
from handgrad.derivation.shapes import find_shapes, without_warnings
from handgrad.derivation.vocabulary import vocabulary

PRIMES = (7, 11, 13, 17, 19, 31, 37, 41, 43, 47)
NO_PRIME = 1000  # the size of a letter when there are more of them than primes
LEADING = (23, 29)


def shapes_in_letters(derivation, names):
    """The shape of every array of a point, as a tuple of texts.

    The derivation is run again with a prime for each letter: what an axis is made of shows in its
    factors. A shape that has another axis, such as H + 2, is given in numbers.
    """
    arrays = {n: v for n, v in names.items() if isinstance(v, np.ndarray | np.generic)}
    used = {size for value in arrays.values() for size in np.shape(value)}
    primes = [prime for prime in PRIMES if prime not in used]
    sizes = {}
    try:
        other = _names_at(primes, derivation, sizes)
    except DerivationError:
        other = {}
    letters = {prime: name for name, prime in sizes.items()}
    return {
        name: _in_letters(np.shape(value), np.shape(other.get(name, value)), letters)
        for name, value in arrays.items()
    }


def _names_at(primes, derivation, sizes):
    """The value of every name with a prime for each letter; which prime, is put into `sizes`."""
    runner = Runner(derivation)
    left = iter(primes)
    constants, shapes = find_shapes(derivation, lambda: next(left, NO_PRIME), lambda _: LEADING)
    defined = {target for chain in derivation.definitions for target in chain.targets}
    sizes |= {
        name: value
        for name, value in constants.items()
        if value in primes and name not in defined | derivation.fields.keys()
    }
    runner.constants, runner.shapes = constants, shapes
    rng = generator(0, "letters")
    inputs = {
        given.name: draw(rng, given.domain, *shapes[given.name]) for given in derivation.givens
    }
    with without_warnings():
        return runner.run(inputs, vocabulary(np))


def _in_letters(shape, primes, letters):
    """A shape in letters, or in numbers if there is an axis that is neither."""
    plain = tuple(map(str, shape))
    if len(shape) != len(primes):
        return plain
    found = [_axis(n, p, letters) for n, p in zip(shape, primes, strict=True)]
    at = next((i for i in range(len(primes) - 1) if primes[i : i + 2] == LEADING), None)
    if at is not None:
        found[at : at + 2] = ["..."]
    return tuple(found) if all(found) else plain


def _axis(size, prime, letters):
    """An axis as a letter, a product of letters or a number; "" if it is none of these."""
    if size == prime:
        return str(size)
    factors = []
    for p, letter in letters.items():
        while prime % p == 0:
            prime //= p
            factors.append(letter)
    text = "·".join(factors)
    return text if prime == 1 else f"{prime}·{text}" if factors and prime < 7 else ""
