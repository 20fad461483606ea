"""Running: the programs compiled, the rule on NumPy, and the numbers that they give."""

import jax
import numpy as np
from jax.extend import core

from handgrad.common.precision import unit_of

ROUNDINGS = 16  # of what a result is made from: where it is smaller than that, it is 0


class Run:
    """The two programs of a gradient, compiled, with what they take and give at some numbers."""

    def __init__(self, programs, inputs, dy):
        self.programs = programs
        self.executables = {half: _compiled(p) for half, p in programs.halves.items()}
        inputs, dy = jax.device_put((tuple(inputs), tuple(dy)))
        returned = self.executables["forward"](*inputs)
        waiting = programs.waiting(inputs, returned)
        gradients = self.executables["backward"](*waiting, *dy)
        self.arguments = {"forward": inputs, "backward": (*waiting, *dy)}
        self.results = {"forward": returned[: programs.outputs], "backward": gradients}
        self.scales = {"forward": inputs, "backward": dy}

    def call(self, half):
        """One call of a program, which ends when its results are there."""
        executable, arguments = self.executables[half], self.arguments[half]
        return lambda: jax.block_until_ready(executable(*arguments))


def numpy_calls(rule, inputs, dy):
    """A call of each half of the rule on NumPy's arrays."""
    y, residuals = rule.forward(*inputs)
    dy = tuple(dy) if isinstance(y, tuple) else dy[0]
    return {
        "forward": lambda: rule.forward(*inputs),
        "backward": lambda: rule.backward(residuals, dy),
    }


def difference(actual, wanted, made_from):
    """The largest difference between two lists of arrays, each as a share of its largest number.

    Where an array is 0 but for rounding, the share is of what rounding makes of its arguments.
    """
    differences = [0.0]
    for a, w in zip(map(np.asarray, actual), map(np.asarray, wanted), strict=True):
        rounding = ROUNDINGS * unit_of(w.dtype) * max(map(_largest, made_from), default=0.0)
        scale = max(_largest(w), rounding) or 1.0
        differences.append(_largest(a.astype(float) - w.astype(float)) / scale)
    return float(np.max(differences))


def _compiled(program):
    return jax.jit(core.jaxpr_as_fun(program)).lower(*program.in_avals).compile()


def _largest(x):
    """The largest magnitude in an array of real numbers; 0 in one of labels or a mask."""
    real = np.issubdtype(x.dtype, np.floating)
    return float(np.max(np.abs(x), initial=0.0)) if real else 0.0
