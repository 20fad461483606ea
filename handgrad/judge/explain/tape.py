"""A tape: a function as a graph whose every edge holds its own Jacobian, at one point.

It is made of the program that JAX traced, run by NumPy. Gradients flow against the edges. Because
every Jacobian is at hand, one can ask what would come out if one of them were wrong.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from handgrad.common.jaxpr import Program, Step, run_step
from handgrad.common.oracle import in_double_precision
from handgrad.common.primitives import ELEMENTWISE
from handgrad.judge.calls import CodeError, contained
from handgrad.judge.libraries import is_floating
from handgrad.judge.oracles.jax import STEPS

SUMS = {"reduce_sum", "mean"}
STRETCHED = "broadcast_in_dim"
NUMBERS = 1024  # of one value
EACH = {*ELEMENTWISE, "clamp", "convert_element_type", "erf_inv", "erfc", "integer_pow", "lgamma"}
EACH |= {"select_n", "digamma", "reshape", "squeeze", "expand_dims"}  # in the order of memory


@dataclass
class Node:
    """A value: an input, or the result of an operation."""

    name: str  # in words
    shape: tuple[int, ...]
    value: np.ndarray
    kind: str = ""  # the operation
    operands: tuple = ()  # the nodes it is made from; None for a constant

    @property
    def size(self):
        return math.prod(self.shape)


@dataclass
class Edge:
    """From a value to the result of an operation: `back` times a gradient of the result.

    `back` has the shape (source size, target size), or is a vector where the operation acts on each
    number alone. `whole` is the same where nothing flows, and `back` was set to 0.
    """

    source: int
    target: int
    place: int  # which operand it is
    back: np.ndarray
    whole: np.ndarray = field(init=False)

    def __post_init__(self):
        self.whole = self.back

    def pull(self, ct, back=None):
        """What a gradient of the target gives for the source; by another Jacobian, if one is given."""
        back = self.back if back is None else back
        return back * ct if back.ndim == 1 else back @ ct


@dataclass
class Tape:
    """Nodes in the order of their computation, the edges between them, and which are outputs."""

    nodes: list[Node]
    edges: list[Edge]
    inputs: dict[int, int]  # the position of a real input: its node
    outputs: list[int | None]
    into: list[list[Edge]] = field(init=False)

    def __post_init__(self):
        self.into = [[] for _ in self.nodes]
        for edge in self.edges:
            self.into[edge.target].append(edge)

    def gradients(self, dy, pulls=None):
        """The gradient of every node; `pulls` are other ones of some edges, by number."""
        others = {id(self.edges[k]): pull for k, pull in (pulls or {}).items()}
        cts = [np.zeros(node.size) for node in self.nodes]
        for out, d in zip(self.outputs, dy, strict=True):
            if out is not None:
                cts[out] = cts[out] + np.ravel(d)
        for b in range(len(self.nodes) - 1, -1, -1):
            for edge in self.into[b]:
                other = others.get(id(edge))
                pulled = other(edge, cts[b]) if other else edge.pull(cts[b])
                cts[edge.source] = cts[edge.source] + pulled
        return cts

    def of_inputs(self, cts):
        """The gradients of the real inputs, one after the other, in one vector."""
        return np.concatenate([cts[node] for node in self.inputs.values()] or [np.zeros(0)])

    @cached_property
    def onwards(self):
        """For every node, the matrix from its gradient to those of the real inputs."""
        return self._onwards(())

    @cached_property
    def beside_sums(self):
        """The same, but for what goes through a sum."""
        return self._onwards(SUMS)

    def _onwards(self, without):
        total = sum(self.nodes[node].size for node in self.inputs.values())
        found, start = [np.zeros((total, node.size)) for node in self.nodes], 0
        for node in self.inputs.values():
            size = self.nodes[node].size
            found[node][start : start + size] = np.eye(size)
            start += size
        for b, node in enumerate(self.nodes):
            for edge in self.into[b] if node.kind not in without else ():
                before = found[edge.source]
                found[b] = found[b] + (
                    before * edge.back if edge.back.ndim == 1 else before @ edge.back
                )
        return found


class Recorder:
    """Makes tapes of one function: its program is traced once, and each Jacobian's too."""

    def __init__(self, oracle, inputs, real):
        self.real, self.program = real, oracle.forward_program(inputs)
        steps = self.program.steps
        self.steps = [OfJax(s) if isinstance(s, Step) else s for s in steps]
        if len(steps) > STEPS:
            raise CodeError("the program is too long")
        self.made_by = {}  # the number of the step that makes a node
        self.slot_of = {}  # the slot of a node's value

    @contained
    def values(self, inputs):
        """The value of every slot at these inputs."""
        values = self._given(inputs)
        for step in self.steps:
            values |= zip(
                step.outputs, step.run([values[slot] for slot in step.inputs]), strict=False
            )
        return values

    @contained
    def made_again(self, values, first, nodes, x):
        """The last of some nodes, made again with x for the value of a first one."""
        values = values | {self.slot_of[first]: x}
        for node in nodes:
            step = self.steps[self.made_by[node]]
            results = step.run([values[slot] for slot in step.inputs])
            values |= zip(step.outputs, results, strict=False)
        return values[self.slot_of[nodes[-1]]]

    def _given(self, inputs):
        """The values that are there before the first step."""
        wide = [a.astype(float) if is_floating(a.dtype) else a for a in inputs]
        values = {s: np.asarray(v) for s, v in self.program.constants.items()}
        return values | dict(zip(self.program.inputs, wide, strict=True))

    def _run(self, number, operands):
        return operands, self.steps[number].run(operands)

    @contained
    def tape(self, inputs, forming=None):
        """The tape at these inputs; `forming` may put others in the place of a step's values."""
        program, values, forming = self.program, self._given(inputs), forming or self._run
        place = {program.inputs[i]: k for k, i in enumerate(self.real)}
        real = [values[program.inputs[i]] for i in self.real]
        nodes = [Node("", x.shape, x) for x in real]
        edges = []
        for number, step in enumerate(self.steps):
            operands, results = forming(number, [values[slot] for slot in step.inputs])
            values |= zip(step.outputs, results, strict=False)
            made_of: list = [place.get(slot) for slot in step.inputs]
            arrows = [p for p, source in enumerate(made_of) if source is not None]
            if arrows and step.kind in ELEMENTWISE:
                operands = list(operands)
                for p in arrows:
                    made_of[p], operands[p] = _stretched(nodes, edges, made_of[p], results[0])
            for k, (slot, result) in enumerate(zip(step.outputs, results, strict=False)):
                if arrows and result.dtype.kind == "f":
                    if result.size > NUMBERS:
                        raise CodeError("a value is too large")
                    place[slot] = len(nodes)
                    self.made_by[len(nodes)] = number
                    nodes.append(
                        Node("", result.shape, result.astype(float), step.kind, tuple(made_of))
                    )
                    for p in arrows:
                        back = self.back(number, p, k, operands)
                        edges.append(Edge(made_of[p], len(nodes) - 1, p, back))
        self.slot_of = {node: slot for slot, node in place.items()}
        outputs = [place.get(slot) for slot in program.outputs]
        return Tape(nodes, edges, {i: k for k, i in enumerate(self.real)}, outputs)

    def back(self, number, p, k, operands):
        """The Jacobian of result k of a step by its operand p, at these operands."""
        step, size = self.steps[number], np.size(operands[p])
        each = step.kind in EACH
        found = np.asarray(step.back(p, k, operands, each=each), dtype=float)
        return found.reshape(-1) if found.size == size and each else found.reshape(-1, size).T


