"""Evaluation: a tree walked node by node, and never given to `eval`.

What is not in the tables below, or among the functions of the vocabulary, does not exist. The walk
keeps every number and every array within bounds, so a text from a stranger is safe to evaluate.
"""

import ast
import contextlib
import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import EllipsisType, NoneType
from typing import Any

from handgrad.derivation import entries, habits
from handgrad.derivation.bounds import bound_broadcast, bound_product, bounded
from handgrad.derivation.branches import note_call, note_comparison
from handgrad.derivation.budget import spend
from handgrad.derivation.entries import NO_GRID, Grid
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import (
    is_derivative,
    is_reduction,
    near,
    spelled,
    words_in,
)
from handgrad.derivation.jacobians import as_whole, chained

LISTED = {"broadcast_to", "concat", "moveaxis", "ones", "permute_dims", "reshape", "stack", "zeros"}
INSIDE = re.compile(r"\w+\.<locals>\.")  # where Python says a function was made
BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
}
COMPARE = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
UNARY = {ast.UAdd: operator.pos, ast.USub: operator.neg}


@dataclass(frozen=True)
class Walk:
    """What an expression is evaluated with: the values of names, the functions, and a grid."""

    names: Mapping[str, Any]
    functions: Mapping[str, Any]
    grid: Grid = NO_GRID

    def on(self, grid):
        """The same on another grid."""
        return self if grid is self.grid else Walk(self.names, self.functions, grid)

    def at(self, steps):
        """The same at some steps: letters that stand for one number."""
        return Walk({**self.names, **steps}, self.functions, self.grid)

    def shape_of(self, node):
        """The shape of what a subscript takes its numbers from; None where that is not an array."""
        found: Any = None
        if isinstance(node, ast.Name):
            found = self.names.get(node.id)
        elif not is_reduction(node) and not entries.mentions(node, self.grid):
            steps = dict.fromkeys(words_in(node) - self.names.keys() - self.functions.keys(), 0)
            with contextlib.suppress(DerivationError):  # said where it is evaluated
                found = self.on(self.grid.without_axes()).at(steps)(node)
        return tuple(found.shape) if hasattr(found, "shape") else None

    def __call__(self, node):
        """The value of an expression; on a grid, an array with an axis for each of its letters."""
        spend()
        try:
            if self.grid.depth and not entries.mentions(node, self.grid):
                return entries.scalar(node, self.on(self.grid.without_axes())(node))
            return bounded(_value(node, self))
        except DerivationError as error:
            raise error.at(node.lineno or None, node.col_offset + 1) from None
        except Exception as error:
            sentence = INSIDE.sub("", " ".join(str(error).split()))[:200]
            message = f"{spelled(node)}: {sentence or type(error).__name__}"
            raise DerivationError(message, node.lineno or None, node.col_offset + 1) from None


def evaluate(node, names, functions) -> Any:
    """The value of an expression, from the values of names and the functions of a vocabulary."""
    return Walk(names, functions)(node)


