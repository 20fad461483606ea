"""Exploration: points at other scales, until every comparison was true and false."""

import numpy as np

from handgrad.common.random import generator
from handgrad.derivation.branches import Branches
from handgrad.derivation.budget import BudgetError, left, limited
from handgrad.derivation.comparison import values_at
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import is_real
from handgrad.derivation.shapes import without_warnings

SCALES = (1, 1, 3, 3, 3, 0.3, 0.3, 10, 10, 10, 0.1, 0.1, 30, 30, 30, 0.03, 100, 100, 100, 100)
SCALES += (0.01, 0.01, 1000, 1000, 1000, 0.001)
ALWAYS = (0.1, 0.1, 0.3, 3)  # where there is any comparison: each side, near it and far from it
MODERATE = 1e30  # beyond, a point says more about overflow than about a formula
SECONDS = 0.5


def further_points(runner, points):
    """Points at which comparisons take sides that they did not take at the others."""
    seen, found = Branches(), []
    with seen.watching():
        for point in points:
            look(runner, runner.inputs_of(point), point.names)
    try:
        with limited(min(SECONDS, left() / 8)):
            for number, scale in enumerate((*ALWAYS, *SCALES) if seen.met else ()):
                if number >= len(ALWAYS) and not seen.unseen:
                    break
                rng = generator(runner.seed, "scale", runner.derivation.title, number)
                found += _tried(runner, rng, scale, seen, wanted=number < len(ALWAYS))
    except BudgetError:
        pass
    return found


def _tried(runner, rng, scale, seen, *, wanted):
    """A point at this scale, if it is wanted or takes a new side, and its numbers are moderate."""
    inputs = {given.name: _scaled(rng, given, runner, scale) for given in runner.derivation.givens}
    own = Branches()
    with own.watching():
        look(runner, inputs, {})
    if not (wanted or own.sees_more_than(seen)):
        return []
    try:
        point = runner.point_at(rng, inputs)
    except BudgetError:
        raise
    except DerivationError:
        return []
    if not all(_is_moderate(value) for value in point.names.values()):
        return []
    with seen.watching():
        look(runner, inputs, point.names)
    return [point]


def _scaled(rng, given, runner, scale):
    """An input whose numbers are so many times as large, or each up to so many times."""
    x = runner.drawn(rng, given)
    factor = scale ** rng.uniform(size=np.shape(x)) if rng.random() < 0.5 else scale
    match given.domain:
        case "real" | "positive" | "nonzero" | "lower":
            return np.asarray(x * factor)
        case "spd" | "symmetric" | "invertible":
            return x * scale ** rng.uniform()
        case "probability":
            powers = x ** np.minimum(scale, 10.0)
            return powers / np.sum(powers, axis=-1, keepdims=True)
    return x


def look(runner, inputs, names):
    """Evaluate the forward and every claim, with gradients of ones where they are not known.

    Returns the names of the forward; None where it has no value.
    """
    derivation = runner.derivation
    try:
        with without_warnings():
            forward = runner.values(inputs)
    except BudgetError:
        raise
    except DerivationError:
        return None
    real = {name: np.ones(np.shape(value)) for name, value in forward.items() if is_real(value)}
    known = forward | {f"{d}{name}": one for name, one in real.items() for d in "dδ"} | names
    for chain in derivation.chains:
        for link in chain.links if chain.kind is not Kind.DEFINITION else chain.links[1:]:
            try:
                values = values_at(link.node, known, chain.beside(link))
            except BudgetError:
                raise
            except DerivationError:
                continue  # said when the claim is checked
            if chain.kind is Kind.AUXILIARY and not chain.letters:
                known |= dict(zip(chain.targets, values, strict=False))
    return forward


def _is_moderate(value):
    """Whether a value holds no infinity, no NaN and nothing large."""
    return not is_real(value) or bool(np.all(np.abs(value) < MODERATE))
