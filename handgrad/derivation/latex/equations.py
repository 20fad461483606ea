r"""Equations: the rows of a block, each a chain of sides, as `a &= b \\ &= c` is one."""

from dataclasses import dataclass, replace
from itertools import accumulate

from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.parsing import CLOSING, RELATIONS, WORDS
from handgrad.derivation.latex.tokens import Token, tokens_of

TRANSPARENT = {"aligned", "align", "split", "gathered", "gather", "equation", "alignedat", "eqnarray",
               "multlined"}  # fmt: skip
OPENERS, CLOSERS = (
    {"{", *CLOSING} - {"|", "\\|"},
    {"}", ")", "]", "\\}", "rangle", "rfloor", "rceil"},
)
ENDS = {",", ".", ";", ":"}
OPERATORS = {"+", "-", "−", "cdot", "times", "odot", "*"}
ABOUT = {"partial", "nabla"}
CUTS = {",", ";", "implies", "&"}
BOXES = {"boxed", "fbox", "textcolor"}
DOTS = {"dots", "ldots", "cdots", "forall"}
COMPARED = {"<", ">", "<=", ">=", "!="}
CONDITIONS = ("if", "when", "for", "unless", "whenever")


@dataclass(frozen=True)
class Equation:
    """The sides of a chain, each a tuple of tokens; the relations between them; its place.

    It holds where the `condition` beside it does, and its indices run over the `ranges` there.
    """

    sides: tuple[tuple[Token, ...], ...]
    signs: tuple[str, ...]
    line: int
    column: int
    source: str = ""
    condition: tuple[Token, ...] = ()
    ranges: tuple[tuple[Token, ...], ...] = ()

    @property
    def about_derivatives(self):
        """Whether a ∂, a ∇, a d/d or a prime stands in it."""
        tokens = [token for side in self.sides for token in side]
        return any(
            t.text in ABOUT or (t.text == "d" and t.kind == "letter") or t.text == "'"
            for t in tokens
        )


def equations_of(piece):
    """The equations of a block. Raises UnreadError where it cannot be divided."""
    found = []
    for row in _rows(tokens_of(piece.text, piece.line, piece.column)):
        for part in _parts(_unboxed(row)):
            condition = condition_of(part) if found else ()
            if condition:
                found[-1] = replace(found[-1], condition=condition)
                continue
            if found and _signs(part) == ["<=", "<"]:
                found[-1] = replace(found[-1], ranges=(*found[-1].ranges, tuple(part)))
                continue
            equation = _equation(part)
            if equation is None:
                continue
            goes_on = found and not equation.sides[0]
            if goes_on:
                found[-1] = _joined(found[-1], equation)
            elif found and found[-1].signs and not equation.signs and is_sign(part[0], OPERATORS):
                before = found[-1]
                found[-1] = replace(
                    before, sides=(*before.sides[:-1], before.sides[-1] + tuple(part))
                )
            else:
                found.append(equation)
    return [replace(e, source=_source(piece, e)) for e in found if e.sides[0]]


def _joined(before, after):
    return replace(before, sides=before.sides + after.sides[1:], signs=before.signs + after.signs)


def separated(equation):
    """The equations in `a, b = (c, d)`: one for each name; a single one is itself."""
    sides = [at_commas(equation.sides[0]), *(at_commas(_listed(s)) for s in equation.sides[1:])]
    count = len(sides[0])
    if count == 1 or any(len(side) != count for side in sides):
        return [equation]
    return [replace(equation, sides=own) for own in zip(*sides, strict=True)]


def _listed(side):
    """What stands in the parentheses around a side."""
    side = tuple(side)
    depths = [*accumulate(_change(token) for token in side)]
    whole = len(side) > 1 and is_sign(side[0], {"("}) and 0 not in depths[:-1]
    return side[1:-1] if whole else side


def at_commas(side):
    """The parts of a side between the commas outside of all delimiters."""
    outside, parts = set(_outside(side)), [[]]
    for i, token in enumerate(side):
        if i in outside and is_sign(token, {","}):
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts if part]


def first_word(equation):
    """The letters, close together, with which an equation begins, as MSE."""
    word = ""
    for token in equation.sides[0]:
        if token.kind != "letter" or (word and not token.glued):
            break
        word += token.text
    return word


def is_sign(token, texts):
    """Whether a token is one of these signs or commands."""
    return token.kind in {"sign", "command"} and token.text in texts


def _rows(tokens):
    r"""The rows of a block, cut at \\ outside of cases and matrices, without its environments."""
    rows, row, depth = [], [], 0
    for token in _without_array(tokens):
        if token.kind in {"begin", "end"} and token.text in TRANSPARENT:
            continue
        depth += (token.kind == "begin") - (token.kind == "end")
        if depth == 0 and is_sign(token, {"\\\\"}):
            rows.append(row)
            row = []
        else:
            row.append(token)
    return [row for row in [*rows, row] if row]


def _without_array(tokens):
    r"""The tokens without the \begin{array}{rcl} around all of them."""
    tokens = _stripped(tokens)
    edges = [(t.kind, t.text) for t in (*tokens[:1], *tokens[-1:])]
    if edges != [("begin", "array"), ("end", "array")]:
        return tokens
    columns = next((i for i, t in enumerate(tokens) if is_sign(t, {"}"})), 0)
    return tokens[columns + 1 : -1]


