"""Formulas: expressions of the notation in a style, LaTeX or MathML.

The gradient dx is written ∂ℒ/∂x, the elementwise product of two arrays with ⊙, sum[j] as ∑ⱼ, `where`
in cases, and a condition among factors as [x > 0].
"""

import ast
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from handgrad.derivation.expressions import (
    elements,
    is_derivative,
    is_reduction,
    of_derivative,
)
from handgrad.derivation.ranks import broadcasts, rank
from handgrad.derivation.styles import letter_and_accent, separated

COMPARED = {ast.Eq: "=", ast.NotEq: "≠", ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥"}
NAMED = {"sigmoid": "σ", "digamma": "ψ", "lgamma": "log Γ", "trace": "tr", "maximum": "max"}
NAMED |= {"minimum": "min", "log": "log", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
FENCES = {"abs": ("|", "|"), "norm": ("‖", "‖"), "floor": ("⌊", "⌋"), "inner": ("⟨", "⟩")}
BIG = {"sum": "∑", "prod": "∏"}
FILLED = {"zeros": "0", "zeros_like": "0", "ones": "𝟏", "ones_like": "𝟏"}


class Level(IntEnum):
    """How tightly a piece holds together: what is looser than its surroundings gets parentheses."""

    RELATION = 0
    SUM = 1
    PRODUCT = 2
    POWER = 3
    ATOM = 4


@dataclass(frozen=True)
class Piece:
    """A formula in a style. `tall` ones have a fraction, and do not go into an exponent."""

    text: str
    level: Level = Level.ATOM
    tall: bool = False


@dataclass(frozen=True)
class Typesetter:
    """Writes the expressions of one derivation in one style, each node of a tree once.

    `written` has the piece of each node, and the node, so that its place in memory stays taken.
    """

    style: Any
    nodes: frozenset[str]
    ranks: Mapping[str, int]
    written: dict[int, tuple[ast.expr, Piece]] = field(default_factory=dict)

    def __call__(self, node, level=Level.RELATION):
        """The text of an expression, in parentheses if it is looser than a level."""
        return self.within(self.piece(node), level)

    def within(self, piece, level):
        return piece.text if piece.level >= level else self.style.fenced(piece.text)

    def piece(self, node):
        """An expression in the style."""
        if id(node) not in self.written:
            self.written[id(node)] = node, self._piece(node)
        return self.written[id(node)][1]

    def _piece(self, node):
        style = self.style
        match node:
            case ast.Constant(value=value):
                return Piece(self._constant(value))
            case ast.Name(id=name):
                return self.name(name)
            case ast.BinOp():
                if not isinstance(node.op, ast.MatMult | ast.Pow):
                    inside = isinstance(node.op, ast.Mult)
                    self._fit(node.left, node.right, inside=inside)
                    self._fit(node.right, node.left, inside=inside)
                return self._binary(node)
            case ast.UnaryOp(op=op, operand=operand):
                sign = "−" if isinstance(op, ast.USub) else "+"
                text = self(operand, Level.PRODUCT)
                return Piece(style.row(style.symbol(sign), text), Level.SUM, self._tall(operand))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sides = self(left, Level.SUM), self(right, Level.SUM)
                sign = style.symbol(COMPARED[type(op)])
                return Piece(style.row(sides[0], sign, sides[1]), Level.RELATION)
            case ast.Call() if is_reduction(node):
                return self._reduction(node)
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node.args, node.keywords)
            case ast.Attribute(value=value, attr="T"):
                return Piece(style.raised(self._base(value), style.symbol("⊤")), Level.POWER)
            case ast.Attribute(value=value, attr=attribute):
                return self._applied(style.operator(attribute), [self(value)])
            case ast.Subscript():
                return self._subscript(node)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                end = [style.symbol(",")] * (len(parts) == 1)
                return Piece(style.fenced(style.row(self._listed(parts), *end)))
        return Piece(style.words(ast.unparse(node)))

    def name(self, name, index=""):
        """A name with its index: a gradient as ∂ℒ/∂x, a differential with its δ."""
        style = self.style
        if is_derivative(name):
            y, x = of_derivative(name)
            return self._partial(self._plain(y), self._plain(x))
        other = name[1:] if name not in self.nodes and name[1:] in self.nodes else ""
        if other and name[0] == "d":
            return self._partial(style.letters_of("ℒ"), self._plain(other, index))
        if other and name[0] == "δ":
            return Piece(style.row(style.letters_of("δ"), self._plain(other, index)))
        return Piece(self._plain(name, index))

    def _partial(self, above, under):
        d = self.style.letters_of("∂")
        row = self.style.row
        return Piece(self.style.fraction(row(d, above), row(d, under)), Level.ATOM, tall=True)

    def _plain(self, name, index=""):
        """A name: letters, words, accents; digits and what follows a _ are an index."""
        word, _, rest = unicodedata.normalize("NFC", name).partition("_")
        digits = word[len(word.rstrip("0123456789")) :]
        if digits and name.removesuffix(digits) in self.nodes:
            return self.style.operator(name)  # h0 beside h[0]
        word = word.removesuffix(digits)
        indices = [self.style.number(digits)] * bool(digits)
        indices += [self._word(rest)] * bool(rest) + [index] * bool(index)
        base = self._word(word) if word else self.style.number(digits)
        return (
            self.style.lowered(base, separated(self.style, indices)) if indices and word else base
        )

    def _word(self, word):
        if accented := letter_and_accent(word):
            return self.style.accented(*accented)
        if "_" in word or not word:
            return self.style.operator(word)
        return self.style.letters_of(word)

    def _constant(self, value):
        if isinstance(value, float) and (found := re.fullmatch(r"(.*)e([+-]?\d+)", repr(value))):
            ten = self.style.raised(self.style.number("10"), self.style.number(str(int(found[2]))))
            first = [self.style.number(found[1]), self.style.symbol("·")] * (found[1] != "1")
            return self.style.row(*first, ten)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.style.number(repr(value))
        return self.style.symbol("…") if value is ... else self.style.words(str(value))

    def _fit(self, node, other, *, inside):
        """Write x[:, None] as x, beside what has as many axes; also inside a product."""
        match node:
            case ast.BinOp(op=ast.Mult(), left=left, right=right) if inside:
                self._fit(left, other, inside=True)
                self._fit(right, other, inside=True)
            case ast.Subscript(value=inner) if broadcasts(node) and not broadcasts(other):
                if rank(node, self.ranks) == rank(other, self.ranks):
                    self.written[id(node)] = node, self.piece(inner)

    def _binary(self, node):
        style, left, right, op = self.style, node.left, node.right, node.op
        match op:
            case ast.Div() if self._is_share(node):
                share = style.fraction(style.number("1"), self(right))
                both = min(rank(left, self.ranks), rank(right, self.ranks)) > 0
                dot = style.symbol("·") if _starts_with_digit(left) else style.space
                sign = style.symbol("⊙") if both else dot
                text = style.row(share, sign, self._factor(left))
                return Piece(text, Level.PRODUCT, tall=True)
            case ast.Div():
                return Piece(style.fraction(self(left), self(right)), Level.PRODUCT, tall=True)
            case ast.Pow():
                return Piece(style.raised(self._base(left), self(right)), Level.POWER)
            case ast.FloorDiv():
                return Piece(style.fenced(style.fraction(self(left), self(right)), "⌊", "⌋"))
            case ast.Add() | ast.Sub():
                level = Level.SUM if isinstance(op, ast.Add) else Level.PRODUCT
                right_text = self(right, Level.PRODUCT if self._is_signed(right) else level)
                sign = style.symbol("+" if isinstance(op, ast.Add) else "−")
                text = style.row(self(left, Level.SUM), sign, right_text)
                return Piece(text, Level.SUM, self._tall(left) or self._tall(right))
        sides = [self._factor(left, first=True), self._factor(right)]
        if isinstance(op, ast.MatMult):
            pairs = zip((left, right), sides, strict=True)
            sides = [style.fenced(self(n)) if self._is_elementwise(n) else s for n, s in pairs]
        level = Level.SUM if self._is_signed(left) else Level.PRODUCT
        text = style.row(sides[0], self._times(node), sides[1])
        return Piece(text, level, self._tall(left) or self._tall(right))

    def _factor(self, node, *, first=False):
        """A factor of a product: a condition in brackets, a sign only in front."""
        if isinstance(node, ast.Compare):
            return self.style.fenced(self(node), "[", "]")
        if first and self._is_signed(node):
            return self(node)
        product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.MatMult)
        big = not first or not product
        fenced = self._is_big(node) and first
        return self.style.fenced(self(node)) if fenced and big else self(node, Level.PRODUCT)

    def _times(self, node):
        """What stands between two factors."""
        if isinstance(node.op, ast.Mod):
            return self.style.symbol("%")
        if isinstance(node.op, ast.MatMult):
            return self.style.space
        if self._is_elementwise(node):
            return self.style.symbol("⊙")
        words = any(
            isinstance(n, ast.Name) and self._is_word(n.id) for n in (node.left, node.right)
        )
        dot = words or _starts_with_digit(node.right)
        return self.style.symbol("·") if dot else self.style.space

    def _call(self, name, arguments, keywords):
        style = self.style
        axis = next((k.value for k in keywords if k.arg == "axis"), None)
        options = [k for k in keywords if k.arg not in {"axis", "keepdims"}]
        match name, arguments:
            case "exp", [power] if not self._tall(power):
                return Piece(style.raised(style.upright("e"), self(power)), Level.POWER)
            case "sqrt", [inner]:
                return Piece(style.root(self(inner)))
            case "where", [condition, value, other]:
                return Piece(self._cases(condition, value, other), Level.PRODUCT, tall=True)
            case "inv", [matrix]:
                return Piece(self._inverse(matrix), Level.POWER)
            case "solve", [matrix, right]:
                text = style.row(self._inverse(matrix), style.space, self(right, Level.PRODUCT))
                return Piece(text, Level.PRODUCT)
            case "outer", [left, right]:
                turned = style.raised(self._base(right), style.symbol("⊤"))
                text = style.row(self(left, Level.PRODUCT), style.space, turned)
                return Piece(text, Level.PRODUCT)
            case "square", [inner]:
                return Piece(style.raised(self._base(inner), style.number("2")), Level.POWER)
            case "eye", [size]:
                return Piece(style.lowered(style.letters_of("I"), self(size)))
        if name in {"zeros", "ones"} and arguments:
            sizes = separated(style, map(self, elements(arguments[0])), "×")
            return Piece(style.lowered(style.letters_of("𝟎" if name == "zeros" else "𝟏"), sizes))
        if name in FILLED:
            return Piece(style.letters_of("𝟏") if FILLED[name] == "𝟏" else style.number("0"))
        if name in FENCES and not options:
            fenced = style.fenced(self._listed(arguments), *FENCES[name])
            return Piece(fenced if axis is None else style.lowered(fenced, self._axis(axis)))
        if name in BIG:
            sign = style.symbol(BIG[name])
            sign = sign if axis is None else style.below(sign, self._axis(axis))
            return Piece(style.row(sign, self._factor(arguments[0])), Level.PRODUCT)
        return self._operator(name, arguments, axis, options)

    def _operator(self, name, arguments, axis, options):
        """A function by its name: along an axis, with its options as words."""
        style = self.style
        shown = NAMED[name] if name in NAMED else name.replace("_", "-")
        operator = style.letters_of(shown) if len(shown) == 1 else style.operator(shown)
        operator = operator if axis is None else style.below(operator, self._axis(axis))
        texts = [self(a) for a in arguments]
        texts += [style.row(style.words(f"{k.arg} = "), self(k.value)) for k in options]
        return self._applied(operator, texts)

    def _applied(self, operator, texts):
        inner = separated(self.style, texts)
        return Piece(self.style.row(operator, self.style.fenced(inner)), Level.POWER)

    def _axis(self, node):
        name = ast.unparse(node)
        return self.style.words(name if name == "axis" else f"axis {name}")

    def _inverse(self, matrix):
        one = self.style.row(self.style.symbol("−"), self.style.number("1"))
        return self.style.raised(self._base(matrix), one)

    def _cases(self, condition, value, other):
        """A `where`, and those within its last argument, as one brace."""
        style, rows = self.style, [(self(value), self._if(condition))]
        while isinstance(other, ast.Call) and isinstance(other.func, ast.Name):
            if other.func.id != "where" or len(other.args) != 3:
                break
            condition, value, other = other.args
            rows.append((self(value), self._if(condition)))
        return style.cases([*rows, (self(other), style.words("otherwise"))])

    def _if(self, condition):
        return self.style.row(self.style.words("if "), self(condition))

    def _reduction(self, node):
        """sum[i, j](…), with the letters below."""
        style, name = self.style, node.func.value.id
        letters = separated(style, map(self.letter, elements(node.func.slice)))
        big = style.symbol(BIG[name]) if name in BIG else style.operator(name)
        body = self._factor(node.args[0])
        body = body if name in BIG else style.fenced(self(node.args[0]))
        return Piece(style.row(style.below(big, letters), body), Level.PRODUCT)

    def letter(self, node):
        """A letter below a sum, with the range that is stated."""
        if not isinstance(node, ast.Slice):
            return self(node)
        low, sign = self.style.number("0"), self.style.symbol
        end = node.step if node.step is not None else node.upper
        first = low if node.step is None else self(node.upper)
        return self.style.row(first, sign("≤"), self(node.lower), sign("<"), self(end))

    def _subscript(self, node):
        """x[i, j] as an index."""
        parts = elements(node.slice)
        index = self._indices(parts)
        base = node.value
        if isinstance(base, ast.Name) and is_derivative(base.id):
            return self._local(base.id, parts)
        if isinstance(base, ast.Name):
            return self.name(base.id, index)
        inner = self(base, Level.ATOM)
        inner = self.style.fenced(inner) if isinstance(base, ast.Subscript) else inner
        return Piece(self.style.lowered(inner, index))

    def _local(self, name, parts):
        """∂p[i]/∂y[j], whose first indices are those of p."""
        y, x = of_derivative(name)
        count = self.ranks.get(y, 0)
        halves = [parts[:count], parts[count:]]
        both = [self._indices(half) for half in halves]
        return self._partial(self._plain(y, both[0]), self._plain(x, both[1]))

    def _indices(self, parts):
        """i and j side by side, with a comma where more than letters stand there."""
        plain = all(isinstance(p, ast.Name) and len(p.id) == 1 for p in parts)
        return separated(self.style, map(self._index, parts), "" if plain else ",")

    def _index(self, part):
        if not isinstance(part, ast.Slice):
            return self(part)
        ends = [self(e) if e is not None else "" for e in (part.lower, part.upper)]
        step = [self.style.symbol(":"), self(part.step)] if part.step is not None else []
        return self.style.row(ends[0], self.style.symbol(":"), ends[1], *step)

    def _listed(self, parts):
        return separated(self.style, map(self, parts))

    def _tall(self, node):
        return self.piece(node).tall

    def _base(self, node):
        """What an exponent stands at: in parentheses, if it is more than a name."""
        piece = self.piece(node)
        return self.style.fenced(piece.text) if piece.tall else self.within(piece, Level.ATOM)

    def _is_elementwise(self, node):
        """Whether an expression is a product with ⊙, which is not to be read into one without."""
        if isinstance(node, ast.BinOp) and (isinstance(node.op, ast.Mult) or self._is_share(node)):
            return min(rank(node.left, self.ranks), rank(node.right, self.ranks)) > 0
        return False

    def _is_share(self, node):
        """Whether a / b is written as a product with 1 / b, for a is tall."""
        left, right = node.left, node.right
        is_tall = isinstance(node.op, ast.Div) and self._tall(left) and not self._tall(right)
        return is_tall and not self._is_signed(left)

    def _is_word(self, name):
        """Whether a name is written in several letters, which must not run into others."""
        plain = unicodedata.normalize("NFC", name.partition("_")[0].rstrip("0123456789"))
        return len(plain) > 1 and not letter_and_accent(plain) and name in self.nodes

    def _is_signed(self, node):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.MatMult):
            return self._is_signed(node.left)
        return isinstance(node, ast.UnaryOp)

    def _is_big(self, node):
        """Whether an expression is a sum sign over something, which would reach too far."""
        if isinstance(node, ast.Call):
            return is_reduction(node) or (isinstance(node.func, ast.Name) and node.func.id in BIG)
        return False


def _starts_with_digit(node):
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.MatMult | ast.Pow):
        node = node.left
    return isinstance(node, ast.Constant) and not isinstance(node.value, bool)
