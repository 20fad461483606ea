"""The forward of a derivation on exact numbers, and how its outputs move when a node moves."""

import numpy as np

from handgrad.derivation.domains import within
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import is_derivative, names_in, of_derivative
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import is_real
from handgrad.derivation.seconds import is_second
from handgrad.derivation.vocabulary import Vocabulary, vocabulary
from handgrad.exact import namespace
from handgrad.exact.draw import current
from handgrad.exact.errors import InexactError
from handgrad.exact.givens import STATED, given
from handgrad.exact.literals import EXACTLY, FUNCTION, exact_runner
from handgrad.exact.moves import move_of, moving, random_array, still
from handgrad.exact.numbers import Exact, chosen, lift, linear
from handgrad.exact.reductions import total

FUNCTIONS = Vocabulary({**vocabulary(namespace).table, EXACTLY: FUNCTION})
MOST_WHOLE = 300  # numbers of a gradient that is formed number by number


class Forward:
    """The values of the names above the gradients, their moves, and what is asked of them.

    `names` also has each node's differential for random moves of the inputs, and the upstream
    gradients. The inputs move together along one direction, and each node of which a gradient is
    stated along one of its own, all in one run.
    """

    def __init__(self, derivation, runner, inputs, *, stated):
        self.runner = exact_runner(runner, derivation)
        self.functions, self.definitions = FUNCTIONS, derivation.definitions
        self.inputs = _inputs(derivation, inputs, stated=stated)
        self.directions = _directions(derivation, runner, inputs)
        self.order = list(self.directions)
        alone = {name: self._alone(name) for name in self.order}
        moves = {
            given.name: within(given.domain, direction(self.inputs[given.name].shape))
            for given in derivation.givens
            if is_real(self.inputs[given.name]) and given.name not in runner.still
        }
        rest = [None] * len(alone)
        moved = {
            name: moving(x, moves[name], *rest) if name in moves else x
            for name, x in self.inputs.items()
        }
        self.values = values = self.runner.run(moved, self.functions, moved=alone)
        self.names = {n: still(x) if isinstance(x, Exact) else x for n, x in values.items()}
        for name, x in values.items():
            if is_real(x) and name not in runner.still:
                self.names[f"δ{name}"] = move_of(x) if isinstance(x, Exact) else lift(0.0 * x)
        self.upstream = {
            name: self._upstream(values[name], stated=stated)
            for name in derivation.outputs
            if is_real(values[name])
        }
        self.names |= self.upstream_names()

    @staticmethod
    def _upstream(y, *, stated):
        return lift(1.0) if stated and not y.shape else direction(y.shape)

    def upstream_names(self):
        """The upstream gradients by their names, of outputs that nothing else is made of."""
        used = {n for c in self.definitions for n in names_in(c.links[0].node)}
        # a state that later ones are made of has more paths than the one from above
        return {f"d{n}": dy for n, dy in self.upstream.items() if n not in used}

    def has_gradient(self, name):
        """Whether a name is that of a node that can move."""
        return is_real(self.names.get(name)) and name not in self.runner.still

    def moved(self, name, *directions):
        """The names that there are when a node moves along some directions."""
        nothing = linear(lambda x: 0 * x, lift(self.names[name]))
        return self.runner.run(
            self.inputs, self.functions, moved={name: moving(nothing, *directions)}
        )

    def change(self, name, move):
        """⟨dy, δy⟩ when a node moves so, and the sum of the sizes of its terms."""
        result, size = lift(0), 0.0
        for output, dy in self.upstream.items():
            product = dy * self.move(output, name, move)
            result, size = result + total(product), size + np.sum(np.abs(product.real))
        return result, size

    def move(self, y, x, move):
        """How y moves when x does so."""
        if move is self.directions.get(x):
            return move_of(lift(self.values[y]), 1 + self.order.index(x))
        return move_of(lift(self.moved(x, move)[y]))

    def _alone(self, name):
        """What is added to a node so that it moves along its own direction, and along no other."""
        own = [self.directions[name] if name == other else None for other in self.order]
        return moving(linear(lambda x: 0 * x, self.directions[name]), None, *own)

    def gradient(self, name):
        """The gradient of a node, number by number."""
        names = self.moved(name, *self.units(name))
        found = []
        for k in range(np.size(self.names[name])):
            products = [
                total(dy * move_of(names[output], k))
                for output, dy in self.upstream.items()
                if isinstance(names[output], Exact)
            ]
            found.append(sum(products[1:], products[0]))
        return _shaped(found, np.shape(self.names[name]))

    def jacobian(self, derivative):
        """∂y/∂x with the axes of y before those of x."""
        y, x = of_derivative(derivative)
        of_y = self.moved(x, *self.units(x))[y]
        shape = np.shape(self.names[x])
        columns = [move_of(lift(of_y), k) for k in range(np.size(self.names[x]))]
        whole = chosen(lambda *parts: np.stack(parts, axis=-1), *columns)
        return linear(lambda v: np.reshape(v, (*np.shape(of_y), *shape)), whole)

    def units(self, name):
        """A direction for each number of a node."""
        if not self.has_gradient(name):
            raise DerivationError(f"{name} has no gradient")
        size = np.size(self.names[name])
        if not 0 < size <= MOST_WHOLE:
            raise InexactError("a whole gradient of many numbers")
        shape = np.shape(self.names[name])
        return [lift(row.reshape(shape)) for row in np.eye(size)]


def _directions(derivation, runner, inputs):
    """A random direction for each node of which a gradient is stated."""
    claims = [chain for chain in derivation.chains if chain.kind in {Kind.GRADIENT, Kind.LOCAL}]
    names = [name for chain in claims for name in chain.targets if not is_second(name)]
    nodes = dict.fromkeys(of_derivative(n)[1] if is_derivative(n) else n[1:] for n in names)
    values = runner.values(inputs)
    moving_ones = [n for n in nodes if is_real(values.get(n)) and n not in runner.still]
    return {name: direction(values[name].shape) for name in moving_ones}


def _inputs(derivation, inputs, *, stated):
    """Exact numbers for the givens: random ones of their domains, or the stated ones."""
    if any(chain.implicit for chain in derivation.definitions):
        raise InexactError("a root or a fixed point has no exact form")
    domains = {g.name: STATED if stated else g.domain for g in derivation.givens}
    return {name: given(domains[name], x) if is_real(x) else x for name, x in inputs.items()}


def squares_of(derivation, runner, inputs, stated):
    """Which radicands of a forward are squares in this draw, in their order."""
    inputs = _inputs(derivation, inputs, stated=stated)
    exact_runner(runner, derivation).run(inputs, FUNCTIONS)
    return tuple(current().roots.squares)


def direction(shape):
    """Random numbers in each field, and beside them normal ones."""
    return random_array(current().rng.normal(size=shape))


def _shaped(numbers, shape):
    stacked = chosen(lambda *parts: np.stack(parts), *numbers)
    return linear(lambda v: np.reshape(v, shape), stacked)
