"""Local derivatives: ∂y/∂x as an array, with the axes of y before those of x; ∂²y/∂a∂b alike.

Written whole, ∂y/∂x is the slope of each number where y depends on x number by number, and the
Jacobian where it does not. Products of them contract over the node that they share.
"""

import ast
import math

import numpy as np

from handgrad.derivation.bounds import bound_elements
from handgrad.derivation.domains import FREE, MOVES
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import is_derivative, nodes_of, of_derivative
from handgrad.derivation.seconds import is_second

SLOPE = "read as the slope of each number"
ROWS = "read as a Jacobian, the axes of {} first"


def as_whole(name, names):
    """What ∂y/∂x means where it stands whole: the slope of each number, or the Jacobian."""
    if name not in names:
        nodes = " and ".join(dict.fromkeys(nodes_of(name)))
        raise DerivationError(f"{name} is not known: {nodes} are not all real nodes")
    full = names[name]
    slope = slope_of(full, [np.shape(names[node]) for node in nodes_of(name)])
    return full if slope is None else slope


def slope_of(full, shapes):
    """The slope of each number, where a Jacobian has nothing beside its diagonal; else None.

    `shapes` are those of the nodes, of y and of what moves; of second derivatives there are three.
    """
    if len(set(shapes)) > 1:
        return None
    n = math.prod(shapes[0])
    cube = np.reshape(full, (n,) * len(shapes))
    diagonal = cube[(np.arange(n),) * len(shapes)]
    if np.count_nonzero(cube) > np.count_nonzero(diagonal):
        return None
    return np.reshape(diagonal, shapes[0])


def readings(name, full, shapes, domain=""):
    """The ways in which ∂y/∂x may be read as a whole array, each with its words.

    `domain` is that of x: the gradient of a number may be stated for moves that keep it.
    """
    if shapes[0] == () and not is_second(name):
        for words, change in MOVES.get(domain, FREE):
            yield words, full if change is None else change(full)
        return
    slope = slope_of(full, shapes)
    if slope is not None and shapes[0]:
        yield SLOPE, slope
    *_, above, below = nodes_of(name)  # the two whose axes may stand in either order
    both = bool(shapes[-2] and shapes[-1] and above != below)
    yield ROWS.format(above) if both else "", full
    if both:
        end, start = full.ndim - len(shapes[-1]), full.ndim - len(shapes[-1]) - len(shapes[-2])
        order = [*range(start), *range(end, full.ndim), *range(start, end)]
        yield ROWS.format(below), np.transpose(full, order)


def chained(node, names):
    """The product of local derivatives that meet at a node, as in ∂L/∂y * ∂y/∂x; else None."""
    found = _chain(node, names)
    if found is None or not isinstance(node, ast.BinOp):
        return None
    full, y, x = found
    slope = slope_of(full, [np.shape(names[y]), np.shape(names[x])])
    return full if slope is None else slope


def _chain(node, names):
    """(the Jacobian, y, x) of a derivative, or of a product of derivatives."""
    match node:
        case ast.Name(id=name) if is_derivative(name) and not is_second(name) and name in names:
            return names[name], *of_derivative(name)
        case ast.BinOp(left=left, op=ast.Mult() | ast.MatMult(), right=right):
            a, b = _chain(left, names), _chain(right, names)
            if a and b and a[2] == b[1]:
                return _contracted(a[0], b[0], np.ndim(names[a[2]])), a[1], b[2]
    return None


def _contracted(a, b, shared):
    bound_elements((*np.shape(a)[: np.ndim(a) - shared], *np.shape(b)[shared:]))
    return np.tensordot(a, b, shared)
