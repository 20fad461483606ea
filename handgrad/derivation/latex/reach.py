r"""Reach: a sum goes as far as its index does, as in `\sum_i y_i \log p_i + (1 - y_i) \log(1 - p_i)`."""

from dataclasses import fields, replace

from handgrad.derivation.latex import tree
from handgrad.derivation.latex.indices import letters_of, walk
from handgrad.derivation.latex.names import spellings


def reaching(node, kept, environment):
    """A part of an equation whose sums take the terms behind them that have their index.

    `kept` are the letters in front of the =, which no sum takes.
    """
    if isinstance(node, tuple):
        return tuple(reaching(part, kept, environment) for part in node)
    if not isinstance(node, tree.Node):
        return node
    parts = {f.name: getattr(node, f.name) for f in fields(node) if f.name != "at"}
    node = replace(node, **{name: reaching(p, kept, environment) for name, p in parts.items()})
    return _taken(node, kept, environment) if isinstance(node, tree.Sum) else node


def _taken(node, kept, environment):
    for number, (sign, term) in enumerate(node.terms[:-1]):
        before, big = _last(term)
        if big is None:
            continue
        letters = _bound(big, environment) - set(kept)
        rest = node.terms[number + 1 :]
        count = max(
            (i for i, (_, t) in enumerate(rest, 1) if _is_open(t, letters, environment)), default=0
        )
        if not count:
            continue
        body = tree.Sum(big.at, (("+", big.body), *rest[:count]))
        whole = replace(big, body=body)
        whole = tree.Product(term.at, (*before, (term.factors[-1][0], whole))) if before else whole
        terms = (*node.terms[:number], (sign, whole), *rest[count:])
        return (
            _taken(tree.Sum(node.at, terms), kept, environment)
            if len(terms) > 1
            else _signed(*terms)
        )
    return node


def _signed(term):
    sign, node = term
    return node if sign == "+" else tree.Sum(node.at, (term,))


def _last(term):
    """The factors before a sum with which a term ends, and the sum; () and None where there is none."""
    before, last = ((), term)
    if isinstance(term, tree.Product):
        *before, (_, last) = term.factors
    return (
        (tuple(before), last) if isinstance(last, tree.Big) and last.name == "sum" else ((), None)
    )


def _bound(big, environment):
    if big.below is None:
        return set()
    return set(letters_of(replace(big, body=tree.Number(big.at, "0")), environment))


def _is_open(term, letters, environment):
    """Whether a term has one of some letters in its scripts, and no sum of its own over it."""
    for inner in walk(term):
        if isinstance(inner, tree.Big):
            letters = letters - _bound(inner, environment)
    scripts = [
        s for n in walk(term) if isinstance(n, tree.Scripted) for s in (n.below, n.above) if s
    ]
    return any(letters & set(spellings(part)) for script in scripts for part in walk(script))
