"""handgrad: hand-derived gradients, verified.

A rule is a frozen dataclass with a `forward` and a hand-derived `backward`, and its docstring
derives the one from the other. `Layer` makes a layer of a rule; `verify` judges one.
"""

from handgrad.layer import Layer
from handgrad.networks import Sequential
from handgrad.rules import *


def verify(subject, *inputs, reference=None, seed=0):
    """Judge a rule; see handgrad.judge.verify, which this calls."""
    from handgrad import judge

    return judge.verify(subject, *inputs, reference=reference, seed=seed)
