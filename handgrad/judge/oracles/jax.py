"""Oracle: JAX's automatic differentiation of a reference, run without a compiler.

`jax.vjp` of the reference is traced once for each shape, and NumPy runs the program in extended
precision, operation by operation. Where a function is its own reference, the derivatives that it
brings along are on trial, so they are replaced by what they are derivatives of.
"""

import contextlib
import dataclasses
import importlib
from collections import OrderedDict
from functools import partial

import numpy as np

from handgrad.common.jaxpr import Program, inner_programs, run_step
from handgrad.common.oracle import in_double_precision
from handgrad.common.random import generator
from handgrad.judge.calls import CodeError, Contained, contained
from handgrad.judge.libraries import is_floating
from handgrad.judge.oracles.differences import UNIT

TURNS, STEPS = 8, 200  # of a loop, and of a program, that is explained turn by turn
KEPT = 12  # programs
RUNS = 6
ADDED_UP = {"add_any", "cumsum", "dot_general", "reduce_sum", "reduce_window_sum", "scatter-add"}
ADDED_UP |= {"conv_general_dilated", "add", "sub"}
ROUNDED = ADDED_UP | {"acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos"}
ROUNDED |= {"cosh", "cumprod", "cumlogsumexp", "div", "erf", "erf_inv", "erfc", "exp", "exp2"}
ROUNDED |= {"expm1", "integer_pow", "lgamma", "digamma", "log", "log1p", "logistic", "mul", "pow"}
ROUNDED |= {"reduce_prod", "rsqrt", "sin", "sinh", "sqrt", "square", "tan", "tanh", "cholesky"}
CUSTOM = {"custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"}
DECOMPOSITIONS = {"svd", "eigh", "eig", "qr", "geqrf", "schur", "hessenberg", "tridiagonal"}


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
    """A JAX function and its vjp at any inputs. It may raise a CodeError, and then has no opinion."""

    def __init__(self, reference, subject, *, own):
        self.subject, self.own = subject, own
        self.reference = contained(reference)
        self.programs = OrderedDict()
        self.measured = None

    def __call__(self, inputs, dy):
        """The outputs, and the gradients of the real inputs by position."""
        return self._run(inputs, dy)

    def noise(self, inputs, dy):
        """How far outputs and gradients move when every operation rounds at random, RUNS times."""
        key = tuple(a.tobytes() for a in (*inputs, *dy))
        if self.measured is None or self.measured[0] != key:
            runs = [self._run(inputs, dy, _rounding(k)) for k in range(RUNS)]
            outputs = [_spread(ys) for ys in zip(*(ys for ys, _ in runs), strict=True)]
            grads = {i: _spread([g[i] for _, g in runs]) for i in runs[0][1]}
            self.measured = key, (outputs, grads)
        return self.measured[1]

    def shapes(self, inputs, dy):
        """The shapes of the reference's outputs; what is not an array stands for itself.

        The program of its vjp knows them, unless there is none for these dy.
        """
        import jax

        with contextlib.suppress(CodeError), Contained():
            return self._program(inputs, dy)[2]
        with Contained(), in_double_precision():
            y = jax.eval_shape(self._of, *_wide(inputs))
        return [getattr(output, "shape", output) for output in _outputs(y)]

    def decomposes(self, inputs):
        """Whether the function takes matrices apart: LAPACK may never return from an infinity."""
        program, *_ = self._program(inputs, None)
        return any(step.primitive.name in DECOMPOSITIONS for step in program.steps)

    @contained
    def forward_program(self, inputs):
        """The program of the reference alone; the turns of a short loop one after the other."""
        unrolled = Program(self._traced(inputs, None, []), TURNS)
        return unrolled if len(unrolled.steps) <= STEPS else self._program(inputs, None)[0]

    @contained
    def _run(self, inputs, dy, run=run_step):
        program, real, _ = self._program(inputs, dy)
        wide = [a.astype(float) if is_floating(a.dtype) else a for a in (*inputs, *dy)]
        results = [np.asarray(x).astype(float) for x in program(*wide, run=run)]
        count = len(results) - len(real)
        return results[:count], dict(zip(real, results[count:], strict=True))

    def _program(self, inputs, dy):
        key = tuple((a.shape, a.dtype.kind) for a in (*inputs, *(dy or ()))), dy is None
        if key not in self.programs:
            real = [i for i, x in enumerate(inputs) if is_floating(x.dtype)] if dy else []
            closed = self._traced(inputs, dy, real)
            shapes = [y.shape for y in closed.out_avals[: len(closed.out_avals) - len(real)]]
            self.programs[key] = Program(closed), real, shapes
            while len(self.programs) > KEPT:
                self.programs.popitem(last=False)
        return self.programs[key]

    def _traced(self, inputs, dy, real):
        import jax

        with in_double_precision():
            if dy is None:
                return jax.make_jaxpr(self._function(inputs))(*_wide(inputs))
            vjp = partial(value_and_vjp, self._function(inputs), real, len(inputs))
            return jax.make_jaxpr(vjp)(*_wide(inputs), *_wide(dy))

    def _function(self, inputs):
        """The outputs as a list; of a function that is its own reference, without its derivatives."""
        import jax

        if not self.own:
            return self._of
        return primal(jax.make_jaxpr(self._of)(*_wide(inputs)))

    def _of(self, *leaves):
        return _outputs(self.reference(*self.subject.packed_for_reference(leaves)))


