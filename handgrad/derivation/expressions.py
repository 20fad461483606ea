"""Expressions: Python's syntax, walked node by node and never given to `eval`.

What is not in the tables below, or among the functions of the vocabulary, does not exist. The walk
keeps every number and every array within bounds, so a text from a stranger is safe to evaluate.
"""

import ast
import difflib
import math
import operator
import re
from types import EllipsisType, NoneType
from typing import Any

from handgrad.derivation.bounds import bound_broadcast, bound_product, bounded
from handgrad.derivation.budget import spend
from handgrad.derivation.errors import DerivationError

MAX_CHARACTERS = 2000
MAX_DEPTH = 40
QUOTED = 100
WARNED = re.compile(r"\\|(?<![\w.])\d[\w.]*?(?:and|else|for|if|in|is|not|or)")
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
ATTRIBUTES = {"T", "ndim", "shape", "size"}


def parse(text, line=None, column=1):
    """The syntax tree of one expression, or a DerivationError that says where it breaks off."""
    if len(text) > MAX_CHARACTERS:
        raise DerivationError(
            f"an expression has at most {MAX_CHARACTERS} characters", line, column
        )
    stripped = text.lstrip()
    column += len(text) - len(stripped)
    if not stripped.strip():
        raise DerivationError("an expression is missing", line, column)
    if match := WARNED.search(stripped):  # where Python's parser would print a warning
        message = f"{match[0]!r} is not part of an expression"
        raise DerivationError(message, line, column + match.start())
    try:
        node = ast.parse(stripped.rstrip(), mode="eval").body
    except SyntaxError as error:
        message = f"{_short(stripped.strip())!r} is not an expression: {error.msg}"
        raise DerivationError(message, line, column + (error.offset or 1) - 1) from None
    except (ValueError, RecursionError, MemoryError):
        raise DerivationError("this is not an expression that can be read", line, column) from None
    if _depth(node) > MAX_DEPTH:
        raise DerivationError(f"an expression nests at most {MAX_DEPTH} deep", line, column)
    encoded = stripped.encode()
    for inner in ast.walk(node):
        if isinstance(inner, ast.expr):
            before = len(encoded[: inner.col_offset].decode())  # Python counts bytes
            inner.lineno, inner.col_offset = line or 0, before + column - 1
    return node


def _short(text):
    """The beginning of a text, to quote."""
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"


def names_in(node):
    """The names in an expression, each once, without those of the functions that it calls."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    found = [n for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in called]
    return list(dict.fromkeys(n.id for n in sorted(found, key=lambda n: n.col_offset)))


def evaluate(node, names, functions) -> Any:
    """The value of an expression, from the values of names and the functions of a vocabulary."""
    spend()
    try:
        return bounded(_value(node, names, functions))
    except DerivationError as error:
        raise error.at(node.lineno or None, node.col_offset + 1) from None
    except Exception as error:
        sentence = INSIDE.sub("", " ".join(str(error).split()))[:200]
        message = f"{_short(ast.unparse(node))}: {sentence or type(error).__name__}"
        raise DerivationError(message, node.lineno or None, node.col_offset + 1) from None


def _value(node, names, functions):
    def inner(child):
        return evaluate(child, names, functions)

    match node:
        case ast.Constant(value=bool() | int() | float() | NoneType() | EllipsisType()):
            return node.value
        case ast.Name(id=name):
            return _named(name, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            return _binary(op, inner(left), inner(right))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
            return UNARY[type(op)](_number(inner(operand)))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARE:
            left, right = _number(inner(left)), _number(inner(right))
            bound_broadcast(left, right)
            return COMPARE[type(op)](left, right)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
            return _call(name, arguments, keywords, names, functions)
        case ast.Attribute(value=value, attr=name) if name in ATTRIBUTES:
            return getattr(_array(inner(value), f".{name}"), name)
        case ast.Subscript(value=value, slice=index):
            return _subscript(inner(value), _index(index, inner))
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return tuple(inner(element) for element in elements)
    raise DerivationError(f"{_short(ast.unparse(node))!r} is not allowed in a derivation")


def _named(name, names):
    if name in names:
        return _as_value(name, names[name])
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


def near(name, known):
    """A hint at the known names that an unknown one may have been meant for."""
    matches = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f": did you mean {' or '.join(matches)}?" if matches else ""


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


def _call(name, arguments, keywords, names, functions):
    if name not in functions:
        raise DerivationError(f"there is no function {name}{near(name, functions)}")
    function = functions[name]
    if len(arguments) > function.positional:
        raise DerivationError(f"{name} takes at most {function.positional} positional arguments")
    named = {}
    for keyword in keywords:
        if keyword.arg not in function.keywords:
            allowed = ", ".join(sorted(function.keywords)) or "none"
            raise DerivationError(f"{name} has no argument {keyword.arg}; it has {allowed}")
        named[keyword.arg] = evaluate(keyword.value, names, functions)
    if function.takes_text:
        text, *arguments = arguments
        if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
            raise DerivationError(f"{name} begins with its subscripts, such as 'ij,jk->ik'")
        values = [text.value, *(evaluate(a, names, functions) for a in arguments)]
    else:
        values = [evaluate(a, names, functions) for a in arguments]
    if function.broadcasts:
        bound_broadcast(*values)
    return function.call(*values, **named)


def _array(value, what):
    if not hasattr(value, "shape"):
        shown = value if isinstance(value, int | float) else f"a {type(value).__name__}"
        raise DerivationError(f"{shown} is not an array and has no {what}")
    return value


def _index(node, inner):
    """The index that a subscript stands for: whole numbers, slices of them, None and `...`."""
    match node:
        case ast.Tuple(elts=elements):
            return tuple(_index(element, inner) for element in elements)
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(
                *(None if part is None else _whole(inner(part)) for part in (lower, upper, step))
            )
    value = inner(node)
    return value if value is None or value is ... else _whole(value)


def _whole(value):
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise DerivationError("a subscript is made of whole numbers, slices, None and ...")


def _subscript(value, index):
    if isinstance(value, tuple):
        return value[index] if isinstance(index, int | slice) else _whole(index)
    return _array(value, "subscripts")[index]


def _depth(node):
    """How deep the syntax tree is, counted without recursion."""
    deepest, level = 0, [node]
    while level:
        deepest += 1
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
    return deepest
