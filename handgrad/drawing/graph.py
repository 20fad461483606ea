"""The computational graph of a derivation: operations, and edges with values and gradients."""

import ast
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from handgrad.common.text import printable
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import names_in
from handgrad.derivation.notation import Derivation
from handgrad.derivation.points import Point, Runner, is_real
from handgrad.derivation.shapes import numpy_value
from handgrad.drawing.labels import number
from handgrad.drawing.letters import shapes_in_letters
from handgrad.drawing.operations import Expanded, Operation, expand
from handgrad.drawing.spelling import with_names

FILLING = {"ones_like", "zeros_like"}  # they take a shape, and no number


class NodeKind(StrEnum):
    """What a node stands for. A branch is where a value goes more than one way."""

    INPUT = "input"
    CONSTANT = "constant"
    OPERATION = "operation"
    BRANCH = "branch"
    OUTPUT = "output"


@dataclass(frozen=True)
class Node:
    """A node, its number, and what is written in it and under it."""

    key: int
    kind: NodeKind
    label: str
    detail: str = ""


@dataclass(frozen=True)
class Edge:
    """What flows along one edge: a value forward, and its gradient back, or None.

    `name` is the author's name of the value, if there is one; `shape` is in letters. `formulas` stand
    in the place of both, where a picture shows formulas.
    """

    source: int
    target: int
    name: str
    value: Any
    gradient: Any
    shape: tuple[str, ...]
    formulas: tuple[str, str] | None = None


@dataclass(frozen=True)
class Graph:
    """The graph at one point. Edges into a node stand in the order of its operands.

    The numbers of a point that the derivation states are `stated`, and not drawn at random.
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    stated: bool = False


@dataclass(frozen=True)
class Walk:
    """What a graph and its steps are made of: operations, and a point that has all their names."""

    derivation: Derivation
    expanded: Expanded
    operations: tuple[Operation, ...]
    point: Point
    shapes: dict[str, tuple[str, ...]]

    @property
    def stated(self):
        """Whether the numbers are the derivation's own."""
        return any(given.value is not None for given in self.derivation.givens)

    @property
    def outputs(self):
        return self.expanded.derivation.outputs

    def value(self, operand):
        """The value of an operand: a name's, or a constant's."""
        return numpy_value(operand, self.point.names)

    def shown(self, node):
        """An expression with the author's names in the place of copies."""
        names = {name: ast.Name(self.expanded.called(name)) for name in names_in(node)}
        return with_names(node, names)

    def uses(self):
        """The way that each value goes: its root -> [(name it has there, through which definition)].

        The definition is "" where the value leaves as an output.
        """
        found = {}
        for operation in self.operations:
            for name in filter(self.expanded.live.__contains__, map(name_of, operation.operands)):
                found.setdefault(self.expanded.root(name), []).append((name, operation.through))
        for name in self.outputs:
            found.setdefault(self.expanded.root(name), []).append((name, ""))
        return found

    def flows(self, operand):
        """Whether an operand comes from a given, and is not a constant."""
        return name_of(operand) in self.expanded.live

    def gradient(self, name, through=None):
        """The gradient of a name, or what comes back to it through one definition; or None."""
        if not self._has_gradient(name):
            return None
        if through is None:
            return self.point.names[f"d{name}"]
        if through and not any(map(self._passes_back, through.split(", "))):
            return None
        zero = np.zeros(np.shape(self.point.names[name]))
        made = self._operations.get(through)
        ways = made.ways if made else (through,)
        return sum((g for way, g in self.point.paths[name] if way in ways), zero)

    def _passes_back(self, name):
        """Whether an operation that makes a name passes anything back: comparisons, ones_like do not."""
        made = self._operations.get(name)
        return self._has_gradient(name) and (made is None or made.symbol not in FILLING)

    @cached_property
    def _operations(self):
        """The operations by what goes through them, and by each name that they make."""
        return {key: o for o in self.operations for key in (o.through, *o.targets)}

    def _has_gradient(self, name):
        """Whether a number can be differentiated, and comes from numbers that can be."""
        return f"d{name}" in self.point.names and is_real(self.point.names[name])


