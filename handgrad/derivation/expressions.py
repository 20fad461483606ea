"""Expressions: Python's syntax, walked node by node and never given to `eval`.

What is not in the tables below does not exist.
"""

import ast
import operator
from typing import Any

BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
UNARY = {ast.UAdd: operator.pos, ast.USub: operator.neg}


def parse(text):
    """The syntax tree of one expression."""
    return ast.parse(text.strip(), mode="eval").body


def names_in(node):
    """The names in an expression, each once, in the order in which they stand."""
    found = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    found.sort(key=lambda n: (n.lineno, n.col_offset))
    return list(dict.fromkeys(n.id for n in found))


def evaluate(node, values) -> Any:
    """The value of an expression in which the names have these values."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            return BINARY[type(op)](evaluate(left, values), evaluate(right, values))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
            return UNARY[type(op)](evaluate(operand, values))
        case ast.Subscript(value=value, slice=index):
            return evaluate(value, values)[evaluate(index, values)]
        case ast.Tuple(elts=elements):
            return tuple(evaluate(element, values) for element in elements)
    raise ValueError(f"{ast.unparse(node)!r} is no expression in sizes")
