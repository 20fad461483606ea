"""handgrad: hand-derived gradients, verified.

A rule is a frozen dataclass with a `forward` and a hand-derived `backward`, and its docstring
derives the one from the other. `Layer` makes a layer of a rule; `verify` judges a gradient and
`check` a derivation, `draw` shows its graph, and `compare` sets it beside automatic differentiation.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handgrad.comparison import compare as compare
    from handgrad.derivation.report import check as check
    from handgrad.drawing.picture import draw as draw
    from handgrad.judge.verify import verify as verify
    from handgrad.layers import Layer as Layer
    from handgrad.layers import Parallel as Parallel
    from handgrad.layers import Residual as Residual
    from handgrad.layers import Sequential as Sequential
    from handgrad.rules import *

__version__ = "0.2.0.dev0"
HOMES = {
    "Layer": "handgrad.layers",
    "Parallel": "handgrad.layers",
    "Residual": "handgrad.layers",
    "Sequential": "handgrad.layers",
    "check": "handgrad.derivation.report",
    "compare": "handgrad.comparison",
    "draw": "handgrad.drawing.picture",
    "verify": "handgrad.judge.verify",
}


def __getattr__(name):
    """A public name. It loads when it is first asked for: the import alone loads nothing."""
    if name == "__all__":
        return [*HOMES, *_rules()]
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    try:
        return _rules()[name]
    except KeyError:
        raise AttributeError(f"module 'handgrad' has no attribute {name!r}") from None


def __dir__():
    return sorted({*globals(), *HOMES, *_rules()})


def load_ipython_extension(shell):
    """`%load_ext handgrad` in a notebook: rules show as mathematics, `%%derivation` checks a cell."""
    import_module("handgrad.notebook").load(shell)


def _rules():
    names = vars(import_module("handgrad.rules"))
    return {name: value for name, value in names.items() if isinstance(value, type)}
