"""The layout of a graph: layers from left to right, few crossings, and no two boxes that overlap.

A box is anything that takes room: a node, or the labels of an edge. Lines run level through the
columns of boxes and bend only in the gaps between columns, so a line never meets a label.
"""

import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from handgrad.drawing.heights import heights

SWEEPS = 12


@dataclass(frozen=True)
class Box:
    """How much room something takes around its point: to both sides, above and below.

    `near` boxes stand as far right as they can, `last` ones in the last column; `port` is the
    distance between two lines that meet the box. A line passes level through the point.
    """

    width: float
    above: float
    below: float
    near: bool = False
    last: bool = False
    port: float = 0.0


@dataclass(frozen=True)
class Span:
    """A line between two neighbouring columns: its arrow, its ends, and their heights."""

    arrow: int
    source: int
    target: int
    start: float
    end: float


@dataclass(frozen=True)
class Spacing:
    """The room between boxes in a column, and the width of a gap that some spans run through."""

    rows: float
    gap: Callable[[list[Span]], float]
    whole: bool = False


@dataclass
class Layout:
    """Where everything stands. `columns` are (left, right); `gaps` the spans that follow each."""

    x: dict[int, float]
    y: dict[int, float]
    columns: list[tuple[float, float]]
    gaps: list[list[Span]]
    boxes: dict[int, Box]
    layers: list[list[int]]
    width: float = 0.0
    height: float = 0.0
    layer_of: dict[int, int] = field(default_factory=dict)

    def frame(self, key):
        """The box of a key: left, top, right, bottom."""
        box, x, y = self.boxes[key], self.x[key], self.y[key]
        return x - box.width / 2, y - box.above, x + box.width / 2, y + box.below

    @cached_property
    def spans(self):
        """The spans of each arrow, from left to right."""
        found = {}
        for span in chain.from_iterable(self.gaps):
            found.setdefault(span.arrow, []).append(span)
        return found


def lay_out(boxes, arrows, spacing):
    """Place boxes, given as a list, and arrows, pairs of their indices."""
    layer = _layers(boxes, arrows)
    placed = dict(enumerate(boxes))
    pieces = _pieces(placed, arrows, layer)
    layers = _ordered(placed, pieces, layer)
    starts, ends = _ports(placed, pieces, layers)
    y = heights(placed, pieces, layers, (starts, ends), spacing)
    gaps = [[] for _ in layers]
    for i, (arrow, source, target) in enumerate(pieces):
        span = Span(arrow, source, target, y[source] + starts[i], y[target] + ends[i])
        gaps[layer[source]].append(span)
    x, columns = _columns(placed, layers, gaps, spacing)
    height = max(y[key] + box.below for key, box in placed.items())
    return Layout(x, y, columns, gaps, placed, layers, columns[-1][1], height, layer)


def _layers(boxes, arrows):
    """The column of every box: one behind the last of its sources."""
    before = {i: [] for i in range(len(boxes))}
    after = {i: [] for i in range(len(boxes))}
    for source, target in arrows:
        before[target].append(source)
        after[source].append(target)
    layer = {}
    for key in _topological(before, after):
        layer[key] = max((layer[source] + 1 for source in before[key]), default=0)
    last = max(layer.values(), default=0)
    for key, box in enumerate(boxes):
        if box.near and after[key]:
            layer[key] = min(layer[target] for target in after[key]) - 1
        elif box.last:
            layer[key] = last
    return layer


def _topological(before, after):
    """The keys, each behind its sources."""
    waiting = {key: len(sources) for key, sources in before.items()}
    ready = [key for key, count in waiting.items() if count == 0]
    for key in ready:
        for target in after[key]:
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return ready


def _pieces(placed, arrows, layer):
    """The arrows cut at every column, where a thin box of their own lets them through."""
    pieces = []
    for arrow, (source, target) in enumerate(arrows):
        at = source
        lane = Box(0.0, placed[source].port / 2, placed[source].port / 2)
        for column in range(layer[source] + 1, layer[target]):
            key = len(placed)
            placed[key], layer[key] = lane, column
            pieces.append((arrow, at, key))
            at = key
        pieces.append((arrow, at, target))
    return pieces


def _ordered(placed, pieces, layer):
    """The boxes of each column from top to bottom, with few crossings."""
    sources, targets = _neighbours(placed, pieces)
    layers = _first_order(placed, sources, targets, layer)
    best, fewest = layers, _crossings(layers, targets)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = sources if forward else targets
        layers = [list(column) for column in layers]
        order = range(1, len(layers)) if forward else range(len(layers) - 2, -1, -1)
        for i in order:
            beside = {key: p for p, key in enumerate(layers[i - 1 if forward else i + 1])}
            layers[i] = _by_barycentre(layers[i], beside, neighbours)
        count = _crossings(layers, targets)
        if count < fewest:
            best, fewest = layers, count
    return best


def _neighbours(placed, pieces):
    sources, targets = {key: [] for key in placed}, {key: [] for key in placed}
    for _, source, target in pieces:
        targets[source].append(target)
        sources[target].append(source)
    return sources, targets


def _first_order(placed, sources, targets, layer):
    """Columns in the order in which a walk back from the outputs meets the boxes."""
    layers = [[] for _ in range(max(layer.values(), default=0) + 1)]
    seen = set()
    stack = [key for key in reversed(placed) if not targets[key]]
    while stack:
        key = stack.pop()
        if key not in seen:
            seen.add(key)
            layers[layer[key]].append(key)
            stack.extend(reversed(sources[key]))
    return layers


def _by_barycentre(column, beside, neighbours):
    """A column sorted by the mean place of the neighbours; who has none keeps its place."""

    def place(item):
        i, key = item
        places = [beside[other] for other in neighbours[key] if other in beside]
        return (sum(places) / len(places) if places else i, i)

    return [key for _, key in sorted(enumerate(column), key=place)]


def _crossings(layers, targets):
    """How many pairs of pieces cross."""
    count = 0
    for i, column in enumerate(layers[:-1]):
        place = {key: p for p, key in enumerate(layers[i + 1])}
        passed = []
        for key in column:
            ends = sorted(place[target] for target in targets[key])
            count += sum(len(passed) - bisect.bisect_right(passed, end) for end in ends)
            for end in ends:
                bisect.insort(passed, end)
    return count


def _ports(placed, pieces, layers):
    """How far above or below the middle of its boxes every piece starts and ends."""
    place = {key: p for column in layers for p, key in enumerate(column)}
    starts, ends = [0.0] * len(pieces), [0.0] * len(pieces)
    for offsets, own, other in ((starts, 1, 2), (ends, 2, 1)):
        groups = {}
        for i, piece in enumerate(pieces):
            groups.setdefault(piece[own], []).append(i)
        for key, group in groups.items():
            group.sort(key=lambda i: place[pieces[i][other]])
            for rank, i in enumerate(group):
                offsets[i] = (rank - (len(group) - 1) / 2) * placed[key].port
    return starts, ends


def _columns(placed, layers, gaps, spacing):
    """The middle of every box, and the edges of every column."""
    x, columns, left = {}, [], 0.0
    for i, column in enumerate(layers):
        width = max((placed[key].width for key in column), default=0.0)
        columns.append((left, left + width))
        for key in column:
            aside = placed[key].near or i == 0
            x[key] = left + width - placed[key].width / 2 if aside else left + width / 2
        left += width + spacing.gap(gaps[i])
    return x, columns
