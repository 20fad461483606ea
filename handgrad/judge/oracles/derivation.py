"""Oracle: the rule's own derivation, line by line, and the code held against it."""

import dataclasses

import numpy as np

from handgrad.derivation.checking import check_at
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import names_in
from handgrad.derivation.points import Runner
from handgrad.judge.calls import CodeError, Contained
from handgrad.judge.trial import largest, outputs_of

TOLERANCE = 1e-12  # of the scale: the code and its derivation may round in another order


def compare_with_derivation(rule, seed):
    """The links of the rule's derivation, as checked, and a sentence for each fault.

    The definitions must give what forward gives, and the gradients what backward gives. A
    derivation that does not name an option which is off its default may be of another function.
    """
    spoken_of = True
    try:
        derivation = derivation_of(rule)
        if not derivation.chains:
            return [], []
        spoken_of = _speaks_of(derivation, rule)
        points = Runner(derivation, seed).points()
        code = [fault for point in points for fault in _faults(rule, derivation, point)]
        if code and not spoken_of:
            return [], []
        checked = check_at(derivation, points)
    except (DerivationError, CodeError) as error:
        return [], [f"the derivation cannot be run: {error}"] if spoken_of else []
    wrong = [f"line {link.line} of the docstring, {link}" for link in checked if not link.ok]
    return checked, wrong + code


def _speaks_of(derivation, rule):
    """Whether a derivation names every option that is off its default."""
    nodes = [node for chain in derivation.chains for node in chain.nodes]
    nodes += [part for g in derivation.givens for part in (*g.axes, g.argument) if part]
    named = {name for node in nodes for name in names_in(node)}
    fields = dataclasses.fields(rule) if dataclasses.is_dataclass(rule) else ()
    return all(f.name in named or getattr(rule, f.name) == f.default for f in fields)


def _faults(rule, derivation, point):
    """Where the code's outputs and gradients are not the derivation's, at one point."""
    inputs = [np.asarray(point.names[given.name]) for given in derivation.givens]
    with Contained():
        y, residuals = rule.forward(*inputs)
    dy = tuple(np.asarray(point.names[f"d{name}"]) for name in derivation.outputs)
    with Contained():
        grads = rule.backward(residuals, dy if isinstance(y, tuple) else dy[0])
    outputs = outputs_of(y)
    if len(outputs) != len(derivation.outputs):
        yield f"the code has {len(outputs)} outputs, the derivation {len(derivation.outputs)}"
        return
    pairs = list(zip(derivation.outputs, outputs, strict=True))
    moving = ((x.name, dx) for x, dx in zip(derivation.givens, grads, strict=False) if not x.const)
    pairs += [(f"d{name}", dx) for name, dx in moving]
    scale = max(largest(d) for d in dy)
    for name, actual in pairs:
        if actual is not None and not _agree(actual, point.names[name], scale):
            yield f"the code's {name} is not the derivation's"


def _agree(actual, expected, scale):
    if np.shape(actual) != np.shape(expected):
        return False
    return largest(actual - expected) <= TOLERANCE * max(largest(expected), scale)
