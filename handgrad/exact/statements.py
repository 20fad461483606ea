"""What a derivation states, tested in one draw, link by link.

A gradient dx is right where ⟨dy, δy⟩ = ⟨dx, δx⟩ for a random upstream gradient dy and a random move
δx of its node alone: both sides are rational in what is random, and linear in dy and δx. So is
∂L/∂x of one number L, where δL = ⟨∂L/∂x, δx⟩.
"""

import ast
from typing import Any

import numpy as np

from handgrad.derivation.budget import BudgetError
from handgrad.derivation.domains import FREE, MOVES
from handgrad.derivation.entries import defined, value_on
from handgrad.derivation.errors import DerivationError
from handgrad.derivation.evaluation import Walk
from handgrad.derivation.expressions import is_derivative, names_in, nodes_of, of_derivative
from handgrad.derivation.jacobians import readings
from handgrad.derivation.notation import Kind
from handgrad.derivation.recurrences import run_block
from handgrad.derivation.seconds import is_second
from handgrad.derivation.shapes import unpacked
from handgrad.derivation.vocabulary import vocabulary
from handgrad.exact.degrees import CONSTANT
from handgrad.exact.errors import InexactError
from handgrad.exact.forward import Forward, direction
from handgrad.exact.numbers import lift, linear
from handgrad.exact.ordering import equal_beside, is_apart, same
from handgrad.exact.proof import Outcome
from handgrad.exact.reductions import total
from handgrad.exact.seconds import second

FAILURES = (ValueError, TypeError, IndexError, ArithmeticError)  # ours, and NumPy's


