"""The graph in Mermaid's language, which code hosts draw where it stands in Markdown."""

from handgrad.drawing.formats.scene import caption
from handgrad.drawing.graph import NodeKind

PLAIN = set(" _.,")
BRACKETS = {
    NodeKind.OPERATION: ("((", "))"),
    NodeKind.BRANCH: ("((", "))"),
    NodeKind.INPUT: ("[", "]"),
    NodeKind.CONSTANT: ("[", "]"),
    NodeKind.OUTPUT: ("[", "]"),
}
STYLES = """    classDef value fill:none,stroke:none
    classDef branch fill:#888,stroke:#888"""


def render(graph, *, norm=False):
    """The graph as the text of a .mmd file."""
    lines = ["---", f"title: {_title(graph.title)}", "---", "flowchart LR", STYLES]
    lines += [f"    {_node(node)}" for node in graph.nodes]
    for edge in graph.edges:
        label = _edge(caption(graph, edge, norm=norm))
        arrow = f'-->|"{label}"|' if label else "-->"
        lines.append(f"    n{edge.source} {arrow} n{edge.target}")
    return "\n".join(lines) + "\n"


def _node(node):
    opening, closing = BRACKETS[node.kind]
    label = "<br/>".join(map(escaped, filter(None, (node.label, node.detail))))
    kind = "branch" if node.kind is NodeKind.BRANCH else "value"
    style = "" if node.kind is NodeKind.OPERATION else f":::{kind}"
    return f'n{node.key}{opening}"{label or " "}"{closing}{style}'


def _edge(text):
    parts = [*text.lines[:-1], f"{text.value} →" if text.value else ""]
    parts += [f"← {text.gradient}"] if text.gradient else []
    return "<br/>".join(escaped(part) for part in parts if part)


def escaped(text):
    """A label's text with everything that could mean something to Mermaid or HTML as a number."""
    return "".join(c if c.isalnum() or c in PLAIN else f"#{ord(c)};" for c in text)


def _title(text):
    """A title as a YAML string."""
    escaped_text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped_text}"'
