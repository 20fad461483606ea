"""Oracle: JAX's automatic differentiation of the reference, in float64, on the CPU."""

import dataclasses
import importlib
import re
from functools import partial

import numpy as np

from handgrad.common.oracle import compiled, in_double_precision
from handgrad.judge.calls import contained
from handgrad.judge.trial import outputs_of

DECOMPOSITION = re.compile(r"\b(svd|eigh?|qr|geqrf|schur|hessenberg|tridiagonal)\[")


def registered_reference(rule):
    """The reference function of one of the package's own rules, or None for any other."""
    package, _, family = type(rule).__module__.rpartition(".")
    if package != "handgrad.rules":
        return None
    module = importlib.import_module(f"handgrad.reference.{family}")
    names = {name.replace("_", ""): name for name in module.__all__}
    function = getattr(module, names[type(rule).__name__.lower()])
    return partial(function, **dataclasses.asdict(rule))


class Automatic:
    """A JAX function and its vjp, compiled once for the shapes at which they are asked for."""

    def __init__(self, reference, real):
        self.reference, self.real = contained()(reference), real
        self._run = compiled(self._value_and_vjp)

    def __call__(self, inputs, dy):
        """The outputs, and the gradients of the real inputs by position."""
        inputs = [x.astype(float) if i in self.real else x for i, x in enumerate(inputs)]
        with in_double_precision():
            y, grads = self._run(inputs, tuple(d.astype(float) for d in dy))
            return outputs_of(y), dict(zip(self.real, map(np.asarray, grads), strict=True))

    def misfit(self, trial):
        """A sentence if the reference's outputs have other shapes. It may raise anything."""
        import jax

        with in_double_precision():
            inputs = [x.astype(float) if i in self.real else x for i, x in enumerate(trial.inputs)]
            y = jax.eval_shape(self.reference, *inputs)
        outputs = y if isinstance(y, tuple | list) else (y,)
        wanted = [getattr(output, "shape", output) for output in outputs]
        shapes = [d.shape for d in trial.dy]
        return "" if shapes == wanted else f"the outputs have the shapes {shapes}, JAX's {wanted}"

    def decomposes(self, inputs):
        """Whether the function takes matrices apart: LAPACK may never return from an infinity."""
        import jax

        with in_double_precision():
            program = str(jax.make_jaxpr(self.reference)(*inputs))
        return bool(DECOMPOSITION.search(program))

    def _value_and_vjp(self, inputs, dy):
        import jax

        def of_real(*xs):
            arguments = list(inputs)
            for i, x in zip(self.real, xs, strict=True):
                arguments[i] = x
            return self.reference(*arguments)

        y, vjp = jax.vjp(of_real, *(inputs[i] for i in self.real))
        if isinstance(y, tuple | list):
            pack = getattr(type(y), "_make", type(y))
            return y, vjp(pack([d.astype(o.dtype) for d, o in zip(dy, y, strict=True)]))
        return y, vjp(dy[0].astype(y.dtype))


def traced(subject, trial):
    """The subject's own forward for JAX to differentiate, if JAX can trace it; else None."""
    import jax

    inputs = [x.astype(float) if i in trial.real else x for i, x in enumerate(trial.inputs)]
    try:
        copied = subject.anew()
        jax.eval_shape(copied.forward, *inputs)
    except Exception:
        return None
    return copied.forward
