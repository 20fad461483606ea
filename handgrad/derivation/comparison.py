"""The comparison of two values: how far apart they are, and how far rounding alone moves them.

A value is a list of tuples of arrays: what an expression is worth at a point, and near it, where
every input is moved by about one rounding.
"""

import ast

import numpy as np

from handgrad.derivation.entries import value_on
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.evaluation import Walk
from handgrad.derivation.shapes import without_warnings
from handgrad.derivation.vocabulary import vocabulary

CONFIDENCE = 64  # times the noise that one rounding of every input makes
UNIT = 2.0**-53
SHAPE = "it has the shape"


def evaluated(node, point, chain):
    """The value of one side of a chain at a point and near it: a list of tuples of arrays."""
    return [values_at(node, place.names, chain) for place in (point, *point.near)]


def values_at(node, names, chain):
    """The value of one side of a chain, or of each part of it: a tuple of arrays."""
    several = isinstance(node, ast.Tuple) and len(chain.heads) > 1
    walk = Walk(names, vocabulary(np))
    with without_warnings():
        values = [value_on(part, chain, walk) for part in (node.elts if several else [node])]
    if not several and isinstance(values[0], tuple):
        values = values[0]
    return tuple(map(as_array, values))


def as_array(value):
    try:
        array = np.asarray(value)
        found = array if np.iscomplexobj(array) else array.astype(float, copy=False)
    except (TypeError, ValueError):
        raise DerivationError("this is neither a number nor an array of numbers") from None
    if np.iscomplexobj(found):
        raise DerivationError("this is complex: compare its real part, or its abs")
    return found


def difference(actual, right, slack=0.0):
    """The largest difference as a share of the largest right number; 0 if it is only rounding.

    Both are lists: the values at a point, and near it.
    """
    worst = 0.0
    for i, (a, t) in enumerate(zip(actual[0], right[0], strict=True)):
        allowed = CONFIDENCE * (_noise(actual, i) + _noise(right, i)) + slack
        with np.errstate(invalid="ignore"):
            wrong = ~((np.abs(a - t) <= allowed) | (a == t) | (np.isnan(a) & np.isnan(t)))
            if np.any(wrong):
                scale = np.max(np.abs(t[np.isfinite(t)]), initial=0.0) or 1.0
                off = np.abs(a - t)[wrong]
                worst = max(worst, float(np.max(np.where(np.isfinite(off), off, np.inf))) / scale)
    return worst


def same(actual, right):
    """Whether two values are equal at a point, up to rounding."""
    return not mismatch(actual[0], right[0]) and not difference(actual, right)


def _noise(values, i):
    """How far rounding moves a value: number by number, and not below a quarter of the average."""
    with np.errstate(all="ignore"):
        moved = np.std([value[i] for value in values], axis=0)
        own = UNIT * np.abs(values[0][i])
        noise = np.where(np.isfinite(moved + own), moved + own, 0.0)
    return noise + 0.25 * np.sqrt(np.mean(noise**2)) if noise.size else noise


def mismatch(actual, right):
    """A sentence if the shapes differ."""
    if len(actual) != len(right):
        return f"there are {len(actual)} values for {len(right)} names"
    for a, t in zip(actual, right, strict=True):
        if a.shape != t.shape:
            return f"{SHAPE} {a.shape}, and should have {t.shape}"
    return ""


def is_number(node):
    """Whether an expression is a number, written out."""
    match node:
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.Tuple(elts=elements):
            return all(map(is_number, elements))
    return isinstance(node, ast.Constant)
