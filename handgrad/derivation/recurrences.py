"""Recurrences: h[0] = …, h[t+1] = f(h[t], x[t]), step by step.

Definitions that need each other's steps form a block: in each step, every one of them is evaluated
once, in the order of their lines. What a block defines has its steps on the first axis.
"""

import ast
import copy
import functools
from typing import Any

import numpy as np

from handgrad.derivation.bounds import bound_elements
from handgrad.derivation.entries import value_on
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import elements, names_in
from handgrad.derivation.indices import shift_of, size_of


class Blocks:
    """Which definitions belong to one block, while they are read one after the other."""

    def __init__(self):
        self.count = 0
        self.begun = {}  # names with a first state and no step yet, and their lines
        self.members = set()

    def place(self, target, head, links, known):
        """The number of the block that a definition belongs to; 0 if it is none of one."""
        if starts(head, known):
            self.count += not self.members
            self.begun.setdefault(target, head.lineno)
            self.members.add(target)
            return self.count
        used = {name for link in links for name in names_in(link.node)} & self.members
        if not used and target not in self.begun:
            return 0
        if not isinstance(head, ast.Subscript):
            missing = ", ".join(self.begun)
            raise DerivationError(f"{missing} has a first state, and no step as in {missing}[t+1]")
        self.members.add(target)
        self.begun.pop(target, None)
        if not self.begun:
            self.members = set()
        return self.count

    def require_steps(self):
        """Raise DerivationError if a first state is there and no step."""
        for name, line in self.begun.items():
            message = f"{name} has a first state, and no step as in {name}[t+1] = …"
            raise DerivationError(message, line)


def starts(head, known):
    """Whether a definition gives a first state: its first index has no letter, as in h[0]."""
    if not isinstance(head, ast.Subscript):
        return False
    first = elements(head.slice)[0]
    return not isinstance(first, ast.Slice) and set(names_in(first)) <= set(known)


def run_block(chains, walk_for, moved):
    """The arrays that a block defines, by name.

    `walk_for(chain, names)` is what a chain is evaluated with, when `names` are known besides what
    stands above the block; `moved` has what is added to each state of a name.
    """
    first, steps = _parted(chains)
    rows = {chain.targets[0]: {} for chain in chains}
    for chain in first:
        walk = walk_for(chain, {})
        at = _number(walk(elements(chain.heads[0].slice)[0]), chain)
        _keep(rows, chain, at, _row(chain, walk), moved)
    letter, count = _letter(steps), _count(steps, walk_for)
    sizes = {
        name: max(count + max(_shifts(name, steps), default=0), 1 + max(known, default=-1))
        for name, known in rows.items()
    }
    forward = all(min(known, default=0) == 0 for known in rows.values())
    for step in range(count) if forward else reversed(range(count)):
        for chain in steps:
            names: dict[str, Any] = {letter: step}
            node = chain.links[0].node
            for name in rows.keys() & set(names_in(node)):
                states = _States(name, rows[name], sizes[name], walk_for(chain, {}))
                names[name] = states if _is_indexed(name, node) else states.stacked()
            walk = walk_for(chain, names)
            shift = shift_of(elements(chain.heads[0].slice)[0], letter)
            _keep(rows, chain, step + (shift or 0), _row(chain, walk), moved)
    whole = walk_for(chains[-1], {})
    return {name: _States(name, rows[name], sizes[name], whole).stacked() for name in rows}


def _parted(chains):
    """The first states of a block, and its steps."""
    first = [chain for chain in chains if not _is_step(chain)]
    return first, [chain for chain in chains if _is_step(chain)]


def _is_step(chain):
    return bool(letters_in_first(chain))


def letters_in_first(chain):
    """The letters in the first index of what a chain defines."""
    first = elements(chain.heads[0].slice)[0]
    first = first.lower if isinstance(first, ast.Slice) else first
    return [name for name in names_in(first) if name in chain.letters]


