r"""Arguments: `f(x)` and `f'(x)` of a node that was defined as `f(x) = …`, and `\log p` as a name."""

from dataclasses import replace

from handgrad.derivation.latex import derivatives, seconds, tree
from handgrad.derivation.latex.errors import UnreadError
from handgrad.derivation.latex.tree import canonical


def without(node):
    """L and (W, b), of L(W, b); None where it is not said what something is of."""
    if isinstance(node, tree.Product) and len(node.factors) == 2:
        (_, first), (op, second) = node.factors
        if not op and isinstance(second, tree.Group) and second.opening == "(":
            return first, second
    return node, None


def applied(node, following, environment):
    """(readings, how many factors) of f(x) or f'(x), where f was defined so; None for other parts."""
    if isinstance(node, tree.Scripted) and node.primes and not (node.below or node.above):
        return _slope(node, following, environment)
    stated = environment.called.get(environment.name_of(node))
    if stated is None or following is None:
        return None
    if isinstance(following, tree.Scripted) and _same(following.base, stated):
        return environment.read(replace(following, base=node)), 2
    return (environment.read(node), 2) if _same(following, stated) else None


def _same(node, stated):
    return isinstance(node, tree.Group) and canonical(node) == canonical(stated)


def _slope(node, following, environment):
    """f'(x) or f''(x), with its argument or without."""
    stated = environment.called.get(environment.name_of(node.base))
    if stated is None:
        return None
    x, *others = stated.parts
    if others or node.primes > 2:
        raise UnreadError("this prime is not read", *node.at)
    found = (
        derivatives.derivative(node.base, x, environment)
        if node.primes == 1
        else seconds.second(node.base, x, x, environment)
    )
    return found, 1 + _same(following, stated)
