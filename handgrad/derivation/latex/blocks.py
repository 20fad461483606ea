r"""Blocks: where equations stand in a text, in `$$…$$`, `\[…\]` and the environments of LaTeX."""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

ENVIRONMENTS = ("equation", "align", "gather", "multline", "eqnarray", "displaymath", "alignat",
                "flalign", "math")  # fmt: skip
OPENING = re.compile(
    r"\$\$|\\\[|\\begin\{(?P<name>" + "|".join(ENVIRONMENTS) + r")(?P<star>\*?)\}"
    r"|<!--|(?m:^[ \t>]*+(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>\S*))"
    r"|(?m:^[ \t>]*+(?:[-*+]|\d++[.)])?+[ \t]*+\$(?P<alone>[^$\n]{1,2000})\$[ \t]*[.,;:]?[ \t]*$)"
    r"|(?m:^[ ]{0,3}(?P<level>#{1,6})[ \t]++(?P<title>.*)$)"
    r"|\\(?P<sub>(?:sub){0,2})section\*?\{(?P<heading>[^{}\n]{0,200})\}"
    r"|(?m:^[ \t]*+%[ \t]*+derivation(?P<tex>:.*(?:\n[ \t]*%.*)*|[ \t]*)$)"
)
STOP = re.compile(
    r"\n[ \t>]*\n(?=[ ]{0,3}#{1,6}[ \t])|(?=<!--\s*derivation\b|^[ \t]*%[ \t]*derivation\b)",
    re.MULTILINE,
)
MOST_OPEN = 50  # kinds of delimiters that are never closed
HEADER = re.compile(r"\s*derivation\s*(?::(?P<rest>.*))?", re.DOTALL)
PROSE = re.compile(r"\s*prose\s*")
INLINE = re.compile(r"\$(?P<names>[^$\n]{1,200}?)\\in(?![a-z])(?P<set>[^$\n]{1,100})\$")


@dataclass(frozen=True)
class Piece:
    """A part of a text that matters: an equation, a header, a heading, or a mark of prose.

    An "unclosed" one is an equation that is never closed, and its text what opens it. `span` is
    where a piece begins and ends, with its delimiters.
    """

    kind: str
    text: str
    line: int
    column: int
    level: int = 0
    span: tuple[int, int] = (0, 0)


def pieces_of(text):
    """The pieces of a text, in their order. Takes a time in proportion to its length."""
    starts = line_starts(text)

    def place(at):
        line = bisect_right(starts, at)
        return line, at - starts[line - 1] + 1

    at, absent = 0, set()
    while match := OPENING.search(text, at):
        kind, inside, at = _piece(text, match, absent)
        if kind:
            start, level = inside[0], _level(match)
            span = match.start(), at
            yield Piece(kind, text[slice(*inside)], *place(start), level, span)


def _level(match):
    if match["level"]:
        return len(match["level"])
    return 1 + len(match["sub"] or "") // 3


def _piece(text, match, absent):
    """(kind, where its text stands, where the search goes on)."""
    opening = match[0]
    if match["alone"]:
        return "equation", match.span("alone"), match.end()
    if match["level"]:
        return "heading", match.span("title"), match.end()
    if match["heading"] is not None:
        return "heading", match.span("heading"), match.end()
    if match["tex"] is not None:
        return "header", match.span("tex"), match.end()
    if match["fence"]:
        return _fenced(text, match, absent)
    closing, kind = {
        "$$": ("$$", "equation"),
        "\\[": ("\\]", "equation"),
        "<!--": ("-->", "comment"),
    }.get(opening, (f"\\end{{{match['name']}{match['star']}}}", "equation"))
    end = -1 if closing in absent else text.find(closing, match.end())
    if end < 0:
        absent.add(closing)
    if kind == "comment":
        return _comment(text, match.end(), end) if end >= 0 else ("", (0, 0), match.end())
    return _display(text, match, end, end + len(closing))


def _display(text, match, end, after):
    """A display. One that is not closed stops at the next heading or header, or at the end."""
    if end < 0 and text.startswith("`", max(0, match.start() - 1)):
        return "", (0, 0), match.end()  # it is named, and opens nothing
    stop = STOP.search(text, match.end(), len(text) if end < 0 else end)
    if stop is None and end >= 0:
        return "equation", (match.end(), end), after
    return "unclosed", match.span(), stop.start() if stop else len(text)


def _comment(text, start, end):
    """A header or a mark of prose; other comments are left alone."""
    inside = text[start:end]
    if PROSE.fullmatch(inside):
        return "prose", (start, end), end + 3
    if header := HEADER.fullmatch(inside):
        first = start + (header.start("rest") if header["rest"] is not None else len(inside))
        return "header", (first, end), end + 3
    return "", (0, 0), end + 3


def _fenced(text, match, absent):
    """A block of code, which is left alone unless it is one of mathematics."""
    fence = match["fence"]
    if fence in absent or len(absent) > MOST_OPEN:
        return "", (0, 0), match.end()
    closing = rf"(?m)^[ \t>]*+{re.escape(fence)}{re.escape(fence[0])}*+[ \t]*+$"
    end = re.compile(closing).search(text, match.end())
    if end is None:
        absent.add(fence)
        return "", (0, 0), match.end()
    kind = "equation" if match["info"] == "math" else ""
    return kind, (match.end(), end.start()), end.end()


def shapes_in(text):
    r"""(names, set, line) of what text says of shapes, as in $X \in \mathbb R^{N \times D}$."""
    starts, ticks = line_starts(text), ticks_in(text)
    for match in INLINE.finditer(text):
        line = bisect_right(starts, match.start())
        if not is_code(ticks, starts[line - 1], match.start()):
            yield match["names"], match["set"], line


def ticks_in(text):
    """Where each ` of a text stands."""
    return [match.start() for match in re.finditer("`", text)]


def is_code(ticks, start, at):
    """Whether a place of a line, which begins at `start`, lies between ` and `."""
    return (bisect_left(ticks, at) - bisect_left(ticks, start)) % 2 == 1


def line_starts(text):
    """Where each line of a text begins."""
    return [0, *(m.end() for m in re.finditer("\n", text))]
