"""Exploration: points at other scales, until every comparison was true and false.

A wrong threshold shows itself beside the right one. So points are also put close to each border
between the sides of a comparison: halfway, and halfway again, between two inputs that take other
sides.
"""

import numpy as np

from handgrad.common.random import generator
from handgrad.derivation.branches import Branches
from handgrad.derivation.budget import BudgetError, left, limited
from handgrad.derivation.comparison import values_at
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.notation import Kind
from handgrad.derivation.points import is_real
from handgrad.derivation.shapes import without_warnings

SCALES = (1, 3, 0.3, 3, 10, 10, 0.1, 30, 30, 0.03, 100, 100, 0.01, 1000, 3000, 0.001)
ALWAYS = (0.1, 3)  # where there is any comparison: near it, and far from it
MIRRORED = (1, -1)  # each point also with its signs turned: a condition may have two parts
CONVEX = {"real", "positive", "nonzero", "probability", "interval", "sorted"}
CONVEX |= {"spd", "symmetric", "invertible", "lower"}
HALVINGS = 10
MIXTURES = 100
MOST_BORDERS = 6
MODERATE = 1e30  # beyond, a point says more about overflow than about a formula
SECONDS = 0.5


def further_points(runner, points):
    """Points at which comparisons take sides that they did not take at the others."""
    starts = [(runner.inputs_of(point), point.names) for point in points]
    scout = _scouted(_Scout(runner, starts, runner.point_at, lambda point: point.names))
    return scout.found


def further_inputs(runner, starts):
    """Such inputs besides these, and the sides that all of them take; gradients are not known.

    A proof holds on a whole branch: so those are enough at which other sides are taken together.
    """
    if runner.smooth:
        return [], Branches()

    def values(_rng, inputs):
        return runner.values(inputs)

    scout = _scouted(
        _Scout(runner, [(inputs, {}) for inputs in starts], values, lambda names: names)
    )
    found, seen, cells = [], Branches(), set()
    for number, (inputs, sides, own) in enumerate(scout.tried):
        known, new = number < len(starts), own - cells
        if known or (new and _is_ordinary(runner, inputs)):
            cells |= new
            seen.add(sides)
            found += [] if known else [inputs]
    return found, seen


def _scouted(scout):
    """The scout, after it has looked around, if there is anything to look for."""
    try:
        with limited(min(SECONDS, left() / 8)):
            if scout.seen.met:
                scout.scale()
                scout.mix()
                scout.approach_borders()
    except BudgetError:
        pass
    return scout


