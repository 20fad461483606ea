"""The givens of a derivation: lines `name : (shape) domain`, and the sizes in the shapes."""

import ast
import re
from dataclasses import dataclass
from itertools import accumulate

from handgrad.derivation.expressions import evaluate, names_in, parse

GIVEN = re.compile(r"(?P<name>[^\W\d]\w*)\s*:\s*\((?P<rest>.*)")
DOMAIN = re.compile(r"\s*(?P<domain>[a-z]*)\s*(\((?P<argument>.*)\))?\s*")
DEFINITION = re.compile(r"(?P<names>[^\W\d]\w*(\s*,\s*[^\W\d]\w*)*)\s*=(?!=)(?P<value>.*)")


@dataclass(frozen=True)
class Given:
    """An input of a derivation: its name, its shape, and the domain of its numbers.

    `argument` is the C of a domain `label(C)`.
    """

    name: str
    shape: tuple[int, ...]
    domain: str
    argument: int | None


def derivation_lines(docstring):
    """The indented lines of a docstring, which are its derivation, stripped.

    A docstring that holds nothing else below its first line has them at any indentation.
    """
    body = [line for line in (docstring or "").expandtabs().splitlines()[1:] if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in body), default=0)
    indented = [line.strip() for line in body if len(line) - len(line.lstrip()) >= margin + 4]
    if not indented and body and GIVEN.fullmatch(body[0].strip()):
        return [line.strip() for line in body]
    return indented


def givens_of(rule, letter, leading):
    """The givens of a rule's derivation; the rule's fields are names in it.

    `letter(name)` is the size of a letter that has none yet, and `leading(i)` the axes that
    `...` stands for in given i.
    """
    sizes = dict(vars(rule))
    givens = []
    for line in derivation_lines(type(rule).__doc__):
        if match := GIVEN.fullmatch(line):
            axes, domain, argument = _read(line, match["rest"])
            shape = ()
            for axis in axes:
                if isinstance(axis, ast.Constant) and axis.value is ...:
                    shape += tuple(leading(len(givens)))
                else:
                    sizes |= {name: letter(name) for name in names_in(axis) if name not in sizes}
                    shape += (evaluate(axis, sizes, {}),)
            size = None if argument is None else evaluate(argument, sizes, {})
            givens.append(Given(match["name"], shape, domain, size))
        elif match := DEFINITION.fullmatch(line):
            _define(match["names"], match["value"], sizes)
    return givens


def count_leading(rule):
    """How many givens of a rule's derivation have leading axes, written `...`."""
    matches = map(GIVEN.fullmatch, derivation_lines(type(rule).__doc__))
    return sum("..." in match["rest"] for match in matches if match)


def _read(line, rest):
    """The axes, the domain and its argument of a given, from what follows its first parenthesis."""
    depths = accumulate(((c == "(") - (c == ")") for c in rest), initial=1)
    end = next((i for i, depth in enumerate(depths) if depth == 0), 0)
    shape, domain = rest[: end - 1], DOMAIN.fullmatch(rest[end:])
    if not end or domain is None:
        raise SyntaxError(f"{line!r} is not of the form `name : (shape) domain`")
    axes = parse(f"({shape},)").elts if shape.strip() else []
    argument = parse(domain["argument"]) if domain["argument"] else None
    return axes, domain["domain"] or "real", argument


def _define(names, value, sizes):
    """Add what a definition says of sizes alone; the others are not for the shapes."""
    names = [name.strip() for name in names.split(",")]
    try:
        node = parse(value)
        if set(names_in(node)) <= sizes.keys():
            result = evaluate(node, sizes, {})
            sizes |= dict(zip(names, result if len(names) > 1 else (result,), strict=True))
    except (SyntaxError, ValueError):
        return
