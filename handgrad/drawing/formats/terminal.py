"""The graph in characters: a drawing where it fits, and else a line for each operation."""

import itertools
from dataclasses import dataclass, field

from handgrad.common.text import cells
from handgrad.drawing.formats.scene import Metric, scene
from handgrad.drawing.graph import NodeKind
from handgrad.drawing.labels import amount, columns
from handgrad.drawing.layout import Box, Spacing
from handgrad.drawing.spelling import spelled

WIDEST = 100
MOST_NODES = 60  # more do not fit
TOO_LARGE = "(too large for a picture in text: draw it with -o FILE.svg)"
NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8
LINES = dict(enumerate(" │─└││┌├─┘─┴┐┤┬┼")) | {NORTH: "│", EAST: "─", SOUTH: "│", WEST: "─"}


class NoRoomError(Exception):
    """Two lines would need the same place."""


@dataclass
class Canvas:
    """Characters by (row, column), and the lines that meet in each."""

    text: dict[tuple[int, int], str] = field(default_factory=dict)
    lines: dict[tuple[int, int], int] = field(default_factory=dict)

    def write(self, row, column, text):
        for i, cell in enumerate(columns(text)):
            self.text[row, column + i] = cell

    def level(self, row, left, right):
        """A line from the middle of one column to the middle of another."""
        for column in range(left, right + 1):
            ends = (EAST if column < right else 0) | (WEST if column > left else 0)
            self._join(row, column, ends)

    def upright(self, column, top, bottom):
        for row in range(top, bottom + 1):
            ends = (SOUTH if row < bottom else 0) | (NORTH if row > top else 0)
            self._join(row, column, ends)

    def _join(self, row, column, ends):
        self.lines[row, column] = self.lines.get((row, column), 0) | ends

    def __str__(self):
        found = {place: LINES[ends] for place, ends in self.lines.items()} | self.text
        rows = range(min(r for r, _ in found), max(r for r, _ in found) + 1)
        width = max(c for _, c in found) + 1
        return "\n".join(
            "".join(found.get((row, column), " ") for column in range(width)).rstrip()
            for row in rows
        )


def render(walk, graph, *, norm=False, back=True, formulas=None):
    """The graph of a walk as plain text, no wider than a page if its names allow it.

    Where it is too large for a drawing, a table has what comes `back`, in `formulas` if there are any.
    """
    try:
        text = drawing(graph, norm=norm) if len(graph.nodes) <= MOST_NODES else ""
    except NoRoomError:
        text = ""
    if not text or max(map(cells, text.splitlines())) > WIDEST:
        text = f"{table(walk, norm=norm, back=back, formulas=formulas)}\n\n{TOO_LARGE}"
    return f"{graph.title}\n\n{text}\n"


def table(walk, *, norm=False, back=True, formulas=None):
    """One line for each value: how it is made, the value, and the gradient that comes back."""
    expanded = walk.expanded
    uses = walk.uses()
    names = [(g.name, g.name) for g in expanded.derivation.givens if g.name in uses]
    for operation in walk.operations:
        made = f"{operation.through} = {spelled(walk.shown(operation.node))}"
        names += [(name, made if i == 0 else "") for i, name in enumerate(operation.targets)]
    if formulas is not None:
        rows = [("", "← gradient"), *((text, formulas(name)) for name, text in names)]
        return _in_columns(rows)

    def shown(name, value):
        shape = walk.shapes.get(name, ())
        return "" if value is None else amount(value, shape, norm=norm, numbers=walk.stated)

    rows = [("", "value →", "← gradient" if back else "")]
    for name, text in names:
        gradient = walk.gradient(name) if back else None
        rows.append((text, shown(name, walk.point.names[name]), shown(name, gradient)))
    return _in_columns(rows)


