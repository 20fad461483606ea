"""Shares: what a softmax or a normalization takes away from what comes in, x − y Σ x y.

It is forgotten so often, as a whole or in part, that it is a kind of mend by itself.
"""

import ast

from handgrad.derivation import trees
from handgrad.derivation.expressions import parse
from handgrad.derivation.trees import binary, call

FRESH = "mnkijlpqrstuvwabcdefghoxyz"


def reductions(part, steps, taken):
    """The ways to sum a part over an axis that stays, or over an index that is free.

    Each is a function of "sum" or "mean" and an expression.
    """
    if isinstance(part.node, ast.Constant):
        return
    for axis in () if part.letters else (-1, 0):
        yield _over_axis(axis)
    other = next((letter for letter in FRESH if letter not in taken), "")
    if not other:
        return
    for letter, reduction in part.letters.items():
        if reduction is None and letter not in steps:
            yield _over_letter(letter, other)


def _over_axis(axis):
    return lambda word, node: parse(f"{word}({ast.unparse(node)}, axis={axis}, keepdims=True)")


def _over_letter(letter, other):
    def reduced(word, node):
        head = trees.entry(trees.name(word), [trees.name(other)])
        return call(head, [trees.renamed(node, {letter: trees.name(other)})])

    return reduced


def less_shares(x, atoms, reduced):
    """x − mean x, x − Σ x v, x − v Σ x, x − v mean(x v), x − v Σ x v."""
    yield binary(x, ast.Sub, reduced("mean", x))
    for atom in atoms:
        both = binary(x, ast.Mult, atom)
        yield binary(x, ast.Sub, reduced("sum", both))
        for share in (reduced("sum", x), reduced("mean", both), reduced("sum", both)):
            yield binary(x, ast.Sub, binary(atom, ast.Mult, share))


def whole_slopes(node, reduced):
    """p (g − Σ p g) for p (1 − p) g."""
    found = trees.factors(node, ast.Mult)
    for i, p in trees.complements(found):
        rest = [f for j, f in enumerate(found) if j != i and f is not p]
        if rest:
            g = trees.product(rest, ast.Mult)
            less = binary(g, ast.Sub, reduced("sum", binary(p, ast.Mult, g)))
            yield binary(p, ast.Mult, less)