def primal(closed):
    """The function of a program, with functions in the place of their derivatives."""
    import jax
    from jax.extend import core

    def run(*arguments):
        known = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
        known |= zip(closed.jaxpr.invars, arguments, strict=True)
        for equation in closed.jaxpr.eqns:
            given = [v.val if isinstance(v, core.Literal) else known[v] for v in equation.invars]
            known |= zip(equation.outvars, _plainly(equation, given), strict=True)
        return [v.val if isinstance(v, core.Literal) else known[v] for v in closed.jaxpr.outvars]

    def _plainly(equation, given):
        name, params = equation.primitive.name, equation.params
        body = params.get("call_jaxpr") or params.get("jaxpr") or params.get("fun_jaxpr")
        if body is not None and (
            name in CUSTOM or name in {"jit", "pjit", "closed_call", "remat2"}
        ):
            inner = body if hasattr(body, "consts") else core.ClosedJaxpr(body, ())
            return primal(inner)(*given)
        if any(holds(program, CUSTOM) for program in inner_programs(equation)):
            params = {key: _replaced(value) for key, value in params.items()}
        results = equation.primitive.bind(*given, **params)
        return results if equation.primitive.multiple_results else [results]

    def _replaced(value):
        if isinstance(value, tuple):
            return tuple(map(_replaced, value))
        if not isinstance(value, core.ClosedJaxpr):
            return value
        avals = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in value.jaxpr.invars]
        return jax.make_jaxpr(primal(value))(*avals)

    return run


def holds(jaxpr, names):
    """Whether a program, or one that it runs, has one of these operations."""
    return any(
        equation.primitive.name in names
        or any(holds(inner, names) for inner in inner_programs(equation))
        for equation in jaxpr.eqns
    )


def value_and_vjp(function, real, count, *given):
    """The outputs of a function, then the gradients of the real ones of so many inputs."""
    import jax

    inputs, dy = given[:count], given[count:]

    def of_real(*xs):
        arguments = list(inputs)
        for i, x in zip(real, xs, strict=True):
            arguments[i] = x
        return function(*arguments)

    ys, pull = jax.vjp(of_real, *(inputs[i] for i in real))
    cotangents = [
        d.astype(y.dtype) if is_floating(y.dtype) else np.zeros(y.shape, jax.dtypes.float0)
        for d, y in zip(dy, ys, strict=True)
    ]
    return [*ys, *pull(cotangents)]


def _outputs(y):
    import jax

    return jax.tree.leaves(y)


def _wide(arrays):
    return [a.astype(float) if is_floating(a.dtype) else a for a in arrays]


def _spread(runs):
    return np.std(np.stack(runs), axis=0)


def _rounding(k):
    """A step whose operands, where they are added up, and results are rounded at random."""
    rng = generator(0, "rounding", k)

    def rounded(x):
        if x.dtype.kind != "f" or not x.size:
            return x
        return x * (1 + UNIT * rng.uniform(-1, 1, size=x.shape).astype(x.dtype))

    def run(step, operands):
        name = step.primitive.name
        if name in ADDED_UP:
            operands = [rounded(x) for x in operands]
        results = run_step(step, operands)
        return [rounded(np.asarray(r)) for r in results] if name in ROUNDED else results

    return run
