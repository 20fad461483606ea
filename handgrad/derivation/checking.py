"""The check: every link of every chain, by itself, at every point.

A difference is a fault if it is larger than what rounding does to either side. That is measured:
both sides are evaluated again with every input moved by about one rounding.
"""

import re
from dataclasses import dataclass

from handgrad.common.text import printable
from handgrad.derivation.budget import BudgetError, left, limited
from handgrad.derivation.comparison import as_array, difference, evaluated, is_number, mismatch
from handgrad.derivation.diagnosis import diagnose
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import Runner
from handgrad.derivation.shapes import numpy_value, unpacked

HINT_SECONDS = 0.5
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
        said = printable(f"{self.target} = {self.text}")
        if self.ok:
            return said
        hint = f"; {self.hint}" if self.hint else ""
        return f"{said}: {self.problem}{printable(hint)}"


def check_links(derivation, seed=0):
    """Check every link of a derivation: a list of Checked, line by line.

    Raises DerivationError where a given or a definition has no value, or where the time is used up.
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


def _truth(chain, points):
    """What a chain should equal, at every point and near it: lists of tuples of arrays."""
    if chain.kind is Kind.AUXILIARY:
        for point in points:
            for place in (point, *point.near):
                value = numpy_value(chain.links[0].node, place.names)
                place.names.update(unpacked(chain, value))
    for name in chain.targets if chain.from_jax else ():
        if name not in points[0].names:
            raise DerivationError(f"{name[1:]} has no gradient: it is not real", chain.line)
    if chain.kind is Kind.IDENTITY:
        return [evaluated(chain.links[0].node, point) for point in points]
    return [
        [
            tuple(as_array(place.names[name]) for name in chain.targets)
            for place in (point, *point.near)
        ]
        for point in points
    ]


def _check_link(chain, link, truth, points):
    head = ", ".join(chain.targets) or chain.links[0].text
    pairs = list(zip(points, truth, strict=True))
    if is_number(link.node) and any(point.at_values for point in points):
        pairs = [(point, right) for point, right in pairs if point.at_values]
    worst, problem = 0.0, ""
    try:
        for point, right in pairs:
            actual = evaluated(link.node, point)
            problem = problem or mismatch(actual[0], right[0])
            if not problem:
                worst = max(worst, difference(actual, right, _half_unit(link)))
    except DerivationError as error:
        problem = error.message
    if worst:
        problem = f"off by {worst:.1e} of its scale"
    if not problem:
        return Checked(chain.kind, head, link.text, link.line)
    hint = _hint(chain, link, pairs)
    return Checked(chain.kind, head, link.text, link.line, worst, problem, hint)


def _hint(chain, link, pairs):
    """What would mend a link, if that is found soon: the other links need the time too."""
    try:
        with limited(min(HINT_SECONDS, left() / 8)):
            return diagnose(chain, link, pairs)
    except BudgetError:
        return ""


def _half_unit(link):
    """Half a unit of the last decimal that a number is written with: 0.73 stands for 0.7311."""
    match = DECIMALS.fullmatch(link.text)
    return 0.5 * 10.0 ** -len(match[1]) if match else 0.0