def _in_columns(rows):
    """Rows below each other, in columns with two spaces between them at least."""
    first, *others = ([cells(text) for text in column] for column in zip(*rows, strict=True))
    widths = [min(60, max(first)), *(max(16, *column) for column in others)]
    return "\n".join(
        "  ".join(
            text + " " * (width - cells(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def drawing(graph, *, norm=False):
    """The graph with its lines: values above them, gradients below."""
    view = scene(graph, Metric(_node_box, _caption_box, Spacing(1, _gap, whole=True)), norm=norm)
    place, canvas = view.layout, Canvas()
    for i, gap in enumerate(place.gaps):
        _draw_gap(canvas, place, i, gap)
    for key, box in place.boxes.items():
        if not box.width or key not in range(len(graph.nodes)):
            left, right = place.columns[place.layer_of[key]]
            canvas.level(int(place.y[key]), int(left) - 1, int(right))
    for node in graph.nodes:
        _draw_node(canvas, place, node)
    for caption, key in zip(view.captions, view.boxes, strict=True):
        if key is not None:
            _draw_caption(canvas, place, caption, key)
    return str(canvas)


def _node_text(node):
    match node.kind:
        case NodeKind.OPERATION:
            return f"({node.label})"
        case NodeKind.BRANCH:
            return "●"
        case NodeKind.OUTPUT:
            return f" {node.label}"
    return f"{node.label} "


def _node_box(node, _meets):
    last, near = node.kind is NodeKind.OUTPUT, node.kind is NodeKind.CONSTANT
    return Box(cells(_node_text(node)), 0, 0, near=near, last=last)


def _caption_box(caption):
    lines = [*caption.lines, caption.gradient]
    return Box(max(map(cells, lines)) + 1, len(caption.lines), 1 if caption.gradient else 0)


def _left(place, key):
    return int(place.x[key] - place.boxes[key].width / 2)


def _draw_node(canvas, place, node):
    row, left, text = int(place.y[node.key]), _left(place, node.key), _node_text(node)
    edges = place.columns[place.layer_of[node.key]]
    meets = node.kind not in {NodeKind.INPUT, NodeKind.CONSTANT}
    if meets:
        canvas.level(row, int(edges[0]) - 1, left)
    if node.kind is not NodeKind.OUTPUT:
        canvas.level(row, left + cells(text) - 1, int(edges[1]))
    canvas.write(row, left, text)
    if meets and node.kind is not NodeKind.BRANCH:
        canvas.write(row, left - 1, "▶")


def _draw_caption(canvas, place, caption, key):
    row, left = int(place.y[key]), _left(place, key)
    for i, text in enumerate(caption.lines[::-1]):
        canvas.write(row - 1 - i, left, text)
    canvas.write(row + 1, left, caption.gradient)


def _draw_gap(canvas, place, i, spans):
    """The lines between one column and the next."""
    if not spans:
        return
    left, right = int(place.columns[i][1]), int(place.columns[i + 1][0]) - 1
    nets = _nets(spans)
    for net, track in zip(nets, _tracks(nets), strict=True):
        column = left + track
        for row in {int(span.start) for span in net}:
            canvas.level(row, left, column)
        for row in {int(span.end) for span in net}:
            canvas.level(row, column, right)
        canvas.upright(column, *_reach(net))


def _gap(spans):
    """A column for each track, and one for the head of an arrow."""
    return max(_tracks(_nets(spans)), default=0) + 2 if spans else 0


def _nets(spans):
    """The spans in groups that meet at one end."""
    nets = []
    for span in spans:
        meets = [
            net
            for net in nets
            if any(s.source == span.source or s.target == span.target for s in net)
        ]
        nets = [net for net in nets if net not in meets] + [[*itertools.chain(*meets), span]]
    return nets


def _reach(net):
    rows = [int(row) for span in net for row in (span.start, span.end)]
    return min(rows), max(rows)


def _tracks(nets):
    """The column of each net's upright line, so that no two lines lie on each other.

    Where one net comes from the left and another goes to the right in the same row, the first must
    turn before the second begins.
    """
    before = [
        {j for j, other in enumerate(nets) if i != j and _turns_first(other, net)}
        for i, net in enumerate(nets)
    ]
    tracks = {}
    while len(tracks) < len(nets):
        ready = [i for i in range(len(nets)) if i not in tracks and before[i] <= tracks.keys()]
        if not ready:
            raise NoRoomError
        for i in ready:
            least = max((tracks[j] + 1 for j in before[i]), default=0)
            taken = {tracks[j] for j in tracks if _meet(nets[i], nets[j])}
            tracks[i] = next(t for t in range(least, len(nets) + least + 1) if t not in taken)
    return [tracks[i] for i in range(len(nets))]


def _turns_first(net, other):
    return bool({int(s.start) for s in net} & {int(s.end) for s in other})


def _meet(net, other):
    (top, bottom), (upper, lower) = _reach(net), _reach(other)
    return top <= lower and upper <= bottom and top != bottom and upper != lower
