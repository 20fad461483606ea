"""The notation: what the lines of a derivation say.

A line is a given, `x : (N, D)`, or a chain, `y = x @ W = …`, which goes on in lines that begin
with `=`. What a chain is shows in what stands first: a name that is not known yet is defined, `d`
and a known name is a gradient, `δ` and a known name a differential, anything else an identity.
"""

import ast
import keyword
import math
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import Any

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import MAX_CHARACTERS, names_in, near, parse

GIVEN = re.compile(r"\s*+(?P<name>[^\W\d](?:\w|[\u0300-\u036f])*+)\s*+:\s*+\((?P<rest>.*)")
DOMAIN = re.compile(r"\s*+(?P<domain>[a-z]*+)\s*+(\((?P<argument>[^()]*+)\))?\s*+(=(?P<value>.*))?")
COMPARISON = re.compile(r"[=<>!]=|.==|==")
MAX_LINES = 2000


class Kind(StrEnum):
    """What a chain says."""

    DEFINITION = "definition"
    AUXILIARY = "auxiliary"
    GRADIENT = "gradient"
    DIFFERENTIAL = "differential"
    IDENTITY = "identity"


@dataclass(frozen=True)
class Line:
    """A line of text and its number in the file."""

    text: str
    number: int


@dataclass(frozen=True)
class Given:
    """An input: its name, its axes (expressions, or `...`), its domain, and its value if it has one."""

    name: str
    axes: tuple[ast.expr, ...]
    domain: str
    argument: ast.expr | None
    value: ast.expr | None
    line: int


@dataclass(frozen=True)
class Link:
    """One side of an `=`."""

    node: ast.expr
    text: str
    line: int


@dataclass(frozen=True)
class Chain:
    """What stands first, and the links that are said to equal it.

    An identity has no target; its first link is the one that the others are held against.
    """

    kind: Kind
    targets: tuple[str, ...]
    links: tuple[Link, ...]
    line: int

    @property
    def checked(self):
        """The links that are held against something; the first one of a definition defines it."""
        return self.links if self.from_jax else self.links[1:]

    @property
    def from_jax(self):
        """Whether JAX says what the chain should equal, and not its own first link."""
        return self.kind in {Kind.GRADIENT, Kind.DIFFERENTIAL}

    @property
    def text(self):
        """The chain as it begins."""
        head = ", ".join(self.targets) or self.links[0].text
        return f"{head} = {(self.links if self.targets else self.links[1:])[0].text}"


@dataclass
class Derivation:
    """The statements of one scope, in their order. `fields` are names that stand for options."""

    title: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    givens: list[Given] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    order: list[Given | Chain] = field(default_factory=list)

    @property
    def definitions(self):
        return [chain for chain in self.chains if chain.kind is Kind.DEFINITION]

    @property
    def outputs(self):
        """The names that the last definition defines."""
        definitions = self.definitions
        return definitions[-1].targets if definitions else ()


def read(lines, fields=None, title=""):
    """The derivation in some lines. Raises DerivationError with the place of what is wrong."""
    lines = list(lines)
    if len(lines) > MAX_LINES:
        raise DerivationError(f"a derivation has at most {MAX_LINES} lines", lines[0].number)
    derivation = Derivation(title, dict(fields or {}))
    reader = _Reader(derivation)
    for statement in _statements(lines):
        reader.read(statement)
    return derivation


def is_given(text):
    """Whether a line has the form of a given."""
    return GIVEN.fullmatch(_without_comment(text)) is not None


def _statements(lines):
    """The lines without comments, those that begin with `=` joined to the one before."""
    statements = []
    for line in lines:
        text = _without_comment(line.text).rstrip()
        if len(text) > MAX_CHARACTERS:
            raise DerivationError(f"a line has at most {MAX_CHARACTERS} characters", line.number)
        if not text.strip():
            continue
        if text.lstrip().startswith("=") and not text.lstrip().startswith("=="):
            if not statements:
                raise DerivationError("there is nothing before this `=`", line.number, 1)
            statements[-1].append(Line(text, line.number))
        else:
            statements.append([Line(text, line.number)])
    return statements


