"""Einstein's sums: a letter that stands twice in a term, and not in front, is summed over."""

from collections import Counter

from handgrad.derivation.latex import tree
from handgrad.derivation.latex.indices import letters_of, walk
from handgrad.derivation.latex.names import spellings


def summed(node, kept, environment):
    """A side of an equation with a sum around each term in which a letter stands twice."""
    if isinstance(node, tree.Sum):
        terms = tuple((sign, summed(term, kept, environment)) for sign, term in node.terms)
        return tree.Sum(node.at, terms)
    bound = {
        letter
        for inner in walk(node)
        if isinstance(inner, tree.Big) and inner.below is not None
        for letter in letters_of(tree.Scripted(node.at, node, inner.below, None), environment)
    }
    counts = Counter(
        letter
        for inner in walk(node)
        if isinstance(inner, tree.Scripted)
        for script in (inner.below, inner.above)
        if script is not None
        for letter in _each_letter(script, letters_of(inner, environment))
    )
    twice = [n for n, count in counts.items() if count > 1 and n not in {*kept, *bound}]
    if not twice:
        return node
    below = tree.Group(node.at, "{", tuple(tree.Symbol(node.at, letter) for letter in twice))
    return tree.Big(node.at, "sum", below, None, node)


def _each_letter(script, letters):
    """The letters of a script, each as often as it stands there."""
    symbols = [s for s in walk(script) if isinstance(s, tree.Symbol)]
    return [name for s in symbols for name in spellings(s)[:1] if name in letters]
