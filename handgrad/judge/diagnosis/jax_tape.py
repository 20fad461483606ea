"""The tape of a function that JAX can trace: its operations, and the Jacobian of each."""

import copy
import linecache
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handgrad.common.oracle import compiled, in_double_precision
from handgrad.judge.diagnosis.tape import Edge, Node, Tape

CALLS = {"jit", "pjit", "custom_jvp_call", "custom_vjp_call", "closed_call", "checkpoint"}
CALLED = ("jaxpr", "call_jaxpr")  # the parameter that holds the program that is called
OPERATIONS = 150
NUMBERS = 256  # of one value
UNROLLED = 12  # steps of a loop
ELEMENTWISE = {
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "clamp",
    "convert_element_type",
    "copy",
    "cos",
    "cosh",
    "div",
    "erf",
    "erf_inv",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "integer_pow",
    "lgamma",
    "log",
    "log1p",
    "logistic",
    "max",
    "min",
    "mul",
    "neg",
    "pow",
    "rem",
    "rsqrt",
    "select_n",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "stop_gradient",
    "sub",
    "tan",
    "tanh",
}
IN_BETWEEN = ("/jax/", "/handgrad/judge/", "/numpy/", "<frozen")


class Ref(int):
    """The number of a value, as opposed to a constant."""


@dataclass
class Step:
    """One operation: results = run(*operands), each operand a Ref or a constant."""

    run: Callable
    operands: list[Any]
    results: list[Ref]
    kind: str
    line: str


