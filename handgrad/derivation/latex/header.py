r"""The header: one comment in front of a section that says what is what.

    <!-- derivation: X : (N, D); W : (D, M); b : (M); loss L; alias W^{[l]} = W -->

Its parts are lines of the notation, and a few words that only LaTeX needs.
"""

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex.names import SPELLED, labelled
from handgrad.derivation.latex.parsing import parsed
from handgrad.derivation.latex.tokens import tokens_of
from handgrad.derivation.latex.tree import Group, canonical
from handgrad.derivation.lines import Line, is_given

NAME = re.compile(r"[^\W\d]\w*")
OPTION = re.compile(
    r"\s*(?P<word>loss|output|alias|differentials|adjoint|tangent|layout|sums|indices)\b\s*(?P<rest>.*)"
)
ACCENTS = {"\\bar": "bar", "\\dot": "dot", "\\tilde": "tilde", "\\hat": "hat"}
DIFFERENTIALS = {"δ": "delta", "∂": "partial"}


CONSTANT = re.compile(
    r"(?P<name>[^\W\d]\w*)\s*=\s*"
    r"(?P<value>-?[0-9][0-9.e+-]{0,30}|True|False|None|'[^'\\]{0,40}'|\"[^\"\\]{0,40}\"|\([-0-9, ]{1,60}\))"
)
CHOICES = {
    "sums": ("a way to sum", ("einstein",)),
    "indices": ("a first index", ("0", "1")),
    "layout": ("a layout", ("numerator", "denominator")),
}


@dataclass(frozen=True)
class Header:
    """What a header says.

    `lines` are givens and definitions in the notation, `fields` the numbers and words among them that
    are not computed, as eps = 1e-5. `loss` is the name of the loss, `output`
    that of the last node. `aliases` give what LaTeX writes, in its canonical form, a name.
    `accents` tell whether one means a gradient, "d", or a move, "δ". `sums` are "einstein" where a
    letter that stands twice is summed over. `indices` is the first number of an index.
    """

    line: int = 0
    lines: tuple[Line, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    loss: str = ""
    output: str = ""
    aliases: dict[str, str] = field(default_factory=dict)
    accents: dict[str, str] = field(default_factory=dict)
    differentials: frozenset[str] = frozenset()
    layout: str = ""
    sums: str = ""
    indices: str = "1"

    @property
    def first(self):
        """The first number of an index."""
        return int(self.indices)

    @property
    def words(self):
        """The names of several letters that stand in the header."""
        found = {word for line in self.lines for word in NAME.findall(line.text)}
        found |= {self.loss, self.output, *self.fields}
        return frozenset(w for w in found if len(w) > 1)


def header_of(text, line):
    """The header in the text of a comment, which begins on this line."""
    lines, options = [], {"aliases": {}, "accents": {}, "differentials": set(), "fields": {}}
    for part, number in _parts(text, line):
        if (match := OPTION.fullmatch(part)) and not is_given(part):
            try:
                _keep(options, match["word"], match["rest"].strip(), number)
            except DerivationError as error:
                message = f"{match['word']}: {error.message}"
                raise DerivationError(message, error.line or number, error.column) from None
        elif stated := CONSTANT.fullmatch(part):
            options["fields"][stated["name"]] = _constant(stated["value"], number)
        else:
            lines.append(Line(_named(part, number), number))
    options["differentials"] = frozenset(options["differentials"])
    return Header(line, tuple(lines), **options)


def _constant(text, line):
    """A number, a word, or several numbers."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise DerivationError(f"{text!r} is neither a number nor a word", line) from None


def _named(part, line):
    r"""A given whose name is in LaTeX, as in \theta : (K) or W^{(1)} : (H, D), in the notation."""
    name, colon, rest = part.partition(":")
    return f"{_name(name, line)} :{rest}" if colon else part


def _name(written, line):
    r"""What is written in LaTeX, as \mathcal{L}, as a name of the notation; as it is, if it is none."""
    written = written.strip()
    if not set(written) & set("\\^{"):
        return written
    return next(iter(labelled(_tree(written, line))), written)


def _tree(text, line):
    return parsed(tokens_of(text, line), frozenset(SPELLED))


def _parts(text, line):
    """The parts between semicolons and line ends, with their lines."""
    for offset, row in enumerate(text.split("\n")):
        for part in row.split(";"):
            if part.strip():
                yield part.strip(), line + offset


def _keep(options, word, rest, line):
    """Remember what one part says."""
    match word:
        case "loss" | "output":
            options[word] = _name(rest, line)
            if not NAME.fullmatch(options[word]):
                raise DerivationError(f"{rest!r} is not a name, as in {word} L", line)
        case "alias":
            options["aliases"] |= _aliases(rest, line)
        case "adjoint" | "tangent":
            if rest not in ACCENTS:
                raise DerivationError(f"{rest!r} is not one of {', '.join(ACCENTS)}", line)
            options["accents"][ACCENTS[rest]] = "d" if word == "adjoint" else "δ"
        case "differentials":
            sign = DIFFERENTIALS.get(rest) or canonical(_tree(rest, line))
            if sign not in {"d", "delta", "partial"}:
                raise DerivationError(f"{rest!r} is not one of d, \\delta, \\partial", line)
            options["differentials"].add(sign)
        case _:
            kind, choices = CHOICES[word]
            if rest not in choices:
                message = f"{rest!r} is not {kind}: {' or '.join(choices)}"
                raise DerivationError(message, line)
            options[word] = rest


def _aliases(text, line):
    r"""What an alias is written as, with and without parentheses, and what it means."""
    written, equals, meant = (part.strip() for part in text.rpartition("="))
    if not equals or not meant:
        raise DerivationError(f"{text!r} is not of the form alias W^{{[l]}} = W", line)
    if "\\" in meant:
        said = f"{meant} is LaTeX: say it in the notation, as in alias \\delta = dz"
        raise DerivationError(said, line)
    return dict.fromkeys(_forms(written, line), meant)


def _forms(written, line):
    """The canonical forms of what an alias is written as, with and without parentheses."""
    node = _tree(written, line)
    found = [canonical(node)]
    if isinstance(node, Group) and node.opening == "(" and len(node.parts) == 1:
        found.append(canonical(node.parts[0]))
    return found
