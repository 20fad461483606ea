r"""Steps: recurrences such as `h_t = \\tanh(W h_{t-1} + U x_t)`, whose definitions need each other."""

from dataclasses import replace

import numpy as np

from handgrad.derivation.budget import BudgetError
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex import tree
from handgrad.derivation.latex.elaboration import read
from handgrad.derivation.latex.indices import letters_of, walk
from handgrad.derivation.latex.names import spellings
from handgrad.derivation.lines import Line

STEPS = 9  # of arrays that stand for states until they are known


class Recurrence:
    """The definitions of one letter that counts steps, and what was read of them.

    `equations` are pairs of an equation and its sides as trees. `read` gives, for each that was
    read, the head and the side that defines it.
    """

    def __init__(self, letter, equations, environment):
        self.letter, self.equations = letter, equations
        self.heads = {e: _head(sides[0], letter) for e, sides in equations}
        self.states = {
            name for name in self.heads.values()
            if name and any(_is_before(n, name, letter) for _, sides in equations for n in _all(sides))
        }  # fmt: skip
        self.states = {name for name in self.states if f"{name}_0" in environment.names}
        names = dict(environment.names)
        for name in self.states:
            first = np.asarray(names[f"{name}_0"], dtype=float)
            names[name] = np.stack([first + k for k in range(STEPS)])
        known = environment.states | self.states
        self.environment = replace(environment, names=names, states=known)
        self.lines = [Line(f"{name}[0] = {name}_0", 0) for name in sorted(self.states)]
        self.read = {}

    def attempt(self):
        """Read the definitions, in rounds; whether there is a recurrence and all its states are read."""
        progress = bool(self.states)
        while progress:
            progress = False
            for equation, sides in self.equations:
                if equation not in self.read and self.heads[equation]:
                    progress |= self._attempt(equation, sides)
        found = {self.heads[e] for e in self.read}
        return bool(self.states) and self.states <= found

    def _attempt(self, equation, sides):
        name = self.heads[equation]
        letters = letters_of(tree.Group((1, 1), "", tuple(sides)), self.environment)
        try:
            reading = read(sides[1], self.environment.with_letters(letters))[0]
        except BudgetError:
            raise
        except DerivationError:
            return False
        step = f"{self.letter} + 1" if name in self.states else self.letter
        line = equation.sides[1][0].line
        self.lines.append(Line(f"{name}[{step}] = {reading.text}", line))
        self.read[equation] = f"{name}[{step}]", reading.text
        if name not in self.states:
            value = np.asarray(reading.value, dtype=float)
            self.environment.names[name] = np.stack([value] * STEPS)
        return True


def letters_of_steps(equations):
    """The letters t for which there is a t - 1 in an equation."""
    found = [
        name
        for _, sides in equations
        for node in _all(sides)
        if isinstance(node, tree.Scripted) and (name := _before(node.below))
    ]
    return list(dict.fromkeys(found))


def _all(sides):
    return (node for side in sides for node in walk(side))


def _head(node, letter):
    """The h of h_t; "" for what is something else."""
    if not isinstance(node, tree.Scripted) or node.above is not None or node.primes:
        return ""
    names, letters = spellings(node.base), spellings(node.below) if node.below else []
    return names[0] if names and letter in letters else ""


def _before(script):
    """The t of t - 1; "" for what is something else."""
    match script:
        case tree.Sum(terms=[("+", tree.Symbol() as first), ("-", tree.Number(text="1"))]):
            return (spellings(first) or [""])[0]
    return ""


def _is_before(node, name, letter):
    """Whether a node is h_{t-1}."""
    if not isinstance(node, tree.Scripted) or name not in spellings(node.base):
        return False
    return _before(node.below) == letter
