"""A rule on the command line, with its options as in Python: LSTMCell(order="ifog")."""

import ast
import dataclasses
import types
from typing import Literal, get_args, get_origin, get_type_hints

from handgrad.cli.console import UsageError
from handgrad.cli.targets import find_rules
from handgrad.rules import catalog


def rule_named(text, option):
    """The rule that an option of the command line names; words may stand without quotes."""
    name, opened, rest = text.partition("(")
    found = find_rules(name.strip())
    if len(found) > 1:
        names = ", ".join(cls.__name__ for cls in found)
        raise UsageError(f"{option} {text} is a family: name one rule of {names}")
    if not opened:
        return catalog.instances(found[0])[0]
    try:
        return _made(found[0], ast.parse(f"_({rest}", mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = getattr(error, "msg", error)
        raise UsageError(f"{option} {text}: {said}: {_usage(found[0])}") from None


def _made(cls, call):
    """The rule of a call. Raises ValueError for what is not a call of names and literals."""
    if not isinstance(call, ast.Call) or call.args:
        raise ValueError("an option is NAME=VALUE")
    known, given = get_type_hints(cls), {}
    fields = [field.name for field in dataclasses.fields(cls)]
    for keyword in call.keywords:
        if keyword.arg not in fields:
            raise ValueError(f"there is no option {keyword.arg or '**'}")
        given[keyword.arg] = value = _literal(keyword.value)
        if not _fits(value, known[keyword.arg]):
            may_be = _written(known[keyword.arg])
            raise ValueError(f"{keyword.arg} is {value!r}, and may be {may_be}")
    try:
        return cls(**given)
    except TypeError:
        raise ValueError("an option is missing") from None


def _literal(node):
    if isinstance(node, ast.Name):
        return node.id
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        raise ValueError(f"{ast.unparse(node)} is not a value") from None


def _fits(value, kind):
    """Whether a value is of the type that a field states."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if isinstance(kind, types.UnionType):
        return any(_fits(value, one) for one in get_args(kind))
    if get_origin(kind) is tuple:
        return isinstance(value, tuple)
    if kind in {int, float}:
        return isinstance(value, int | kind) and not isinstance(value, bool)
    return not isinstance(kind, type) or isinstance(value, kind)


def _written(kind):
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)


def _usage(cls):
    """How a rule with options is written."""
    fields = dataclasses.fields(cls)
    if not fields:
        return f"write {cls.__name__}, which has no options"
    defaults = [catalog.instances(cls)[0]] if catalog.instances(cls) else []
    shown = [f"{f.name}={getattr(d, f.name)!r}" for d in defaults for f in fields]
    return f"write {cls.__name__}({', '.join(shown)})"
