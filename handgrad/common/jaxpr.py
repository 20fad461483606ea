"""JAX's programs run by NumPy: automatic differentiation without a compiler.

`jax.vjp` of a function is traced once, and its program, a jaxpr, is run operation by operation in
extended precision: no compiler rearranges it, and eleven more bits tell a right number from one
that is lost to rounding. What the program itself holds in float32 or less is rounded to that at
each step; in less, an operation is computed in float32, as XLA does.
"""

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from handgrad.common.oracle import in_double_precision
from handgrad.common.primitives import ELEMENTWISE, TABLE, extended, is_foreign, is_key

SINGLE = 4  # bytes
PLAIN = {"f": np.float64, "c": np.complex128}
# what rounds more than once within: in low precision, it is computed in that
STEPWISE = {"integer_pow", "logistic", "scan", "scatter-add", "scatter-mul", "while"}
MOST = 20_000_000  # numbers that all steps of a program make together, or look at in windows
KEPT = 2**18  # numbers, at most, that a program keeps from one run to the next


@dataclass(frozen=True)
class Step:
    """One operation: the primitive, its parameters, and the slots that it reads and fills.

    `function` is its own of NumPy's, or None where XLA runs it. `kinds` are the types of its results;
    `narrow` says whether any of its numbers is of no more than float32's bits.
    """

    primitive: Any
    params: dict[str, Any]
    function: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kinds: tuple[Any, ...]
    narrow: bool


class Program:
    """A jaxpr with its calls inlined, as a list of steps over numbered slots.

    A scan of at most so many `turns` becomes the steps of its turns, one after the other. Raises
    OverflowError where its steps make more than MOST numbers.
    """

    def __init__(self, closed, turns=0):
        self.turns = turns
        self.constants = {}
        self.steps = []
        self.made = 0
        self._slots = 0
        inputs = [self._slot() for _ in closed.jaxpr.invars]
        self.inputs = inputs
        self.outputs = self._inline(closed.jaxpr, closed.consts, inputs)
        self._needed = _with_spent(self.steps, self.outputs)
        self._ahead = None

    def __call__(self, *arguments, tick=lambda: None, run=None):
        """The results for these arguments, in extended precision; `tick` is called at each step.

        `run(step, operands)` may take the place of `run_step`; it is given every step that is needed.
        """
        slots, steps = self.constants, self._needed
        if run is None or run is run_step:
            self._ahead = self._ahead or self._settled(tick)
            slots, steps = self._ahead
        slots = slots | dict(zip(self.inputs, map(extended, arguments), strict=True))
        run = run or run_step
        for step, spent in steps:
            tick()
            results = run(step, [slots[slot] for slot in step.inputs])
            slots.update(zip(step.outputs, results, strict=True))
            for slot in spent:
                del slots[slot]
        return [slots[slot] for slot in self.outputs]

    def _settled(self, tick):
        """What no argument changes, which is computed once, and the steps that are left."""
        known, left, kept = dict(self.constants), [], 0
        for step, _ in self._needed:
            if all(slot in known for slot in step.inputs):
                tick()
                results = run_step(step, [known[slot] for slot in step.inputs])
                kept += sum(map(np.size, results))
                if kept <= KEPT:
                    known |= zip(step.outputs, map(_protected, results), strict=True)
                    continue
            left.append(step)
        steps = _with_spent(left, self.outputs)
        read = {*self.outputs}.union(*(step.inputs for step, _ in steps))
        return {slot: x for slot, x in known.items() if slot in read}, steps

    def _slot(self):
        self._slots += 1
        return self._slots

    def _constant(self, value):
        slot = self._slot()
        self.constants[slot] = extended(value)
        return slot

    def _inline(self, jaxpr, consts, inputs):
        """Append the steps of a jaxpr whose inputs are in these slots; the slots of its outputs."""
        places = dict(zip(jaxpr.invars, inputs, strict=True))
        places |= zip(jaxpr.constvars, map(self._constant, consts), strict=True)

        def place(atom):
            return self._constant(atom.val) if hasattr(atom, "val") else places[atom]

        for equation in jaxpr.eqns:
            slots = [place(atom) for atom in equation.invars]
            places |= zip(equation.outvars, self._equation(equation, slots), strict=True)
        return [place(atom) for atom in jaxpr.outvars]

    def _equation(self, equation, slots):
        """The slots of an equation's outputs, which a call leaves where its body does."""
        name, params = equation.primitive.name, equation.params
        if name == "custom_linear_solve":
            lengths, solve = params["const_lengths"], params["jaxprs"].solve
            skipped, total = lengths.matvec + lengths.vecmat, sum(lengths)
            own = slots[skipped : skipped + lengths.solve]
            return self._inline(solve.jaxpr, solve.consts, [*own, *slots[total:]])
        if name == "platform_index":
            return (self._constant(_of_this_platform(params["platforms"])),)
        if name == "cond" and slots[0] in self.constants:
            body = params["branches"][int(self.constants[slots[0]])]
            return self._inline(body.jaxpr, body.consts, slots[1:])
        if name not in TABLE and (body := _body(params)) is not None:
            return self._inline(*body, slots)
        made = sum(math.prod(v.aval.shape) for v in equation.outvars)
        if name == "scan" and 0 < params["length"] <= self.turns:
            return self._unrolled(params, slots)
        if name == "scan":
            params = params | {"program": Program(_closed(params["jaxpr"]))}
            made = params["program"].made * params["length"]
        if name == "while":
            parts = {"cond_program": "cond_jaxpr", "body_program": "body_jaxpr"}
            params = params | {new: Program(_closed(params[old])) for new, old in parts.items()}
        self.made += made * math.prod(params.get("window_dimensions", ()))
        if self.made > MOST:
            raise OverflowError(f"a program of more than {MOST} numbers")
        outputs = tuple(self._slot() for _ in equation.outvars)
        kinds = tuple(v.aval.dtype for v in equation.outvars)
        narrow = any(_is_narrow(v.aval.dtype) for v in (*equation.invars, *equation.outvars))
        function = ELEMENTWISE.get(name)
        if function is None and name in TABLE:
            function = partial(TABLE[name], **params)
        step = Step(equation.primitive, params, function, tuple(slots), outputs, kinds, narrow)
        self.steps.append(step)
        return outputs

    def _unrolled(self, params, slots):
        """The slots of a scan's outputs: its last state, and what each turn left."""
        from jax import numpy as jnp

        body, length = params["jaxpr"], params["length"]
        start, first = params["num_consts"], params["num_consts"] + params["num_carry"]
        fixed, state, rows = slots[:start], slots[start:first], slots[first:]
        rows = [
            (row, (length, *v.aval.shape), v.aval.dtype)
            for row, v in zip(rows, body.jaxpr.invars[first:], strict=True)
        ]
        left = [[]] * length
        for t in sorted(range(length), reverse=params["reverse"]):
            given = [self._of(lambda x, t=t: x[t], [row]) for row in rows]
            made = self._inline(body.jaxpr, body.consts, [*fixed, *state, *given])
            state, left[t] = made[: len(state)], made[len(state) :]
        outputs = [*state]
        for k, v in enumerate(body.jaxpr.outvars[len(state) :]):
            turns = [(turn[k], v.aval.shape, v.aval.dtype) for turn in left]
            outputs.append(self._of(lambda *ys: jnp.stack(ys), turns))
        return outputs

    def _of(self, function, arguments):
        """The slot of a function of some slots, each given with its shape and dtype."""
        import jax

        slots, shapes, kinds = zip(*arguments, strict=True)
        made = jax.make_jaxpr(function)(*map(jax.ShapeDtypeStruct, shapes, kinds))
        return self._inline(made.jaxpr, made.consts, slots)[0]


