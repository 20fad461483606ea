"""The check: every link of every chain, by itself, at every point.

A difference is a fault if it is larger than what rounding does to either side. That is measured:
both sides are evaluated again with every input moved by about one rounding.
"""

import ast
import math
import re
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from handgrad.common.text import printable
from handgrad.derivation.branches import Branches, conditions_met, unwatched
from handgrad.derivation.budget import BudgetError, left, limited
from handgrad.derivation.comparison import (
    SHAPE,
    difference,
    evaluated,
    is_number,
    mismatch,
    values_at,
)
from handgrad.derivation.domains import FREE, MOVES
from handgrad.derivation.entries import defined
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.evaluation import Walk
from handgrad.derivation.exploration import further_points
from handgrad.derivation.expressions import nodes_of
from handgrad.derivation.jacobians import readings
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import Runner
from handgrad.derivation.recurrences import run_block
from handgrad.derivation.seconds import is_second
from handgrad.derivation.shapes import unpacked, without_warnings
from handgrad.derivation.unused import suspects
from handgrad.derivation.vocabulary import vocabulary

HINT_SECONDS = 1.0
DECIMALS = re.compile(r"-?\s*\d*\.(\d+)")


@dataclass(frozen=True)
class Checked:
    """One link, and what came of it: a problem and a hint at its cause, or neither.

    `error` is the largest difference, as a share of the largest right number. `read_as` says how
    a local derivative was read that stands there whole. `exact` links are proved in exact
    arithmetic, and `proof` says how surely, or why numbers had to decide; on `disputed` ones the
    two do not agree.
    """

    kind: Kind
    target: str
    text: str
    line: int
    error: float = 0.0
    problem: str = ""
    hint: str = ""
    read_as: str = ""
    exact: bool = False
    proof: str = ""
    disputed: bool = False

    @property
    def ok(self):
        return not self.problem

    def __str__(self):
        said = printable(f"{self.target} = {self.text}")
        if self.ok:
            return said
        hint = f"; {self.hint}" if self.hint else ""
        return f"{said}: {self.problem}{printable(hint)}"


@dataclass(frozen=True)
class Outcome:
    """What came of a derivation: its links; comparisons of which one side was never taken, each with
    its line; and the inputs whose gradient no line states.
    """

    links: list[Checked]
    unseen: list[tuple[int, str]]
    unstated: list[str]


def check_derivation(derivation, seed=0, *, numbers=False):
    """Check every link of a derivation, at points that take both sides of every comparison.

    Numbers are left out where exact arithmetic proves all there is, unless they are asked for.
    Raises DerivationError where a given or a definition has no value, or where the time is used up.
    """
    from handgrad.derivation import exactly

    branches = Branches()
    with branches.watching():
        runner = Runner(derivation, seed)
        proofs, seen = (None, None) if numbers else exactly.first_proofs(derivation, runner)
        if proved := exactly.proved_alone(derivation, runner, proofs, seen):
            return replace(proved, links=_with_symmetry(derivation, proved.links, seed))
        points = runner.points()
        points += further_points(runner, points)
        links = check_at(derivation, points)
    links = exactly.with_proofs(links, derivation, runner, points, proofs)
    links = _with_suspects(derivation, links)
    links = _with_symmetry(derivation, links, seed)
    return Outcome(links, branches.unseen, unstated(derivation, points[0].names))


def _with_suspects(derivation, links):
    """The links, a wrong one with the names of which it is made and that nothing checks by itself."""
    found = suspects(derivation, [link.ok for link in links])
    return [
        link if link.ok or not names else replace(link, hint=_suspected(link.hint, *names[0]))
        for link, names in zip(links, found, strict=True)
    ]


def _suspected(hint, name, line):
    if hint and f"in the place of `{name}`" not in hint:
        return hint
    said = f"{name}, of line {line}, is a name that nothing checks by itself"
    return f"{hint}; {said}" if hint else said


