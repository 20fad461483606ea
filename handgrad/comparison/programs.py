"""Programs: a gradient as JAX sees it, one program forward and one backward.

A rule and automatic differentiation have the same form: `forward` returns the outputs and what it
keeps, `backward` takes that and dy. Both are traced by the same code and treated alike: calls are
inlined, an array that is kept twice is kept once, and what nothing reads is left out.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
from jax.extend import core
from jax.interpreters import partial_eval

CALLS = {"call", "closed_call", "custom_jvp_call", "custom_vjp_call", "jit", "remat2"}
LOOPS = {"scan", "while", "cond"}


class ReverseMode:
    """JAX's reverse mode as a rule: what forward keeps is the vjp, which is a tree of arrays."""

    def __init__(self, function, positions):
        self.function = function
        self.positions = positions

    def forward(self, *inputs):
        def function(*xs):
            moved = dict(zip(self.positions, xs, strict=True))
            return self.function(*(moved.get(i, x) for i, x in enumerate(inputs)))

        return jax.vjp(function, *(inputs[i] for i in self.positions))

    def backward(self, vjp, dy):
        return vjp(dy)


@dataclass(frozen=True)
class Kept:
    """An array that waits for backward, and where it is: an input, an output, or one more array.

    `position` counts among the inputs, or among all that forward returns.
    """

    origin: str
    position: int
    shape: tuple[int, ...]
    dtype: Any

    @property
    def bytes(self):
        return math.prod(self.shape) * self.dtype.itemsize

    def to_dict(self):
        return {
            "origin": self.origin,
            "shape": self.shape,
            "dtype": str(self.dtype),
            "bytes": self.bytes,
        }


@dataclass(frozen=True)
class Programs:
    """Forward: inputs -> outputs and the arrays kept beside them. Backward: kept, dy -> gradients.

    `unread` are arrays that are kept too, but that backward never reads. `moved` are the gradients
    that there are, by their positions in what backward returns: some inputs have none.
    """

    forward: core.ClosedJaxpr
    backward: core.ClosedJaxpr
    outputs: int
    kept: tuple[Kept, ...]
    unread: tuple[Kept, ...]
    moved: tuple[int, ...]

    @property
    def halves(self):
        return {"forward": self.forward, "backward": self.backward}

    @property
    def present(self):
        """The kept arrays that are inputs or outputs, and so in memory in any case."""
        return tuple(k for k in self.kept if k.origin != "forward")

    @property
    def beside(self):
        """The kept arrays that are there for backward alone."""
        return tuple(k for k in self.kept if k.origin == "forward")

    def waiting(self, inputs, returned):
        """The arrays that are kept, of the inputs and of all that forward returned."""
        return [(inputs if k.origin == "input" else returned)[k.position] for k in self.kept]


def programs_of(rule, inputs):
    """The two programs of a rule, or of `ReverseMode`, at these inputs."""
    traced, (y, kept) = jax.make_jaxpr(rule.forward, return_shape=True)(*inputs)
    forward, outputs = _inlined(traced), len(jax.tree.leaves(y))
    returned = forward.jaxpr.outvars
    slots = list(dict.fromkeys(v for v in returned[outputs:] if isinstance(v, core.Var)))

    def run_backward(arrays, dy):
        held = dict(zip(slots, arrays, strict=True))
        leaves = [_value(v, held) for v in returned[outputs:]]  # a constant is not kept
        return rule.backward(jax.tree.unflatten(jax.tree.structure(kept), leaves), dy)

    waiting = [_struct(v.aval) for v in slots]
    traced, gradients = jax.make_jaxpr(run_backward, return_shape=True)(waiting, y)
    backward, moved = _inlined(traced), (i for i, dx in enumerate(gradients) if dx is not None)
    wanted = [True] * len(backward.out_avals)
    backward, read = _live(backward, wanted, [False] * len(slots) + [True] * outputs)
    read = [slot for slot, is_read in zip(slots, read, strict=False) if is_read]
    known = [*returned[:outputs], *forward.jaxpr.invars]
    beside = {returned.index(slot, outputs) for slot in read if slot not in known}
    unread = [_kept(forward, outputs, slot) for slot in slots if slot not in read]
    forward, _ = _live(forward, [i < outputs or i in beside for i in range(len(returned))], True)
    kept = tuple(_kept(forward, outputs, slot) for slot in read)
    unread = tuple(k for k in unread if k.bytes)
    return Programs(forward, backward, outputs, kept, unread, tuple(moved))


def _kept(forward, outputs, variable):
    """Where an array is that forward leaves for backward."""
    returned, inputs = forward.jaxpr.outvars, forward.jaxpr.invars
    if variable in inputs:
        origin, position = "input", inputs.index(variable)
    else:
        position = returned.index(variable)
        origin = "output" if position < outputs else "forward"
    return Kept(origin, position, variable.aval.shape, variable.aval.dtype)


def _live(program, outputs, inputs):
    """The program without what these outputs do not need, and which inputs it reads.

    `inputs` stay, whether they are read or not.
    """
    jaxpr, read = partial_eval.dce_jaxpr(program.jaxpr, outputs, inputs)
    return core.ClosedJaxpr(jaxpr, program.consts), read


def _inlined(program):
    """The program with every call replaced by what it calls."""

    def run(*arguments):
        return _evaluated(program.jaxpr, program.consts, arguments)

    return jax.make_jaxpr(run)(*map(_struct, program.in_avals))


def _struct(aval):
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)


def _evaluated(jaxpr, constants, arguments):
    """The outputs of a program, its calls taken apart."""
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments], strict=True))
    for eqn in jaxpr.eqns:
        taken = [_value(v, values) for v in eqn.invars]
        if eqn.primitive.name in CALLS:
            given = _evaluated(*_called(eqn), taken)
        else:
            given = eqn.primitive.bind(*taken, **eqn.params)
            given = given if eqn.primitive.multiple_results else [given]
        values |= zip(eqn.outvars, given, strict=True)
    return [_value(v, values) for v in jaxpr.outvars]


def _value(variable, values):
    """What a variable stands for, or the constant that is there in its place."""
    return variable.val if isinstance(variable, core.Literal) else values[variable]


def _called(eqn):
    """The program that a call calls, and its constants."""
    inner = eqn.params["call_jaxpr" if "call_jaxpr" in eqn.params else "jaxpr"]
    return (inner.jaxpr, inner.consts) if isinstance(inner, core.ClosedJaxpr) else (inner, ())