class OfJax:
    """A step of a program of JAX's, differentiated by JAX."""

    def __init__(self, step):
        self.step, self.kind, self.backs = step, step.primitive.name, {}
        self.inputs, self.outputs = step.inputs, step.outputs

    def run(self, operands):
        """The results."""
        return [np.asarray(r) for r in run_step(self.step, operands)]

    def back(self, p, k, operands, *, each):
        """The gradients of operand p for each number of result k; of all at once, for `each`."""
        if (p, k) not in self.backs:
            self.backs[p, k] = Program(self._traced(p, k, operands, each=each))
        return self.backs[p, k](*operands)[0]

    def _traced(self, p, k, operands, *, each):
        import jax
        from jax import numpy as jnp

        primitive = self.step.primitive

        def pulled(*given):
            def by_one(x):
                results = primitive.bind(*given[:p], x, *given[p + 1 :], **self.step.params)
                return results[k] if primitive.multiple_results else results

            y, pull = jax.vjp(by_one, given[p])
            if each and y.size == given[p].size:
                return pull(jnp.ones_like(y))[0]
            units = jnp.eye(y.size, dtype=y.dtype).reshape(y.size, *y.shape)
            return jax.vmap(lambda unit: pull(unit)[0])(units)

        plain = [np.asarray(x, float) if x.dtype.kind == "f" else x for x in operands]
        with in_double_precision():
            return jax.make_jaxpr(pulled)(*plain)


def _stretched(nodes, edges, source, result):
    """The node and the value of an operand in the shape of the result: stretching is an operation."""
    value = nodes[source].value
    if value.shape == result.shape or value.ndim != result.ndim:
        return source, value
    stretched = np.broadcast_to(value, result.shape)
    if stretched.size > NUMBERS:
        raise CodeError("a value is too large")
    taken = np.broadcast_to(np.arange(value.size).reshape(value.shape), result.shape).ravel()
    nodes.append(Node("", result.shape, stretched, STRETCHED, (source,)))
    back = (np.arange(value.size)[:, None] == taken).astype(float)
    edges.append(Edge(source, len(nodes) - 1, 0, back))
    return len(nodes) - 1, stretched
