"""JAX functions, with a derivative of their own or without.

JAX traces the function and its vjp once for each shape, and NumPy runs the programs: nothing is
compiled. They are run by XLA once, at the given inputs, to see that it gives the same.
"""

from collections import OrderedDict

import numpy as np

from handgrad.common.jaxpr import Program
from handgrad.common.oracle import in_double_precision
from handgrad.judge.calls import UnjudgeableError
from handgrad.judge.libraries import is_floating
from handgrad.judge.subjects.base import Subject, named

KEPT = 24  # programs


class JaxFunction(Subject):
    """A function of JAX arrays, and what jax.vjp makes of it."""

    library, fed = "jax", "numpy"

    def __init__(self, function, arguments=None):
        super().__init__(named(function), arguments)
        self.held = function
        self.reference = function  # for an oracle that replaces derivatives of its own
        self.programs = OrderedDict()

    @property
    def loops(self):
        """Whether it has a loop that waits for a number, and so may not end."""
        steps = (step for program, *_ in self.programs.values() for step in program.steps)
        return any(step.primitive.name == "while" for step in steps)

    def _packed(self, leaves):
        return leaves

    def _forward(self, *leaves):
        program, dtypes, is_one = self._program("forward", leaves)
        outputs = tuple(_narrowed(program(*leaves), dtypes))
        return outputs[0] if is_one else outputs

    def _vjp(self, *leaves):
        real = [i for i, x in enumerate(leaves) if is_floating(x.dtype)]

        def backward(dy):
            given = tuple(dy) if isinstance(dy, tuple | list) else (dy,)
            program, dtypes, _ = self._program("vjp", leaves, given)
            grads = _narrowed(program(*leaves, *given), dtypes)
            found = dict(zip(real, grads, strict=True))
            return tuple(found.get(i) for i in range(len(leaves)))

        return None, backward

    def flat(self, grads):
        return grads

    def _program(self, kind, leaves, dy=()):
        key = kind, *((x.shape, x.dtype) for x in (*leaves, *dy))
        if key not in self.programs:
            self.programs[key] = self._traced(kind, leaves, dy)
            while len(self.programs) > KEPT:
                self.programs.popitem(last=False)
        return self.programs[key]

    def _traced(self, kind, leaves, dy):
        import jax

        is_one = []

        def forward(*given):
            y = self.held(*self.packed_for_reference(given))
            is_one[:] = [jax.tree.structure(y) == jax.tree.structure(0)]
            return jax.tree.leaves(y)

        def vjp(*given):
            return _pulled(forward, given[: len(leaves)], given[len(leaves) :])

        try:
            with in_double_precision():
                closed = jax.make_jaxpr(forward if kind == "forward" else vjp)(*leaves, *dy)
        except jax.errors.JAXTypeError as error:
            what = str(error).partition("\n")[0]
            raise UnjudgeableError(
                f"{self.name} is not a JAX function ({what}): pass a pair (f, vjp)"
            ) from None
        dtypes = [v.aval.dtype for v in closed.jaxpr.outvars]
        return Program(closed), dtypes, is_one[0]


def _pulled(function, leaves, dy):
    """The gradients of the real leaves."""
    import jax

    real = [i for i, x in enumerate(leaves) if is_floating(x.dtype)]

    def of_real(*xs):
        given = list(leaves)
        for i, x in zip(real, xs, strict=True):
            given[i] = x
        return function(*given)

    ys, pull = jax.vjp(of_real, *(leaves[i] for i in real))
    return pull([_cotangent(d, y) for d, y in zip(dy, ys, strict=True)])


def _cotangent(d, y):
    import jax

    if is_floating(y.dtype):
        return d
    return np.zeros(y.shape, jax.dtypes.float0)


def _narrowed(results, dtypes):
    """Results in the types that JAX gives them, and no longer in extended precision."""
    return [np.asarray(x).astype(t) for x, t in zip(results, dtypes, strict=True)]