def name_of(operand):
    """The name that an operand is, or "" if it is an expression."""
    return operand.id if isinstance(operand, ast.Name) else ""


def walk(derivation, seed=0):
    """The operations of a derivation that reach an output, at its given values or at random."""
    constants = Runner(derivation, seed).constants
    expanded = expand(derivation, constants)
    point = Runner(expanded.derivation, seed).first()
    shapes = shapes_in_letters(expanded.derivation, point.names)
    return Walk(derivation, expanded, _needed(expanded), point, shapes)


def _needed(expanded):
    """The operations without those from which no output comes."""
    wanted = {expanded.root(name) for name in expanded.derivation.outputs}
    found = []
    for operation in reversed(expanded.operations):
        if wanted & set(operation.targets):
            names = {*names_in(operation.node), *map(name_of, operation.operands)}
            wanted |= {expanded.root(name) for name in names}
            found.append(operation)
    return tuple(reversed(found))


def graph_of(derivation, seed=0):
    """The computational graph of a derivation at one point."""
    return draw_graph(walk(derivation, seed))


def draw_graph(steps, labels=None):
    """The graph of a walk; `labels` give formulas to its edges."""
    builder = _Builder(steps, labels)
    for given in steps.expanded.derivation.givens:
        if given.name in builder.uses:
            builder.source(given.name, builder.node(NodeKind.INPUT, given.name))
    for operation in steps.operations:
        builder.operate(operation)
    for name in steps.outputs:
        key = builder.node(NodeKind.OUTPUT, name)
        if steps.expanded.root(name) not in builder.sources:
            raise DerivationError(f"{name} does not depend on any given, and so has no graph")
        builder.connect(name, key, "")
    title = printable(steps.expanded.derivation.title)
    return Graph(title, tuple(builder.nodes), tuple(builder.edges), steps.stated)


@dataclass
class _Builder:
    """Adds node after node."""

    walk: Walk
    labels: Any = None
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=dict)

    def __post_init__(self):
        self.uses = self.walk.uses()

    def node(self, kind, label, detail=""):
        self.nodes.append(Node(len(self.nodes), kind, printable(label), printable(detail)))
        return len(self.nodes) - 1

    def source(self, name, key):
        """Say where a value comes from; put a branch behind it if it goes more than one way."""
        if len(self.uses.get(name, ())) > 1:
            branch = self.node(NodeKind.BRANCH, "")
            self._edge(key, branch, name, None)
            key = branch
        self.sources[name] = key

    def operate(self, operation):
        key = self.node(NodeKind.OPERATION, operation.symbol, operation.detail)
        for operand in operation.operands:
            if self.walk.flows(operand):
                self.connect(operand.id, key, operation.through)
            else:
                self._constant(operand, key)
        for name in operation.targets:
            self.source(name, key)

    def connect(self, name, key, through):
        """An edge to a node from where a value comes from."""
        source = self.sources[self.walk.expanded.root(name)]
        self._edge(source, key, name, through)

    def _constant(self, operand, key):
        source = self.node(NodeKind.CONSTANT, constant_text(operand))
        value = self.walk.value(operand)
        shape = tuple(map(str, np.shape(value)))
        if isinstance(operand, ast.Name):
            shape = self.walk.shapes.get(operand.id, shape)
        self.edges.append(Edge(source, key, "", value, None, shape))

    def _edge(self, source, target, name, through):
        """An edge on which a name goes through one definition, or through all of them."""
        gradient = self.walk.gradient(name, through)
        formulas = self.labels and self.labels.of(name, through)
        root = self.walk.expanded.root(name)
        shown = "" if root in self.walk.expanded.hidden else printable(root)
        value = self.walk.point.names[name]
        shape = self.walk.shapes.get(name, ())
        self.edges.append(Edge(source, target, shown, value, gradient, shape, formulas))


def constant_text(node):
    """A constant as a picture writes it: 0.1, 1e-5, N, 2 * N."""
    is_number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    return number(node.value) if is_number else ast.unparse(node)
