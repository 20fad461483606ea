"""handgrad: hand-derived gradients, verified.

A rule is a frozen dataclass with a `forward` and a hand-derived `backward`, and its docstring
derives the one from the other. `Layer` makes a layer of a rule; `verify` judges one.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from handgrad.layers import Layer, Sequential

if TYPE_CHECKING:
    from handgrad.rules import *


def verify(subject, *inputs, reference=None, seed=0, params=None):
    """Judge a gradient; see handgrad.judge.verify, which this calls."""
    judge = import_module("handgrad.judge")
    return judge.verify(subject, *inputs, reference=reference, seed=seed, params=params)


def __getattr__(name):
    """A rule. They are loaded when the first one is asked for, which keeps the import light."""
    if name == "__all__":
        return ["Layer", "Sequential", "verify", *_rules()]
    try:
        return _rules()[name]
    except KeyError:
        raise AttributeError(f"module 'handgrad' has no attribute {name!r}") from None


def __dir__():
    return sorted([*globals(), *_rules()])


def _rules():
    names = vars(import_module("handgrad.rules"))
    return {name: value for name, value in names.items() if isinstance(value, type)}
