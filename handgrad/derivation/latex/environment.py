"""The environment of an equation: what its names are worth at one point, and what else was said."""

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.derivation.branches import unwatched
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.evaluation import Walk
from handgrad.derivation.expressions import (
    is_derivative,
    is_reduction,
    names_in,
    nodes_of,
    of_derivative,
    parse,
)
from handgrad.derivation.indices import bound_in
from handgrad.derivation.jacobians import as_whole
from handgrad.derivation.latex.errors import NodeWantedError, UnknownNameError, UnreadError
from handgrad.derivation.latex.header import Header
from handgrad.derivation.latex.names import labelled, spellings
from handgrad.derivation.latex.readings import ATOM, COMPARISON, made
from handgrad.derivation.latex.tree import Group, Number, Product, Scripted, Symbol, canonical
from handgrad.derivation.shapes import without_warnings
from handgrad.derivation.vocabulary import vocabulary

PLAIN = re.compile(r"[^\W\d]\w*|\d+(\.\d+)?")
STEP = 1e-4
MOST_FACTORS = 4  # that one alias stands for
MOST = 400  # numbers in a node by which another one is differentiated here


@dataclass(frozen=True)
class Environment:
    """Names with values at a point, the nodes among them, and the header.

    `inputs` are the givens that have a gradient. `letters` are the indices in use, each at one number. `run(moves)` gives the forward's names
    where nodes are moved. `squares` are the nodes σ² of which σ is the root, `hidden` those that
    stand for an expression, `states` those with steps that count from 0. `called` are the arguments with
    which nodes were defined, `claimed` the names that equations define, `stated` the functions, `applied` how many of these are being read. A `literal` reading is made whether the shapes fit or not.
    """

    header: Header
    names: dict[str, Any]
    nodes: frozenset[str]
    inputs: tuple[str, ...] = ()
    run: Any = None
    reader: Any = None
    letters: Mapping[str, int] = field(default_factory=dict)
    squares: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    hidden: dict[str, tuple[str, str]] = field(default_factory=dict)
    called: dict[str, Group] = field(default_factory=dict)
    claimed: frozenset[str] = frozenset()
    stated: dict[str, Any] = field(default_factory=dict)
    applied: int = 0
    literal: bool = False

    def read(self, node):
        """The readings of a part of an equation."""
        return self.reader(node, self)

    @property
    def functions(self):
        return vocabulary(np)

    def require_gradients(self, at):
        """Refuse dx where nothing says whether it is a gradient or a move."""
        if not (self.header.loss or self.header.output or self.header.accents):
            raise UnreadError("say in the header: loss L, or differentials d", *at)

    def known(self, name):
        """Whether a name has a meaning."""
        return name in self.names or name in self.letters

    def with_letters(self, letters):
        """The same with more indices, each at its second number."""
        return replace(self, letters={**self.letters, **dict.fromkeys(letters, 1)})

    def name_of(self, node):
        """The known name that a node stands for, or ""."""
        if self.is_step(node):
            return ""
        found = (name for name in labelled(node) if self.known(name))
        return next(found, "")

    def is_step(self, node):
        """Whether a node is a step of a recurrence, as h_0, where indices count from 0."""
        if (
            self.header.first
            or not isinstance(node, Scripted)
            or not isinstance(node.below, Number)
        ):
            return False
        return bool(self.states & set(spellings(node.base)))

    def is_unread(self, node):
        """Whether equations define a name that is not known yet."""
        return not self.name_of(node) and bool(self.claimed & set(spellings(node)))

    def array_of(self, node):
        """The name of an array; x with an index is a part of X where nothing else is called x."""
        found = self.name_of(node)
        base = node.base if isinstance(node, Scripted) else node
        if found or not isinstance(base, Symbol) or len(base.name) > 1 or not base.name.islower():
            return found
        if base.name in self.claimed:
            return ""
        large = Symbol(base.at, base.name.upper(), base.accent, base.style)
        if isinstance(node, Scripted):
            large = Scripted(node.at, large, node.below, node.above, node.primes)
        found = self.name_of(large)
        return found if np.ndim(self.names.get(found, 0)) else ""

    def labelled_array(self, node):
        """(W^1, jk) of W^1_{jk}, (y_pred, i) of y_{pred,i}: the part that names an array, and its index.

        None if there is none.
        """
        if not isinstance(node, Scripted) or node.below is None or node.primes:
            return None
        base, index = Scripted(node.at, node.base, None, node.above), node.below
        if node.above is None:
            if not isinstance(index, Group) or len(index.parts) < 2:
                return None
            base, index = replace(base, below=index.parts[0]), replace(index, parts=index.parts[1:])
        power = isinstance(node.above, Number) and (
            isinstance(node.below, Number) or self.array_of(node.base)
        )
        known = not power and np.ndim(self.names.get(self.array_of(base), 0))
        return (base, index) if known or self.alias_of(base) else None

    def meant(self, text, at):
        """The readings of what an alias gives."""
        found = made(self, text, ATOM if PLAIN.fullmatch(text) else COMPARISON)
        if not found:
            raise UnknownNameError(f"{text} is not known", *at)
        return found

    def alias_of(self, node):
        """What the header says that a node stands for, or ""."""
        return self.header.aliases.get(canonical(node), "") if self.header.aliases else ""

    def alias_of_factors(self, factors):
        """What the header says that the first of some factors stand for, and how many they are."""
        for count in range(min(MOST_FACTORS, len(factors)), 1, -1):
            if any(op for op, _ in factors[1:count]):
                continue
            node = Product(factors[0][1].at, (("", factors[0][1]), *factors[1:count]))
            if meant := self.alias_of(node):
                return meant, count
        return "", 0

    def value(self, text):
        """The value of an expression of the notation at the point. Raises DerivationError."""
        node = parse(text)
        for name in names_in(node):
            if is_derivative(name) and set(nodes_of(name)) <= self.nodes:
                self.known_derivative(name)
        bound = {i for n in ast.walk(node) if is_reduction(n) for i, _ in bound_in(n)}
        free = [letter for letter in self.letters if letter not in bound]
        numbers = (1, 0) if free else (1,)  # the second number shows more than the first
        attempts = [self.names | dict.fromkeys(free, number) for number in numbers]
        attempts += [names | self._whole_labels() for names in attempts if free and "[" in text]
        for names in attempts:
            try:
                with without_warnings(), unwatched():
                    return Walk(names, self.functions)(node)
            except DerivationError:
                if names is attempts[-1]:
                    raise
        return None

    def _whole_labels(self):
        """The labels as Python's numbers, so that an entry of them is an index."""
        arrays = {n: x for n, x in self.names.items() if getattr(x, "dtype", None) is not None}
        return {n: x.astype(object) for n, x in arrays.items() if x.dtype.kind == "i" and x.ndim}

    def derivative(self, y, x):
        """The name of a local derivative, whose value is then known at the point."""
        return self.known_derivative(f"∂{y}/∂{x}")

    def known_derivative(self, name):
        """A first or second derivative, whose value is then known at the point."""
        if name not in self.names:
            self.names[name] = self._differences(*nodes_of(name))
        return name

    def node_for(self, node):
        """The node that stands for an expression which is differentiated, and its indices."""
        text = self.read(node)[0].text
        if text not in self.hidden:
            raise NodeWantedError(text, *node.at)
        return self.hidden[text]

    def _differences(self, y, *others):
        """∂y/∂x, or ∂²y/∂a∂b, by differences: rough, for what is needed are its shape and zeros."""
        shapes = [np.shape(self.names[x]) for x in others]
        if math.prod(map(math.prod, shapes)) > MOST or self.run is None:
            raise DerivationError("a derivative by an array this large")
        found = self._differenced(y, others, {})
        return found.reshape((*np.shape(self.names[y]), *sum(shapes, ())))

    def _differenced(self, y, others, moves):
        """y where nodes are moved, differentiated by each number of the others in turn."""
        if not others:
            if y not in (values := self.run(moves)):
                raise DerivationError("a derivative of what has no name")
            return np.asarray(values[y], dtype=float)
        (x, *rest), shape = others, np.shape(self.names[others[0]])
        columns = []
        for unit in np.eye(math.prod(shape)).reshape((-1, *shape)):
            ends = [
                self._differenced(y, rest, moves | {x: moves.get(x, 0.0) + sign * STEP * unit})
                for sign in (1, -1)
            ]
            columns.append((ends[0] - ends[1]) / (2 * STEP))
        return np.stack(columns, axis=np.ndim(self.names[y]))

    def whole(self, name):
        """A local derivative as it stands whole: the slope of each number, or the Jacobian."""
        return as_whole(name, self.names)

    def is_slope(self, name):
        """Whether a local derivative is the slope of each number of an array."""
        y, x = of_derivative(name)
        axes = np.ndim(self.names[y]) + np.ndim(self.names[x])
        return (
            axes > 0 and np.ndim(self.whole(name)) < axes and math.prod(np.shape(self.names[x])) > 1
        )
