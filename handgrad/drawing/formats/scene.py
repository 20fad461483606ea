"""A scene: the boxes and arrows that a graph needs, for a layout in pixels or in characters."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.drawing.graph import Edge, Graph, Node, NodeKind
from handgrad.drawing.labels import amount
from handgrad.drawing.layout import Box, Layout, Spacing, lay_out


@dataclass(frozen=True)
class Caption:
    """What stands at an edge: a name and a value above it, a gradient below it."""

    name: str
    value: str
    gradient: str

    @property
    def lines(self):
        """The lines above the edge."""
        return [text for text in (self.name, self.value) if text]


@dataclass(frozen=True)
class Metric:
    """How much room the parts of a graph take: a node that many lines meet, and a caption."""

    node: Callable[[Node, int], Box]
    caption: Callable[[Caption], Box]
    spacing: Spacing


@dataclass(frozen=True)
class Scene:
    """A graph that has been laid out.

    Node n is box n. `captions` has the caption of each edge, `boxes` the box of each caption (None
    if it has none), `arrows` the arrows that the edge is made of.
    """

    graph: Graph
    layout: Layout
    captions: list[Caption]
    boxes: list[int | None]
    arrows: list[list[int]]


def caption(graph, edge, *, norm=False):
    """What stands at an edge. A name that stands at one of its ends is not said again."""
    source, target = graph.nodes[edge.source], graph.nodes[edge.target]
    begins = source.kind in {NodeKind.INPUT, NodeKind.BRANCH}
    told = begins or target.label == edge.name
    if edge.formulas is not None:
        value, back = edge.formulas
        name = "" if told or value == edge.name else edge.name
        return Caption(name, "" if begins else value, "" if edge.gradient is None else back)
    value, gradient = (
        "" if a is None else amount(a, edge.shape, norm=norm, numbers=graph.stated)
        for a in (edge.value, edge.gradient)
    )
    return Caption("" if told else edge.name, value, gradient)


def scene(graph, metric, *, norm=False):
    """The graph, laid out."""
    meets = [0] * len(graph.nodes)
    for edge in graph.edges:
        meets[edge.target] += 1
    boxes = [metric.node(node, meets[node.key]) for node in graph.nodes]
    captions = [caption(graph, edge, norm=norm) for edge in graph.edges]
    arrows, parts, keys = [], [], []
    for edge, text in zip(graph.edges, captions, strict=True):
        keys.append(None if is_plain(graph, edge) else len(boxes))
        if keys[-1] is None:
            ways = [(edge.source, edge.target)]
        else:
            ways = [(edge.source, len(boxes)), (len(boxes), edge.target)]
            boxes.append(metric.caption(text))
        parts.append(list(range(len(arrows), len(arrows) + len(ways))))
        arrows += ways
    return Scene(graph, lay_out(boxes, arrows, metric.spacing), captions, keys, parts)


def is_plain(graph: Graph, edge: Edge):
    """Whether an edge needs no caption: it comes from a number that stands there itself."""
    return graph.nodes[edge.source].kind is NodeKind.CONSTANT and np.ndim(edge.value) == 0
