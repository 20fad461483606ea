"""Sizes: how large the inputs are, by the letters of a derivation's shapes."""

import ast
import math
from itertools import islice
from typing import Any

import numpy as np

from handgrad.derivation.domains import draw
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.evaluation import evaluate
from handgrad.derivation.expressions import names_in
from handgrad.derivation.notation import CONSTANTS, Given, Kind
from handgrad.derivation.shapes import numpy_value, unpacked

LEADING = "..."
LADDER = (2**20, 2**16, 4096, 2048, 1024, 768, 512, 384, 256, 192, 128, 96)
LADDER += (64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2)
COMFORTABLE = 2**20  # numbers in all inputs together: an operation takes about a millisecond


def letters_of(derivation):
    """The letters that stand for sizes, in the order in which they appear; `...` is one of them."""
    known = {name for chain in derivation.chains for name in chain.targets}
    known |= CONSTANTS.keys() | derivation.fields.keys()
    axes = [axis for given in derivation.givens for axis in given.axes]
    names = [n for axis in axes for n in ([LEADING] if _is_leading(axis) else names_in(axis))]
    return [name for name in dict.fromkeys(names) if name not in known]


def candidates(derivation, given, most=COMFORTABLE):
    """Sizes to try, the largest first: those given, and for other letters neighbours on the ladder.

    All inputs together have at most `most` numbers, or as few as there can be. Where the shapes are
    `...` and nothing else, that is two axes. Raises ValueError for a size that is not in the shapes.
    """
    letters = letters_of(derivation)
    for letter in given:
        if letter not in letters:
            known = f"its sizes are {', '.join(letters)}" if letters else "its shapes are fixed"
            raise ValueError(f"{derivation.title} has no size {letter}: {known}")
    free = sum(letter not in given for letter in letters)
    starts = range(len(LADDER) - free) if free else (0,)
    tried = [_filled(letters, given, LADDER[start:]) for start in starts]
    yield from [sizes for sizes in tried if numbers_in(derivation, sizes) <= most] or tried[-1:]


def _filled(letters, given, rungs):
    """The sizes that are given, and for the other letters one rung of the ladder after another."""
    sizes, rungs = dict[str, Any](), iter(rungs)
    for letter in letters:
        if letter in given:
            sizes[letter] = given[letter]
        elif letter == LEADING:
            sizes[letter] = tuple(islice(rungs, 2 if letters == [LEADING] else 1))
        else:
            sizes[letter] = next(rungs)
    return sizes


def numbers_in(derivation, sizes):
    """How many numbers there are in all inputs together."""
    return sum(math.prod(shape) for shape, _ in shapes_of(derivation, sizes).values())


def inputs_at(derivation, sizes, rng, dtype):
    """Random inputs of these sizes, the real ones in this precision."""
    shapes = shapes_of(derivation, sizes)
    drawn = [draw(rng, given.domain, *shapes[given.name]) for given in derivation.givens]
    return [x.astype(dtype) if np.issubdtype(x.dtype, np.floating) else x for x in drawn]


def spelled(sizes):
    """N = 512, ... = 64 × 32"""
    numbers = {k: " × ".join(map(str, v)) if isinstance(v, tuple) else v for k, v in sizes.items()}
    return ", ".join(f"{letter} = {size}" for letter, size in numbers.items())


def shapes_of(derivation, sizes):
    """The (shape, argument) of each given at these sizes."""
    names = dict(CONSTANTS) | derivation.fields | sizes
    wanted = _names_in_shapes(derivation)
    shapes = {}
    for item in derivation.order:
        if isinstance(item, Given):
            shape = tuple(size for axis in item.axes for size in _sizes(item, axis, names))
            argument = item.argument and evaluate(item.argument, names, {})
            shapes[item.name] = (shape, argument)
        elif item.kind is Kind.DEFINITION and wanted.intersection(item.targets):
            names |= unpacked(item, numpy_value(item.links[0].node, names))
    return shapes


def _names_in_shapes(derivation):
    """The names that shapes are made of, those in their definitions among them."""
    nodes = [node for given in derivation.givens for node in (*given.axes, given.argument) if node]
    wanted = {name for node in nodes for name in names_in(node)}
    for chain in reversed(derivation.definitions):
        if wanted.intersection(chain.targets):
            wanted.update(names_in(chain.links[0].node))
    return wanted


def _sizes(given, axis, names):
    """The sizes that one axis of a given stands for."""
    if _is_leading(axis):
        return names[LEADING]
    size = evaluate(axis, names, {})
    if not isinstance(size, int) or size < 0:
        raise DerivationError(f"{given.name} has an axis of size {size!r}", given.line)
    return (size,)


def _is_leading(axis):
    return isinstance(axis, ast.Constant) and axis.value is ...
