"""Typesetting: a derivation as LaTeX or as MathML, from the tree that is checked."""

import ast
from dataclasses import dataclass

from handgrad.derivation.expressions import elements, spelled, words_in
from handgrad.derivation.formulas import Level, Typesetter
from handgrad.derivation.notation import Chain, Given, Kind, Link
from handgrad.derivation.ranks import ranks_of
from handgrad.derivation.styles import Latex, MathML, separated

STYLES = {"latex": Latex(), "mathml": MathML()}


@dataclass(frozen=True)
class Statement:
    """A statement as it is typeset: what stands first, and what it is said to equal, link by link.

    `item` is the given or the chain, and `links` are its links, each with the formula that it is
    written as; a given has formulas without a link.
    """

    item: Given | Chain
    left: str
    links: tuple[tuple[Link | None, str], ...]
    relation: str = "="

    @property
    def rows(self):
        """What stands before each sign, the sign, and what stands after it."""
        lefts = [self.left, *[""] * (len(self.links) - 1)]
        signs = [self.relation, *["="] * (len(self.links) - 1)]
        texts = [text for _, text in self.links]
        return list(zip(lefts, signs, texts, strict=True))


def statements(derivation, style="mathml"):
    """The statements of a derivation, typeset in a style, "latex" or "mathml", in their order."""
    nodes = {given.name for given in derivation.givens}
    nodes |= {name for chain in derivation.definitions for name in chain.targets}
    write = Typesetter(STYLES[style], frozenset(nodes), ranks_of(derivation))
    return [
        _given(item, write) if isinstance(item, Given) else _chain(item, write)
        for item in derivation.order
    ]


def typeset(derivation, style="latex"):
    """A whole derivation, its statements one below the other: as one formula that stands alone in the
    style "latex" or "mathml", or in the notation itself as "text".
    """
    if style == "text":
        return "\n".join([*_options(derivation), *map(_text, derivation.order)])
    rows = [row for statement in statements(derivation, style) for row in statement.rows]
    return STYLES[style].displayed(STYLES[style].aligned(rows))


def _options(derivation):
    """The options that are words, and that a line names."""
    named = {name for chain in derivation.chains for node in chain.nodes for name in words_in(node)}
    for name, value in derivation.fields.items():
        if isinstance(value, str) and name in named:
            yield f'{name} = "{value}"'


def _text(item):
    """A statement in the notation, its links below each other."""
    if isinstance(item, Given):
        shape = ", ".join(map(spelled, item.axes))
        ends = elements(item.argument) if item.argument else ()
        argument = f"({', '.join(map(spelled, ends))})" * bool(ends)
        words = f"{item.domain}{argument}" * (item.domain != "real")
        value = f"= {ast.unparse(item.value)}" if item.value else ""
        parts = [f"{item.name} : ({shape})", words, "const" * item.const, value]
        return " ".join(filter(None, parts))
    if item.implicit:
        return f"{item.front} : {item.implicit}({item.links[0].text})"
    links = item.links if item.heads else item.links[1:]
    return f"\n{' ' * len(item.shown)} = ".join(
        [f"{item.shown} = {links[0].text}", *(k.text for k in links[1:])]
    )


def _given(given, write):
    """x ∈ ℝ^{N × D}, its domain in words, its value."""
    left, links = write.name(given.name).text, []
    if given.value is not None:
        links = [(None, write(given.value))]
    if given.value is not None and not given.axes and given.domain == "real":
        return Statement(given, left, tuple(links))
    return Statement(given, left, ((None, _set_of(given, write)), *links), "∈")


def _set_of(given, write):
    """Where the numbers of a given lie."""
    style = write.style
    sizes = [_size(axis, write) for axis in given.axes]
    base, words = _numbers(given, write)
    found = style.raised(base, separated(style, sizes, "×")) if sizes else base
    words = [words] * bool(words) + ["constant"] * given.const
    return style.row(found, style.words(f", {', '.join(words)}")) if words else found


def _size(axis, write):
    """The size of an axis: a sum stands in parentheses."""
    is_sum = isinstance(axis, ast.BinOp) and isinstance(axis.op, ast.Add | ast.Sub)
    return write.style.fenced(write(axis)) if is_sum else write(axis)


def _last_label(classes):
    """The number of classes, less 1."""
    match classes:
        case ast.BinOp(others, ast.Add(), ast.Constant(1)):
            return others
    return ast.BinOp(classes, ast.Sub(), ast.Constant(1))


def _numbers(given, write):
    """The set of single numbers, and a word where there is no symbol for it."""
    style, R = write.style, write.style.letters_of("ℝ")
    match given.domain:
        case "real":
            return R, ""
        case "positive" | "nonzero":
            symbol = style.symbol(">" if given.domain == "positive" else "≠")
            return style.lowered(R, style.row(symbol, style.number("0"))), ""
        case "mask":
            return style.fenced(separated(style, map(style.number, "01")), "{", "}"), ""
        case "label" if given.argument is not None:
            last = write(_last_label(given.argument))
            numbers = separated(style, [style.number("0"), style.symbol("…"), last])
            return style.fenced(numbers, "{", "}"), ""
        case "interval" if given.argument is not None:
            return style.fenced(separated(style, map(write, elements(given.argument)))), ""
    return R, given.domain.replace("_", "-")


def _chain(chain, write):
    style = write.style
    texts = [(link, write(link.node, Level.SUM)) for link in chain.links]  # y = (a < b)
    if chain.implicit == "root":
        return Statement(chain, texts[0][1], ((None, style.number("0")),))
    if chain.kind is Kind.IDENTITY:
        (_, first), *texts = texts
        return Statement(chain, first, tuple(texts))
    left = separated(style, [write(head) for head in chain.places])
    if chain.limits:
        (link, first), *texts = texts
        texts = [
            (link, style.row(first, style.symbol(","), style.gap, _ranges(chain, write))),
            *texts,
        ]
    return Statement(chain, left, tuple(texts))


def _ranges(chain, write):
    """0 ≤ i < n, of each index of which a range is stated."""
    slices = [ast.Slice(ast.Name(letter), *limits) for letter, limits in chain.limits.items()]
    return separated(write.style, map(write.letter, slices))