class _Scout:
    """Looks at inputs, remembers which sides they took, and keeps what is made of those worth it."""

    def __init__(self, runner, starts, make, names_of):
        self.runner, self.make, self.names_of = runner, make, names_of
        self.seen = Branches()
        self.tried = []
        self.found = []
        for inputs, names in starts:
            self.seen.add(self.look(inputs, names))

    def look(self, inputs, names):
        """The sides that are taken at some inputs, where gradients are ones unless `names` has them."""
        own = Branches(remembers=True)
        with own.watching():
            look(self.runner, inputs, names)
        self.tried.append((inputs, own, own.cells()))
        own.sides.clear()
        return own

    def scale(self):
        """Try inputs at other scales, until every side was taken often."""
        for number, scale in enumerate((*ALWAYS, *SCALES)):
            wanted = number < len(ALWAYS)
            if not wanted and self.seen.enough:
                break
            for sign in MIRRORED:
                rng = self._generator("scale", number)
                inputs = {
                    given.name: _scaled(rng, given, self.runner, sign * scale)
                    for given in self.runner.derivation.givens
                }
                if self.look(inputs, {}).adds_to(self.seen) or wanted:
                    self._keep(rng, inputs)

    def mix(self):
        """Try inputs that were tried apart, together, until every side was taken."""
        rng = self._generator("mix")
        tried = [inputs for inputs, *_ in self.tried]
        for _ in range(MIXTURES if tried else 0):
            if not self.seen.unseen:
                return
            inputs = {name: tried[rng.integers(len(tried))][name] for name in tried[0]}
            if self.look(inputs, {}).adds_to(self.seen):
                self._keep(rng, inputs)

    def approach_borders(self):
        """Try inputs on both sides of each border, close to it."""
        rng = self._generator("border")
        borders = {words: (line, words) for line, words in self.seen.met}  # each once
        for key in [*borders.values()][:MOST_BORDERS]:
            sides = [(x, own.met[key][0]) for x, own, _ in self.tried if key in own.met]
            below = next((s for s in sides if s[1] != sides[-1][1]), None)
            if below is not None:
                for inputs in self._halved(key, below, sides[-1]):
                    self._keep(rng, inputs)

    def _halved(self, key, a, b):
        """Two inputs between two others, close together, at which a condition is true elsewhere."""
        for _ in range(HALVINGS):
            inputs = self._between(a[0], b[0])
            met = self.look(inputs, {}).met
            if key not in met:
                return []
            middle = inputs, met[key][0]
            a, b = (middle, b) if middle[1] == a[1] else (a, middle)
        return [a[0], b[0]]

    def _between(self, a, b):
        """Inputs in the middle of two others, where a middle is of the same domain."""
        convex = {g.name for g in self.runner.derivation.givens if g.domain in CONVEX}
        return {name: (a[name] + b[name]) / 2 if name in convex else a[name] for name in a}

    def _keep(self, rng, inputs):
        """Keep the point at some inputs, if its numbers are moderate."""
        try:
            made = self.make(rng, inputs)
        except BudgetError:
            raise
        except DerivationError:
            return
        names = self.names_of(made)
        if all(_is_moderate(value) for value in names.values()):
            self.found.append(made)
            self.seen.add(self.look(inputs, names))

    def _generator(self, *what):
        return generator(self.runner.seed, *what, self.runner.derivation.title)


def _scaled(rng, given, runner, scale):
    """An input whose numbers are so many times as large, or each, or all, up to so many times."""
    x = runner.drawn(rng, given)
    size, sign = abs(scale), np.sign(scale)
    powers = (1, rng.uniform(size=np.shape(x)), rng.uniform(-1, 1))
    factor = size ** powers[rng.integers(len(powers))]
    match given.domain:
        case "real" | "lower":
            return np.asarray(x * factor * sign)
        case "positive" | "nonzero":
            return np.asarray(x * factor)
        case "spd" | "symmetric" | "invertible":
            return x * size ** rng.uniform()
        case "probability":
            powers = x ** np.minimum(size, 10.0)
            return powers / np.sum(powers, axis=-1, keepdims=True)
        case "interval":
            return _towards_an_end(x, runner.shapes[given.name][1], size, sign)
    return x


def _towards_an_end(x, ends, size, sign):
    """Numbers of an interval, so many times nearer to one of its ends."""
    low, high = ends
    if size <= 1:
        return x
    return low + (x - low) / size if sign > 0 else high - (high - x) / size


def look(runner, inputs, names):
    """Evaluate the forward and every claim, with gradients of ones where they are not known.

    Returns the names of the forward; None where it has no value.
    """
    derivation = runner.derivation
    try:
        with without_warnings():
            forward = runner.values(inputs)
    except BudgetError:
        raise
    except DerivationError:
        return None
    real = {name: np.ones(np.shape(value)) for name, value in forward.items() if is_real(value)}
    known = forward | {f"{d}{name}": one for name, one in real.items() for d in "dδ"} | names
    for chain in derivation.chains:
        for link in chain.links if chain.kind is not Kind.DEFINITION else chain.links[1:]:
            try:
                values = values_at(link.node, known, chain.beside(link))
            except BudgetError:
                raise
            except DerivationError:
                continue  # said when the claim is checked
            if chain.kind is Kind.AUXILIARY and not chain.letters:
                known |= dict(zip(chain.targets, values, strict=False))
    return forward


def _is_ordinary(runner, inputs):
    """Whether the forward has moderate values at some inputs."""
    try:
        return all(map(_is_moderate, runner.values(inputs).values()))
    except BudgetError:
        raise
    except DerivationError:
        return False


def _is_moderate(value):
    """Whether a value holds no infinity, no NaN and nothing large."""
    return not is_real(value) or bool(np.all(np.abs(value) < MODERATE))
