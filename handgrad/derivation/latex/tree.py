"""The tree of an equation as it is written; what its juxtapositions mean is decided later."""

from dataclasses import dataclass
from typing import Any

Place = tuple[int, int]


@dataclass(frozen=True)
class Node:
    """A part of an equation, and where it begins."""

    at: Place


@dataclass(frozen=True)
class Number(Node):
    """A number, as it is written."""

    text: str


@dataclass(frozen=True)
class Symbol(Node):
    r"""A letter, a command such as \\gamma without its \\, or a word; with its accent and style."""

    name: str
    accent: str = ""
    style: str = ""


@dataclass(frozen=True)
class Words(Node):
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Scripted(Node):
    """A base with what stands below and above it, and its primes."""

    base: Node
    below: Node | None
    above: Node | None
    primes: int = 0


@dataclass(frozen=True)
class Group(Node):
    """What stands between delimiters, at its commas."""

    opening: str
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Fraction(Node):
    """What stands above a line and below it."""

    above: Node
    below: Node


@dataclass(frozen=True)
class Root(Node):
    """A square root."""

    body: Node


@dataclass(frozen=True)
class Sum(Node):
    """Terms with their signs."""

    terms: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Product(Node):
    """Factors, each with the sign in front of it; "" where there is none."""

    factors: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Big(Node):
    """A sum, product, maximum or minimum over indices."""

    name: str
    below: Node | None
    above: Node | None
    body: Node


@dataclass(frozen=True)
class Relation(Node):
    """Sides with the relations between them."""

    signs: tuple[str, ...]
    sides: tuple[Node, ...]


@dataclass(frozen=True)
class Table(Node):
    """The rows of cases or of a matrix."""

    name: str
    rows: tuple[tuple[Any, ...], ...]


def without_prime(above):
    r"""[1], of g^{[1]\prime}, and how many primes were there."""
    if isinstance(above, Scripted) and above.below is None and above.above is None:
        return above.base, above.primes
    return above, 0


def without_primes(node):
    """f, of f'; a part without primes as it is."""
    if not isinstance(node, Scripted) or not node.primes:
        return node
    plain = node.below is None and node.above is None
    return node.base if plain else Scripted(node.at, node.base, node.below, node.above)


def unless_empty(script):
    """A script, or None for the {} of x^{}."""
    return None if isinstance(script, Words) and not script.text else script


def canonical(node):
    """A text that two parts have in common when they are written alike, spaces and styles aside."""
    match node:
        case Symbol(name=name, accent=accent):
            return f"{accent}({name})" if accent else name
        case Number(text=text) | Words(text=text):
            return text
        case Scripted():
            scripts = (
                f"{m}{{{canonical(n)}}}" for m, n in (("_", node.below), ("^", node.above)) if n
            )
            return canonical(node.base) + "".join(scripts) + "'" * node.primes
        case Group(parts=parts):
            return f"{node.opening}{','.join(map(canonical, parts))}"
        case Product(factors=factors):
            return " ".join(f"{op}{canonical(f)}" for op, f in factors)
        case Sum(terms=terms):
            return "".join(f"{sign}{canonical(t)}" for sign, t in terms)
        case Fraction(above=above, below=below):
            return f"{{{canonical(above)}}}/{{{canonical(below)}}}"
        case Relation(signs=signs, sides=sides):
            return "".join(map(str, (*map(canonical, sides), *signs)))
        case Root(body=body):
            return f"√{{{canonical(body)}}}"
        case Big():
            parts = (canonical(n) for n in (node.below, node.above, node.body) if n)
            return f"{node.name}{{{'}{'.join(parts)}}}"
    return str(node)


def has_equation(node):
    """Whether an = stands in a part, other than below a sum or an indicator."""
    match node:
        case Relation(signs=signs, sides=sides):
            return "=" in signs or any(map(has_equation, sides))
        case Scripted(base=base):
            return has_equation(base)
        case Big(body=body) | Root(body=body):
            return has_equation(body)
        case Group(opening=opening, parts=parts):
            return opening != "[" and any(map(has_equation, parts))
        case Product(factors=pairs) | Sum(terms=pairs):
            return any(has_equation(part) for _, part in pairs)
        case Fraction(above=above, below=below):
            return has_equation(above) or has_equation(below)
    return False
