"""A chart: lines in panels one below the other, over one axis, as SVG."""

import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

from handgrad.common.files import write_bytes
from handgrad.drawing.formats import raster
from handgrad.drawing.formats.svg import STYLE, opening, text_at, text_width
from handgrad.drawing.labels import number

WIDTH, HEIGHT = 460, 150  # of a panel
LEFT, TOP, BOTTOM, BETWEEN = 64, 24, 44, 44
COLOURS = ("#0b5cad", "#c2410c", "#1a7f37", "#8250df", "#9a6700", "#57606a")
DARK = ("#6cb6ff", "#ff9e64", "#56d364", "#d2a8ff", "#e3b341", "#9198a1")
DASHES = ("", "6 3", "2 2", "8 3 2 3", "1 3", "12 4")  # so that lines differ without colours
POINTS = 400  # of a line: more are not seen


@dataclass(frozen=True)
class Panel:
    """Lines by name, each a list of (x, y); `limits` are those of y, else what the lines take."""

    title: str
    lines: dict[str, list[tuple[float, float]]]
    limits: tuple[float, float] | None = None
    log: bool = False


@dataclass(frozen=True, repr=False)
class Chart:
    """Panels with one axis in common, from 0 on."""

    panels: tuple[Panel, ...]
    axis: str

    def save(self, path: str | Path) -> None:
        """Write it as .svg, or with the extra `plot` as .png or .pdf."""
        suffix = Path(path).suffix
        svg = self._repr_svg_()
        data = raster.converted(svg, suffix) if suffix in raster.SUFFIXES else svg.encode()
        write_bytes(path, data)

    def _repr_svg_(self) -> str:
        end = max((x for p in self.panels for line in p.lines.values() for x, _ in line), default=1)
        names = max((text_width(name) for p in self.panels for name in p.lines), default=0)
        width = LEFT + WIDTH + names + 60
        height = TOP + len(self.panels) * (HEIGHT + BETWEEN) - BETWEEN + BOTTOM
        title = escape(", ".join(p.title for p in self.panels))
        parts = [
            opening(width, height),
            f"<title>{title}</title><style>{STYLE}{_colours()}</style>",
            '<rect class="paper" width="100%" height="100%" rx="6"/>',
            *(
                part
                for i, panel in enumerate(self.panels)
                for part in _Frame(panel, TOP + i * (HEIGHT + BETWEEN), end or 1).parts()
            ),
            text_at(LEFT + WIDTH / 2, height - 8, self.axis),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"


class _Frame:
    """A panel with its top at some height, up to some x."""

    def __init__(self, panel, top, end):
        self.panel, self.top, self.end = panel, top, end
        self.low, self.high = panel.limits or _limits(panel)
        self.scaled = math.log10 if panel.log else float

    def place(self, x, y):
        """Where a point stands in the picture."""
        low, high = self.scaled(self.low), self.scaled(self.high)
        share = (self.scaled(y) - low) / (high - low)
        return LEFT + WIDTH * x / self.end, self.top + HEIGHT * (1 - share)

    def parts(self):
        """Its title, its ticks, and its lines with their names beside them."""
        yield text_at(LEFT, self.top - 6, self.panel.title, "small end")
        ticks = _powers if self.panel.log else _ticks
        for y in ticks(self.low, self.high):
            left, height = self.place(0, y)
            yield f'<path class="grid" d="M{left} {height:.1f}h{WIDTH}"/>'
            yield text_at(left - 6, height + 4, number(y), "start")
        for x in _ticks(0, self.end):
            yield text_at(self.place(x, self.low)[0], self.top + HEIGHT + 16, number(x))
        for i, (name, line) in enumerate(self.panel.lines.items()):
            points = [self.place(x, y) for x, y in _thinned(line) if self.low <= y <= self.high]
            right, height = LEFT + WIDTH + 12, self.top + 12 + 16 * i
            yield _line(points, i)
            yield _line([(right, height - 4), (right + 24, height - 4)], i)
            yield text_at(right + 30, height, name, "end")


def _limits(panel):
    """The least and the largest number of all lines, with room around them."""
    values = [y for line in panel.lines.values() for _, y in line if not panel.log or y > 0]
    low, high = min(values, default=0), max(values, default=1)
    if panel.log:
        return (low / 2, high * 2) if values else (0.1, 1)
    return min(low, 0), high + (0.05 * (high - min(low, 0)) or 1)


def _ticks(low, high):
    """Round numbers, about five of them."""
    raw = (high - low) / 5
    power = 10 ** math.floor(math.log10(raw))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= raw)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def _powers(low, high):
    """The powers of ten between two numbers, seven at the most."""
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    step = max(1, math.ceil((last - first + 1) / 7))
    return [10.0**k for k in range(first, last + 1, step)]


def _thinned(line):
    """A line of few points: the mean of each block of neighbours."""
    size = math.ceil(len(line) / POINTS)
    blocks = [line[i : i + size] for i in range(0, len(line), size)] if line else []
    return [
        tuple(sum(numbers) / len(block) for numbers in zip(*block, strict=True)) for block in blocks
    ]


def _line(points, i):
    """A line with the colour and the dashes of its number."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    i %= len(COLOURS)
    dashes = f' stroke-dasharray="{DASHES[i]}"' if DASHES[i] else ""
    return f'<polyline class="c{i}" points="{path}"{dashes}/>'


def _colours():
    """The style of the lines, on light ground and on dark."""
    light, dark = (
        "".join(f".handgrad .c{i} {{ stroke: {c}; }} " for i, c in enumerate(colours))
        for colours in (COLOURS, DARK)
    )
    lines = ".handgrad polyline { fill: none; stroke-width: 1.5; } "
    lines += ".handgrad .grid { stroke: #8c959f; stroke-opacity: .35; } "
    return f"{lines}{light}@media (prefers-color-scheme: dark) {{ {dark}}}"
