r"""Asides: what is said beside equations and within the text, as `n = 1, \dots, N` and `$u = x - y$`."""

import re
from bisect import bisect_right

from handgrad.derivation.latex.blocks import Piece, is_code, line_starts, ticks_in
from handgrad.derivation.latex.equations import divided, equations_of, is_sign
from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.tokens import tokens_of

INLINE = re.compile(r"(?<![$\\])\$(?![$\s])(?P<text>[^$\n]{3,300}?)(?<!\s)\$(?!\$)")
DOTS = {"dots", "ldots", "cdots"}


def asides_in(text):
    """The formulas within the lines of a text."""
    starts, ticks = line_starts(text), ticks_in(text)
    for match in INLINE.finditer(text):
        line = bisect_right(starts, match.start("text"))
        if is_code(ticks, starts[line - 1], match.start()):
            continue
        yield Piece("aside", match["text"], line, match.start("text") - starts[line - 1] + 1)


def definitions_in(piece):
    """The equations of a formula in the text; none where it cannot be divided."""
    try:
        return [e for e in equations_of(piece) if e.signs and set(e.signs) == {"="}]
    except UnreadError:
        return []


def ranges_in(piece):
    r"""{letter: the tokens of its end} of what is said so: `n = 1, \dots, N`, or `1 \le n \le N`."""
    if "dots" not in piece.text and "\\le" not in piece.text:
        return {}
    try:
        pieces = divided(tokens_of(piece.text, piece.line, piece.column))
    except UnreadError:
        return {}
    found = {}
    for i, part in enumerate(pieces):
        if i and i + 1 < len(pieces) and len(part) == 1 and is_sign(part[0], DOTS):
            found |= _counted(pieces[i - 1], pieces[i + 1])
        found |= _between(part)
    return found


def _counted(start, end):
    r"""The letter of `\text{for } n = 1`, with the end."""
    if len(start) < 3:
        return {}
    letter, equals, one = start[-3:]
    counts = letter.kind == "letter" and equals.text == "=" and one.text == "1"
    return {letter.text: tuple(end)} if counts else {}


def _between(part):
    r"""The letter of `1 \le n \le N`, with the end."""
    if len(part) < 5 or part[0].text != "1" or part[2].kind != "letter":
        return {}
    fits = is_sign(part[1], {"le"}) and is_sign(part[3], {"le"})
    return {part[2].text: tuple(part[4:])} if fits else {}