class Statements:
    """The chains of a derivation, evaluated one after the other on the numbers of a draw."""

    def __init__(self, derivation, runner, draw):
        self.derivation, self.draw = derivation, draw
        self.runner = runner
        self.roots = self.of_forward = frozenset()
        self.reasons = frozenset()
        self.names: dict[str, Any] = {}
        self.unknown = {}  # names, and why they have no value
        self.slopes = {}  # the chains of gradients that hold, as functions of all inputs

    def outcomes(self, inputs, *, stated):
        """An outcome for each link that is checked."""
        count = sum(len(chain.checked) for chain in self.derivation.chains)
        try:
            self.forward = Forward(self.derivation, self.runner, inputs, stated=stated)
        except BudgetError:
            raise
        except FAILURES as error:
            return [Outcome(reason=reason_of(error))] * count
        self.names = self.forward.names
        self.stated = stated
        self._use()
        self.of_forward = self.roots
        found = []
        for chain in self.derivation.chains:
            found += self._chain(chain)
        return found

    def _chain(self, chain):
        """The outcomes of a chain, whose gradient is then known by its name."""
        try:
            if chain.kind is Kind.AUXILIARY:
                self._define(chain)
        except BudgetError:
            raise
        except FAILURES as error:
            self.unknown |= dict.fromkeys(chain.targets, reason_of(error))
        self._use()
        return [self._outcome(chain.beside(link), link) for link in chain.checked]

    def _outcome(self, chain, link):
        """The test of one link."""
        self.draw.roots.touched, self.draw.reasons = set(self.roots), set(self.reasons)
        try:
            self.apart = False
            holds, degree, read_as = self._test(chain, link)
        except BudgetError:
            raise
        except FAILURES as error:
            return Outcome(reason=reason_of(error))
        if not holds and self.stated and "." in link.text:
            return Outcome(reason="a rounded number")
        return Outcome(
            holds,
            doubts=frozenset(self.draw.reasons),
            roots=frozenset(self.draw.roots.touched),
            squares=tuple(self.draw.roots.squares),
            degree=max(1, *degree),
            exponential=self.draw.exponential,
            read_as=read_as,
            apart=self.apart,
        )

    def _use(self):
        """Count what has a name now to every link that follows: its roots, and its doubts."""
        self.roots = frozenset(self.draw.roots.touched) | self.roots
        self.reasons = frozenset(self.draw.reasons) | self.reasons

    def _test(self, chain, link):
        """(whether a link holds, the degree of what is compared, how the link was read)."""
        self._require(chain, link)
        values = self._values(link.node, chain)
        if self._is_paired(chain):
            return self._gradients(chain, values)
        if chain.kind is Kind.LOCAL and not chain.letters:
            return self._local(chain, values[0])
        right = chain.links[0].node if chain.kind is Kind.IDENTITY else _joined(chain.places)
        truths = self._values(right, chain)
        if len(truths) != len(values):
            raise DerivationError("there are not as many values as names")
        degrees = [v.degree.plus(t.degree) for v, t in zip(values, truths, strict=True)]
        holds = all(same(v, t) for v, t in zip(values, truths, strict=True))
        self.apart = any(is_apart(v.real, t.real) for v, t in zip(values, truths, strict=True))
        return holds, _largest(degrees), ""

    def _require(self, chain, link):
        """Form the gradients and local derivatives that a link speaks of, and no line has proved."""
        nodes = [link.node, *chain.heads, *(k.node for k in chain.links[:1])]
        targets = chain.targets if self._is_paired(chain) else ()
        for name in dict.fromkeys(n for node in nodes for n in names_in(node)):
            if name in self.unknown:
                raise InexactError(self.unknown[name])
            used = name not in targets or name in names_in(link.node)
            if name in self.names or not used:
                continue
            if name in self.derivation.derivatives:
                self.names = self.names | {name: self._derivative(name)}
            elif name[0] == "d" and self.forward.has_gradient(name[1:]):
                self.names = self.names | {name: self.forward.gradient(name[1:])}

    def _derivative(self, name):
        if is_second(name):
            return second(name, self.derivation, self.forward, self.slopes)
        return self.forward.jacobian(name)

    def _is_paired(self, chain):
        """Whether a chain states gradients, which are tested against moves of their nodes."""
        if chain.kind is not Kind.LOCAL or is_second(chain.targets[0]):
            return chain.kind is Kind.GRADIENT
        return np.shape(self.names[nodes_of(chain.targets[0])[0]]) == ()

    def _values(self, node, chain):
        """The value of one side, or of each part of it: a tuple of exact arrays."""
        several = isinstance(node, ast.Tuple) and len(chain.heads) > 1
        missing = [n for n in chain.targets if n not in self.names and self._is_paired(chain)]
        blank = {n: np.zeros(np.shape(self.names.get(_moved(n), 0.0))) for n in missing}
        walk = Walk(self.names | blank, self.forward.functions)
        values = [value_on(part, chain, walk) for part in (node.elts if several else [node])]
        if not several and isinstance(values[0], tuple):
            values = values[0]
        return tuple(map(lift, values))

    def _gradients(self, chain, values):
        """The test of the gradients in front of a chain, against moves of their nodes."""
        if len(values) != len(chain.heads):
            raise DerivationError("there are not as many values as names")
        results = [
            self._gradient(chain, target, head, value)
            for target, head, value in zip(chain.targets, chain.places, values, strict=True)
        ]
        degree = _largest([degree for _, degree, _ in results])
        return all(holds for holds, _, _ in results), degree, results[0][2]

    def _gradient(self, chain, target, head, claim):
        """The test of one gradient, in each way in which it may be read."""
        node = _moved(target)
        if not self.forward.has_gradient(node):
            raise DerivationError(f"{node} has no gradient")
        shape = np.shape(self.names[node])
        places = self._places(chain, target, head, shape)
        stated = np.isin(np.arange(int(np.prod(shape))), places).reshape(shape)
        holds, degree, read_as = False, CONSTANT, ""
        for words, change in MOVES.get(chain.domain, FREE):
            move = self._direction(node, stated)
            changed = move if change is None else change(move)
            holds, degree = self._paired(chain, (target, head), claim, move, changed)
            if holds:
                read_as = words
                if change is None and np.all(stated):
                    order = np.argsort(places)
                    self._keep(target, claim, order, shape)
                    if chain.targets == (target,) and not self.stated and np.all(order == places):
                        self.slopes[target] = chain
                break
        return holds, degree, read_as

    def _paired(self, chain, front, claim, move, changed):
        """Whether ⟨claim, move⟩ is how the outputs move with the node, along the move as it is read."""
        target, head = front
        true, size = self._change(chain, target, changed)
        walk = Walk(self.names | {target: move}, self.forward.functions)
        along = lift(value_on(head, chain, walk))
        degree = claim.degree.times(along.degree).plus(true.degree)
        if along.shape != claim.shape:
            return False, degree
        claimed = total(claim * along)
        size = max(size, np.sum(np.abs(claim.real * along.real)))
        self.apart = is_apart(claimed.real, true.real, size)
        equal = np.all(claimed.top.equals(true.top))
        return equal_beside(equal, np.abs(claimed.real - true.real), size), degree

    def _change(self, chain, target, move):
        """How the outputs move, paired with their gradients, or how the one number does."""
        if chain.kind is Kind.GRADIENT:
            return self.forward.change(target[1:], move)
        moved = self.forward.move(*of_derivative(target), move)
        return moved, float(np.abs(moved.real))

    def _direction(self, node, stated):
        """A random direction of a node, along which only those numbers move that are stated."""
        if np.all(stated) and node in self.forward.directions:
            return self.forward.directions[node]
        return direction(np.shape(self.names[node])) * stated

    def _places(self, chain, target, head, shape):
        """Which numbers of a gradient a head stands for, in the order of its own numbers."""
        numbers = np.arange(int(np.prod(shape))).reshape(shape)
        walk = Walk(self.names | {target: numbers}, vocabulary(np))
        places = np.asarray(value_on(head, chain, walk)).ravel().astype(int)
        if len({*places.tolist()}) < len(places):
            raise InexactError("numbers that are stated twice")
        return places

    def _keep(self, target, claim, order, shape):
        """Use what was claimed of a gradient as the gradient."""
        whole = linear(lambda x: np.reshape(np.ravel(x)[order], shape), claim)
        self.names = self.names | {target: whole}
        self._use()

    def _local(self, chain, value):
        """The test of a local derivative that stands there whole, in each way to read it."""
        (name,) = chain.targets
        shapes = [np.shape(self.names[n]) for n in nodes_of(name)]
        ways = readings(name, self.names[name], shapes, chain.domain)
        read_as = next((words for words, truth in ways if same(value, truth)), None)
        return read_as is not None, value.degree.plus(self.names[name].degree), read_as or ""

    def _define(self, chain):
        """Give the names of an auxiliary definition their values."""
        for link in chain.links:
            self._require(chain, link)
        members = [
            c for c in self.derivation.chains if c.kind is chain.kind and c.block == chain.block
        ]
        if chain.block and chain is not members[-1]:
            return
        if chain.block:
            own = run_block(members, self._walk, {})
        else:
            own = unpacked(chain, defined(chain, self._walk(chain, {})))
        self.names = self.names | own

    def _walk(self, _chain, more):
        return Walk(self.names | more, self.forward.functions)


def reason_of(error):
    """Why something has no exact form, in a few words."""
    inner = error.__context__ if isinstance(error, DerivationError) else error
    if isinstance(inner, InexactError):
        return str(inner)
    return f"it has no value: {error}" if " at 0x" not in str(error) else "it has no exact form"


def _moved(name):
    """The node that moves in a gradient dx, or ∂L/∂x."""
    return nodes_of(name)[1] if is_derivative(name) else name[1:]


def _joined(heads):
    return ast.Tuple(list(heads), ast.Load()) if len(heads) > 1 else heads[0]


def _largest(degrees):
    return max(degrees, key=max)