def _unboxed(row):
    r"""A row without the \boxed{…} or the braces around all of it."""
    row = _stripped(row)
    while row:
        at = 1 if is_sign(row[0], BOXES) else 0
        depths = [*accumulate(is_sign(t, {"{"}) - is_sign(t, {"}"}) for t in row[at:])]
        if at + 1 >= len(row) or not is_sign(row[at], {"{"}) or 0 in depths[:-1] or depths[-1]:
            break
        row = _stripped(row[at + 1 : -1])
    return row


def _parts(row):
    """The equations beside each other in a row: between commas, spaces, arrows and columns."""
    pieces = _without_ranges(divided(row))
    if len(pieces) == 1 or all(map(_has_relation, pieces)):
        return pieces
    return [_stripped([t for t in row if not (t.kind == "gap" or is_sign(t, {"implies", "&"}))])]


def divided(row):
    """The pieces of a row. One that begins with a relation or an operator goes on with the last."""
    pieces, piece, depth, column = [], [], 0, False
    for token in [*row, None]:
        depth += _change(token) if token else 0
        is_cut = token is None or (depth == 0 and (token.kind == "gap" or is_sign(token, CUTS)))
        if not is_cut:
            piece.append(token)
            continue
        piece = _stripped(piece)
        if (
            pieces
            and piece
            and (is_sign(piece[0], {*RELATIONS, *OPERATORS}) or _is_open(pieces[-1], column))
        ):
            pieces[-1] += piece
        elif piece and not (column and _word(piece) and pieces and not _has_relation(piece)):
            pieces.append(piece)
        piece, column = [], token is not None and is_sign(token, {"&"})
    return pieces


def _is_open(piece, column):
    """Whether what stands before a column is only the left of an equation."""
    return column and not _has_relation(piece)


def _has_relation(piece):
    return any(_relation(piece, i) for i in _outside(piece))


def _without_ranges(pieces):
    r"""The pieces without those that say where an index runs: `i = 1, \dots, n` and `\forall i`."""
    for i, piece in enumerate(pieces):
        if i and any(is_sign(token, DOTS) for token in piece):
            return pieces[: i if is_sign(piece[0], {"forall"}) else i - 1] or pieces
    return pieces


def _word(piece):
    r"""The word with which a piece begins, as in \text{if } x > 0."""
    letters = [t for t in piece if t.kind == "letter"]
    begins = len(piece) > 1 and is_sign(piece[0], WORDS) and is_sign(piece[1], {"{"})
    word = letters[:1]
    for token in letters[1:] if begins else ():
        if not token.glued:
            break
        word.append(token)
    return "".join(t.text for t in word) if begins else ""


def condition_of(piece):
    r"""The relation in a piece that is a condition, as in \text{if } i = j, or in x > 0; else ()."""
    word = _word(piece)
    if word in CONDITIONS:
        start = next(i for i, token in enumerate(piece) if is_sign(token, {"}"})) + 1
        return tuple(piece[start:]) or (piece[0],)
    signs = _signs(piece)
    return tuple(piece) if len(signs) == 1 and signs[0] in COMPARED else ()


def _signs(piece):
    """The relations of a piece, outside of all delimiters."""
    return [sign for i in _outside(piece) if (sign := _relation(piece, i))]


def _stripped(piece):
    """A piece without the punctuation and the gaps around it."""
    piece = list(piece)
    while piece and (piece[-1].kind == "gap" or is_sign(piece[-1], ENDS)):
        piece.pop()
    while piece and piece[0].kind == "gap":
        piece.pop(0)
    return piece


def _change(token):
    """How a token changes the depth."""
    if token.kind in {"begin", "end"}:
        return 1 if token.kind == "begin" else -1
    return is_sign(token, OPENERS) - is_sign(token, CLOSERS)


def _outside(piece):
    """The places outside of all delimiters."""
    depth = 0
    for i, token in enumerate(piece):
        if depth == 0:
            yield i
        depth += _change(token)


def _relation(piece, i):
    """The relation at a place, or ""."""
    token = piece[i]
    return RELATIONS.get(token.text, "") if token.kind in {"sign", "command"} else ""


def _equation(part):
    """The sides of a piece at its relations; None for nothing."""
    if not part:
        return None
    sides, signs, side = [], [], []
    outside = set(_outside(part))
    for i, token in enumerate(part):
        sign = _relation(part, i) if i in outside else ""
        if sign:
            sides.append(tuple(t for t in side if not is_sign(t, {":"})))
            signs.append(sign)
            side = []
        else:
            side.append(token)
    sides.append(tuple(side))
    if len(sides) > 1 and not sides[-1]:
        raise UnreadError("nothing stands behind this =", part[-1].line, part[-1].column)
    return Equation(tuple(sides), tuple(signs), part[0].line, part[0].column)


def _source(piece, equation):
    """The LaTeX of an equation, in one line."""
    tokens = [t for side in equation.sides for t in side]
    if not tokens:
        return ""
    last = tokens[-1]
    lines = piece.text.split("\n")
    first = equation.line - piece.line
    end = last.line - piece.line
    rows = lines[first : end + 1]
    if not rows:
        return ""
    offset = piece.column - 1 if last.line == piece.line else 0
    written = f"\\end{{{last.text}}}" if last.kind == "end" else str(last)
    rows[-1] = rows[-1][: last.column - offset + len(written) - 1]
    start = piece.column - 1 if equation.line == piece.line else 0
    rows[0] = rows[0][max(0, equation.column - 1 - start) :]
    return " ".join(" ".join(rows).split())
