r"""Derivatives: `\frac{\partial L}{\partial W}`, `\nabla_W L`, `\partial y_i/\partial x_j`, `dX`."""

from dataclasses import replace

import numpy as np

from handgrad.derivation.latex import indices, seconds, tree
from handgrad.derivation.latex.errors import UnknownNameError, UnreadError
from handgrad.derivation.latex.names import labelled, spellings
from handgrad.derivation.latex.readings import ATOM, PRODUCT, aligned, made, pairs
from handgrad.derivation.latex.tree import canonical

SIGNS = {"partial", "d", "mathrm{d}", "∂"}


def fraction(node, environment):
    """A derivative, or a quotient."""
    if seconds.is_second(node, environment):
        return seconds.fraction(node, environment)
    above, below = moved(node.above, environment), moved(node.below, environment)
    if above is not None and below is not None:
        if above is node.above:
            raise UnreadError("a derivative of what follows", *node.at)
        return derivative(above, below, environment)
    found = []
    for a, b in pairs(environment.read(node.above), environment.read(node.below)):
        if b.ndim == 2 and a.ndim and a.shape != b.shape and 1 not in b.shape:
            continue
        plain = a.within(PRODUCT), b.within(PRODUCT + 1)
        for x, y in (plain, *aligned(a, b, PRODUCT)):
            found += made(environment, f"{x} / {y}", PRODUCT, a.turn, shape=a.shape or b.shape)
    return found


def moved(node, environment):
    """What stands behind a ∂ or a d; the node itself where it is ∂ alone; None for what has none."""
    if is_sign(node, environment):
        return node
    if (
        isinstance(node, tree.Scripted)
        and is_sign(node.base, environment)
        and node.above is not None
    ):
        raise UnreadError("a second derivative", *node.at)
    if isinstance(node, tree.Symbol) and node.name[0] == "d" and len(node.name) > 1:
        name = node.name[1:]
        if name in environment.nodes or name == environment.header.loss:
            return tree.Symbol(node.at, name)
    if not isinstance(node, tree.Product):
        return None
    (_, first), *rest = node.factors
    if isinstance(first, tree.Scripted) and is_sign(first.base, environment) and first.above:
        raise UnreadError("a second derivative", *node.at)
    if not is_sign(first, environment) or not rest or rest[0][0]:
        return None
    if any(is_sign(factor, environment) for _, factor in rest):
        raise UnreadError("a second derivative", *node.at)
    return rest[0][1] if len(rest) == 1 else tree.Product(rest[0][1].at, tuple(rest))


def is_sign(node, environment):
    """Whether a symbol is the ∂ or the d of a derivative."""
    return (
        isinstance(node, tree.Symbol)
        and node.name in SIGNS
        and not node.accent
        and not environment.name_of(node)
    )


def of_factors(factors, environment):
    """(readings, factors used) of a derivative that several factors make: ∂L/∂W, ∇_W L, dX; or None."""
    node = factors[0][1]
    if canonical(node.base if isinstance(node, tree.Scripted) else node) == "nabla":
        return _nabla(factors, environment)
    if isinstance(node, tree.Fraction) and seconds.is_second(node, environment):
        return None
    if isinstance(node, tree.Fraction):
        return _operator(factors, environment) or _at_arguments(factors, environment)
    named = isinstance(node, tree.Symbol) and node.style == "word" and environment.name_of(node)
    moves = canonical(node) in environment.header.differentials and not named
    if not moves and not is_sign(node, environment):
        return _glued(factors, environment)
    if len(factors) >= 4 and factors[2][0] == "/" and is_sign(factors[2][1], environment):
        return derivative(factors[1][1], factors[3][1], environment), 4
    return _differential(factors, environment)


