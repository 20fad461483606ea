"""Mends: expressions that a wrong one may have been meant for, each with one part changed.

They are places x changes: every change is tried at every part, and the likelier changes come first.
"""

import ast
import contextlib
import itertools
from functools import cached_property
from typing import Any

import numpy as np

from handgrad.derivation import trees
from handgrad.derivation.atoms import Atoms
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.expressions import elements, is_reduction, parse, words_in
from handgrad.derivation.indices import bound_in
from handgrad.derivation.operations import constants, near, operations, opposites, products_of
from handgrad.derivation.shares import less_shares, reductions, whole_slopes
from handgrad.derivation.trees import binary, call, parts_of

FORGOTTEN = ("exp", "log", "sqrt", "inv", "tanh", "sigmoid")
FORMS = ("{0}", "(1 - {0})")
SLOPES = ("(1 - {0}**2)", "{0} * (1 - {0})", "({0} > 0)", "({0} < 0)")
MORE_FORMS = ("{0}**2", "sqrt({0})", "exp({0})")
WAVES = ("sin({0})", "cos({0})")
MOST_INDICES = 3
MOST_CONDITIONS = 6
SHORT = 3  # levels of an expression that may stand for one name


class Mends:
    """The mends of a wrong link: (part, mend, expression), by the kind of the change."""

    def __init__(self, case):
        self.case = case
        self.atoms = Atoms(case)
        self.whole = case.link.node
        self.forms = {}
        letters = [letter for letter in case.chain.letters if letter in case.first.ranges]
        self.parts = list(parts_of(self.whole, letters))

    def exchanges(self):
        """One part exchanged for another of its kind."""
        for change in (operations, constants):
            yield from self._tried(lambda part, change=change: change(part.node))
        others = self._other_indices, self._other_names, lambda part: near(part.node), _crossed
        for change in others:
            yield from self._tried(change)

    def additions(self):
        """A factor, a term or a function put to one part, or another entry in its place."""
        changes = (
            self._with_axis,
            self._with_function,
            self._with_delta,
            self._with_mirror,
            self._other_conditions,
            self._with_constant,
            self._with_whole_slope,
            self._with_slope,
            self._with_factor,
            self._with_term,
            self._with_matrix,
            self._by_name,
            self._other_entries,
            self._without_share,
            self._with_other_form,
        )
        for change in changes:
            yield from self._tried(change)

    @cached_property
    def conditions(self):
        """The comparisons that the derivation makes, and their opposites."""
        found = []
        for words in self.case.conditions[:MOST_CONDITIONS]:
            with contextlib.suppress(DerivationError):  # it was cut short
                found.append(self.case.keep(parse(words)))
        return [c for condition in found for c in (condition, *opposites(condition))]

    def _tried(self, change):
        for part in self.parts:
            for mend in change(part):
                yield part, mend, part.replaced(mend)

    def factors(self, names, forms):
        """The factors that the whole may lack, made of these names: (text, expression)."""
        for form in forms:
            for atom in self.atoms.of(names, self.parts[0].letters):
                yield form.format(ast.unparse(atom)), self._formed(form, atom)

    def _formed(self, form, atom):
        """A form of an atom, kept so that its value is too."""
        key = form, id(atom)
        if key not in self.forms:
            made = parse(form.format(ast.unparse(atom))) if form != "{0}" else atom
            self.forms[key] = self.case.keep(made)
        return self.forms[key]

    def _other_names(self, part):
        """Another name in the place of a name or of that of an entry."""
        match part.node:
            case ast.Name(id=name) if name not in part.letters:
                yield from map(trees.name, self.case.alike(name))
            case ast.Subscript(value=ast.Name(id=name), slice=index) if _lettered(index, part):
                for other in self.case.alike(name):
                    yield trees.entry(trees.name(other), elements(part.node.slice))
            case ast.Constant(value=1 | 0):
                yield from self.atoms.deltas(part.letters)

    def _other_indices(self, part):
        """An entry with its indices in another order, or with another index in the place of one."""
        node = part.node
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            yield from _mixed_square(node, part.letters)
        if not isinstance(node, ast.Subscript):
            return
        indices = elements(node.slice)
        for order in itertools.permutations(indices) if len(indices) <= MOST_INDICES else ():
            if list(order) != indices:
                yield trees.entry(node.value, order)
        for i, j in itertools.combinations(trees.letters_of(node), 2):
            yield trees.entry(node.value, [trees.renamed(n, _exchanged(i, j)) for n in indices])
        for i, index in enumerate(indices):
            for other in _near_index(index, part.letters):
                yield trees.entry(node.value, [*indices[:i], other, *indices[i + 1 :]])

    def _other_entries(self, part):
        """An entry of any array, with any indices, in the place of one."""
        if isinstance(part.node, ast.Subscript) and part.letters:
            yield from self.atoms.of(self.case.pool, part.letters)
            yield from self.atoms.deltas(part.letters)

    def _with_constant(self, part):
        """A part with 1 added or taken away, or with one function of an atom above a line."""
        one = trees.number(1)
        yield from (binary(part.node, op, one) for op in (ast.Add, ast.Sub))
        if isinstance(part.node, ast.Constant) and part.node.value == 1:
            atoms = self.atoms.of(self.case.factors, part.letters)
            for form in ("{0}", *MORE_FORMS, *WAVES):
                yield from (self._formed(form, atom) for atom in atoms)

    def _with_matrix(self, part):
        """A part times a matrix, on either side."""
        if len(part.letters) > len(self.atoms.steps):
            return
        names = [n for n in self.case.factors if np.ndim(self.atoms.names[n]) in (2, 3)]
        for atom in self.atoms.of(tuple(names), part.letters):
            for matrix in (self._formed("{0}.T", atom), atom):
                yield binary(part.node, ast.MatMult, matrix)
                yield binary(matrix, ast.MatMult, part.node)

    def _with_factor(self, part):
        """A part times or divided by an atom, a size or the number of an index."""
        atoms = self.atoms.of((*self.case.factors, *self.case.sizes), part.letters)
        yield from (binary(part.node, ast.Mult, trees.name(letter)) for letter in part.letters)
        for form, op in itertools.product(FORMS, (ast.Mult, ast.Div)):
            yield from (binary(part.node, op, self._formed(form, atom)) for atom in atoms)

    def _with_slope(self, part):
        """A part times the slope of an activation, made of its value."""
        atoms = self.atoms.of(tuple(self.case.nodes), part.letters)
        for form in SLOPES:
            yield from (binary(part.node, ast.Mult, self._formed(form, atom)) for atom in atoms)

    def _with_delta(self, part):
        """A part only where two indices meet, or where a label is the index."""
        for delta in self.atoms.deltas(part.letters):
            yield binary(part.node, ast.Mult, delta)

    def _with_term(self, part):
        """A part with an atom, a size or its own transpose added or taken away."""
        yield binary(part.node, ast.Add, trees.transposed(part.node))
        names = dict.fromkeys((*self.case.factors, *self.case.sizes))
        if trees.is_term(part):
            names |= dict.fromkeys(self.case.moving)
        atoms = self.atoms.of(tuple(names), part.letters)
        for op in (ast.Sub, ast.Add):
            yield from (binary(part.node, op, atom) for atom in atoms)
            for size in map(trees.name, self.case.sizes):
                yield binary(part.node, op, binary(trees.number(1), ast.Div, size))
                yield binary(part.node, op, call("eye", [size]))

    def _other_conditions(self, part):
        """Another comparison in the place of one, or beside it."""
        if isinstance(part.node, ast.Compare):
            yield from self.conditions
            yield from (binary(part.node, ast.Mult, other) for other in self.conditions)

    def _with_mirror(self, part):
        """A matrix product with the one in the other order added: both factors move."""
        match part.node:
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                whole = part.node
            case _:
                return
        match left:
            case ast.BinOp(left=ast.Constant(value=2), op=ast.Mult(), right=once):
                left, whole = once, binary(once, ast.MatMult, right)
        yield from (binary(whole, ast.Add, mirror) for mirror in products_of(left, right))
        for a in (left, trees.transposed(left)):
            for b in (right, trees.transposed(right)):
                yield binary(binary(a, ast.MatMult, b), ast.Add, binary(b, ast.MatMult, a))

    def _by_name(self, part):
        """The name of a value of that shape in the place of a call, or of a short expression."""
        if not isinstance(part.node, ast.Call | ast.BinOp) or part.letters:
            return
        try:
            shape = np.shape(self.case.first.walk(part.node))
        except DerivationError:
            return
        for name in self.case.pool:
            if np.shape(self.atoms.names[name]) == shape and trees.depth(part.node) <= SHORT:
                yield trees.name(name)

    def _with_function(self, part):
        """A part under a function."""
        yield from (call(function, [part.node]) for function in FORGOTTEN)
        if isinstance(part.node, ast.Name | ast.Subscript):
            yield from (call(function, [part.node]) for function in ("sign", "abs"))

    def _with_axis(self, part):
        """An array with an axis of one put in, so that it meets the others."""
        if isinstance(part.node, ast.Name) and not part.letters:
            none, rest = trees.number(None), ast.Slice()
            yield trees.entry(part.node, [rest, none])
            yield trees.entry(part.node, [none, rest])
            yield trees.entry(part.node, [trees.number(...), none])

    def _with_other_form(self, part):
        """A part times or divided by what is made of an atom."""
        atoms = self.atoms.of(self.case.factors, part.letters)
        for form, op in itertools.product(MORE_FORMS, (ast.Mult, ast.Div)):
            yield from (binary(part.node, op, self._formed(form, atom)) for atom in atoms)

    def _without_share(self, part):
        """A part less its mean, or less its share along an atom: what a normalization leaves."""
        atoms = self.atoms.of(self.case.nodes, part.letters)
        for reduced in self._reductions(part):
            yield from less_shares(part.node, atoms, reduced)

    def _with_whole_slope(self, part):
        """The whole Jacobian of a softmax for its diagonal."""
        for reduced in self._reductions(part):
            yield from whole_slopes(part.node, reduced)

    def _reductions(self, part):
        """The ways to sum a part over an axis that stays, or over an index that is free."""
        taken = words_in(self.whole) | self.atoms.names.keys()
        return reductions(part, self.atoms.steps, taken)


