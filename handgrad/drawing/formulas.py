"""Formulas for a picture: on each edge what goes forward, and what comes back, in symbols.

Both are the author's own lines where there are any: the definition of a value, down to the inputs
where that is short, and the last link of its gradient that is.
"""

import ast
import re
from dataclasses import replace

from handgrad.common.text import printable
from handgrad.derivation.expressions import names_in
from handgrad.derivation.notation import Kind
from handgrad.drawing.graph import Edge, Graph, Node, NodeKind, Walk, draw_graph, name_of
from handgrad.drawing.spelling import respelled, spelled, with_names
from handgrad.drawing.steps import backward_rule

FORWARD, BACK = 18, 30  # characters that an edge has room for
GRADIENT = re.compile(r"\bd([^\W\d][\w\u0300-\u036f]*)")


def symbolic_graph(walk):
    """The graph of a walk, with formulas in the place of numbers and shapes."""
    return draw_graph(walk, _Labels(walk))


def forward_graph(walk):
    """The graph before anything comes back: with the derivation's numbers, or else with formulas."""
    graph = draw_graph(walk) if walk.stated else symbolic_graph(walk)
    return replace(graph, edges=tuple(replace(edge, gradient=None) for edge in graph.edges))


def simplified_graph(walk):
    """A derivation as one node: its inputs, its outputs, and the last form of each gradient."""
    labels, used = _Labels(walk), walk.uses()
    derivation = walk.derivation
    title = printable(derivation.title)
    names = [given.name for given in derivation.givens if given.name in used]
    nodes = [Node(i, NodeKind.INPUT, printable(name)) for i, name in enumerate(names)]
    center = len(nodes)
    nodes.append(Node(center, NodeKind.OPERATION, title))
    ends = [(i, center, name) for i, name in enumerate(names)]
    for name in derivation.outputs:
        nodes.append(Node(len(nodes), NodeKind.OUTPUT, printable(name)))
        ends.append((center, len(nodes) - 1, name))
    edges = [
        Edge(source, target, "", None, walk.gradient(name), (), ("", labels.last(name)))
        for source, target, name in ends
    ]
    return Graph(title, tuple(nodes), tuple(edges))


def gradient_formulas(walk):
    """What tells the formula of a value's gradient: the author's last one, or that of a picture."""
    labels = _Labels(walk)

    def formula(name):
        if name in labels.lines:
            return labels.last(name)
        goes_on = walk.expanded.root(name) in labels.uses and walk.gradient(name) is not None
        return labels.of(name, None)[1] if goes_on else ""

    return formula


class _Labels:
    """What stands at the edges of one derivation."""

    def __init__(self, walk: Walk):
        self.walk, self.uses = walk, walk.uses()
        self.made = {n: o.node for o in walk.operations for n in o.targets if not o.whole}
        self.whole, self.own = {}, {}  # in terms of the inputs, and of the names that there are
        for name, node in self.made.items():
            self.whole[name] = self._expanded(node, self.whole)
            if name in walk.expanded.hidden:
                self.own[name] = self._expanded(node, self.own)
        chains = walk.derivation.chains
        stated = [c for c in chains if c.kind is Kind.GRADIENT and len(c.targets) == 1]
        self.lines = {
            c.targets[0][1:]: [
                self._said(respelled(k.text))
                for k in c.links
                if not isinstance(k.node, ast.Constant)
            ]
            for c in stated
        }

    def of(self, name, through):
        """The formulas at an edge: those of a name, on its way through a definition, or on all."""
        root = self.walk.expanded.root(name)
        way = through is not None and len(self.uses[root]) > 1
        back = self._part(name, through) if way else self._whole(root)
        return printable(self._forward(root)), printable(back)

    def last(self, name):
        """The last form of the gradient of a name."""
        lines = self.lines.get(name)
        return printable(lines[-1] if lines else f"∂L/∂{name}")

    def _forward(self, name):
        """A value in terms of the inputs where that is short, else of the values before it."""
        if name not in self.made:
            return ""
        texts = spelled(self.whole[name]), spelled(self._expanded(self.made[name], self.own))
        return next((text for text in texts if len(text) <= FORWARD), name)

    def _expanded(self, node, values):
        """An expression with values in the place of names, as long as it stays short."""
        inner = {name: values[name] for name in names_in(node) if name in values}
        made = self.walk.shown(with_names(node, inner)) if inner else node
        return made if len(ast.unparse(made)) <= 2 * BACK else node

    def _whole(self, name):
        """The last short form of a gradient: the author's, or what the operations say."""
        short = [text for text in self.lines.get(name, []) if len(text) <= BACK]
        if short:
            return short[-1]
        through, hidden = self.uses[name][0][-1], name in self.walk.expanded.hidden
        part = self._part(name, through) if len(self.uses[name]) == 1 and through else ""
        return part or ("" if hidden else f"∂L/∂{name}")

    def _part(self, name, through):
        """What one operation passes back."""
        for operation in self.walk.operations:
            for position, operand in enumerate(operation.operands):
                if name_of(operand) == name and operation.through == through:
                    rule = backward_rule(self.walk, operation, position)
                    text = self._back(self._expanded(rule, self.own)) if rule is not None else ""
                    return text if len(text) <= BACK else ""
        return f"∂L/∂{name}"

    def _back(self, node):
        """A gradient's formula, in which dx is ∂L/∂x."""
        return self._said(spelled(node))

    def _said(self, text):
        return GRADIENT.sub(self._partial, text.replace(", keepdims=True", ""))

    def _partial(self, match):
        """∂L/∂x for dx. What the author gave no name is said in its own formula."""
        name, known = match[1], self.walk.point.names
        if name not in known or f"d{name}" not in known:
            return match[0]
        if name not in self.walk.expanded.hidden:
            return f"∂L/∂{name}"
        text = self._whole(self.walk.expanded.root(name)) or "…"
        return f"({text})" if " + " in text or " − " in text else text
