"""Draws: random inputs for a rule, in the shapes and domains that its derivation states.

Somebody's code that is judged as a rule of the catalog gets the inputs of that rule.
"""

import ast
import inspect
from dataclasses import dataclass, field

import numpy as np

from handgrad import rules
from handgrad.common.random import generator
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.domains import draw
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.shapes import distinct_sizes, find_shapes
from handgrad.judge.domains import Domain


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
    axes = [axis for given in derivation.givens for axis in given.axes]
    if sum(isinstance(axis, ast.Constant) and axis.value is ... for axis in axes) > 1:
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


def cases_for(subject, like, seed):
    """The cases at which a subject is judged that was given no inputs; at least one.

    They are those of `like`, as many inputs of each as forward takes, or of its own derivation.
    Raises ValueError where there are none.
    """
    rule = subject if like is None else like
    drawn = draw_cases(rule, seed) if hasattr(rule, "forward") else []
    if not drawn:
        raise ValueError(f"{rule!r} has no derivation to draw inputs from: pass the inputs")
    if like is None:
        return drawn
    count = _takes(subject, len(drawn[0].inputs))
    return [Case(case.inputs[:count], case.description) for case in drawn]


@dataclass(frozen=True)
class Stated:
    """What a rule's derivation says of its inputs, by their numbers.

    `domains` that are not all numbers; `fixed`, (input, axis from the end) of each axis whose size
    is written down; `held`, those that have no gradient.
    """

    domains: dict[int, Domain] = field(default_factory=dict)
    fixed: tuple[tuple[int, int], ...] = ()
    held: frozenset[int] = frozenset()


def stated_by(rule):
    """What is Stated by a rule; nothing by what has no derivation."""
    if not hasattr(rule, "forward") or isinstance(rule, type):
        return Stated()
    try:
        derivation = derivation_of(rule)
        letters = distinct_sizes(generator(0, rule, "domains"))
        _, shapes = find_shapes(derivation, letters, lambda _: (2, 3))
    except DerivationError:
        return Stated()  # its docstring says something else
    givens = list(enumerate(derivation.givens))
    named = [(i, Domain(given.domain, shapes[given.name][1])) for i, given in givens]
    return Stated(
        {i: domain for i, domain in named if domain.name != "real"},
        tuple(
            (i, k - len(given.axes))
            for i, given in givens
            for k, axis in enumerate(given.axes)
            if isinstance(axis, ast.Constant) and type(axis.value) is int
        ),
        frozenset(i for i, given in givens if given.const),
    )


def require_rule(like):
    """Raise TypeError where `like` is given, and is a name or a class and not a rule."""
    if like is None or (hasattr(like, "forward") and not isinstance(like, type)):
        return
    is_class = isinstance(like, type)
    names = {n.lower(): n for n, value in vars(rules).items() if isinstance(value, type)}
    name = like.__name__ if is_class else names.get(str(like).lower(), "Affine")
    said = f"the class {name}" if is_class else repr(like)
    raise TypeError(f"like is {said}: pass a rule, such as {name}()")


def require_arguments(like, adapter):
    """Raise TypeError where a rule does not take what a subject has, inputs and then parameters."""
    wants = inspect.signature(like.forward)
    try:
        wants.bind(*adapter.arguments.tree, *adapter.parameters)
    except TypeError:
        ours, theirs = ", ".join(adapter.names) or "nothing", ", ".join(wants.parameters)
        raise TypeError(f"{like!r} takes {theirs}, and what is judged has {ours}") from None


def _takes(subject, most):
    """How many of so many inputs a forward takes: a layer keeps its parameters."""
    pairs = isinstance(subject, tuple | list)
    function = subject[0] if pairs else getattr(subject, "forward", subject)
    for count in range(most, 0, -1):
        try:
            inspect.signature(function).bind(*range(count))
        except TypeError:
            continue
        except ValueError:
            break
        return count
    return most