class Program:
    """A function of arrays, written out as steps."""

    def __init__(self, function, inputs, real):
        self.real = real
        xs = [np.asarray(inputs[i], dtype=float) for i in real]

        def of_real(*xs):
            given = list(inputs)
            for i, x in zip(real, xs, strict=True):
                given[i] = x
            y = function(*given)
            return tuple(y) if isinstance(y, tuple | list) else (y,)

        import jax

        with in_double_precision():
            closed = jax.make_jaxpr(of_real)(*xs)
            self.count, self.steps = len(xs), []
            self.outputs = self._written(
                closed.jaxpr, closed.consts, list(map(Ref, range(self.count)))
            )
            self.measure = compiled(self.values_and_jacobians)
        self.constants = self._scalars()
        if len(self.steps) > OPERATIONS:
            raise ValueError("the program is too long")

    def tape(self, inputs, constants=None):
        """The tape at these inputs; `constants` may replace the scalars that the program holds."""
        xs = [np.asarray(inputs[i], dtype=float) for i in self.real]
        given = [c for c, _ in self.constants] if constants is None else constants
        with in_double_precision():
            values, backs = self.measure(xs, list(map(float, given)))
        nodes, place = self._nodes(values)
        edges = [
            Edge(place[a], place[b], p, np.asarray(back))
            for (a, b, p), back in zip(self._arrows, backs, strict=True)
        ]
        inputs_at = {i: place[Ref(k)] for k, i in enumerate(self.real)}
        return Tape(nodes, edges, inputs_at, [place.get(out) for out in self.outputs])

    @property
    def masks(self):
        """(step, place, array) of every constant of two values, such as a mask."""
        return [
            (s, place, np.asarray(operand))
            for s, step in enumerate(self.steps)
            for place, operand in enumerate(step.operands)
            if _is_mask(operand)
        ]

    def with_mask(self, s, place, mask):
        """The program with another array in the place of one of its masks."""
        changed = copy.copy(self)
        operands = [*self.steps[s].operands]
        operands[place] = mask
        step = replace(self.steps[s], operands=operands)
        changed.steps = [*self.steps[:s], step, *self.steps[s + 1 :]]
        with in_double_precision():
            changed.measure = compiled(changed.values_and_jacobians)
        return changed

    def back(self, tape, edge, values):
        """The Jacobian of an edge, where these nodes have other values; LookupError if unknown."""
        result = self._alive[edge.target]
        step = next(step for step in self.steps if result in step.results)
        nodes = tape.nodes[edge.target].operands
        given = [
            self._operand(
                operand, values.get(node, None if node is None else tape.nodes[node].value)
            )
            for operand, node in zip(step.operands, nodes, strict=True)
        ]
        with in_double_precision():
            found = dict(_jacobians(step, given, edge.place, step.run(*given)))
            return np.asarray(found[result])

    def _operand(self, operand, value):
        from jax import numpy as jnp

        if not isinstance(operand, Ref):
            return operand
        if value is None:
            raise LookupError("a value that does not depend on the inputs is not on the tape")
        return jnp.asarray(value)

    def _written(self, jaxpr, consts, arguments):
        """Append the steps of a jaxpr; what its outputs are."""
        known = dict(zip(jaxpr.constvars, consts, strict=True))
        known |= dict(zip(jaxpr.invars, arguments, strict=False))

        def read(v):
            return v.val if hasattr(v, "val") else known[v]

        for eqn in jaxpr.eqns:
            operands = [read(v) for v in eqn.invars]
            results = self._called(eqn, operands)
            known.update(zip(eqn.outvars, results, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def _called(self, eqn, operands):
        name = eqn.primitive.name
        inner = next((eqn.params[p] for p in CALLED if p in eqn.params), None)
        if name in CALLS and inner is not None:
            return self._written(
                getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), operands
            )
        if name == "scan" and eqn.params["length"] <= UNROLLED:
            return self._unrolled(eqn.params, operands)

        def run(*values):
            results = eqn.primitive.bind(*values, **eqn.params)
            return results if eqn.primitive.multiple_results else [results]

        return self._step(run, operands, len(eqn.outvars), name, source_line(eqn))

    def _step(self, run, operands, results, kind, line=""):
        start = self.count
        self.count += results
        refs = [Ref(k) for k in range(start, self.count)]
        self.steps.append(Step(run, operands, refs, kind, line))
        return refs

    def _unrolled(self, params, operands):
        """A loop, one turn after the other."""
        from jax import numpy as jnp

        fixed, carried = params["num_consts"], params["num_carry"]
        consts, carry, xs = (
            operands[:fixed],
            operands[fixed : fixed + carried],
            operands[fixed + carried :],
        )
        turns = range(params["length"])
        rows = []
        for t in reversed(turns) if params["reverse"] else turns:
            slices = [self._step(lambda x, t=t: [x[t]], [x], 1, "slice")[0] for x in xs]
            body = params["jaxpr"]
            out = self._written(body.jaxpr, body.consts, [*consts, *carry, *slices])
            carry = out[:carried]
            rows.append(out[carried:])
        ordered = rows[::-1] if params["reverse"] else rows
        stacked = [
            self._step(lambda *ys: [jnp.stack(ys)], list(column), 1, "stack")[0]
            for column in zip(*ordered, strict=True)
        ]
        return [*carry, *stacked]

    def _scalars(self):
        """(value, kind of the operation) of every scalar constant that is a real number."""
        return [
            (float(operand), step)
            for step in self.steps
            for operand in step.operands
            if _is_scalar(operand)
        ]

    def values_and_jacobians(self, xs, constants):
        """Every value that depends on the inputs, and the Jacobian of every edge."""
        from jax import numpy as jnp

        known = {Ref(k): jnp.asarray(x) for k, x in enumerate(xs)}
        alive, left = set(known), iter(constants)
        self._arrows, backs = [], []
        for step in self.steps:
            values = [
                known[o] if isinstance(o, Ref) else _like(next(left), o) if _is_scalar(o) else o
                for o in step.operands
            ]
            results = step.run(*values)
            known.update(zip(step.results, results, strict=True))
            for place, operand in enumerate(step.operands):
                if isinstance(operand, Ref) and operand in alive:
                    for result, back in _jacobians(step, values, place, results):
                        self._arrows.append((operand, result, place))
                        backs.append(back)
                        alive.add(result)
        self._alive = sorted(alive)
        return [known[r] for r in self._alive], backs

    def _nodes(self, values):
        """A node for every value that depends on the inputs, and where each is."""
        place = {ref: k for k, ref in enumerate(self._alive)}
        made_by = {ref: step for step in self.steps for ref in step.results}
        nodes = []
        for ref, value in zip(self._alive, map(np.asarray, values), strict=True):
            step = made_by.get(ref)
            if value.size > NUMBERS:
                raise ValueError("a value is too large")
            operands = (
                [place.get(o) if isinstance(o, Ref) else None for o in step.operands]
                if step
                else []
            )
            kind, line = (step.kind, step.line) if step else ("", "")
            nodes.append(Node("", value.shape, value, line, kind, tuple(operands)))
        return nodes, place


def _is_mask(operand):
    if isinstance(operand, Ref) or np.ndim(operand) == 0 or np.size(operand) > NUMBERS:
        return False
    return np.unique(np.asarray(operand)).size == 2


def _is_scalar(operand):
    dtype = getattr(operand, "dtype", None)
    return (
        not isinstance(operand, Ref)
        and dtype is not None
        and np.size(operand) == 1
        and (np.issubdtype(dtype, np.floating))
    )


def _like(value, operand):
    from jax import numpy as jnp

    return jnp.full(np.shape(operand), value, operand.dtype)


def _jacobians(step, values, place, results):
    """(result, Jacobian) of every real result by one operand."""
    import jax
    from jax import numpy as jnp

    def by_one(x):
        return [
            r
            for r in step.run(*values[:place], x, *values[place + 1 :])
            if jnp.issubdtype(r.dtype, jnp.floating)
        ]

    real = [k for k, r in enumerate(results) if jnp.issubdtype(r.dtype, jnp.floating)]
    x = values[place]
    if not real or not jnp.issubdtype(x.dtype, jnp.floating):
        return
    outs, pull = jax.vjp(by_one, x)
    for k, out in zip(real, outs, strict=True):
        zeros = [jnp.zeros_like(o) for o in outs]
        at = real.index(k)
        if step.kind in ELEMENTWISE and out.shape == x.shape:
            zeros[at] = jnp.ones_like(out)
            yield step.results[k], pull(zeros)[0].ravel()
            continue

        def row(unit, zeros=zeros, at=at):
            return pull([*zeros[:at], unit, *zeros[at + 1 :]])[0].ravel()

        units = jnp.eye(out.size).reshape(out.size, *out.shape)
        yield step.results[k], jax.vmap(row)(units).T


def source_line(eqn):
    """The line of somebody's code in which an operation stands."""
    traceback = eqn.source_info.traceback
    for frame in traceback.frames if traceback else ():
        if not any(part in frame.file_name for part in IN_BETWEEN):
            return linecache.getline(frame.file_name, frame.line_num).strip()
    return ""
