"""A tape: a function as a graph whose every edge holds its own Jacobian, at one point.

Gradients flow against the edges. Because every Jacobian is at hand, one can ask what would come
out if one of them were wrong, and so which operation's derivative an error comes from.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

SUMS = {"reduce_sum", "sum", "mean"}


@dataclass
class Node:
    """A value: an input, or the result of an operation."""

    name: str  # in words
    shape: tuple[int, ...]
    value: np.ndarray | None = None
    line: str = ""  # of the source
    kind: str = ""  # the operation
    operands: tuple = ()  # the nodes it is made from; None for a constant

    @property
    def size(self):
        return int(np.prod(self.shape))


@dataclass
class Edge:
    """From a value to the result of an operation: `back` times a gradient of the result.

    `back` has the shape (source size, target size), or is a vector where the operation acts on each
    number alone.
    """

    source: int
    target: int
    place: int  # which operand it is
    back: np.ndarray

    def pull(self, ct):
        """What a gradient of the target gives for the source."""
        return self.back * ct if self.back.ndim == 1 else self.back @ ct


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

    def gradients(self, dy, hook=None):
        """The gradient of every node; hook(edge, ct of its target, its pull) may change a pull."""
        cts = [np.zeros(node.size) for node in self.nodes]
        for out, d in zip(self.outputs, dy, strict=True):
            if out is not None:
                cts[out] = cts[out] + np.ravel(d)
        for b in range(len(self.nodes) - 1, -1, -1):
            for edge in self.into[b]:
                pulled = edge.pull(cts[b])
                if hook is not None:
                    pulled = hook(edge, cts[b], pulled)
                cts[edge.source] = cts[edge.source] + pulled
        return cts

    def of_inputs(self, cts):
        """The gradients of the real inputs, one after the other, in one vector."""
        return np.concatenate([cts[node] for node in self.inputs.values()] or [np.zeros(0)])

    def split(self, vector):
        """The same by position, in the shapes of the inputs."""
        parts, start = {}, 0
        for i, node in self.inputs.items():
            stop = start + self.nodes[node].size
            parts[i] = vector[start:stop].reshape(self.nodes[node].shape)
            start = stop
        return parts

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
