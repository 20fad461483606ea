"""Instances: the call of a class that makes an object again, where plain values are all it holds."""

import ast
import inspect

import numpy as np

from handgrad.judge.calls import contained
from handgrad.judge.diagnosis.literals import LONG, written
from handgrad.judge.subjects import StatefulLayer


def made_again(thing, named=None):
    """The call that makes an equal object, or "". `named` are expressions to write for some values."""
    named = named or {}
    values = _values_of(thing)
    try:
        texts = [f"{n}={named[n] if n in named else _literal(v)}" for n, v in values.items()]
    except (SyntaxError, ValueError):
        return ""
    call = f"{type(thing).__name__}({', '.join(texts)})"
    return call if _is_made_by(thing, values) else ""


def made_with(subject, inputs):
    """A layer made again with its parameters taken from the inputs; None if it cannot be made so."""
    if not takes_parameters(subject):
        return None
    values = _values_of(subject.layer)
    last = inputs[len(inputs) - len(subject.params) :]
    given = dict(zip(subject.params, map(np.array, last), strict=True))
    return StatefulLayer(_made(subject.layer, values | given), subject.params)


def takes_parameters(subject):
    """Whether the parameters of a layer are arguments of its class."""
    params = getattr(subject, "params", None)
    return (
        bool(params)
        and set(params) <= set(_values_of(subject.layer))
        and bool(made_again(subject.layer, dict.fromkeys(params, "")))
    )


def _values_of(thing):
    """The arguments with which an object was made, if it keeps them under their names."""
    held = getattr(thing, "__dict__", {})
    try:
        names = list(inspect.signature(type(thing)).parameters)
    except (TypeError, ValueError):
        return {}
    return {name: held[name] for name in names if name in held}


def _is_made_by(thing, values):
    """Whether a call with these arguments gives an object that holds the same."""
    try:
        held, made = vars(thing), vars(_made(thing, values))
    except Exception:
        return False
    return made.keys() == held.keys() and all(_equal(made[name], held[name]) for name in held)


@contained()
def _made(thing, values):
    """An object of a thing's class."""
    return type(thing)(**values)


def _literal(value):
    if isinstance(value, np.ndarray):
        if value.size > LONG:
            raise ValueError("too long")
        return written(value)
    text = repr(value)
    if repr(ast.literal_eval(text)) != text:
        raise ValueError("not what it prints")
    return text


def _equal(a, b):
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and repr(a) == repr(b)
