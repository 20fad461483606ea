"""Atoms: the names, and the entries of arrays, that may stand at a place in a line."""

import ast
import itertools

import numpy as np

from handgrad.derivation import trees
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import elements, is_reduction, words_in
from handgrad.derivation.indices import bound_in, is_step, size_of, subscripts

MOST_AXES = 4


class Atoms:
    """What may stand in a wrong link, by the indices that are known at a place."""

    def __init__(self, case):
        self.case = case
        self.names = case.points[0].names
        self.walk = case.first.walk
        self.steps = set(case.first.steps)
        for node in ast.walk(case.link.node):
            if isinstance(node, ast.Call) and is_reduction(node):
                bound = [letter for letter, _ in bound_in(node)]
                self.steps |= {i for i in bound if is_step(i, node.args, self.walk)}
        self.first, self.following = _steps_of(case.chain, self.steps)
        self.found = {}

    def of(self, names, letters):
        """The arrays of these names, or their entries where there are indices."""
        key = (*names, *((letter, id(node)) for letter, node in letters.items()))
        if key not in self.found:
            ends = self.ends(letters)
            made = [node for name in names for node in self._entries(name, ends)]
            self.found[key] = [self.case.keep(node) for node in made]
        return self.found[key]

    def ends(self, letters):
        """{letter: where its range may end}, of those of which anything is known."""
        found = {letter: self._ends(letter, reduction) for letter, reduction in letters.items()}
        return {letter: ends for letter, ends in found.items() if ends}

    def _ends(self, letter, reduction):
        """Where the range of a letter may end: at several numbers where its arrays disagree."""
        if reduction is None:
            return {self.case.first.ranges[letter][1]}
        try:
            limits = dict(bound_in(reduction))[letter]
            if limits is None:
                return {size_of(letter, reduction.args, self.walk)}
            return {int(np.max(self.walk(limits[-1])))}
        except DerivationError:
            return {
                size
                for _, parts, shape in subscripts(reduction.args, self.walk)
                for part, size in zip(parts, shape, strict=False)
                if isinstance(part, ast.Name) and part.id == letter
            }

    def deltas(self, letters):
        """δ[i, j] for any two indices of one range, and t[n] == v for a label and an index."""
        ends = {letter: end for letter, end in self.ends(letters).items() if self._counts(letter)}
        found = [
            trees.entry(trees.name("δ"), [trees.name(i), trees.name(j)])
            for i, j in itertools.combinations(ends, 2)
            if ends[i] & ends[j]
        ]
        labels = [name for name, value in self.names.items() if _is_label(value)]
        for label in labels:
            for node in self._entries(label, ends):
                found += [
                    ast.Compare(node, [ast.Eq()], [trees.name(v)], **trees.NOWHERE)
                    for v in ends
                    if isinstance(node, ast.Subscript) and v not in trees.letters_of(node)
                ]
        return [self.case.keep(node) for node in found]

    def _counts(self, letter):
        return letter not in self.steps

    def _entries(self, name, ends):
        """The entries of an array whose indices fit, or the array itself where there are none."""
        shape, array = np.shape(self.names[name]), trees.name(name)
        if name in self.case.chain.targets:
            return [trees.entry(array, [n]) for n in self.following] if shape else []
        if shape and not ends and name in self.case.chain.times:
            return [array, *(trees.entry(array, [n]) for n in self.first)]
        if not ends and len(shape) == 1:
            return [array, trees.entry(array, [ast.Slice(), trees.number(None)])]
        if not ends or not shape:
            return [array]
        steps = [letter for letter in ends if letter in self.steps]
        if not steps:
            return [trees.entry(array, places) for places in _places(shape, ends)]
        found = [array] if len(steps) == len(ends) else []
        first = {letter: ends[letter] for letter in steps}
        others = {letter: end for letter, end in ends.items() if letter not in steps}
        rests = [[], *_places(shape[1:], others)] if others else [[]]
        starts = [*_places(shape[:1], first)]
        return found + [trees.entry(array, [*a, *b]) for a in starts for b in rests]


def _steps_of(chain, steps):
    """The number of the step that stands first, as in dh[T] = …, and the step after dh[t] = …"""
    if len(chain.heads) != 1 or not isinstance(chain.heads[0], ast.Subscript):
        return [], []
    first = elements(chain.heads[0].slice)[0]
    lettered = not words_in(first).isdisjoint(chain.letters)
    following = lettered and not words_in(first).isdisjoint(steps)
    return [] if lettered else [first], [trees.shifted(first, 1)] if following else []


def _is_label(value):
    """Whether a value is an array of whole numbers."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "iu"


def _places(shape, ends):
    """The ways to index axes of these sizes by letters, each once."""
    if len(shape) > MOST_AXES:
        return
    for order in itertools.permutations(ends, len(shape)):
        yield from itertools.product(
            *(
                _shifted(letter, size, ends[letter])
                for letter, size in zip(order, shape, strict=True)
            )
        )


def _shifted(letter, size, ends):
    """A letter that takes all numbers of an axis; where there is one more, also those after it."""
    one_more = size - 1 in ends
    if size in ends or one_more:
        yield trees.name(letter)
    if one_more:
        yield trees.shifted(trees.name(letter), 1)