def _nabla(factors, environment):
    """∇_x y, ∇²_x y; without the x where y is said to be of x, or where there is only one input."""
    node = factors[0][1]
    below, above = (node.below, node.above) if isinstance(node, tree.Scripted) else (None, None)
    if len(factors) < 2:
        raise UnreadError("a gradient of nothing", *node.at)
    y, used = _operand(factors[1:], environment)
    x = below if below is not None else _argument(y, node, environment)
    if above is None:
        return derivative(y, x, environment), 1 + used
    if canonical(above) != "2":
        raise UnreadError("a higher derivative", *node.at)
    return seconds.hessian(y, x, environment), 1 + used


def _operand(factors, environment):
    r"""(what a ∇ in front stands for, how many factors it takes): y, f(x), or \log p_i."""
    from handgrad.derivation.latex.applications import function_of

    count = 0
    while count + 1 < len(factors) and function_of(factors[count][1], environment):
        count += 1
    count += 1 + _is_called(factors[count:])
    node = factors[0][1]
    return (node if count == 1 else tree.Product(node.at, tuple(factors[:count]))), count


def _argument(y, node, environment):
    """What a ∇ without a subscript differentiates by."""
    last = y.factors[-1][1] if isinstance(y, tree.Product) else y
    if isinstance(last, tree.Group) and len(last.parts) == 1 and environment.name_of(last.parts[0]):
        return last.parts[0]
    if len(environment.inputs) != 1:
        raise UnreadError("a ∇ without its subscript", *node.at)
    return tree.Symbol(node.at, environment.inputs[0])


def _is_called(factors):
    """Whether the first factor has arguments behind it, as in L(W)."""
    return int(len(factors) > 1 and isinstance(factors[1][1], tree.Group) and not factors[1][0])


def _operator(factors, environment):
    """∂/∂x in front of what it differentiates."""
    node = factors[0][1]
    below = moved(node.below, environment)
    if below is None or moved(node.above, environment) is not node.above:
        return None
    if not is_sign(node.above, environment):
        return None
    if len(factors) < 2:
        raise UnreadError("a derivative of nothing", *node.at)
    body = [(op if i else "", f) for i, (op, f) in enumerate(factors[1:])]
    whole = body[0][1] if len(body) == 1 else tree.Product(body[0][1].at, tuple(body))
    return derivative(whole, below, environment), len(factors)


def _at_arguments(factors, environment):
    """∂f/∂x(x, y): what it is a function of is known."""
    if len(factors) < 2 or factors[1][0] or not is_list_of_names(factors[1][1], environment):
        return None
    return environment.read(factors[0][1]), 2


def is_list_of_names(node, environment):
    """Whether parentheses hold several names and no more."""
    if not isinstance(node, tree.Group) or node.opening != "(" or len(node.parts) < 2:
        return False
    return all(environment.name_of(part) for part in node.parts)


def _glued(factors, environment):
    """dy/dx, where each is one word."""
    if len(factors) < 2 or factors[1][0] != "/":
        return None
    above, below = (moved(factor, environment) for _, factor in factors[:2])
    if above is None or below is None:
        return None
    return derivative(above, below, environment), 2


def _differential(factors, environment):
    """dX, δx: how a node moves, or its gradient, as the header says."""
    from handgrad.derivation.latex.elaboration import raised

    node = factors[0][1]
    if len(factors) < 2 or factors[1][0]:
        return None
    moving, above = factors[1][1], None
    name, index = target(moving, environment)
    if not name and isinstance(moving, tree.Scripted) and moving.below is None:
        moving, above = moving.base, moving.above  # dx^T is (dx)^T
        name, index = target(moving, environment)
    if name not in environment.nodes:
        raise UnreadError(f"{canonical(node)} of an expression", *node.at)
    mark = "δ" if _moves(node, environment) else "d"
    if mark == "d":
        environment.require_gradients(node.at)
    found = made(environment, f"{mark}{name}{index}", ATOM)
    return found if above is None else raised(found, above, environment), 2


def _moves(node, environment):
    return canonical(node) in environment.header.differentials


