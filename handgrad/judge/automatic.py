"""Oracle: JAX's automatic differentiation of the reference, in float64, on the CPU."""

import dataclasses
import importlib
from functools import partial

import numpy as np

from handgrad.judge.trial import outputs_of
from handgrad.oracle import compiled, in_double_precision


def registered_reference(rule):
    """The reference function of one of the package's own rules, or None for any other."""
    package, _, family = type(rule).__module__.rpartition(".")
    if package != "handgrad.rules":
        return None
    module = importlib.import_module(f"reference.{family}")
    names = {name.replace("_", ""): name for name in module.__all__}
    function = getattr(module, names[type(rule).__name__.lower()])
    return partial(function, **dataclasses.asdict(rule))


def misfit(reference, trial):
    """A sentence if the reference's outputs have other shapes than the rule's."""
    import jax

    with in_double_precision():
        y = jax.eval_shape(lambda xs: reference(*trial.with_real(xs)), trial.real_inputs)
    wanted = [output.shape for output in (y if isinstance(y, tuple) else (y,))]
    shapes = [d.shape for d in trial.dy]
    return "" if shapes == wanted else f"the outputs have the shapes {shapes}, JAX's {wanted}"


def value_and_vjp(reference, trial):
    """The reference's outputs, and its gradients of the trial's real inputs, by position."""
    import jax

    def run(xs, dy):
        y, vjp = jax.vjp(lambda *xs: reference(*trial.with_real(xs)), *xs)
        return y, vjp(dy if isinstance(y, tuple) else dy[0])

    with in_double_precision():
        y, grads = compiled(run)(trial.real_inputs, trial.dy)
        return outputs_of(y), dict(zip(trial.real, map(np.asarray, grads), strict=True))
