"""Code as a table shows it: one expression of names, calls and numbers, run without eval."""

import ast
import operator
from typing import Any

OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def run(code, names):
    """The value of an expression. Raises ValueError for what is more than names, calls and numbers."""
    return _value(ast.parse(code, mode="eval").body, names)


def _value(node, names) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    read = READERS.get(type(node))
    if read is None:
        raise ValueError(f"{ast.unparse(node)!r} is more than names, calls and numbers")
    return read(node, names)


def _call(node, names):
    arguments = [_value(argument, names) for argument in node.args]
    options = {keyword.arg: _value(keyword.value, names) for keyword in node.keywords}
    return _value(node.func, names)(*arguments, **options)


def _operation(node, names):
    return OPERATORS[type(node.op)](_value(node.left, names), _value(node.right, names))


def _comparison(node, names):
    (order,), (right,) = node.ops, node.comparators
    return OPERATORS[type(order)](_value(node.left, names), _value(right, names))


READERS = {
    ast.Attribute: lambda node, names: getattr(_value(node.value, names), node.attr),
    ast.BinOp: _operation,
    ast.Call: _call,
    ast.Compare: _comparison,
    ast.Name: lambda node, names: names[node.id],
    ast.Subscript: lambda node, names: _value(node.value, names)[_value(node.slice, names)],
    ast.Tuple: lambda node, names: tuple(_value(element, names) for element in node.elts),
    ast.UnaryOp: lambda node, names: -_value(node.operand, names),
}
