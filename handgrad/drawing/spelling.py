"""Spelling: an expression as a teacher writes it, with names or with numbers."""

import ast
import math
import re

import numpy as np

from handgrad.derivation.expressions import parse
from handgrad.drawing.labels import number

WHOLE_POWER = re.compile(r" ?\*\* ?(\d+)(?![\w.])")
TWO_SIGNS = re.compile(r"--(\d[\d.]*(?:e-?\d+)?)")
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def spelled(node):
    """The text of an expression with ×, ÷ and −, and whole powers written above."""
    return respelled(ast.unparse(node))


def respelled(text):
    """A text of the notation with these signs."""
    text = WHOLE_POWER.sub(lambda match: match[1].translate(SUPERSCRIPTS), text)
    for plain, written in ((" * ", " × "), (" / ", " ÷ "), (" - ", " − "), (" ** ", "^")):
        text = text.replace(plain, written)
    return TWO_SIGNS.sub(r"-(-\1)", text.replace("e-0", "e-"))


def with_names(node, names):
    """An expression with other expressions in the place of names."""
    made = _Exchange(names).visit(ast.parse(ast.unparse(node), mode="eval").body)
    return parse(ast.unparse(made))


def literal(value):
    """A number as an expression, rounded as people write it."""
    value = float(number(value)) if math.isfinite(value) else float(value)
    if not math.isfinite(value):
        name = ast.Name("nan" if math.isnan(value) else "inf")
        return ast.UnaryOp(ast.USub(), name) if value < 0 else name
    size = ast.Constant(int(abs(value)) if value == int(value) else abs(value))
    return ast.UnaryOp(ast.USub(), size) if value < 0 else size


def is_number(value):
    """Whether a value is one number."""
    return isinstance(value, np.ndarray | np.generic | int | float) and np.ndim(value) == 0


class _Exchange(ast.NodeTransformer):
    def __init__(self, names):
        self.names = names

    def visit_Name(self, node):
        return self.names.get(node.id, node)
