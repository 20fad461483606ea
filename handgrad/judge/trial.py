"""A trial: one rule at one point, with what it takes and returns made uniform."""

import numpy as np

from handgrad.derivation.domains import generator


class Trial:
    """A rule, the inputs and the upstream gradients at which it is judged, and a call counter.

    `dy` holds one array for each output, whether the rule has one output or several.
    """

    def __init__(self, rule, inputs, seed):
        self.rule = rule
        self.inputs = inputs
        self.evaluations = 0
        self.real = [i for i, x in enumerate(inputs) if np.issubdtype(x.dtype, np.floating)]
        rng = generator(seed, rule, "dy")
        self.dy = tuple(np.asarray(rng.normal(size=y.shape)) for y in self.forward())

    def forward(self, inputs=None):
        """The outputs, as a tuple of arrays."""
        return outputs_of(self._run(inputs)[0])

    def vjp(self, dy=None, inputs=None):
        """The gradients, as backward returns them."""
        y, residuals = self._run(inputs)
        dy = self.dy if dy is None else tuple(dy)
        self.evaluations += 1
        return self.rule.backward(residuals, dy if isinstance(y, tuple) else dy[0])

    def real_vjp(self, dy=None, inputs=None):
        """The gradients of the real inputs, by position."""
        grads = self.vjp(dy, inputs)
        return {i: np.asarray(grads[i]) for i in self.real}

    @property
    def real_inputs(self):
        return [self.inputs[i] for i in self.real]

    def with_real(self, xs):
        """The inputs, with these arrays in the place of the real ones."""
        inputs = list(self.inputs)
        for i, x in zip(self.real, xs, strict=True):
            inputs[i] = x
        return tuple(inputs)

    def _run(self, inputs):
        self.evaluations += 1
        return self.rule.forward(*(self.inputs if inputs is None else inputs))


def outputs_of(y):
    """The outputs as a tuple of arrays."""
    return tuple(map(np.asarray, y if isinstance(y, tuple) else (y,)))


def rms(x):
    """The root of the mean square of an array; 0 of an empty one."""
    return float(np.sqrt(np.mean(x * x))) if x.size else 0.0
