"""Second derivatives: a gradient that holds is differentiated once more, as the function that it is.

∂L/∂a = g holds for all inputs of their domains. So ∂²L/∂a∂b is how g moves when an input b does that may
move freely: 2 A x is the gradient of xᵀ A x for symmetric A alone. What is not known to move, as the
gradient of a node of which no line states it, must not stand in g.
"""

import contextlib

import numpy as np

from handgrad.derivation.entries import defined, value_on
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.evaluation import Walk
from handgrad.derivation.notation import Kind
from handgrad.derivation.seconds import of_second
from handgrad.derivation.shapes import unpacked
from handgrad.exact.errors import InexactError
from handgrad.exact.moves import move_of
from handgrad.exact.numbers import chosen, lift, linear

OPEN = {"real", "positive", "nonzero", "interval", "sorted", "invertible"}


def second(name, derivation, forward, slopes):
    """∂²y/∂a∂b of one number y, with the axes of a before those of b.

    `slopes` are the chains of the gradients that hold, each with its claim as the one link, by name.
    """
    y, a, b = of_second(name)
    shapes = {node: np.shape(forward.names[node]) for node in (y, a, b)}
    if shapes[y]:
        raise InexactError("a second derivative of an array")
    free = {given.name for given in derivation.givens if given.domain in OPEN}
    for first, other in ((a, b), (b, a)):
        if other in free:
            names = _moving_names(derivation, forward, slopes, other)
            if (slope := _slope(y, first, names, forward)) is not None:
                whole = _columns(slope, shapes[first], shapes[other])
                return whole if first == a else _turned(whole, len(shapes[b]))
    raise InexactError("a second derivative without a first one")


def _moving_names(derivation, forward, slopes, node):
    """The names that there are when an input moves, and how the gradients that hold move with it."""
    names = forward.moved(node, *forward.units(node)) | forward.upstream_names()
    for chain in derivation.chains:
        claim = slopes.get(chain.targets[0])
        walk = Walk(names, forward.functions)
        with contextlib.suppress(DerivationError):  # one of its names is not known to move
            if chain.kind is Kind.AUXILIARY and not chain.block:
                names = names | unpacked(chain, defined(chain, walk))
            elif claim is not None and claim.line == chain.line:
                value = lift(value_on(claim.links[0].node, claim, walk))
                names = names | {chain.targets[0]: value}
    return names


def _slope(y, node, names, forward):
    """∂y/∂node as a function of the inputs, from the gradient of that name or of y alone; else None."""
    if (slope := names.get(f"∂{y}/∂{node}")) is None and [*forward.upstream] == [y]:
        slope = names.get(f"d{node}")
        slope = None if slope is None else slope / forward.upstream[y]
    return slope


def _columns(slope, shape, other):
    """How a gradient of this shape moves with each number of an input of another shape."""
    columns = [move_of(lift(slope), k) for k in range(int(np.prod(other)))]
    whole = chosen(lambda *parts: np.stack(parts, axis=-1), *columns)
    return linear(lambda v: np.reshape(v, (*shape, *other)), whole)


def _turned(whole, front):
    """The array with its first axes, those of b, behind the others."""
    axes = [*range(front, whole.ndim), *range(front)]
    return chosen(lambda v: np.transpose(v, axes), whole)