def _letter(steps):
    """The one letter that counts the steps of a block."""
    letters = {letter: chain.line for chain in steps for letter in letters_in_first(chain)}
    if len(letters) > 1:
        raise DerivationError(f"{' and '.join(letters)} count one recurrence: use one letter")
    return next(iter(letters))


def _count(steps, walk_for):
    """How many steps there are: as stated, or as the arrays show that are there whole."""
    letter = _letter(steps)
    for chain in steps:
        if letter in chain.limits:
            values = [walk_for(chain, {})(limit) for limit in chain.limits[letter]]
            return _number(values[-1], chain)
    nodes = [node for chain in steps for node in chain.nodes]
    return size_of(letter, nodes, walk_for(steps[0], {}), counts=True)


def _shifts(name, steps):
    """How far the steps of a name are written ahead of their letter."""
    for chain in steps:
        if chain.targets[0] == name:
            yield shift_of(elements(chain.heads[0].slice)[0], letters_in_first(chain)[0]) or 0


def _number(value, chain):
    if not isinstance(value, int | np.integer) or value < 0:
        raise DerivationError(f"{value} is not the number of a step", chain.line)
    return int(value)


def _row(chain, walk):
    """The value of one state or step: an array of the axes that are left."""
    rest = elements(chain.heads[0].slice)[1:]
    letters = tuple(letter for letter in chain.letters if letter not in letters_in_first(chain))
    if len(rest) != len(letters):
        raise DerivationError("behind the step stand letters, as in h[t+1, a]", chain.line)
    return value_on(chain.links[0].node, chain.with_letters(letters), walk)


def _keep(rows, chain, at, value, moved):
    """Put a state to the others of its name, moved where somebody asks how it moves what follows."""
    name = chain.targets[0]
    others = rows[name].values()
    shape = np.shape(next(iter(others))) if others else np.shape(value)
    if np.shape(value) != shape:
        message = f"{name} has the shape {shape} in one step and {np.shape(value)} in another"
        raise DerivationError(message, chain.line)
    if at in rows[name]:
        raise DerivationError(f"step {at} of {name} is defined twice", chain.line)
    rows[name][at] = value + moved[name][at] if name in moved else value


class _States:
    """The states of a name that are known, and NaN for the others: one of them, or all as an array.

    An array of all would be made anew in each step, and most steps only take one or two out of it.
    """

    def __init__(self, name, rows, size, walk):
        if not rows:
            message = f"no step of {name} is known here: state its first, {name}[0] = …"
            raise DerivationError(message)
        self.rows, self.stack = rows, walk.functions["stack"].call
        shape = np.shape(next(iter(rows.values())))
        self.shape, self.ndim = (size, *shape), 1 + len(shape)
        bound_elements(self.shape)
        self.unknown, self.nudge = np.full(shape, np.nan), None

    def __getitem__(self, index):
        first, *rest = index if isinstance(index, tuple) else (index,)
        if isinstance(first, int | np.integer) and 0 <= first < self.shape[0]:
            row = self._row(int(first))
            return row[tuple(rest)] if rest else row
        return self.stacked()[index]

    def __add__(self, nudge):
        """The states, to which an array is added that has one number for each of theirs."""
        found = copy.copy(self)
        found.nudge = nudge
        return found

    def _row(self, i):
        row = self.rows.get(i, self.unknown)
        return row if self.nudge is None else row + self.nudge[i]

    def stacked(self):
        """All of them as one array."""
        return self.stack(tuple(map(self._row, range(self.shape[0]))))


@functools.lru_cache(maxsize=10_000)
def _is_indexed(name, node):
    """Whether a name stands in an expression only with a subscript, as in h[t]."""
    inner = [*ast.walk(node)]
    indexed = {id(n.value) for n in inner if isinstance(n, ast.Subscript)}
    return all(id(n) in indexed for n in inner if isinstance(n, ast.Name) and n.id == name)
