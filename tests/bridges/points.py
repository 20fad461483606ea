"""A rule at a point in NumPy: what every bridge has to agree with."""

from dataclasses import dataclass

import numpy as np

from tests.rules_and_cases import trial_of


@dataclass
class Point:
    """Inputs, and one upstream gradient for each output, as arrays of NumPy."""

    rule: object
    inputs: tuple[np.ndarray, ...]
    dy: tuple[np.ndarray, ...]

    @property
    def real(self):
        """The places of the inputs that have a gradient."""
        y, residuals = self.rule.forward(*self.inputs)
        grads = self.rule.backward(residuals, self.dy if isinstance(y, tuple) else self.dy[0])
        return [i for i, dx in enumerate(grads) if dx is not None]

    @property
    def given(self):
        """The upstream gradient as the rule takes it: an array, or a tuple of several."""
        several = isinstance(self.rule.forward(*self.inputs)[0], tuple)
        return self.dy if several else self.dy[0]

    def outputs(self):
        return as_tuple(self.rule.forward(*self.inputs)[0])

    def gradients(self, dy=None):
        """The gradients of the real inputs, with this upstream gradient or the point's own."""
        y, residuals = self.rule.forward(*self.inputs)
        dy = self.dy if dy is None else tuple(dy)
        grads = self.rule.backward(residuals, dy if isinstance(y, tuple) else dy[0])
        return [grads[i] for i in self.real]


def point_of(rule):
    """A random point, with arrays of its own."""
    trial = trial_of(rule)
    return Point(rule, tuple(map(np.array, trial.inputs)), tuple(map(np.array, trial.dy)))


def as_tuple(y):
    return y if isinstance(y, tuple) else (y,)
