"""Draws: random inputs for a rule, in the shapes and domains that its derivation states."""

import ast
from dataclasses import dataclass

import numpy as np

from handgrad.common.random import generator
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.domains import draw
from handgrad.derivation.shapes import distinct_sizes, find_shapes


@dataclass(frozen=True)
class Case:
    """Inputs for one trial, and in words what is particular about them."""

    inputs: tuple[np.ndarray, ...]
    description: str

    def __str__(self):
        shapes = ", ".join(str(np.shape(x)) for x in self.inputs)
        return f"{self.description}: inputs {shapes}"


def draw_cases(rule, seed):
    """The cases of a rule, drawn from its derivation; none if it has no givens."""
    derivation = derivation_of(rule)
    manners = [
        ("distinct sizes", distinct_sizes, lambda _: (2, 3)),
        ("sizes 1", lambda _: lambda: 1, lambda _: ()),
    ]
    if _stretches(derivation):
        stretched = ((4, 1), (2, 1, 3), (1, 1))
        manners.append(("broadcast", distinct_sizes, lambda i: stretched[i % 3]))
        manners.append(("broadcast backwards", distinct_sizes, lambda i: ((3,), ())[i % 2]))
    cases = []
    for description, letters, leading in manners if derivation.givens else ():
        rng = generator(seed, rule, description)
        _, shapes = find_shapes(derivation, letters(rng), leading)
        drawn = (draw(rng, given.domain, *shapes[given.name]) for given in derivation.givens)
        cases.append(Case(tuple(drawn), description))
    return cases


def domains_of(rule):
    """(domain, argument) of each given of a rule's derivation."""
    derivation = derivation_of(rule)
    if not derivation.givens:
        return []
    letters = distinct_sizes(generator(0, rule, "domains"))
    _, shapes = find_shapes(derivation, letters, lambda _: (2, 3))
    return [(given.domain, shapes[given.name][1]) for given in derivation.givens]


def fixed_axes(rule):
    """(input, axis from the end) of each axis whose size a rule's derivation writes down."""
    for i, given in enumerate(derivation_of(rule).givens):
        for k, axis in enumerate(given.axes):
            if isinstance(axis, ast.Constant) and type(axis.value) is int:
                yield i, k - len(given.axes)


def _stretches(derivation):
    """Whether several givens have leading axes, which then broadcast against each other."""
    axes = [axis for given in derivation.givens for axis in given.axes]
    return sum(isinstance(axis, ast.Constant) and axis.value is ... for axis in axes) > 1