def check_links(derivation, seed=0):
    """The checked links of a derivation, line by line."""
    return check_derivation(derivation, seed).links


def _with_symmetry(derivation, links, seed):
    """The links, those marked that hold for symmetric matrices and not for others."""
    general = derivation.with_domains({"spd": "invertible", "symmetric": "invertible"})
    if general is derivation:
        return links
    try:
        with unwatched():
            holds = _hold(general, seed)
    except BudgetError:
        raise
    except DerivationError:
        return links  # the forward needs symmetry
    alone = "holds for symmetric matrices alone"
    return [
        replace(link, read_as=alone) if link.ok and not link.read_as and not other else link
        for link, other in zip(links, holds, strict=True)
    ]


def _hold(derivation, seed):
    """Whether each link holds, in exact arithmetic or by numbers."""
    from handgrad.derivation import exactly

    runner = Runner(derivation, seed)
    holds = exactly.hold(derivation, runner)
    return holds or [k.ok for k in check_at(derivation, runner.points()[:1], hints=False)]


def unstated(derivation, names):
    """The inputs, or the part of a node, whose gradient is not stated where that of others is."""
    claims = [c for c in derivation.chains if c.kind is Kind.GRADIENT]
    stated = {name[1:] for c in claims for name in c.targets}
    local = [c for c in derivation.chains if c.kind is Kind.LOCAL]
    stated |= {nodes_of(name)[1] for c in local for name in c.targets if not is_second(name)}
    inputs = [g.name for g in derivation.givens if f"d{g.name}" in names and g.domain != "one_hot"]
    missing = [name for name in inputs if name not in stated] if stated else []
    for target in dict.fromkeys(name for c in claims for name in c.targets):
        left, size = _left_out(target, claims, names), np.size(names[target])
        missing += [f"{target[1:]} ({left} of its {size} numbers)"] if left else []
    return missing


def _left_out(target, claims, names):
    """How many numbers of a gradient no line states."""
    numbered = names | {target: np.arange(np.size(names[target])).reshape(np.shape(names[target]))}
    stated = set()
    for chain in claims:
        for name, head in zip(chain.targets, chain.places, strict=True):
            for link in chain.links if name == target else ():
                stated.update(_places(head, numbered, chain, link))
    return np.size(names[target]) - len(stated)


def _places(head, numbered, chain, link):
    """The numbers that stand first, as a link and it agree on the ranges, or as it has them alone."""
    for links in ((link,), ()):
        try:
            return np.ravel(values_at(head, numbered, replace(chain, links=links))[0]).tolist()
        except BudgetError:
            raise
        except DerivationError:
            continue
    return []


def check_at(derivation, points, *, hints=True):
    """Check every link of a derivation at points that were made of it.

    What rounding does is measured only where a link is off by more than a few units. The hints
    together leave half of the time for the links, however many of those are wrong.
    """
    results = _results(derivation, points, math.inf)
    if all(link.ok for link in results):
        return results
    spare = (left() / 2 if left() < math.inf else 0.0) if hints else math.inf
    return _results(derivation, [point.surrounded() for point in points], spare)


def _results(derivation, points, spare):
    results = []
    for chain in derivation.chains:
        try:
            if chain.kind is Kind.AUXILIARY:
                _define(chain, derivation, points)
            _require_targets(chain, points[0].names)
        except DerivationError as error:
            raise error.at(chain.line) from None
        results += [_check_link(chain.beside(link), link, points, spare) for link in chain.checked]
    return results


def _require_targets(chain, names):
    for name in chain.targets if chain.from_jax else ():
        if name not in names:
            raise DerivationError(f"{name[1:]} has no gradient: it is const, or not real")


def _truths(chain, points):
    """What a link may equal: (words, its value at every point and near it), the likeliest first."""
    if chain.kind is Kind.IDENTITY:
        yield "", [evaluated(chain.links[0].node, point, chain) for point in points]
    elif chain.kind is Kind.LOCAL and not chain.letters:
        yield from _readings(chain, points)
    else:
        places = chain.places
        whole = ast.Tuple(list(places), ast.Load()) if len(places) > 1 else places[0]
        for words, change in MOVES.get(chain.domain, FREE):
            moved = [_with_gradient(point, chain.targets[0], change) for point in points]
            yield words, [evaluated(whole, point, chain) for point in moved]


