"""Points: a derivation run on numbers, with its true gradients and differentials from JAX.

All points of a derivation have the same sizes, so that JAX traces one program for them all. NumPy
runs it, in extended precision.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from handgrad.common.oracle import in_double_precision
from handgrad.common.random import generator
from handgrad.derivation.bounds import bound_elements
from handgrad.derivation.branches import is_smooth
from handgrad.derivation.budget import spend
from handgrad.derivation.domains import draw, stated, within
from handgrad.derivation.entries import defined
from handgrad.derivation.errors import DerivationError, EmptyError
from handgrad.derivation.evaluation import Walk
from handgrad.derivation.expressions import names_in, nodes_of
from handgrad.derivation.implicit import linked, solution
from handgrad.derivation.recurrences import run_block
from handgrad.derivation.rounding import dithered, in_float64, is_real
from handgrad.derivation.seconds import is_second
from handgrad.derivation.shapes import (
    distinct_sizes,
    find_shapes,
    hides,
    telling_sizes,
    unpacked,
    value_of,
    without_warnings,
)
from handgrad.derivation.vocabulary import vocabulary

LEADING = (2, 3)
POINTS = 3
DITHERS = 4
SOLVED = "{} solved"  # the name of what NumPy found
REDRAWS = 10  # of inputs at which the forward has no value
ATTEMPTS = 30  # to find sizes for which no range is empty
MOST = 300_000  # numbers of all names together
FAILURES = (TypeError, ValueError, NotImplementedError, OverflowError, RuntimeError)


@dataclass(frozen=True)
class Point:
    """What every name of a derivation is worth at one point, its gradients included.

    `paths` has, for each node, its gradient by each definition that it enters. `at_values` says that
    the givens have the values that the derivation states. `near`, which `surrounded` makes, are the
    same numbers, all moved by about one rounding, and the gradients once more as float64 gives them.
    """

    names: dict[str, Any]
    paths: dict[str, list[tuple[str, np.ndarray]]]
    at_values: bool
    near: tuple["Point", ...] = ()
    surroundings: Callable[[], tuple["Point", ...]] = tuple

    def surrounded(self):
        """The point, with those near it."""
        return replace(self, near=self.surroundings())


class Runner:
    """Runs one derivation: sizes for its letters, then points."""

    def __init__(self, derivation, seed=0):
        self.derivation = derivation
        self.seed, self.smooth = seed, is_smooth(derivation)
        self._traced = None
        self._latest = None, {}
        self._has_moves = any(name[0] == "δ" for name in _spoken_of(derivation))
        self.still = {given.name for given in derivation.givens if given.const}
        rng = generator(seed, "sizes", derivation.title)
        for attempt in range(ATTEMPTS):
            letter = distinct_sizes(rng, telling_sizes(derivation))
            try:
                self.constants, self.shapes = find_shapes(derivation, letter, lambda _: LEADING)
                wide = attempt >= ATTEMPTS // 2 or not hides(derivation, self.constants)
                inputs = self._inputs(generator(seed, "sizes", attempt))
                if wide and self._has_finite_outputs(inputs):
                    break
            except EmptyError:
                if attempt + 1 == ATTEMPTS:
                    raise

    def points(self):
        """Random points; before them, if givens have values, the point that these make."""
        first = [self._point(0, at_values=True)] if self._has_values() else []
        return [*first, *(self._point(number) for number in range(1, POINTS + 1))]

    def first(self):
        """The first of the points, without those near it."""
        at_values = self._has_values()
        rng, inputs = self._start(0 if at_values else 1, at_values=at_values)
        return self._at(inputs, *self._around(rng, inputs, at_values=at_values), at_values)

    @cached_property
    def starts(self):
        """(inputs, whether they are the stated ones) of the points."""
        first = [(self._start(0, at_values=True)[1], True)] if self._has_values() else []
        return [*first, *((self._start(n)[1], False) for n in range(1, POINTS + 1))]

    def _has_values(self):
        return any(given.value is not None for given in self.derivation.givens)

    def run(self, inputs, functions, nudges=None, moved=None):
        """The value of every name before the backward pass.

        `nudges` are added to the names of a definition, and of that one alone: their gradients
        are the gradients of the nodes, path by path. `moved` is added to nodes for all that follows.
        """
        moved = moved or {}
        names = self.constants | {n: x + moved[n] if n in moved else x for n, x in inputs.items()}
        numbers = sum(map(_size, inputs.values()))
        for chain in self.derivation.definitions:
            walk_for = partial(self._walk, names, functions, nudges or {})
            try:
                own = self._defined(chain, walk_for, moved)
            except DerivationError as error:
                raise error.at(chain.line) from None
            names = names | own
            numbers += sum(map(_size, own.values()))
            if numbers > MOST:
                message = f"the arrays so far hold {numbers} numbers, and may hold {MOST}"
                raise DerivationError(message, chain.line)
        return names

    def _defined(self, chain, walk_for, moved):
        """What a definition defines, or a block, at its last definition."""
        if chain.block:
            members = self._members(chain)
            return run_block(members, walk_for, moved) if chain is members[-1] else {}
        if chain.implicit:
            own = self._solved(chain, walk_for(chain, {}))
        else:
            own = unpacked(chain, defined(chain, walk_for(chain, {})))
        for name, value in own.items():
            if value is None or value is ...:
                raise DerivationError(f"{name} is neither a number nor an array")
        return {n: v + moved[n] if n in moved else v for n, v in own.items()}

    def _solved(self, chain, walk):
        """What an implicit definition defines; while JAX traces, NumPy's solution is an input."""
        (name,) = chain.targets
        found = walk.names.get(SOLVED.format(name))
        return {name: solution(chain, walk) if found is None else linked(chain, walk, found)}

    def _walk(self, names, functions, nudges, chain, more):
        """What a definition is evaluated with: the names above it, and its own nudges."""
        names = names | more
        if nudges:
            number = self.derivation.definitions.index(chain)
            keys = ((key, name) for key, name in self._keys(number) if key in nudges)
            names |= {name: names[name] + nudges[key] for key, name in keys if name in names}
        return Walk(names, functions)

    def _moves(self, name, value):
        """Whether a name has a gradient and a differential."""
        return is_real(value) and name not in self.still

    def _members(self, chain):
        """The definitions of a block."""
        return [other for other in self.derivation.definitions if other.block == chain.block]

    def _point(self, number, *, at_values=False):
        rng, inputs = self._start(number, at_values=at_values)
        return self.point_at(rng, inputs, at_values=at_values)

    def _start(self, number, *, at_values=False):
        """A generator for a point, and inputs at which the forward has a value."""
        rng = generator(self.seed, "point", self.derivation.title, number)
        inputs = self._inputs(rng, at_values=at_values)
        for _ in range(REDRAWS):
            if at_values or self._has_finite_outputs(inputs):
                break
            inputs = self._inputs(rng)
        return rng, inputs

    def _has_finite_outputs(self, inputs):
        """Whether the forward has a value at some inputs, and at sizes such as these."""
        names = self._values(inputs)
        outputs = (names[name] for name in self.derivation.outputs)
        return all(np.all(np.isfinite(y)) for y in outputs if is_real(y))

    def point_at(self, rng, inputs, *, at_values=False):
        """The point with these inputs, and with upstream gradients and moves at random."""
        upstream, moves = self._around(rng, inputs, at_values=at_values)
        arguments = inputs, upstream, moves, at_values
        return replace(self._at(*arguments), surroundings=partial(self._near, rng, *arguments))

    def _near(self, rng, inputs, upstream, moves, at_values):
        """The points near these inputs; where nothing is compared, the nodes round on their own, too."""
        near = []
        for _ in range(DITHERS):
            moved = (dithered(rng, x) for x in (inputs, upstream, moves))
            point = self._at(*moved, at_values=at_values)
            near.append(replace(point, names=dithered(rng, point.names)) if self.smooth else point)
        return *near, self._at(inputs, upstream, moves, at_values, run=in_float64)

    def _around(self, rng, inputs, *, at_values):
        """Upstream gradients of the outputs, and moves of the inputs."""
        names = self._values(inputs)
        upstream = {
            name: np.asarray(1.0 if at_values and not np.shape(y) else rng.normal(size=np.shape(y)))
            for name in self.derivation.outputs
            if is_real(y := names[name])
        }
        moves = {
            given.name: within(given.domain, rng.normal(size=inputs[given.name].shape))
            for given in self.derivation.givens
            if self._moves(given.name, inputs[given.name])
        }
        return upstream, moves

    def _at(self, inputs, upstream, moves, at_values, run=None):
        """The point with these inputs, upstream gradients and moves; `run` is for each step of JAX's."""
        names = self._values(inputs)
        paths = {name: [] for name, value in names.items() if self._moves(name, value)}
        if not upstream and not self.derivation.derivatives:
            return Point(names, paths, at_values)
        gradients, tangents, jacobians = self._gradients(names, inputs, upstream, moves, run)
        for number, chain in enumerate(self.derivation.definitions):
            for key, name in self._keys(number):
                if key in gradients and name in paths:
                    paths[name].append((", ".join(chain.targets), np.asarray(gradients[key])))
        for name, dy in upstream.items():
            paths[name].append(("", dy))
        zero = {name: np.zeros(np.shape(names[name])) for name in paths if upstream}
        names |= {f"d{n}": sum((g for _, g in paths[n]), zero[n]) for n in zero}
        names |= {f"δ{n}": np.asarray(dn) for n, dn in (tangents | moves).items()}
        names |= jacobians
        return Point(names, paths, at_values)

    def _inputs(self, rng, *, at_values=False):
        """An array for each given."""
        inputs = {}
        for given in self.derivation.givens:
            shape, argument = self.shapes[given.name]
            try:
                inputs[given.name] = self.drawn(rng, given)
                if at_values and given.value is not None:
                    inputs[given.name] = self._stated(given, shape, argument)
            except DerivationError as error:
                raise error.at(given.line) from None
        return inputs

    def drawn(self, rng, given):
        """A given with numbers of its domain."""
        shape, argument = self.shapes[given.name]
        return draw(rng, given.domain, shape, argument)

    def inputs_of(self, point):
        """The givens at a point."""
        return {given.name: point.names[given.name] for given in self.derivation.givens}

    def _stated(self, given, shape, argument):
        """The value of a given, as an array of its shape and domain."""
        value = value_of(given, self.constants)
        if value.shape not in ((), shape):
            message = f"{given.name} has the shape {shape}, and its value {value.shape}"
            raise DerivationError(message)
        return stated(given.domain, np.broadcast_to(value, shape), argument)

    def values(self, inputs):
        """The value of every name of the forward, on NumPy."""
        with without_warnings():
            return self.run(inputs, vocabulary(np))

    def _values(self, inputs):
        """The same, made once for the inputs of a point."""
        if self._latest[0] is not inputs:
            self._latest = inputs, self.values(inputs)
        return dict(self._latest[1])

    def _keys(self, number):
        """The names in a definition, each with the key of its nudge."""
        node = self.derivation.definitions[number].links[0].node
        return [(f"{number} {name}", name) for name in names_in(node)]

    def _gradients(self, names, inputs, upstream, moves, run):
        """The gradients of the nodes by path, and the differentials."""
        implicit = [c.targets[0] for c in self.derivation.definitions if c.implicit]
        solved = {SOLVED.format(name): names[name] for name in implicit}
        arguments = (inputs | solved, upstream, moves)
        if self._traced is None:
            self._traced = self._trace(names, *arguments)
        program, leaves, tree = self._traced
        try:
            with without_warnings():  # what overflows in float64 is infinite
                results = program(*leaves(arguments), tick=spend, run=run)
                return tree([np.asarray(x, dtype=float) for x in results])
        except DerivationError:
            raise
        except FAILURES as error:
            raise self._failure(error) from None

    def _trace(self, names, *arguments):
        """The program of the gradients and differentials, and how its arguments become a list."""
        import jax

        from handgrad.common.jaxpr import Program

        try:
            with in_double_precision():
                traced = jax.make_jaxpr(partial(self._derivatives, names), return_shape=True)
                closed, shapes = traced(*arguments)
                tree = jax.tree.structure(shapes)
                return Program(closed), jax.tree.leaves, tree.unflatten
        except DerivationError:
            raise
        except FAILURES as error:
            raise self._failure(error) from None

    def _failure(self, error):
        sentence = " ".join(str(error).split())[:200]
        message = f"JAX cannot differentiate the definitions: {sentence}"
        return DerivationError(message, self.derivation.definitions[-1].line)

    def _derivatives(self, names, inputs, upstream, moves):
        """What JAX traces: `names` says which names there are, and their shapes."""
        import jax
        import jax.numpy as jnp

        functions = vocabulary(jnp)
        nudges = {
            key: np.zeros(np.shape(names[name]))
            for number in range(len(self.derivation.definitions))
            for key, name in self._keys(number)
            if self._moves(name, names.get(name))
        }

        def outputs(nudges):
            found = self.run(inputs, functions, nudges)
            return {name: jnp.asarray(found[name], dtype=float) for name in upstream}

        def nodes(reals):
            found = self.run(inputs | reals, functions)
            return {n: found[n] for n in names if is_real(found[n]) and n not in moves}

        _, pull = jax.vjp(outputs, nudges)
        tangents = {}
        if self._has_moves:
            reals = {name: inputs[name] for name in moves}
            _, tangents = jax.jvp(nodes, (reals,), (moves,))
        return pull(upstream)[0], tangents, self._jacobians(names, inputs, functions)

    def _jacobians(self, names, inputs, functions):
        """The local derivatives: how one node moves when another moves, and all that it enters."""
        found = {}
        for name in sorted(self.derivation.derivatives):
            nodes = nodes_of(name)
            if all(is_real(names[node]) for node in nodes):
                shapes = [np.shape(names[node]) for node in nodes]
                bound_elements(sum(shapes, ()))
                if is_second(name):
                    self._bound(name, names, shapes[1:])
                found[name] = self._derivative(nodes, shapes, inputs, functions)
        return found

    def _bound(self, name, names, shapes):
        """Refuse a second derivative that moves too many numbers at once: all nodes, twice over."""
        largest = max(np.size(x) for x in names.values() if is_real(x))
        if np.prod([largest, *map(math.prod, shapes)]) > MOST:
            message = f"{name} needs more than {MOST} numbers at once: make its arrays smaller"
            raise DerivationError(message, self.derivation.definitions[-1].line)

    def _derivative(self, nodes, shapes, inputs, functions):
        """∂y/∂x, or ∂²y/∂a∂b: y differentiated by each of the other nodes in turn."""
        import jax

        y, *others = nodes

        def at(*moves):
            moved = {}
            for node, move in zip(others, moves, strict=True):
                moved[node] = moved[node] + move if node in moved else move
            return self.run(inputs, functions, moved=moved)[y]

        for number in range(len(others)):
            at = jax.jacfwd(at, argnums=number)
        return at(*map(np.zeros, shapes[1:]))


def _spoken_of(derivation):
    """Every name in the chains of a derivation."""
    chains = derivation.chains
    inside = {name for chain in chains for node in chain.nodes for name in names_in(node)}
    return inside.union(*(chain.targets for chain in chains))


def _size(value):
    """How many numbers a value holds, those of a tuple together."""
    return sum(map(_size, value)) if isinstance(value, tuple) else np.size(value)