def differentiated(node, environment):
    """The nodes by which something is differentiated in a part of an equation."""
    for inner in indices.walk(node):
        below = inner.below if isinstance(inner, tree.Fraction) else None
        if isinstance(inner, tree.Scripted) and canonical(inner.base) == "nabla":
            yield target(inner.below, environment)[0] if inner.below is not None else ""
        elif isinstance(inner, tree.Symbol) and inner.name[0] == "d":
            yield inner.name[1:]
        elif below is not None and (x := moved(below, environment)) is not None:
            yield target(x, environment)[0]


def derivative(y, x, environment):
    """The readings of ∂y/∂x."""
    own, index = target(x, environment)
    if own not in environment.nodes:
        raise UnknownNameError(f"{own or canonical(x)} is not a node", *x.at)
    above, upper = target(y, environment)
    if above and above == environment.header.loss and above not in environment.nodes:
        turned = ".T" * _is_turned("", own, index, environment)
        return made(environment, f"d{own}{index}{turned}", ATOM, shape=())
    if above not in environment.nodes:
        above, upper = environment.node_for(y)
    name = environment.derivative(above, own)
    if _is_turned(above, own, index, environment):
        return made(environment, f"({name}).T", ATOM)
    if upper and index and {above, own} <= environment.states:
        raise UnreadError("a derivative between steps is not read", *x.at)
    if upper or index:
        return made(environment, f"∂{above}{upper}/∂{own}{index}", PRODUCT, shape=())
    return _whole(name, (above, own), environment)


def _is_turned(above, own, index, environment):
    """Whether a derivative of a number by a matrix is transposed, as in the numerator layout."""
    if index or environment.header.layout != "numerator":
        return False
    return np.ndim(environment.names[own]) == 2 and not np.ndim(environment.names.get(above, 0.0))


def _whole(name, between, environment):
    """A local derivative that stands whole: as it is, transposed, or on a diagonal."""
    layout = environment.header.layout
    found = [replace(r, derivative=between) for r in made(environment, name, PRODUCT)]
    for reading in list(found):
        if environment.is_slope(name):
            if reading.ndim == 1:
                found += made(environment, f"diag({name})", ATOM)
        elif reading.ndim == 2 and all(environment.names[n].ndim == 1 for n in between):
            turned = made(environment, f"({name}).T", ATOM)
            found = {"numerator": found, "denominator": turned}.get(layout, found + turned)
    return found


def target(node, environment):
    """The name and the indices of what is differentiated: ("x", "[i]"); "" where there is none."""
    if meant := environment.alias_of(node):
        return meant, ""
    if name := _name(node, environment):
        return name, ""
    if found := environment.labelled_array(node):
        base, index = found
        name = environment.alias_of(base) or environment.array_of(base)
        return name, f"[{', '.join(indices.parts_of(index, environment))}]"
    if isinstance(node, tree.Product) and _is_called(list(node.factors)) and len(node.factors) == 2:
        return target(node.factors[0][1], environment)
    if isinstance(node, tree.Scripted) and (name := _entries_of(node.base, environment)):
        scripts = [node.above, node.below] if _is_index(node.above) else [node.below]
        parts = [p for s in scripts if s is not None for p in indices.parts_of(s, environment)]
        parts = indices.placed(parts, name, environment)
        return (name, f"[{', '.join(parts)}]") if parts else ("", "")
    return "", ""


def _entries_of(base, environment):
    return _name(base, environment) or environment.array_of(base)


def _is_index(above):
    return isinstance(above, tree.Group) and above.opening in {"(", "[", "<", "langle"}


def _name(node, environment):
    """The node, or the loss, that a symbol names; also σ² where that is a node."""
    if environment.is_step(node):
        return ""
    names = {*environment.nodes, environment.header.loss}
    found = next((name for name in labelled(node) if name in names), "")
    if not found and isinstance(node, tree.Scripted) and canonical(node.above or node) == "2":
        squares = [f"{name}2" for name in spellings(node.base)]
        found = next((name for name in squares if name in environment.squares), "")
    return found
