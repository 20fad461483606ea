r"""Sections: what follows a header, up to the next one; a second spelling of a derivation."""

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex.asides import asides_in, definitions_in, ranges_in
from handgrad.derivation.latex.blocks import pieces_of, shapes_in
from handgrad.derivation.latex.equations import Equation, equations_of, first_word
from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.header import Header, header_of
from handgrad.derivation.latex.names import SPELLED, label, labelled
from handgrad.derivation.latex.parsing import parsed
from handgrad.derivation.latex.tokens import Token, tokens_of
from handgrad.derivation.latex.tree import Group, Node, Product, Scripted, Symbol
from handgrad.derivation.lines import Line

MAX_EQUATIONS = 400
COMMENTED = re.compile(r"(?m)^[ \t]*%")
QUOTED = re.compile(r"(?m)^[ \t]*>")
LAST = 7  # below the headings of any level


@dataclass
class Section:
    """A header and the equations below it, and those that could not be divided into sides.

    The header was read from its `source`. What the text says beside them: shapes are `givens`, `ranges` are ends of indices, and `asides`
    are equations within its lines, which may define a name that is used. `fault` is why its header
    could not be read: nothing is said of its equations then.
    """

    title: str
    path: str
    header: Header
    line: int
    source: str = ""
    equations: list[Equation] = field(default_factory=list)
    unread: list[UnreadError] = field(default_factory=list)
    givens: dict[str, Line] = field(default_factory=dict)
    ranges: dict[str, tuple[Token, ...]] = field(default_factory=dict)
    asides: list[Equation] = field(default_factory=list)
    fault: DerivationError | None = None

    @property
    def lines(self):
        """What its time is counted by."""
        return [*self.header.lines, *(side for e in self.equations for side in e.sides)]

    @property
    def words(self):
        """The words of several letters that its equations may have."""
        header, given = self.header, set(self.givens)
        own = header.words | {word for word in given if len(word) > 1}
        lines = [re.split("[:=,]", line.text)[0].strip() for line in header.lines]
        names = {*own, *lines, *given}
        words = [first_word(e) for e in (*self.equations, *self.asides)]
        names |= {word for word in words if len(word) == 1}
        own |= {w for w in words if len(w) > 1 + w.startswith("d") and not names & set(w)}
        return frozenset(
            SPELLED | own | {f"d{name}" for name in names | {header.loss} if name.isidentifier()}
        )

    def derivation(self):
        """The derivation that the equations state, as they were read."""
        from handgrad.derivation.latex.verdict import judged

        return judged(self, 0).derivation

    def add(self, piece):
        """Put the equations of a block to the others; what it says of shapes is a given."""
        if piece.kind == "unclosed":
            words = f"the {piece.text} of line {piece.line} is not closed"
            self.unread.append(UnreadError(words, piece.line, piece.column))
            return
        self.ranges = ranges_in(piece) | self.ranges
        try:
            found = equations_of(piece)
        except UnreadError as error:
            self.unread.append(error)
            return
        for equation in found:
            if equation.signs == ("in",):
                self.givens = (
                    givens_of(equation.sides[0], equation.sides[1], equation.line) | self.givens
                )
            else:
                self.equations.append(equation)
        if len(self.equations) > MAX_EQUATIONS:
            raise DerivationError(f"a section has at most {MAX_EQUATIONS} equations", piece.line)


def sections_of(text, path, title):
    """The sections of a text, in their order."""
    found, open_sections, heading, level, prose = [], [], title, LAST, False
    for piece in pieces_of(text):
        if piece.kind == "heading":
            heading = piece.text.strip().rstrip("#").rstrip()
            level = piece.level
            open_sections = [(s, n) for s, n in open_sections if level > n]
        elif piece.kind == "header":
            section = _headed(piece, heading, path)
            open_sections = [(section, level)]
            found.append(section)
        elif piece.kind == "prose":
            prose = True
            continue
        elif piece.kind in {"equation", "unclosed"} and open_sections and not prose:
            open_sections[-1][0].add(replace(piece, text=_unquoted(piece.text)))
        prose = False
    return _with_inline_givens(_titled(found), text)


def _headed(piece, title, path):
    """The section that begins with a header."""
    source = _uncommented(piece.text)
    try:
        return Section(title, path, header_of(source, piece.line), piece.line, source)
    except DerivationError as error:
        return Section(title, path, Header(piece.line), piece.line, source, fault=error)


def _unquoted(text):
    """A block without the > of a quotation, each in the place of a space."""
    return QUOTED.sub(lambda m: m[0].replace(">", " "), text)


def _uncommented(text):
    return COMMENTED.sub("", text).removeprefix(":")


def _titled(sections):
    """The sections, those under one heading with their lines."""
    titles = Counter(section.title for section in sections)
    for section in sections:
        if titles[section.title] > 1:
            section.title = f"{section.title}, line {section.line}"
    return sections


def _with_inline_givens(sections, text):
    r"""The sections, with what the text between their equations says of shapes and of names."""
    begins = [section.line for section in sections]
    for piece in asides_in(text) if sections else ():
        if number := bisect_right(begins, piece.line):
            owner = sections[number - 1]
            owner.ranges = owner.ranges | ranges_in(piece)
            if len(owner.asides) < MAX_EQUATIONS and "=" in piece.text:
                owner.asides += definitions_in(piece)
    for names, where, line in shapes_in(text) if sections else ():
        number = bisect_right(begins, line)
        if not number:
            continue
        try:
            sides = tokens_of(names, line), tokens_of(where, line)
        except UnreadError:
            continue  # text, and no equation
        owner = sections[number - 1]
        owner.givens = givens_of(*sides, line) | owner.givens
    return sections


def givens_of(names, where, line):
    r"""The givens in `X, Y \in \mathbb R^{N \times D}`; by name; none where that is another set."""
    try:
        shape = _shape(parsed(list(where)))
        groups = _at_commas(names)
        nodes = [parsed(group) for group in groups]
    except UnreadError:
        return {}
    if shape is None:
        return {}
    found = [next(iter(labelled(node)), "") for node in nodes]
    return {name: Line(f"{name} : ({', '.join(shape)})", line) for name in found if name}


def _at_commas(tokens):
    groups = [[]]
    for token in tokens:
        if token.text == ",":
            groups.append([])
        else:
            groups[-1].append(token)
    return groups


def _shape(node):
    """The sizes of R^{N × D}, as texts; None for another set."""
    if isinstance(node, Symbol) and node.name == "R":
        return []
    if not isinstance(node, Scripted) or not isinstance(node.base, Symbol) or node.base.name != "R":
        return None
    above = node.above
    if above is None or node.below is not None:
        return None
    return _sizes(above)


def _sizes(above: Node):
    if isinstance(above, Group) and len(above.parts) == 1:
        return _sizes(above.parts[0])
    if isinstance(above, Product) and any(op for op, _ in above.factors):
        found = [_size(node) for _, node in above.factors]
        return found if all(found) and all(op == "times" for op, _ in above.factors[1:]) else None
    found = _size(above)
    return [found] if found else None


def _size(node):
    return next(iter(labelled(node)), "") or label(node)
