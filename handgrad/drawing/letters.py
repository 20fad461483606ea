"""Letters: the shapes of a derivation's arrays as its author writes them, (N, D) and not (3, 5)."""

import ast
import contextlib

import numpy as np

from handgrad.common.random import generator
from handgrad.derivation.domains import draw
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.points import Runner
from handgrad.derivation.shapes import find_shapes, numpy_value, without_warnings
from handgrad.derivation.vocabulary import vocabulary
from handgrad.drawing.spelling import spelled

PRIMES = (7, 11, 13, 17, 19, 31, 37, 41, 43, 47)
NO_PRIME = 1000  # the size of a letter when there are more of them than primes
LEADING = (23, 29)


def shapes_in_letters(derivation, names):
    """The shape of every array of a point, as a tuple of texts.

    The derivation is run again with a prime for each letter: what an axis is made of shows in its
    factors. Other axes are known by the sizes that are stated, as in x : (N, K + 2); what is left
    is written as •.
    """
    arrays = {n: v for n, v in names.items() if isinstance(v, np.ndarray | np.generic)}
    used = {size for value in arrays.values() for size in np.shape(value)}
    primes = [prime for prime in PRIMES if prime not in used]
    sizes = {}
    try:
        other = _names_at(primes, derivation, sizes)
    except DerivationError:
        other = {}
    letters = {prime: (name, names.get(name)) for name, prime in sizes.items()}
    stated = _stated(derivation, names, other)
    found = {
        name: _in_letters(np.shape(value), np.shape(other.get(name, ())), letters, stated)
        for name, value in arrays.items()
    }
    givens = {given.name: tuple(map(_spelled, given.axes)) for given in derivation.givens}
    return found | {name: axes for name, axes in givens.items() if name in found}


def _stated(derivation, names, other):
    """The sizes that are stated by an expression: {(size, size with primes): its text}."""
    axes = [axis for given in derivation.givens for axis in given.axes]
    axes += [ends[-1] for chain in derivation.chains for ends in chain.limits.values()]
    found = {}
    for axis in axes:
        if isinstance(axis, ast.Constant | ast.Name):
            continue
        with contextlib.suppress(DerivationError):
            sizes = numpy_value(axis, names), numpy_value(axis, other)
            found.setdefault(sizes, _spelled(axis))
    return found


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


def _spelled(axis):
    return "..." if isinstance(axis, ast.Constant) and axis.value is ... else spelled(axis)


def _in_letters(shape, primes, letters, stated):
    """A shape in letters, {prime: (letter, its size)}; in numbers where nothing else is known."""
    if len(shape) != len(primes):
        return tuple(map(str, shape))
    found = [_axis(n, p, letters, stated) for n, p in zip(shape, primes, strict=True)]
    at = next((i for i in range(len(primes) - 1) if primes[i : i + 2] == LEADING), None)
    if at is not None:
        found[at : at + 2] = ["..."]
    return tuple(found)


def _axis(size, prime, letters, stated):
    """An axis as a number, a letter, a product of letters, or as it is stated."""
    if size == prime:
        return str(size)
    factors, rest, own = [], prime, 1
    for p, (letter, n) in letters.items():
        while rest and rest % p == 0:
            rest, own = rest // p, own * (n or 1)
            factors.append(letter)
    if rest * own != size and prime not in LEADING:
        return stated.get((size, prime), "•")
    text = "·".join(factors)
    return f"{rest}·{text}" if rest > 1 else text
