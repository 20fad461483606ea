"""The graph as SVG: self-contained, and readable on light and on dark ground."""

import math
import unicodedata
from html import escape
from itertools import pairwise

from handgrad.drawing.formats.scene import Metric, scene
from handgrad.drawing.graph import NodeKind
from handgrad.drawing.layout import Box, Spacing

SIZE, SMALL, LINE = 13, 10, 14
PAGE = 900
RADIUS, DOT, PORT = 15, 3.2, 14
APART = 2.5  # half the distance between the line forward and the line back
MARGIN, TITLE, LEGEND = 20, 30, 28
NARROW, WIDE = set("fijlrt.,:;'|!()[]{} "), set("mwMW@%‖")
FONTS = "'STIX Two Text', Cambria, 'Times New Roman', serif"
STYLE = f".handgrad {{ font-family: {FONTS}; font-size: 13px; }}"
STYLE += """
.handgrad text { fill: #1f2328; text-anchor: middle; }
.handgrad .paper { fill: #ffffff; }
.handgrad .node { fill: #f3f5f8; stroke: #1f2328; stroke-width: 1.2; }
.handgrad .line { fill: none; stroke: #1f2328; stroke-width: 1.2; }
.handgrad .back { fill: none; stroke: #c2410c; stroke-width: 1.2; }
.handgrad .dot, .handgrad .head { fill: #1f2328; }
.handgrad .backhead { fill: #c2410c; }
.handgrad .name { font-style: italic; }
.handgrad .start { text-anchor: end; }
.handgrad .end, .handgrad .title { text-anchor: start; }
.handgrad .title { font-size: 15px; }
.handgrad .small { font-size: 10px; fill: #57606a; }
.handgrad text.gradient { fill: #c2410c; }
@media (prefers-color-scheme: dark) {
.handgrad text { fill: #e6edf3; }
.handgrad .paper { fill: #0d1117; }
.handgrad .node { fill: #1c2330; stroke: #e6edf3; }
.handgrad .line { stroke: #e6edf3; }
.handgrad .back { stroke: #ff9e64; }
.handgrad .dot, .handgrad .head { fill: #e6edf3; }
.handgrad .small { fill: #9198a1; }
.handgrad .backhead, .handgrad text.gradient { fill: #ff9e64; }
}
"""
HEADS = (
    '<defs><marker id="hg-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path class="head" d="M0 1 8 4 0 7z"/></marker>'
    '<marker id="hg-back" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path class="backhead" d="M0 1 8 4 0 7z"/></marker></defs>'
)