def _value(node, walk):
    grid = walk.grid
    match node:
        case ast.Constant(value=bool() | int() | float() | NoneType() | EllipsisType()):
            return node.value
        case ast.Name(id=name):
            return grid.letters[name] if name in grid.letters else _named(name, walk.names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            product = chained(node, walk.names)
            return _binary(op, walk(left), walk(right)) if product is None else product
        case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
            return UNARY[type(op)](_number(walk(operand)))
        case ast.Compare(
            left=ast.Name(id=name),
            ops=[ast.Eq() | ast.NotEq() as op],
            comparators=[ast.Constant(value=str() | None as word)],
        ):
            return COMPARE[type(op)](_option(name, walk.names), word)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARE:
            left, right = _number(walk(left)), _number(walk(right))
            bound_broadcast(left, right)
            condition = COMPARE[type(op)](left, right)
            note_comparison(node, left, right, condition)
            return condition
        case ast.Call() if is_reduction(node):
            return entries.reduced(node, walk)
        case ast.Call(func=ast.Name(id="where"), args=[_, _, _], keywords=[]):
            return entries.chosen(node.args, walk)
        case ast.Call(func=ast.Name(id=name)):
            return _call(name, node, walk)
        case ast.Attribute(value=value, attr=name) if name in habits.ATTRIBUTES:
            return getattr(_array(walk(value), f".{name}"), name)
        case ast.Subscript(value=base, slice=index):
            return _subscript(base, index, walk)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(map(walk, parts))
    raise DerivationError(f"{spelled(node)!r} is not allowed in a derivation")


def _named(name, names):
    if name in names:
        return as_whole(name, names) if is_derivative(name) else _as_value(name, names[name])
    raise DerivationError(f"{name} is not defined{near(name, names)}")


def _as_value(name, value):
    """What a name stands for, where that is a number, an array, or a tuple of such."""
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(value, tuple):
        return tuple(_as_value(name, v) for v in bounded(value))
    if hasattr(value, "shape") or isinstance(value, int | float | str | NoneType | EllipsisType):
        return value
    raise DerivationError(f"{name} is a {type(value).__name__}, and not a number or an array")


def _option(name, names):
    """The value of an option, which may be compared with a word."""
    value = _named(name, names)
    if isinstance(value, str | int | float | NoneType):
        return value
    raise DerivationError(f"{name} is an array, and only an option is compared with a word")


def _number(value):
    """A value to compute with."""
    if hasattr(value, "shape") or isinstance(value, int | float):
        return value
    kind = "nothing" if value is None else f"a {type(value).__name__}"
    raise DerivationError(f"{kind} is not a number to compute with")


def _binary(op, left, right):
    left, right = _number(left), _number(right)
    if isinstance(op, ast.Pow) and not hasattr(left, "shape") and not hasattr(right, "shape"):
        if abs(right) * math.log2(max(2, abs(left))) > 1000:
            raise DerivationError(f"the power {left} ** {right} is too large")
    elif isinstance(op, ast.MatMult):
        bound_product(_array(left, "matrix product"), _array(right, "matrix product"))
    else:
        bound_broadcast(left, right)
    return BINARY[type(op)](left, right)


def _call(name, node, walk):
    if name not in walk.functions:
        hint = habits.of_function(name) or near(name, walk.functions)
        raise DerivationError(f"there is no function {name}{hint}")
    function, arguments = walk.functions[name], node.args
    if walk.grid.depth and not function.elementwise:
        message = f"{name} takes whole arrays, and these are entries: sum over one as in sum[j](…)"
        raise DerivationError(message)
    if len(arguments) > function.positional:
        raise DerivationError(f"{name} takes at most {function.positional} positional arguments")
    named = {}
    for keyword in node.keywords:
        if keyword.arg not in function.keywords:
            allowed = ", ".join(sorted(function.keywords)) or "none"
            raise DerivationError(f"{name} has no argument {keyword.arg}; it has {allowed}")
        named[keyword.arg] = walk(keyword.value)
    if function.takes_text:
        text, *arguments = arguments
        if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
            raise DerivationError(f"{name} begins with its subscripts, such as 'ij,jk->ik'")
        values = [text.value, *map(walk, arguments)]
    else:
        values = [walk(a) if name in LISTED else _array_of(a, walk) for a in arguments]
    if function.broadcasts:
        bound_broadcast(*values)
    note_call(node, name, values)
    return function.call(*values, **named)


def _array_of(node, walk):
    """The value of an argument; a list of numbers or arrays is an array."""
    if not isinstance(node, ast.List) or not node.elts:
        return walk(node)
    stack = walk.functions["stack"].call
    return stack(tuple(_array_of(part, walk) for part in node.elts))


def _array(value, what):
    if not hasattr(value, "shape"):
        shown = value if isinstance(value, int | float) else f"a {type(value).__name__}"
        raise DerivationError(f"{shown} is not an array and has no {what}")
    return value


def _subscript(base, index, walk):
    if isinstance(base, ast.Name) and base.id == "δ":
        return entries.kronecker(index, walk)
    plain = walk.on(walk.grid.without_axes())
    whole = walk.names[base.id] if _is_jacobian(base, walk) else plain(base)
    if entries.mentions(index, walk.grid):
        return entries.taken(base, _array(whole, "entries"), index, walk)
    chosen = _index(index, plain)
    if isinstance(whole, tuple):
        return whole[chosen] if isinstance(chosen, int | slice) else _whole(chosen)
    entries.refuse_wrapped(index, chosen)
    return _array(whole, "subscripts")[chosen]


def _is_jacobian(base, walk):
    """Whether a subscript is that of a local derivative, which has the axes of both nodes."""
    return isinstance(base, ast.Name) and is_derivative(base.id) and base.id in walk.names


def _index(node, walk):
    """The index that a subscript stands for: whole numbers, slices of them, None and `...`."""
    match node:
        case ast.Tuple(elts=parts):
            return tuple(_index(part, walk) for part in parts)
        case ast.Slice(lower=lower, upper=upper, step=step):
            parts = (lower, upper, step)
            return slice(*(None if part is None else _whole(walk(part)) for part in parts))
    value = walk(node)
    return value if value is None or value is ... else _whole(value)


def _whole(value):
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise DerivationError("a subscript is made of whole numbers, slices, None and ...")
