"""The check: every link of every chain, by itself, at every point.

A difference is a fault if it is larger than what rounding does to either side. That is measured:
both sides are evaluated again with every input moved by about one rounding.
"""

import ast
import re
from dataclasses import dataclass

import numpy as np

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import Runner
from handgrad.derivation.shapes import numpy_value, unpacked

CONFIDENCE = 64  # times the noise that one rounding of every input makes
UNIT = 2.0**-53
DECIMALS = re.compile(r"-?\s*\d*\.(\d+)")


@dataclass(frozen=True)
class Checked:
    """One link, and what came of it: a problem and a hint at its cause, or neither.

    `error` is the largest difference, as a share of the largest right number.
    """

    kind: Kind
    target: str
    text: str
    line: int
    error: float = 0.0
    problem: str = ""
    hint: str = ""

    @property
    def ok(self):
        return not self.problem

    def __str__(self):
        if self.ok:
            return f"{self.target} = {self.text}"
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.target} = {self.text}: {self.problem}{hint}"


def check(derivation, seed=0):
    """Check every link of a derivation: a list of Checked, line by line.

    Raises DerivationError where a given or a definition has no value.
    """
    return check_at(derivation, Runner(derivation, seed).points())


def check_at(derivation, points):
    """Check every link of a derivation at points that were made of it."""
    results = []
    for chain in derivation.chains:
        try:
            truth = _truth(chain, points)
        except DerivationError as error:
            raise error.at(chain.line) from None
        results += [_check_link(chain, link, truth, points) for link in chain.checked]
    return results


_FROM_JAX = {Kind.GRADIENT, Kind.DIFFERENTIAL}


def _truth(chain, points):
    """What a chain should equal, at every point and near it: lists of tuples of arrays."""
    if chain.kind is Kind.AUXILIARY:
        for point in points:
            for place in (point, *point.near):
                value = numpy_value(chain.links[0].node, place.names)
                place.names.update(unpacked(chain, value))
    for name in chain.targets if chain.kind in _FROM_JAX else ():
        if name not in points[0].names:
            raise DerivationError(f"{name[1:]} has no gradient: it is not real", chain.line)
    if chain.kind is Kind.IDENTITY:
        return [evaluated(chain.links[0].node, point) for point in points]
    return [
        [
            tuple(_array(place.names[name]) for name in chain.targets)
            for place in (point, *point.near)
        ]
        for point in points
    ]


def evaluated(node, point):
    """The value of an expression at a point and near it: a list of tuples of arrays."""
    values = (numpy_value(node, place.names) for place in (point, *point.near))
    return [tuple(map(_array, v)) if isinstance(v, tuple) else (_array(v),) for v in values]


def _array(value):
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise DerivationError("this is neither a number nor an array of numbers") from None


def _check_link(chain, link, truth, points):
    head = ", ".join(chain.targets) or chain.links[0].text
    pairs = list(zip(points, truth, strict=True))
    if is_number(link.node) and any(point.at_values for point in points):
        pairs = [(point, right) for point, right in pairs if point.at_values]
    worst, problem = 0.0, ""
    try:
        for point, right in pairs:
            actual = evaluated(link.node, point)
            problem = problem or _mismatch(actual[0], right[0])
            if not problem:
                worst = max(worst, difference(actual, right, _half_unit(link)))
    except DerivationError as error:
        problem = error.message
    if worst:
        problem = f"off by {worst:.1e} of its scale"
    if not problem:
        return Checked(chain.kind, head, link.text, link.line)
    from handgrad.derivation.diagnosis import diagnose

    hint = diagnose(chain, link, pairs)
    return Checked(chain.kind, head, link.text, link.line, worst, problem, hint)


def difference(actual, right, slack=0.0):
    """The largest difference as a share of the largest right number; 0 if it is only rounding.

    Both are lists: the values at a point, and near it.
    """
    worst = 0.0
    for i, (a, t) in enumerate(zip(actual[0], right[0], strict=True)):
        allowed = CONFIDENCE * (_noise(actual, i) + _noise(right, i)) + slack
        with np.errstate(invalid="ignore"):
            wrong = ~((np.abs(a - t) <= allowed) | (a == t) | (np.isnan(a) & np.isnan(t)))
            if np.any(wrong):
                scale = np.max(np.abs(t[np.isfinite(t)]), initial=0.0) or 1.0
                off = np.abs(a - t)[wrong]
                worst = max(worst, float(np.max(np.where(np.isfinite(off), off, np.inf))) / scale)
    return worst


def same(actual, right):
    """Whether two values are equal at a point, up to rounding."""
    return not _mismatch(actual[0], right[0]) and not difference(actual, right)


def _noise(values, i):
    """How far rounding moves a value: number by number, and not below a quarter of the average."""
    with np.errstate(all="ignore"):
        moved = np.std([value[i] for value in values], axis=0)
        own = UNIT * np.abs(values[0][i])
        noise = np.where(np.isfinite(moved + own), moved + own, 0.0)
    return noise + 0.25 * np.sqrt(np.mean(noise**2)) if noise.size else noise


def _mismatch(actual, right):
    """A sentence if the shapes differ."""
    if len(actual) != len(right):
        return f"there are {len(actual)} values for {len(right)} names"
    for a, t in zip(actual, right, strict=True):
        if a.shape != t.shape:
            return f"it has the shape {a.shape}, and should have {t.shape}"
    return ""


def is_number(node):
    """Whether an expression is a number, written out."""
    match node:
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.Tuple(elts=elements):
            return all(map(is_number, elements))
    return isinstance(node, ast.Constant)


def _half_unit(link):
    """Half a unit of the last decimal that a number is written with: 0.73 stands for 0.7311."""
    match = DECIMALS.fullmatch(link.text)
    return 0.5 * 10.0 ** -len(match[1]) if match else 0.0