def _crossed(part):
    """sum[i](a[i, j]) for sum[i](a[j, i]): an index that is summed in the place of one that is free."""
    node, letters = part.node, part.letters
    if not is_reduction(node):
        return
    for (bound, _), letter in itertools.product(bound_in(node), letters):
        body: list[Any] = [trees.renamed(part, _exchanged(bound, letter)) for part in node.args]
        yield ast.copy_location(ast.Call(node.func, body, []), node)


def _mixed_square(node, letters):
    """v[i, j] * v[i, k] for v[i, j]**2."""
    if isinstance(node.left, ast.Subscript):
        for old, new in itertools.product(trees.letters_of(node.left), letters):
            other = trees.entry(
                node.left.value, [trees.renamed(node.left.slice, {old: trees.name(new)})]
            )
            yield binary(node.left, ast.Mult, other)


def _exchanged(a, b):
    """Two names, each in the place of the other."""
    return {a: trees.name(b), b: trees.name(a)}


def _lettered(index, part):
    """Whether letters stand in a subscript."""
    return not words_in(index).isdisjoint(part.letters)


def _near_index(index, letters):
    """Other indices: one step on or back, another letter, the sum of two."""
    if isinstance(index, ast.Constant) and isinstance(index.value, int):
        yield from (trees.number(index.value + more) for more in (1, -1))
    if isinstance(index, ast.Constant | ast.Slice):
        return
    yield from (trees.shifted(index, more) for more in (1, -1, 2, -2))
    if isinstance(index, ast.Subscript):
        yield from (trees.entry(index.value, [i]) for i in _near_index(index.slice, ()))
    if isinstance(index, ast.BinOp):
        yield from (index.left, index.right)
    names = [trees.name(letter) for letter in letters]
    yield from names
    yield from (binary(a, ast.Add, b) for a, b in itertools.permutations(names, 2))
