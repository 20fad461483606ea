"""A wrong link with its values and the right ones, and what may be tried in its place."""

import ast
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from handgrad.derivation.budget import BudgetError, spend
from handgrad.derivation.comparison import as_array, evaluated, same
from handgrad.derivation.entries import spans, value_over
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.evaluation import Walk
from handgrad.derivation.expressions import of_derivative, words_in
from handgrad.derivation.notation import CONSTANTS, Kind
from handgrad.derivation.seconds import is_second
from handgrad.derivation.vocabulary import vocabulary

CLOSE = 1e-4  # a first look, before the exact one


@dataclass(frozen=True)
class _Remembering(Walk):
    """A walk that remembers the values of `kept` expressions: the mends of a link share most."""

    kept: dict[int, ast.AST] = field(default_factory=dict)
    values: dict[Any, Any] = field(default_factory=dict)
    steps: tuple[tuple[str, int], ...] = ()

    def on(self, grid):
        return self if grid is self.grid else self._with(self.names, grid, self.steps)

    def at(self, steps):
        return self._with({**self.names, **steps}, self.grid, (*self.steps, *steps.items()))

    def _with(self, names, grid, steps):
        return _Remembering(names, self.functions, grid, self.kept, self.values, steps)

    def __call__(self, node):
        if id(node) not in self.kept or self.grid.inside is not True:
            return super().__call__(node)
        key = self._key(node)
        if key not in self.values:
            self.values[key] = super().__call__(node)
        return self.values[key]

    def _key(self, node):
        """What the value of an expression depends on, besides the names."""
        words, letters = words_in(node), self.grid.letters
        steps = [step for step in self.steps if step[0] in words]
        axes = [
            (letter, x.shape, int(x.flat[0])) for letter, x in letters.items() if letter in words
        ]
        return id(node), bool(self.grid.depth), *steps, *axes


