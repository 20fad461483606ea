"""Trees: small expressions that are put together, and their parts."""

import ast
import itertools
import operator
from typing import NamedTuple

from handgrad.derivation.expressions import elements, is_reduction, names_in, parse
from handgrad.derivation.indices import bound_in

NOWHERE = {"lineno": 0, "col_offset": 0}  # what is made has no place in a text
ARGUMENTS: dict[type, tuple[str, ...]] = {
    ast.Call: ("args",),
    ast.Subscript: ("value",),
}  # where parts stand


class Part(NamedTuple):
    """A part of an expression that has a value of its own, and the indices that are known there.

    Each index comes with the reduction that takes it; None where it is free in the whole. `path`
    leads from the whole to the part: (what it stands in, which field, at which place of a list).
    """

    node: ast.expr
    letters: dict[str, ast.Call | None]
    path: tuple[tuple[ast.expr, str, int | None], ...] = ()

    def replaced(self, mend):
        """The whole with something else in the place of this part; the rest is not copied."""
        for step in reversed(self.path):
            mend = _around(mend, *step)
        return mend

    def around(self, mend):
        """What the part stands in, with something else in its place."""
        return _around(mend, *self.path[-1])


def _around(mend, above, field, place):
    """A node with another expression in one of its fields, or at one place of it."""
    value = mend
    if place is not None:
        value = list(getattr(above, field))
        value[place] = mend
    return _with_fields(above, {field: value})


def name(text):
    return ast.Name(text, ast.Load(), **NOWHERE)


def number(value):
    return ast.Constant(value, lineno=0, col_offset=0)


def binary(left, op, right):
    return ast.BinOp(left, op(), right, **NOWHERE)


def negative(node):
    return ast.UnaryOp(ast.USub(), node, **NOWHERE)


def call(function, arguments, keywords=()):
    function = name(function) if isinstance(function, str) else function
    return ast.Call(function, list(arguments), list(keywords), **NOWHERE)


def entry(array, indices):
    """An entry of an array, or the array itself where there are no indices."""
    if not indices:
        return array
    index = indices[0] if len(indices) == 1 else ast.Tuple(list(indices), ast.Load(), **NOWHERE)
    return ast.Subscript(array, index, ast.Load(), **NOWHERE)


def transposed(node):
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return ast.Attribute(node, "T", ast.Load(), **NOWHERE)


def transposes(node):
    """The ways in which a factor may be transposed: a sign or a number before it stays."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield negative(transposed(operand))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            yield binary(left, ast.Mult, transposed(right))
            yield binary(transposed(left), ast.Mult, right)
    yield transposed(node)


def swapped(node):
    """The transpose of each matrix in a stack of them."""
    match node:
        case ast.Call(func=ast.Name(id="swapaxes"), args=[matrix, *_]):
            return matrix
    return call("swapaxes", [node, parse("-1"), parse("-2")])


def factors(node, op):
    """What is multiplied with what, from left to right."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, op):
        return [*factors(node.left, op), *factors(node.right, op)]
    return [node]


def complements(found):
    """Among factors: (the place of 1 − y, y), where both are there."""
    texts = [ast.dump(factor) for factor in found]
    for i, factor in enumerate(found):
        match factor:
            case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=y):
                if ast.dump(y) in texts:
                    yield i, found[texts.index(ast.dump(y))]


def shifted(index, more):
    """An index some steps on, i + 2, or back."""
    match index:
        case ast.BinOp(
            left=left, op=ast.Add() | ast.Sub() as op, right=ast.Constant(value=int() as c)
        ):
            return shifted(left, more + (c if isinstance(op, ast.Add) else -c))
    if not more:
        return index
    return binary(index, ast.Add if more > 0 else ast.Sub, number(abs(more)))


def product(parts, op):
    """The product of some factors, from left to right."""
    return next(itertools.islice(itertools.accumulate(parts, _times(op)), len(parts) - 1, None))


def _times(op):
    return lambda left, right: binary(left, op, right)


def replaced(whole, part, mend):
    """A copy of an expression with one part replaced; what does not change is not copied."""
    return mend if whole is part else _rebuilt(whole, lambda child: replaced(child, part, mend))


def _rebuilt(whole, change):
    """A copy of a node with its children changed; itself where none of them is."""
    changes = {}
    for field, value in ast.iter_fields(whole):
        if isinstance(value, ast.expr | ast.keyword):
            new = change(value)
        elif isinstance(value, list):
            new = [change(v) if isinstance(v, ast.AST) else v for v in value]
            new = value if all(map(operator.is_, new, value)) else new
        else:
            continue
        if new is not value:
            changes[field] = new
    return _with_fields(whole, changes) if changes else whole


def _with_fields(node, changes):
    """A node of the same kind with other fields."""
    fields = dict(ast.iter_fields(node)) | changes
    return type(node)(**fields, **(NOWHERE if isinstance(node, ast.expr) else {}))


def renamed(whole, others):
    """An expression with others in the place of some names, {name: other}, wherever they stand."""
    if isinstance(whole, ast.Name):
        return others.get(whole.id, whole)
    return _rebuilt(whole, lambda child: renamed(child, others))


def is_term(part):
    """Whether a part is the whole, or is only added to other parts of it."""
    above = [node for node, _, _ in part.path]
    return all(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add | ast.Sub) for n in above)


def depth(node):
    """How many levels an expression has."""
    return 1 + max(map(depth, ast.iter_child_nodes(node)), default=0)


def parts_of(whole, letters):
    """The parts of an expression that have a value of their own, the larger ones first.

    `letters` are free in the whole. What stands in a subscript is not a part.
    """
    level = [Part(whole, dict.fromkeys(letters))]
    while level:
        yield from level
        level = [inner for part in level for inner in _inner(part)]


def _inner(part):
    """What a part is made of."""
    node, letters = part.node, part.letters
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and letters:
        return
    if is_reduction(node):
        letters = letters | {letter: node for letter, _ in bound_in(node)}
    for field, place, child in _children(node):
        known = {} if isinstance(node, ast.Subscript) else letters
        yield Part(child, known, (*part.path, (node, field, place)))


def _children(node):
    """(field, place in a list, expression) of each expression that a node is made of."""
    for field in ARGUMENTS.get(type(node)) or node._fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.expr):
            yield field, None, value
        elif isinstance(value, list):
            inner = [(i, v) for i, v in enumerate(value) if isinstance(v, ast.expr)]
            yield from ((field, i, v) for i, v in inner if not _is_text(v))


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def indices_of(node):
    """The indices of an entry, as a list."""
    return elements(node.slice)


def letters_of(node):
    """The names in the subscript of an entry."""
    return names_in(node.slice)