def _with_gradient(point, name, change):
    """The point with a gradient in the place of another."""
    if change is None:
        return point
    near = tuple(_with_gradient(place, name, change) for place in point.near)
    return replace(point, names=point.names | {name: change(point.names[name])}, near=near)


def _readings(chain, points):
    """The ways in which a local derivative may be read that stands there whole."""
    (name,) = chain.targets
    found = {}
    for point in points:
        places = point, *point.near
        shapes = [point.names[node].shape for node in nodes_of(name)]
        read = [dict(readings(name, place.names[name], shapes, chain.domain)) for place in places]
        for words in read[0]:
            found.setdefault(words, []).append([(p[words],) for p in read if words in p])
    return ((words, values) for words, values in found.items() if len(values) == len(points))


def _define(chain, derivation, points):
    """Give the names of an auxiliary definition their values, at every point and near it."""
    members = [c for c in derivation.chains if c.kind is chain.kind and c.block == chain.block]
    if chain.block and chain is not members[-1]:
        return
    for point in points:
        for place in (point, *point.near):
            with without_warnings():
                if chain.block:
                    names = run_block(members, partial(_walk, place.names), {})
                else:
                    names = unpacked(chain, defined(chain, _walk(place.names, chain, {})))
            place.names.update(names)


def _walk(names, _chain, more):
    return Walk(names | more, vocabulary(np))


def _check_link(chain, link, points, spare):
    """One link, held against each reading of what it should equal; the first that fits counts."""
    made = partial(Checked, chain.kind, chain.shown, link.text, link.line)
    if is_number(link.node) and any(point.at_values for point in points):
        points = [point for point in points if point.at_values]
    found = []
    try:
        actual = [evaluated(link.node, point, chain) for point in points]
        for words, right in _truths(chain, points):
            worst, problem = _compared(actual, right, _half_unit(link))
            if not problem:
                return made(read_as=words)
            found.append((problem, worst, right))
        problem, worst, right = min(found, key=lambda f: f[0].startswith(SHAPE))
    except DerivationError as error:
        problem, worst = error.message, 0.0
        right = _right(chain, points)
    hint = _hint(chain, link, list(zip(points, right, strict=True)), spare) if right else ""
    return made(worst, problem, hint)


def _right(chain, points):
    """What a link should equal that has no value itself; None where that has none either."""
    alone = chain if chain.kind is Kind.IDENTITY else replace(chain, links=())
    for asked in (chain, alone):  # a wrong link may disagree with what stands first on a range
        try:
            return next(iter(_truths(asked, points)))[1]
        except BudgetError:
            raise
        except DerivationError:
            continue
    return None


def _compared(actual, right, slack):
    """How far values are off at most, and a sentence if that is a fault."""
    worst = 0.0
    for a, r in zip(actual, right, strict=True):
        if problem := mismatch(a[0], r[0]):
            return 0.0, problem
        worst = max(worst, difference(a, r, slack))
    return worst, f"off by {worst:.1e} of its scale" if worst else ""


def _hint(chain, link, pairs, spare):
    """What would mend a link, if that is found soon: the other links need the time too."""
    if left() <= spare:
        return ""
    from handgrad.derivation.diagnosis import diagnose

    conditions = conditions_met()
    try:
        with limited(min(HINT_SECONDS, (left() - spare) / 3)), unwatched():
            return diagnose(chain, link, pairs, conditions)
    except BudgetError:
        return ""


def _half_unit(link):
    """Half a unit of the last decimal that a number is written with: 0.73 stands for 0.7311."""
    match = DECIMALS.fullmatch(link.text)
    return 0.5 * 10.0 ** -len(match[1]) if match else 0.0
