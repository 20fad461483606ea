"""Indices: which letters an expression has, and over how many numbers each runs."""

import ast
import functools

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import elements, is_reduction, names_in, spelled


def letters_in(nodes, known):
    """The names that are indices in expressions, in their order: not defined, and in a subscript."""
    found = []
    for node in nodes:
        calls = [n for n in ast.walk(node) if isinstance(n, ast.Call) and is_reduction(n)]
        heads = {id(call.func) for call in calls}
        bound = {letter for call in calls for letter, _ in bound_in(call)}
        for n in ast.walk(node):
            if isinstance(n, ast.Subscript) and id(n) not in heads:
                names = names_in(n.slice)
                found += [name for name in names if name not in known and name not in bound]
    return list(dict.fromkeys(found))


def bound_in(reduction):
    """(letter, limits) of each index that sum[i, j : n](…) takes; limits None if none are stated."""
    return [declared(part) for part in elements(reduction.func.slice)]


def declared(part):
    """The letter of an index and its stated limits: j, j : n, or j : a : b."""
    limits = None
    if isinstance(part, ast.Slice):
        limits = [p for p in (part.upper, part.step) if p is not None]
        part = part.lower
    if not isinstance(part, ast.Name) or limits == []:
        raise DerivationError("an index is a letter, or a letter and its range, as in j : n")
    return part.id, limits


def is_step(letter, nodes, walk):
    """Whether a letter stands beside axes that have none, as in h[t] and W[:, t] with two axes each."""
    return any(
        (len(parts) < len(shape) or any(map(is_whole, parts)))
        and any(letter in names_in(part) for part in parts)
        for _, parts, shape in subscripts(nodes, walk)
    )


def is_whole(part):
    """Whether an index is that of a whole axis, `:`."""
    return isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None


def subscripts(nodes, walk, *, chosen=True):
    """(name, indices, shape) of each array in expressions that has a subscript.

    With or without those that are `chosen`: of them a where may leave out what lies outside.
    """
    for node in nodes:
        for n in _subscripts(node):
            if not chosen and n in _choices(node):
                continue
            if (shape := walk.shape_of(n.value)) is not None:
                yield spelled(n.value), elements(n.slice), shape


@functools.lru_cache(maxsize=10_000)
def _subscripts(node):
    return [n for n in ast.walk(node) if isinstance(n, ast.Subscript)]


@functools.lru_cache(maxsize=10_000)
def _choices(node):
    """The subscripts that stand in what a where chooses from."""
    found = set()
    for n in ast.walk(node):
        match n:
            case ast.Call(func=ast.Name(id="where"), args=[_, *chosen]):
                found.update(inner for one in chosen for inner in _subscripts(one))
    return found


def size_of(letter, nodes, walk, *, counts=False, asked=()):
    """How many numbers a letter has: the size of the axes at which it stands alone.

    Where an axis counts steps, n of them or n + 1 with the first state, a letter takes those steps
    at which all its subscripts lie inside; so does one that `counts` the steps of a recurrence and
    stands alone nowhere. Where a where chooses, steps count, and axes if there are no others. `asked`
    are the letters that were asked for their size on the way here.
    """
    alone, steps, ahead = _sizes(letter, subscripts(nodes, walk), walk, counts=counts)
    if len(alone) > 1:
        free = subscripts(nodes, walk, chosen=False)
        alone = _sizes(letter, free, walk, counts=counts)[0] or alone
    if len(alone) > 1:
        (m, first), (n, second), *_ = alone.items()
        raise DerivationError(f"{letter} runs over {m} numbers of {first} and {n} of {second}")
    steps = steps or ([] if alone else ahead)
    if not alone and not steps:
        others = (other for other in _paired(letter, nodes) if other not in asked)
        for other in others:
            return size_of(other, nodes, walk, asked=(*asked, letter))
        stated = f"in front, as in [{letter}+1 : n]" if counts else f"as in {letter} : n"
        raise DerivationError(f"the range of {letter} is not known: state it, {stated}")
    return max(0, min([*alone, *steps]))


def _sizes(letter, found, walk, *, counts):
    """The sizes of axes at which a letter stands alone, and what steps and shifts leave of others."""
    alone, steps, ahead = {}, [], []
    for name, parts, shape in found:
        for axis, (part, size) in enumerate(zip(parts, shape, strict=False)):
            shift = shift_of(part, letter)
            if shift is not None and axis == 0 and name in walk.grid.times:
                steps.append(size - shift)
            elif shift == 0:
                alone[size] = f"axis {axis} of {name}"
            elif shift is not None and counts:
                ahead.append(size - shift)
    return alone, steps, ahead


def _paired(letter, nodes):
    """The letters that stand beside one in a δ[i, j], and in another subscript."""
    for node in nodes:
        for n in _subscripts(node):
            parts = [spelled(part) for part in elements(n.slice)]
            if isinstance(n.value, ast.Name) and n.value.id == "δ" and letter in parts:
                yield from (other for other in parts if other != letter and _stands(other, nodes))


def _stands(letter, nodes):
    """Whether a letter is by itself the index of an array."""
    return any(
        spelled(part) == letter
        for node in nodes
        for n in _subscripts(node)
        if not (isinstance(n.value, ast.Name) and n.value.id == "δ")
        for part in elements(n.slice)
    )


def shift_of(part, letter):
    """c, where an index is letter + c, with or without a range; None where it is something else."""
    match part:
        case ast.Slice(lower=lower) if lower is not None:
            return shift_of(lower, letter)
        case ast.Name(id=name) if name == letter:
            return 0
        case ast.BinOp(left=ast.Name(id=name), op=ast.Add(), right=ast.Constant(value=int() as c)):
            return c if name == letter else None
        case ast.BinOp(left=ast.Name(id=name), op=ast.Sub(), right=ast.Constant(value=int() as c)):
            return -c if name == letter else None
    return None