class Place:
    """A point at which expressions are tried in the place of a link."""

    def __init__(self, names, chain, kept):
        walk = _Remembering(names, vocabulary(np), kept=kept)
        self.chain = chain
        self.walk = walk.on(replace(walk.grid, times=chain.times))
        try:
            self.ranges, self.steps = spans(chain, self.walk)
        except DerivationError:
            alone = replace(chain, links=())
            self.ranges, self.steps = spans(alone, self.walk)

        wide = {letter: ends for letter, ends in self.ranges.items() if letter not in self.steps}
        middles = {letter: sum(self.ranges[letter]) // 2 for letter in self.steps}
        self.middle = self.ranges | {letter: (i, i + 1) for letter, i in middles.items()}
        self.counts = tuple(end - first for first, end in wide.values())
        self.own = self.walk.on(self.walk.grid.extended(wide))

    def values(self, node):
        """The value of an expression, or of each part of it: a tuple of arrays."""
        return tuple(map(as_array, self._parts(node, self.ranges)))

    def _parts(self, node, ranges):
        several = isinstance(node, ast.Tuple) and len(self.chain.heads) > 1
        values = [self._value(part, ranges) for part in (node.elts if several else [node])]
        return values[0] if not several and isinstance(values[0], tuple) else values

    def look(self, node):
        """The value of an expression at one step of each letter that counts steps."""
        return list(map(as_array, self._parts(node, self.middle)))

    def at_a_step(self, value):
        """What `look` should give, where this is the whole value."""
        for axis, letter in enumerate(self.steps):
            first, end = self.middle[letter]
            start = self.ranges[letter][0]
            value = np.take(value, range(first - start, end - start), axis=axis)
        return value

    def _value(self, node, ranges):
        if self.steps:
            return value_over(node, self.chain, self.walk, ranges, self.steps)
        value = self.own(node)
        try:
            return np.broadcast_to(np.asarray(value), self.counts) if self.counts else value
        except ValueError:
            raise DerivationError("it has other entries than what stands first") from None


class Case:
    """A wrong link with its values, if it has any, and the right ones."""

    def __init__(self, chain, link, pairs, conditions=()):
        self.chain, self.link, self.conditions = chain, link, conditions
        self.points = [point for point, _ in pairs]
        self.right = [right for _, right in pairs]
        self.kept = {id(node): node for node in ast.walk(link.node)}
        self.first = Place(self.points[0].names, chain, self.kept)
        try:
            self.actual = [evaluated(link.node, point, chain) for point in self.points]
        except DerivationError:
            self.actual = []
        self.single = len(self.right[0][0]) == 1

    def keep(self, node):
        """The expression, whose value will be remembered, for it is tried in several places."""
        self.kept |= {id(inner): inner for inner in ast.walk(node)}
        return node

    def holds(self, node):
        """Whether another expression is right at every point."""
        try:
            return self._near(node) and all(
                same([place.values(node) for place in places], right)
                for places, right in zip(self._places, self.right, strict=True)
            )
        except BudgetError:
            raise
        except DerivationError:
            return False

    @cached_property
    def _places(self):
        """Every point, and what is near it."""
        return [
            [Place(p.names, self.chain, self.kept) for p in (point, *point.near)]
            for point in self.points
        ]

    def _near(self, node):
        """Whether an expression is about right at the first point."""
        values = self.first.look(node)
        return len(values) == len(self._looks) and all(map(_is_close, values, self._looks))

    @cached_property
    def _looks(self):
        """The right values at the first point, each with how far a value may be off."""
        right = map(self.first.at_a_step, self.right[0][0])
        return [(x, CLOSE * np.max(np.abs(x), initial=0.0)) for x in right]

    def turned(self, change):
        """Whether the values become right when each is changed: change(value, point)."""
        spend()
        for point, actual, right in zip(self.points, self.actual, self.right, strict=True):
            places = (point, *point.near)
            try:
                changed = [
                    tuple(change(a, p) for a in v) for v, p in zip(actual, places, strict=True)
                ]
            except (ValueError, TypeError, KeyError):
                return False
            if not same(changed, right):
                return False
        return True

    def alike(self, name):
        """The other names of values that have the shape of this one's, and a place in the line."""
        names = self.points[0].names
        shape = np.shape(names.get(name))
        return [
            other
            for other in self.pool
            if other != name
            and np.shape(names[other]) == shape
            and not (isinstance(names[other], int) and isinstance(names.get(name), np.ndarray))
        ]

    @cached_property
    def pool(self):
        """The names of all values that may stand in the line."""
        names = self.points[0].names
        return [
            other
            for other, value in names.items()
            if other not in (*self.chain.targets, *self._out_of_place)
            and not is_second(other)
            and isinstance(value, np.ndarray | np.floating | int | float)
        ]

    @property
    def _out_of_place(self):
        """The gradients, where only moves are expected, and the other way round."""
        letters = {Kind.GRADIENT: "δ", Kind.DIFFERENTIAL: "d", Kind.DEFINITION: "dδ"}
        letters |= {Kind.LOCAL: "dδ"}
        paths = self.points[0].paths
        return {f"{x}{name}" for x in letters.get(self.chain.kind, "") for name in paths}

    def paths(self, point):
        """The gradient of what moves by each of its paths: of dx, or of ∂L/∂x for the output L."""
        name = self.chain.targets[0] if self.chain.targets else ""
        if self.chain.kind is Kind.GRADIENT:
            return point.paths[name[1:]]
        if self.chain.kind is not Kind.LOCAL or is_second(name):
            return []
        y, x = of_derivative(name)
        above = point.paths.get(y, [])
        if np.shape(point.names[y]) or len(above) != 1 or above[0][0]:
            return []  # other outputs or nodes have shares in it
        outputs = [n for n, own in point.paths.items() if own and not own[-1][0]]
        if outputs != [y]:
            return []
        return [(through, term / point.names[f"d{y}"]) for through, term in point.paths[x]]

    @cached_property
    def nodes(self):
        """The real arrays of the derivation, without their gradients and moves."""
        point = self.points[0]
        return [name for name in point.paths if f"d{name}" in point.names]

    @cached_property
    def factors(self):
        """The names that may be factors: what comes in from above or with a move, then nodes."""
        point, kind = self.points[0], self.chain.kind
        upstream = [f"d{n}" for n, paths in point.paths.items() if paths and paths[-1][0] == ""]
        moves = [f"δ{name}" for name in point.paths if f"δ{name}" in point.names]
        constants = [name for name, value in point.names.items() if _is_constant(name, value)]
        first = {Kind.GRADIENT: upstream, Kind.DIFFERENTIAL: moves}.get(kind, [])
        found = [*first, *self.nodes, *constants, *self.scalars]
        return list(dict.fromkeys(name for name in found if name in point.names))

    @cached_property
    def moving(self):
        """The gradients, or the moves, of all nodes: what a term may be made of."""
        letter = {Kind.GRADIENT: "d", Kind.DIFFERENTIAL: "δ"}.get(self.chain.kind)
        names = [f"{letter}{name}" for name in self.points[0].paths] if letter else []
        own = self.chain.targets if self.chain.letters and self.first.steps else ()
        return [name for name in names if name in self.pool or name in own]

    @cached_property
    def scalars(self):
        """The numbers of the derivation that are not whole, by name."""
        return {
            name: float(value)
            for name, value in self.points[0].names.items()
            if isinstance(value, float) and name not in CONSTANTS
        }

    @cached_property
    def sizes(self):
        """The sizes of the derivation: whole numbers with names."""
        return {
            name: value
            for name, value in self.points[0].names.items()
            if isinstance(value, int) and not isinstance(value, bool) and value > 1
        }

    @property
    def number(self):
        """What a number should be, where it stands for one."""
        if not self.points[0].at_values or not self.single or self.right[0][0][0].size != 1:
            return ""
        return f"the value is {self.right[0][0][0].item():.10g}"


def _is_constant(name, value):
    """Whether a value is a mask, or an array that has no gradient and is not one."""
    array = isinstance(value, np.ndarray) and value.dtype.kind in "bf"
    return array and name[0] not in "dδ∂"


def _is_close(value, look):
    right, allowed = look
    if value.shape != right.shape:
        return False
    close = np.abs(value - right) <= allowed
    return bool(close.all() or np.all(close | (value == right) | np.isnan(value) & np.isnan(right)))
