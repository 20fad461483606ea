"""The graph in Graphviz's language."""

from html import escape

from handgrad.drawing.formats.scene import caption
from handgrad.drawing.graph import NodeKind

HEAD = """    rankdir=LR
    labelloc=t labeljust=l
    node [shape=plaintext fontname="Times,serif"]
    edge [fontname="Times,serif" arrowsize=0.6]"""
SHAPES = {NodeKind.OPERATION: " shape=circle margin=0.03", NodeKind.BRANCH: " shape=point"}
BACK = "#c2410c"


def render(graph, *, norm=False):
    """The graph as the text of a .dot file: values above the edges, gradients below."""
    lines = [f"digraph {_quoted(graph.title)} {{", HEAD, f"    label={_quoted(graph.title)}"]
    lines += [
        f"    n{node.key} [label={_node(node)}{SHAPES.get(node.kind, '')}]" for node in graph.nodes
    ]
    for edge in graph.edges:
        label = _edge(caption(graph, edge, norm=norm))
        lines.append(f"    n{edge.source} -> n{edge.target} [label={label}]")
    return "\n".join([*lines, "}"]) + "\n"


def _node(node):
    if node.kind in {NodeKind.INPUT, NodeKind.OUTPUT}:
        return f"<<i>{escape(node.label)}</i>>"
    return _quoted("\n".join(filter(None, (node.label, node.detail))))


def _edge(text):
    parts = [f"<i>{escape(text.name)}</i>"] if text.name else []
    parts += [f"{escape(text.value)} →"] if text.value else []
    parts += [f'<font color="{BACK}">← {escape(text.gradient)}</font>'] if text.gradient else []
    return f"<{'<br/>'.join(parts)}>" if parts else '""'


def _quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
