"""Local derivatives: ∂y/∂x as an array, with the axes of y before those of x.

Written whole, ∂y/∂x is the slope of each number where y depends on x number by number, and the
Jacobian where it does not. Products of them contract over the node that they share.
"""

import ast
import math

import numpy as np

from handgrad.derivation.bounds import bound_elements
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import is_derivative, of_derivative

SLOPE = "read as the slope of each number"
ROWS = "read as a Jacobian, the axes of {} first"


def as_whole(name, names):
    """What ∂y/∂x means where it stands whole: the slope of each number, or the Jacobian."""
    if name not in names:
        y, x = of_derivative(name)
        raise DerivationError(f"{name} is not known: {y} and {x} are not both real nodes")
    y, x = of_derivative(name)
    full = names[name]
    slope = slope_of(full, np.shape(names[y]), np.shape(names[x]))
    return full if slope is None else slope


def slope_of(full, of_y, of_x):
    """The slope of each number, where a Jacobian has nothing beside its diagonal; else None."""
    if of_y != of_x:
        return None
    n = math.prod(of_y)
    square = np.reshape(full, (n, n))
    if np.any(square - np.diag(np.diagonal(square))):
        return None
    return np.reshape(np.diagonal(square), of_y)


def readings(name, full, of_y, of_x):
    """The ways in which ∂y/∂x may be read as a whole array, each with its words."""
    slope = slope_of(full, of_y, of_x)
    if slope is not None and of_y:
        yield SLOPE, slope
    y, x = of_derivative(name)
    yield ROWS.format(y) if of_y and of_x else "", full
    if of_y and of_x:
        order = [*range(len(of_y), full.ndim), *range(len(of_y))]
        yield ROWS.format(x), np.transpose(full, order)


def chained(node, names):
    """The product of local derivatives that meet at a node, as in ∂L/∂y * ∂y/∂x; else None."""
    found = _chain(node, names)
    if found is None or not isinstance(node, ast.BinOp):
        return None
    full, y, x = found
    slope = slope_of(full, np.shape(names[y]), np.shape(names[x]))
    return full if slope is None else slope


def _chain(node, names):
    """(the Jacobian, y, x) of a derivative, or of a product of derivatives."""
    match node:
        case ast.Name(id=name) if is_derivative(name) and name in names:
            return names[name], *of_derivative(name)
        case ast.BinOp(left=left, op=ast.Mult() | ast.MatMult(), right=right):
            a, b = _chain(left, names), _chain(right, names)
            if a and b and a[2] == b[1]:
                return _contracted(a[0], b[0], np.ndim(names[a[2]])), a[1], b[2]
    return None


def _contracted(a, b, shared):
    bound_elements((*np.shape(a)[: np.ndim(a) - shared], *np.shape(b)[shared:]))
    return np.tensordot(a, b, shared)