def _with_spent(steps, results):
    """The steps that these results need, each with the slots that nothing reads after it.

    A long program holds few arrays at a time.
    """
    read, needed = {*results}, []
    for step in reversed(steps):
        if not read.isdisjoint(step.outputs):
            needed.append((step, tuple({*step.inputs, *step.outputs} - read)))
            read.update(step.inputs)
    return needed[::-1]


def _protected(x):
    """A result that no later run can write into."""
    if not isinstance(x, np.ndarray):
        return x
    x = x.view()
    x.flags.writeable = False
    return x


def _of_this_platform(platforms):
    """The number of the first list of platforms that the CPU is on; None is all others."""
    return next(i for i, names in enumerate(platforms) if names is None or "cpu" in names)


def inner_programs(equation):
    """The programs that a call, a loop or a choice runs."""
    from jax.extend import core

    for option in equation.params.values():
        for program in option if isinstance(option, tuple) else (option,):
            if isinstance(program, core.ClosedJaxpr):
                yield program.jaxpr
            elif isinstance(program, core.Jaxpr):
                yield program


def _body(params):
    """The jaxpr that a call runs and its constants; None for what is not a plain call."""
    if any(name in params for name in ("cond_jaxpr", "branches", "length")):
        return None
    for name in ("call_jaxpr", "jaxpr", "fun_jaxpr"):
        if (body := params.get(name)) is not None:
            return (body.jaxpr, body.consts) if hasattr(body, "consts") else (body, ())
    return None


def _closed(jaxpr):
    """A jaxpr with its constants, which JAX's loops carry in releases before 0.10."""
    from jax.extend import core

    return jaxpr if isinstance(jaxpr, core.ClosedJaxpr) else core.ClosedJaxpr(jaxpr, ())


def run_step(step, operands):
    """The results of one step, each in its type or in extended precision."""
    results = _computed(step, operands)
    if not step.narrow:
        return results
    return [_rounded(x, kind) for x, kind in zip(results, step.kinds, strict=True)]


def _computed(step, operands):
    """The results: by NumPy, or by XLA where NumPy lacks the operation."""
    if step.function is None:
        with in_double_precision():
            results = step.primitive.bind(*map(_plain, operands), **step.params)
        results = results if step.primitive.multiple_results else [results]
        return [extended(result) for result in results]
    if step.narrow and step.primitive.name not in STEPWISE:
        operands = [x.astype(np.float32) if is_low(x) else x for x in operands]
    results = step.function(*operands)
    return results if len(step.outputs) != 1 or isinstance(results, list) else [results]


def is_low(x):
    """Whether it is an array of floating numbers of fewer bits than float32's."""
    return not is_foreign(x) and x.dtype.itemsize < SINGLE and _is_float(x.dtype)


@cache
def _is_float(kind):
    """Whether a type is of floating numbers; bfloat16 is not one of NumPy's own."""
    return "float" in kind.name and kind.itemsize > 0


def _is_narrow(kind):
    """Whether a type is of floating numbers of no more than float32's bits."""
    return kind.itemsize <= SINGLE and _is_float(kind)


def _rounded(x, kind):
    """A result in the type that the program gives it, if that is narrow."""
    return np.asarray(x).astype(kind, copy=False) if _is_narrow(kind) and not is_foreign(x) else x


def _plain(x):
    """An operand as XLA takes it; what is low stays so, for its parameters may say that it is."""
    return x if is_key(x) or is_low(x) else x.astype(PLAIN.get(x.dtype.kind, x.dtype))
