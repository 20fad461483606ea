"""The notation: what the lines of a derivation say.

A line is a given, `x : (N, D)`, or a chain, `y = x @ W = …`, which goes on in lines that begin
with `=`. What a chain is shows in what stands first: a name that is not known yet is defined, `d`
and a known name is a gradient, `δ` and a known name a differential, `∂y/∂x` a local derivative,
anything else an identity. Names may have indices, `y[i] = …`, and steps, `h[t+1] = …`.
"""

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

CONSTANTS = {"inf": math.inf, "pi": math.pi}


class Kind(StrEnum):
    """What a chain says."""

    DEFINITION = "definition"
    AUXILIARY = "auxiliary"
    GRADIENT = "gradient"
    DIFFERENTIAL = "differential"
    LOCAL = "local derivative"
    IDENTITY = "identity"


@dataclass(frozen=True)
class Given:
    """An input: its name, its axes (expressions, or `...`), its domain, and its value if it has one.

    One that is `const` has no gradient and does not move.
    """

    name: str
    axes: tuple[ast.expr, ...]
    domain: str
    argument: ast.expr | None
    value: ast.expr | None
    line: int
    const: bool = False


@dataclass(frozen=True)
class Link:
    """One side of an `=`."""

    node: ast.expr
    text: str
    line: int


@dataclass(frozen=True)
class Chain:
    """What stands first, and the links that are said to equal it.

    An identity has no target; its first link is the one that the others are held against. `heads`
    are the targets as they stand there, with their indices; `letters` are the indices that are
    free, and `limits` their ranges where they are stated. Chains of one `block`, from 1, are run
    together, step by step. `times` are the names so far whose first axis counts steps, and
    `domain` is that of the input whose gradient is stated. An `implicit` definition gives what its target is a
    root or a fixed point of. A differential's node is `made_of` these names.
    `front` is the text in front of the first `=`.
    """

    kind: Kind
    targets: tuple[str, ...]
    links: tuple[Link, ...]
    line: int
    heads: tuple[ast.expr, ...] = ()
    letters: tuple[str, ...] = ()
    limits: Mapping[str, list[ast.expr]] = field(default_factory=dict)
    block: int = 0
    times: frozenset[str] = frozenset()
    domain: str = ""
    implicit: str = ""
    made_of: tuple[str, ...] = ()
    front: str = ""

    def beside(self, link):
        """The chain with one link, and with the first where the others are held against it."""
        links = (self.links[0], link) if self.kind is Kind.IDENTITY else (link,)
        return replace(self, links=links)

    def with_letters(self, letters):
        """The chain with these free indices, where others have a value."""
        return replace(self, letters=letters)

    @property
    def places(self):
        """The heads with their indices alone, without the ranges that are stated of these."""
        return tuple(_without_ranges(head, self.letters) for head in self.heads)

    @property
    def nodes(self):
        """Every expression of the chain."""
        return [*self.heads, *(link.node for link in self.links)]

    @property
    def checked(self):
        """The links that are held against something; the first one of a definition defines it."""
        return self.links if self.from_jax else self.links[1:]

    @property
    def from_jax(self):
        """Whether JAX says what the chain should equal, and not its own first link."""
        return self.kind in {Kind.GRADIENT, Kind.DIFFERENTIAL, Kind.LOCAL}

    @property
    def shown(self):
        """What stands in front of the first `=`."""
        return self.front or self.links[0].text

    @property
    def text(self):
        """The chain as it begins."""
        return f"{self.shown} = {(self.links if self.heads else self.links[1:])[0].text}"


def _without_ranges(head, letters):
    """da[t], of da[t : T - 1]."""
    if not isinstance(head, ast.Subscript):
        return head
    if isinstance(head.slice, ast.Tuple):
        index = ast.Tuple([_bare(part, letters) for part in head.slice.elts], ast.Load())
    else:
        index = _bare(head.slice, letters)
    whole = ast.Subscript(head.value, ast.copy_location(index, head.slice), head.ctx)
    return ast.copy_location(whole, head)


def _bare(part, letters):
    """The letter of an index with its range; any other part of a subscript as it is."""
    match part:
        case ast.Slice(lower=ast.Name(id=letter) as lower) if letter in letters:
            return lower
    return part


@dataclass
class Derivation:
    """The statements of one scope, in their order. `fields` are names that stand for options.

    `derivatives` are the local derivatives that are spoken of, and `times` the names whose first
    axis counts steps.
    """

    title: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    givens: list[Given] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    order: list[Given | Chain] = field(default_factory=list)
    derivatives: set[str] = field(default_factory=set)
    times: set[str] = field(default_factory=set)
    definitions: list[Chain] = field(default_factory=list)

    def with_domains(self, others):
        """The derivation with other domains in the place of some; itself if it has none of these."""
        if not any(given.domain in others for given in self.givens):
            return self
        changed = {g.name: replace(g, domain=others.get(g.domain, g.domain)) for g in self.givens}
        order = [changed[i.name] if isinstance(i, Given) else i for i in self.order]
        return replace(self, givens=list(changed.values()), order=order)

    def add(self, statement):
        """Put a given or a chain behind the others."""
        self.order.append(statement)
        if isinstance(statement, Given):
            self.givens.append(statement)
            return
        self.chains.append(statement)
        if statement.kind is Kind.DEFINITION:
            self.definitions.append(statement)

    @property
    def outputs(self):
        """The names that the last definition defines."""
        return self.definitions[-1].targets if self.definitions else ()
