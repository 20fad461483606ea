"""handgrad: hand-derived gradients, verified.

A rule is a frozen dataclass with a `forward` and a hand-derived `backward`, and its docstring
derives the one from the other. `Layer` makes a layer of a rule; `verify` judges a gradient and
`check` a derivation, `draw` shows its graph, and `compare` sets it beside automatic differentiation.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from handgrad.layers import Layer, Sequential

if TYPE_CHECKING:
    from handgrad.comparison import compare
    from handgrad.derivation.report import check
    from handgrad.drawing.picture import draw
    from handgrad.judge.verify import verify
    from handgrad.rules import *

__version__ = "0.2.0.dev0"
FUNCTIONS = {
    "check": "handgrad.derivation.report",
    "compare": "handgrad.comparison",
    "draw": "handgrad.drawing.picture",
    "verify": "handgrad.judge.verify",
}


def __getattr__(name):
    """A function or a rule. They load when they are first asked for: the import stays light."""
    if name == "__all__":
        return ["Layer", "Sequential", *FUNCTIONS, *_rules()]
    if name in FUNCTIONS:
        return getattr(import_module(FUNCTIONS[name]), name)
    try:
        return _rules()[name]
    except KeyError:
        raise AttributeError(f"module 'handgrad' has no attribute {name!r}") from None


def __dir__():
    return sorted({*globals(), *FUNCTIONS, *_rules()})


def _rules():
    names = vars(import_module("handgrad.rules"))
    return {name: value for name, value in names.items() if isinstance(value, type)}