def render(graph, *, norm=False):
    """The picture of a graph as the text of an SVG file."""
    view = picture_scene(graph, norm=norm)
    place = view.layout
    width = max(place.width, text_width(graph.title, 16), 150) + 2 * MARGIN
    height = place.height + TITLE + LEGEND + 2 * MARGIN
    parts = [
        opening(width, height),
        f"<title>{escape(graph.title)}</title><style>{STYLE}</style>{HEADS}",
        '<rect class="paper" width="100%" height="100%" rx="6"/>',
        text_at(MARGIN, MARGIN + 10, graph.title, "title"),
        f'<g transform="translate({(width - place.width) / 2:.1f} {MARGIN + TITLE})">',
        *(_edge(view, i) for i in range(len(graph.edges))),
        *(f'<g data-node="{node.key}">{_node(view, node)}</g>' for node in graph.nodes),
        "</g>",
        _legend(width, height, back=any(edge.gradient is not None for edge in graph.edges)),
        "</svg>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


def opening(width, height):
    """The first tag: as wide as the picture is, but no wider than a page."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="handgrad" viewBox="0 0 {width:.0f} '
        f'{height:.0f}" width="{min(width, PAGE):.0f}" role="img" style="max-width: 100%">'
    )


def picture_scene(graph, *, norm=False):
    """The graph laid out in pixels."""
    return scene(graph, Metric(_node_box, _caption_box, Spacing(12, _gap)), norm=norm)


def text_width(text, size=SIZE):
    """No less than the width of a text in any common serif font."""
    return sum(map(_letter_width, text)) * size


def _letter_width(letter):
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if letter in NARROW:
        return 0.38
    return 0.95 if letter in WIDE else 0.72 if letter.isupper() or not letter.isalnum() else 0.58


def _node_box(node, meets):
    match node.kind:
        case NodeKind.OPERATION:
            half = max(RADIUS, (PORT * (meets - 1)) / 2 + 9)
            width = max(2 * RADIUS, text_width(node.label) + 10, text_width(node.detail, SMALL))
            return Box(width, half, half + (SMALL + 3 if node.detail else 0), port=PORT)
        case NodeKind.BRANCH:
            return Box(2 * DOT, DOT, DOT)
    constant, output = node.kind is NodeKind.CONSTANT, node.kind is NodeKind.OUTPUT
    return Box(text_width(node.label) + 12, 10, 10, near=constant, last=output)


def _caption_box(text):
    lines = [*text.lines, text.gradient]
    above = 5 + LINE * len(text.lines)
    return Box(max(map(text_width, lines)) + 2, above, 5 + LINE if text.gradient else 5)


def _gap(spans):
    """The gap between two columns: wider if lines climb."""
    climb = max((abs(span.end - span.start) for span in spans), default=0)
    return 0 if not spans else 9 + min(16, climb / 6)


def _node(view, node):
    x, y = view.layout.x[node.key], view.layout.y[node.key]
    box = view.layout.boxes[node.key]
    match node.kind:
        case NodeKind.OPERATION:
            half, width = box.above, _pill_width(node)
            shape = (
                f'<rect class="node" x="{x - width / 2:.1f}" y="{y - half:.1f}" '
                f'width="{width:.1f}" height="{2 * half:.1f}" rx="{RADIUS}"/>'
            )
            label = text_at(x, y + 5, node.label)
            return shape + label + text_at(x, y + half + SMALL, node.detail, "small")
        case NodeKind.BRANCH:
            return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{DOT}"/>'
        case NodeKind.CONSTANT:
            return text_at(x, y + 5, node.label)
        case NodeKind.OUTPUT:
            return text_at(x - box.width / 2 + 6, y + 5, node.label, "name end")
    return text_at(x + box.width / 2 - 6, y + 5, node.label, "name start")


def _pill_width(node):
    return max(2 * RADIUS, text_width(node.label) + 10)


def _edge(view, i):
    """The line forward with what stands above it, and the line back with what stands below."""
    edge, caption, key = view.graph.edges[i], view.captions[i], view.boxes[i]
    heads = view.graph.nodes[edge.target].kind is not NodeKind.BRANCH
    back = edge.gradient is not None
    forth = [_line(_points(view, i, -APART if back else 0), "line", "head" if heads else "")]
    parts = []
    if back:
        points = _points(view, i, APART)[::-1]
        if view.graph.nodes[edge.source].kind is NodeKind.BRANCH:
            parts += [_line(points, "back", ""), _line(points[:-2], "back", "back")]
        else:
            parts.append(_line(points, "back", "back"))
    if key is not None:
        x, y = view.layout.x[key], view.layout.y[key]
        forth += _above(caption, x, y)
        parts.append(text_at(x, y + 7 + SMALL, _minus(caption.gradient), "gradient"))
    ways = f'data-from="{edge.source}" data-to="{edge.target}"'
    return f"<g {ways}><g>{''.join(forth)}</g><g>{''.join(parts)}</g></g>"


def _above(caption, x, y):
    above = caption.lines[::-1]
    for i, text in enumerate(above):
        is_name = text == caption.name and i == len(above) - 1 and caption.name
        yield text_at(
            x,
            y - 8 - LINE * i,
            text if is_name else _minus(text),
            "name" if is_name else "value",
        )


def _minus(number):
    return number.replace("-", "−")


def _points(view, i, shift):
    """The points of an edge: level in the columns, and bent between each second pair."""
    edge, place = view.graph.edges[i], view.layout
    spans = [span for arrow in view.arrows[i] for span in place.spans[arrow]]
    points = []
    for span in spans:
        right = place.columns[place.layer_of[span.source]][1]
        left = place.columns[place.layer_of[span.target]][0]
        points += [(right, span.start + shift), (left, span.end + shift)]
    first = _reach(view, edge.source, spans[0].start + shift)
    last = _reach(view, edge.target, spans[-1].end + shift)
    begin = (place.x[edge.source] + first, spans[0].start + shift)
    end = (place.x[edge.target] - last, spans[-1].end + shift)
    return [begin, *points, end]


def _reach(view, key, height):
    """How far a node reaches to either side at some height."""
    node, box = view.graph.nodes[key], view.layout.boxes[key]
    if node.kind is NodeKind.BRANCH:
        return 0.0
    if node.kind is not NodeKind.OPERATION:
        return box.width / 2 - 3
    inside = max(0.0, abs(height - view.layout.y[key]) - (box.above - RADIUS))
    corner = RADIUS - math.sqrt(max(0.0, RADIUS**2 - inside**2))
    return _pill_width(node) / 2 - corner


def _line(points, kind, head):
    """A path through points: straight where it is level, and else an S."""
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x, y), (nx, ny) in pairwise(points):
        if abs(y - ny) < 0.05:
            path.append(f"L{nx:.1f} {ny:.1f}")
        else:
            middle = (x + nx) / 2
            path.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {ny:.1f} {nx:.1f} {ny:.1f}")
    marker = f' marker-end="url(#hg-{head})"' if head else ""
    return f'<path class="{kind}" d="{"".join(path)}"{marker}/>'


def text_at(x, y, text, kind=""):
    if not text:
        return ""
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{escape(text)}</text>'


def _legend(width, height, *, back):
    """What the colours mean, in two texts: not every program places a part of a text."""
    x, y, gradient = width - MARGIN, height - MARGIN, "← gradient" if back else ""
    before = x - text_width(gradient, SMALL) - 8
    said = text_at(x, y, gradient, "small start gradient")
    return text_at(before, y, "value →", "small start") + said