class _Reader:
    """Reads statement after statement, and knows which names there are."""

    def __init__(self, derivation):
        self.derivation = derivation
        self.sizes = set()
        self.nodes = set()
        self.auxiliary = set()
        self.stated = set()
        self.backward = False

    def read(self, lines):
        first = lines[0]
        match = GIVEN.fullmatch(first.text)
        if match and len(lines) == 1:
            self._given(match, first)
        else:
            self._chain([part for line in lines for part in _parts(line)], first)

    def _given(self, match, line):
        name = unicodedata.normalize("NFKC", match["name"])  # as Python reads its names
        self._require_free(name, line.number, match.start("name") + 1)
        shape, domain, start = _split(match["rest"], line)
        column = match.start("rest")
        axes = _axes(shape, line.number, column)
        argument, value = (
            parse(domain[part], line.number, column + start + domain.start(part))
            if domain[part]
            else None
            for part in ("argument", "value")
        )
        known = self.sizes | self.nodes | self.derivation.fields.keys()
        for axis in axes:
            self.sizes |= {size for size in names_in(axis) if size not in known}
        if name in self.sizes:
            raise DerivationError(f"{name} is a size of its own axes", line.number)
        given = Given(name, tuple(axes), domain["domain"] or "real", argument, value, line.number)
        self.nodes.add(name)
        self.derivation.givens.append(given)
        self.derivation.order.append(given)

    def _chain(self, parts, line):
        if len(parts) < 2:
            raise DerivationError(
                f"{line.text.strip()!r} is neither a given, `x : (N, D)`, nor a chain, `y = x`",
                line.number,
                1,
            )
        head, *links = [Link(parse(*part), part[0].strip(), part[1]) for part in parts]
        targets = _targets(head.node)
        if len(set(targets)) < len(targets):
            raise DerivationError("a name appears twice in front of the `=`", line.number, 1)
        kind = self._kind(targets, links)
        if kind is Kind.IDENTITY:
            targets, links = (), [head, *links]
        self._require_known(links, targets)
        if kind is Kind.DEFINITION:
            for name in targets:
                self._require_free(name, line.number, 1)
            self.nodes |= set(targets)
        elif kind is Kind.AUXILIARY:
            for name in targets:
                self._require_no_gradient(name, line.number)
            self.auxiliary |= set(targets)
        elif kind is not Kind.IDENTITY:
            self.stated |= set(targets)
        self.backward |= kind is not Kind.DEFINITION
        chain = Chain(kind, targets, tuple(links), line.number)
        self.derivation.chains.append(chain)
        self.derivation.order.append(chain)

    def _kind(self, targets, links):
        """What a chain says, from what stands first."""
        letters = {self._letter(name) for name in targets}
        if letters & {"d", "δ"}:
            if len(letters) > 1:
                message = "a line has gradients in front of its `=`, or differentials, or new names"
                raise DerivationError(message, links[0].line, 1)
            return Kind.GRADIENT if letters == {"d"} else Kind.DIFFERENTIAL
        taken = self.nodes | self.sizes | self.auxiliary | self.derivation.fields.keys()
        if not targets or set(targets) & taken:
            return Kind.IDENTITY
        gradients = self._upstream() | self._moves()
        used = {name for link in links for name in names_in(link.node)}
        return Kind.AUXILIARY if self.backward or used & gradients else Kind.DEFINITION

    def _letter(self, name):
        """The d or δ of a name that is the gradient or differential of a node."""
        moved = name[0] in "dδ" and name not in self.nodes and name[1:] in self.nodes
        return name[0] if moved else ""

    def _require_free(self, name, line, column):
        """A node's name must be new, and so must the names of its gradient and differential."""
        if name in self.nodes or name in self.sizes:
            raise DerivationError(f"{name} is already defined", line, column)
        if keyword.iskeyword(name):
            raise DerivationError(f"{name} is a Python keyword and cannot be a name", line, column)
        clashes = {f"d{name}", f"δ{name}", name[1:] if name[0] in "dδ" else ""} & self.nodes
        for other in clashes:
            message = f"{name} and {other} read as a node and its gradient: rename one of them"
            raise DerivationError(message, line, column)

    def _require_no_gradient(self, name, line):
        """What is defined after the forward is not a node, and must not look like a gradient."""
        if name[0] not in "dδ":
            return
        if name[1:] in self.auxiliary:
            message = f"{name[1:]} is defined after the first gradient, so it has none of its own"
            raise DerivationError(message, line, 1)
        for node in self.nodes:
            if node.casefold() == name[1:].casefold():
                message = f"{name} is not a gradient: did you mean {name[0]}{node}?"
                raise DerivationError(message, line, 1)

    def _upstream(self):
        return {f"d{name}" for name in self.derivation.outputs}

    def _moves(self):
        return {f"δ{name}" for name in self.nodes}

    def _require_known(self, links, targets):
        """Every name must have a meaning where it stands, and not the one that it is given there."""
        upstream = self._upstream()
        known = self.derivation.fields.keys() | self.sizes | self.nodes | self.auxiliary
        known |= self.stated | upstream | self._moves() | CONSTANTS.keys()
        for link in links:
            for name in ast.walk(link.node):
                if isinstance(name, ast.Name) and name.id in targets and name.id not in upstream:
                    message = f"{name.id} is used in its own definition"
                    raise DerivationError(message, link.line, name.col_offset + 1)
            for name in names_in(link.node):
                if name not in known:
                    message = f"{name} is not defined here{near(name, known)}"
                    if name[0] == "d" and name[1:] in self.nodes:
                        outputs = " and ".join(self.derivation.outputs) or "nothing"
                        message = f"{name} is not stated yet, and the output so far is {outputs}"
                    raise DerivationError(message, link.line, _column(link, name))


