"""Numbers: a graph of single numbers as data, with which a page computes it anew for other inputs."""

import ast

from handgrad.drawing.graph import NodeKind, draw_graph, name_of
from handgrad.drawing.slopes import slope
from handgrad.drawing.spelling import is_number, with_names
from handgrad.drawing.steps import LETTERS, power_of

SIGNS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.USub: "neg",
    ast.Gt: ">",
    ast.Lt: "<",
}
FUNCTIONS = {  # that steps.js knows
    *("abs", "cos", "cosh", "exp", "expm1", "hypot", "log", "log1p", "sign", "sin", "sinh", "sqrt"),
    *("tan", "tanh", "maximum", "minimum", "negative", "relu", "sigmoid", "softplus", "square"),
    "where",
}


def numbers_of(walk):
    """What a page needs for each node, in their order; None if a node is not of single numbers.

    An input has its name and its number, a constant its number, an operation its expression and the
    slope for each operand. What stands for a branch or an output passes on what comes.
    """
    graph, operations = draw_graph(walk), iter(walk.operations)
    if not all(is_number(edge.value) for edge in graph.edges):
        return None
    values = {edge.source: float(edge.value) for edge in graph.edges}
    found = []
    for node in graph.nodes:
        match node.kind:
            case NodeKind.INPUT:
                found.append({"input": node.label, "value": values[node.key]})
            case NodeKind.CONSTANT:
                found.append({"value": values[node.key]})
            case NodeKind.OPERATION:
                found.append(_operation(next(operations)))
            case _:
                found.append({})
    return None if None in found else found


def _operation(operation):
    """An operation and its slopes as data, or None where they cannot be said number by number."""
    slopes = [slope(operation.node, i) for i in range(len(operation.operands))]
    if operation.whole or len(operation.targets) > 1 or None in slopes:
        return None
    letters = zip(map(name_of, operation.operands), map(ast.Name, LETTERS), strict=False)
    try:
        return {
            "makes": _data(with_names(operation.node, dict(letters))),
            "slopes": [_data(with_names(rule, power_of(operation))) for rule in slopes],
        }
    except KeyError:
        return None


def _data(node):
    """An expression as lists: ["*", "a", 2]. Raises KeyError for what is not number by number."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return [SIGNS[type(op)], _data(left), _data(right)]
        case ast.UnaryOp(op=op, operand=operand):
            return [SIGNS[type(op)], _data(operand)]
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return [SIGNS[type(op)], _data(left), _data(right)]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return [name, *map(_data, arguments)]
        case ast.Name(id=name) if name in {*LETTERS, "y"}:
            return name
        case ast.Constant(value=int() | float() as value):
            return value
    raise KeyError(ast.unparse(node))
