"""JAX functions, with a derivative of their own or without.

JAX traces the function and its vjp once for each shape, and NumPy runs the programs: nothing is
compiled. They are run by XLA once, at the given inputs, to see that it gives the same.
"""

from collections import OrderedDict

import numpy as np

from handgrad.common.jaxpr import Program
from handgrad.common.oracle import in_double_precision
from handgrad.judge.calls import CodeError, UnjudgeableError, contained
from handgrad.judge.libraries import is_floating
from handgrad.judge.oracles.jax import holds, value_and_vjp
from handgrad.judge.subjects import ways
from handgrad.judge.subjects.base import Subject, named

KEPT = 24  # programs
DETACHED = {"stop_gradient", "custom_vjp_call", "custom_vjp_call_jaxpr"}


class JaxFunction(Subject):
    """A function of JAX arrays, and what jax.vjp makes of it."""

    library, fed, traced = "jax", "numpy", True
    instead = "pass a pair (f, vjp)"  # of what JAX cannot trace

    def __init__(self, function, arguments=None):
        super().__init__(named(function), arguments)
        self.held = function
        self.reference = function  # for an oracle that replaces derivatives of its own
        self.programs = OrderedDict()

    def _packed(self, leaves):
        return leaves

    def _forward(self, *leaves):
        program, dtypes, is_one = self._program("forward", leaves)
        outputs = tuple(_narrowed(program(*leaves), dtypes))
        return outputs[0] if is_one else outputs

    @contained
    def detaches(self, leaves):
        """Whether JAX's gradient is one that somebody made, or stopped, at these leaves."""
        import jax

        with in_double_precision():
            closed = jax.make_jaxpr(self.reference)(*self.packed_for_reference(leaves))
        return holds(closed.jaxpr, DETACHED)

    def _vjp(self, *leaves):
        def backward(dy):
            given = tuple(dy) if isinstance(dy, tuple | list) else (dy,)
            program, dtypes, which = self._program("vjp", leaves, given)
            grads = _narrowed(program(*leaves, *given), dtypes)
            found = dict(zip(which, grads, strict=True))
            return tuple(found.get(i) for i in range(max([len(leaves), *(k + 1 for k in which)])))

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
        """The program, the types of its results, and what is noted when it is traced.

        That is of a forward whether it has one output, of a vjp which leaves its gradients are of.
        """
        import jax

        noted = []

        def forward(*given):
            y = self.reference(*self.packed_for_reference(given))
            noted[:] = [jax.tree.structure(y) == jax.tree.structure(0)]
            return jax.tree.leaves(y)

        def vjp(*given):
            found = self._pulled(given[: len(leaves)], given[len(leaves) :])
            noted[:] = found
            return list(found.values())

        try:
            with in_double_precision():
                closed = jax.make_jaxpr(forward if kind == "forward" else vjp)(*leaves, *dy)
        except jax.errors.JAXTypeError as error:
            what = str(error).partition("\n")[0]
            raise UnjudgeableError(
                f"{self.name} is not a JAX function ({what}): {self.instead}"
            ) from None
        dtypes = [v.aval.dtype for v in closed.jaxpr.outvars]
        return Program(closed), dtypes, noted[0] if kind == "forward" else noted

    def _pulled(self, leaves, dy):
        """The gradients of the real leaves, by position."""
        import jax

        def flat(*given):
            return jax.tree.leaves(self.reference(*self.packed_for_reference(given)))

        real = [i for i, x in enumerate(leaves) if is_floating(x.dtype)]
        results = value_and_vjp(flat, real, len(leaves), *leaves, *dy)
        return dict(zip(real, results[len(dy) :], strict=True))


class JaxPair(JaxFunction):
    """f and vjp in JAX, called in the way that was found: both are traced."""

    def __init__(self, pair, arguments):
        super().__init__(pair.held[0], arguments)
        self.name, self.held, self.way, self.tried = pair.name, pair.held, pair.way, pair.tried
        self.reference = lambda *given: self.way.output(pair.held[0](*given))
        self.silent = frozenset()

    def _pulled(self, leaves, dy):
        f, vjp = self.held
        given = self.packed_for_reference(leaves)
        result = None if self.way is ways.PAIR else f(*given)
        is_one = self._program("forward", leaves)[2]
        grads = self.way.call(vjp, result, dy[0] if is_one else tuple(dy), given)
        whole = ways.as_tuple(grads, self.arguments.names if self.arguments.is_flat else ())
        if not isinstance(grads, tuple | list | dict):
            self.silent |= self.arguments.after(1, len(leaves))
        return {i: g for i, g in enumerate(self.arguments.flat(whole)) if g is not None}

    def is_traced(self, leaves):
        """Whether JAX can trace both at these leaves."""
        try:
            y = self.forward(*leaves)
            _, backward = self.vjp(*leaves)
            backward([np.zeros_like(a) for a in (y if isinstance(y, tuple) else (y,))])
        except (CodeError, UnjudgeableError):
            return False
        return True


def _narrowed(results, dtypes):
    """Results in the types that JAX gives them, and no longer in extended precision."""
    return [np.asarray(x).astype(t) for x, t in zip(results, dtypes, strict=True)]