CONSTANTS = {"inf": math.inf, "pi": math.pi}


def _column(link, name):
    nodes = (n for n in ast.walk(link.node) if isinstance(n, ast.Name) and n.id == name)
    return min(n.col_offset for n in nodes) + 1


def _targets(node):
    """The names in front of the first `=`, or () if it is something else."""
    elements = node.elts if isinstance(node, ast.Tuple) else [node]
    names = tuple(element.id for element in elements if isinstance(element, ast.Name))
    return names if len(names) == len(elements) else ()


def _axes(shape, line, column):
    """The expressions between the parentheses of a given."""
    listed = shape.rstrip().removesuffix(",")
    if not listed.strip():
        return []
    node = parse(f"({listed},)", line, column)
    if not isinstance(node, ast.Tuple):
        raise DerivationError(f"({shape}) is not a shape, such as (N, D)", line, column)
    return node.elts


def _split(rest, line):
    """The shape of a given, up to its closing parenthesis, and what follows, and where."""
    depths = accumulate(((c == "(") - (c == ")") for c in rest), initial=1)
    end = next((i for i, depth in enumerate(depths) if depth == 0), 0)
    domain = DOMAIN.fullmatch(rest[end:])
    if not end or domain is None:
        message = f"{line.text.strip()!r} is not of the form `name : (shape) domain = value`"
        raise DerivationError(message, line.number, 1)
    return rest[: end - 1], domain, end


def _parts(line):
    """The pieces of a line between its `=`, as arguments for `parse`: text, line, column."""
    start = 0
    for end in [*_equals_signs(line.text), len(line.text)]:
        piece = line.text[start:end]
        if piece.strip() or start:
            yield piece, line.number, start + 1
        start = end + 1


def _equals_signs(text):
    """Where `=` stands outside parentheses and quotes, and is not part of ==, <=, >= or !=."""
    depth, quote = 0, ""
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "=" and depth == 0 and not COMPARISON.match(text, max(0, i - 1)):
            yield i


def _without_comment(text):
    quote = ""
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#":
            return text[:i]
    return text
