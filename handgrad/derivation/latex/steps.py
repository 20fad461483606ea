r"""Steps: recurrences such as `h_t = \\tanh(W h_{t-1} + U x_t)`, whose definitions need each other."""

from dataclasses import replace

import numpy as np

from handgrad.derivation.budget import BudgetError
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex import tree
from handgrad.derivation.latex.elaboration import read
from handgrad.derivation.latex.indices import letters_of, parts_of, walk
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
        find = _head if environment.header.first else _head_from_0
        heads = ((e, find(sides[0], letter, environment)) for e, sides in equations)
        self.heads = {e: head for e, head in heads if head}
        step = f"{letter} + 1"
        self.states = {name for name, index in self.heads.values() if step in index[:1]}
        if environment.header.first:
            names = [name for name, _ in self.heads.values()]
            nodes = [node for _, sides in equations for node in _all(sides)]
            self.states = {h for h in names if any(_is_before(n, h, letter) for n in nodes)}
        starts = {h: n for h in self.states for n in (f"{h}0", f"{h}_0") if n in environment.names}
        self.states = set(starts)
        names = dict(environment.names)
        for name in self.states:
            first = np.asarray(names[starts[name]], dtype=float)
            names[name] = np.stack([first + k for k in range(STEPS)])
        known = environment.states | self.states
        self.environment = replace(environment, names=names, states=known)
        self.lines = [Line(f"{name}[0] = {starts[name]}", 0) for name in sorted(self.states)]
        self.read = {}

    def attempt(self):
        """Read the definitions, in rounds; whether there is a recurrence and all its states are read."""
        progress = bool(self.states)
        while progress:
            progress = False
            for equation, sides in self.equations:
                if equation not in self.read and equation in self.heads:
                    progress |= self._attempt(equation, sides)
        found = {self.heads[e][0] for e in self.read}
        return bool(self.states) and self.states <= found

    def _attempt(self, equation, sides):
        name, index = self.heads[equation]
        letters = letters_of(tree.Group((1, 1), "", tuple(sides)), self.environment)
        try:
            reading = read(sides[1], self.environment.with_letters(letters))[0]
        except BudgetError:
            raise
        except DerivationError:
            return False
        if name in self.states:
            index = f"{self.letter} + 1", *index[1:]
        line = equation.sides[1][0].line
        head = f"{name}[{', '.join(index)}]"
        self.lines.append(Line(f"{head} = {reading.text}", line))
        self.read[equation] = head, reading.text
        if name not in self.states:
            value = np.asarray(reading.value, dtype=float)
            shape = (STEPS,) * (len(index) - 1)
            value = value + np.cos(np.arange(STEPS ** len(shape))).reshape(
                (*shape, *[1] * value.ndim)
            )
            self.environment.names[name] = np.stack([value] * STEPS)
        return True


def letters_of_steps(equations):
    """The letters t for which there is a t - 1 in an equation, or a t + 1."""
    found = [
        name
        for _, sides in equations
        for node in _all(sides)
        if isinstance(node, tree.Scripted) and (name := _before(node.below))
    ]
    return list(dict.fromkeys(found))


def _all(sides):
    return (node for side in sides for node in walk(side))


def _head(node, letter, _):
    """The h and t of h_t; None for what is something else."""
    if not isinstance(node, tree.Scripted) or node.above is not None or node.primes:
        return None
    names, letters = spellings(node.base), spellings(node.below) if node.below else []
    return (names[0], (letter,)) if names and letter in letters else None


def _head_from_0(node, letter, environment):
    """The h and the indices of h_{t + 1, i}, or of h_{t i}, which count from 0; None for what is something else."""
    if not isinstance(node, tree.Scripted) or node.below is None or environment.name_of(node):
        return None
    names = [] if node.above is not None or node.primes else spellings(node.base)
    inner = environment.with_letters(letters_of(node, environment))
    try:
        index = tuple(parts_of(node.below, inner)) if names else ()
    except DerivationError:
        return None
    steps = index[:1] in {(letter,), (f"{letter} + 1",)}
    return (names[0], index) if steps and set(index[1:]) <= set(inner.letters) else None


def _before(script):
    """The t of t - 1, or of t + 1 in front of other indices; "" for what is something else."""
    match script:
        case tree.Group(parts=(first, *_)):
            return _before(first)
        case tree.Sum(terms=[("+", tree.Symbol() as first), (_, tree.Number(text="1"))]):
            return (spellings(first) or [""])[0]
    return ""


def _is_before(node, name, letter):
    """Whether a node is h_{t-1}."""
    if not isinstance(node, tree.Scripted) or name not in spellings(node.base):
        return False
    match node.below:
        case tree.Sum(terms=[_, ("-", _)]):
            return _before(node.below) == letter
    return False
