"""Statements: what the equations of a section say in the notation, and what was not read."""

from dataclasses import dataclass, field

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex.equations import Equation
from handgrad.derivation.latex.forward import Forward


@dataclass
class Link:
    """One side of an equation, and the expressions that it may stand for, the likeliest first."""

    line: int
    column: int
    texts: list[str]
    literal: bool = False


@dataclass
class Statement:
    """An equation as it was read: what stands in front, and its links.

    The first link of one that `defines` gives the name its value.
    """

    equation: Equation
    fronts: list[str]
    links: list[Link]
    defines: bool = False


@dataclass
class Translation:
    """A section in the notation.

    `choices` has how many values a definition may have, by its place; `formulas` counts what is
    not an equation; `of_scalars` are the local derivatives of numbers; `has_shapes` says whether a
    definition may have several shapes.
    What was not read may be part of the forward where something is `undefined`, and `without` says
    so of the loss or the output.
    """

    forward: Forward
    statements: list[Statement] = field(default_factory=list)
    unread: list[tuple[Equation, DerivationError]] = field(default_factory=list)
    choices: dict[tuple[int, int], int] = field(default_factory=dict)
    formulas: int = 0
    of_scalars: set[str] = field(default_factory=set)
    has_shapes: bool = False
    undefined: bool = False
    without: str = ""
