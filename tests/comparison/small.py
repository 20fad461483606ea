"""A rule at small sizes, with its outputs and gradients."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.common.random import generator
from handgrad.comparison.sizes import inputs_at, letters_of
from handgrad.derivation.docstrings import derivation_of


def small_sizes(derivation):
    """Small sizes, all different."""
    sizes: dict[str, Any] = dict(zip(letters_of(derivation), range(3, 20), strict=False))
    return sizes | {"...": (2, 3)} if "..." in sizes else sizes


@dataclass
class Small:
    """Random inputs and upstream gradients of a rule, and what the rule makes of them."""

    rule: Any

    def __post_init__(self):
        derivation = derivation_of(self.rule)
        rng = generator(0, self.rule)
        self.inputs = inputs_at(derivation, small_sizes(derivation), rng, "float64")
        y, residuals = self.rule.forward(*self.inputs)
        self.y = y if isinstance(y, tuple) else (y,)
        self.dy = tuple(np.asarray(rng.normal(size=np.shape(a))) for a in self.y)
        grads = self.rule.backward(residuals, self.dy if isinstance(y, tuple) else self.dy[0])
        self.positions = [i for i, dx in enumerate(grads) if dx is not None]
        self.gradients = [grads[i] for i in self.positions]
