"""Heads: the names that an equation may define, from what stands in front of its first =."""

from dataclasses import dataclass, replace

import numpy as np

from handgrad.derivation.errors import DerivationError
from handgrad.derivation.latex import tree
from handgrad.derivation.latex.applications import function_of
from handgrad.derivation.latex.arguments import without as arguments_of
from handgrad.derivation.latex.indices import letters_of, parts_of
from handgrad.derivation.latex.names import label, labelled, spellings
from handgrad.derivation.latex.tree import canonical


@dataclass(frozen=True)
class Head:
    r"""A new name, with its indices or without; `square` says that it stands for σ².

    `written` is what stands in LaTeX where that is not a name, as in \log p, and `arguments` are
    those that it is said to be a function of.
    """

    name: str
    indices: tuple[str, ...] = ()
    square: bool = False
    written: str = ""
    arguments: tree.Group | None = None

    @property
    def text(self):
        """The head in the notation."""
        return f"{self.name}[{', '.join(self.indices)}]" if self.indices else self.name


def heads_of(node, environment):
    """The new names that may be meant, the likeliest first; [] where nothing new stands there."""
    node, arguments = arguments_of(node)
    if arguments is not None and isinstance(node, tree.Scripted) and node.primes:
        return []  # f'(x) is a derivative
    return [replace(head, arguments=arguments) for head in _plain(node, environment)]


def first_names(node):
    """The names that a front may begin with, as p of p_i or of p(x)."""
    node, _ = arguments_of(node)
    if isinstance(node, tree.Scripted) and node.primes:
        return [canonical(node)]
    return spellings(node.base if isinstance(node, tree.Scripted) else node)


def key_of(node):
    """What two fronts have in common that define the same: the name, with its number if it has one."""
    node, _ = arguments_of(node)
    numbered = isinstance(node, tree.Scripted) and isinstance(node.below, tree.Number)
    return canonical(node if numbered else getattr(node, "base", node))


def _plain(node, environment):
    """The new names that a part without arguments may mean."""
    if isinstance(node, tree.Product):
        return _of_function(node, environment)
    if isinstance(node, tree.Scripted) and node.primes:
        return _primed(node, environment)
    base = node.base if isinstance(node, tree.Scripted) else node
    if meant := environment.alias_of(node) or environment.alias_of(base):
        return [Head(meant)] if meant.isidentifier() and _is_free(meant, environment) else []
    if not isinstance(base, tree.Symbol) or not spellings(base):
        return []
    if base.accent in environment.header.accents or environment.name_of(node):
        return []
    if _is_entry(node, base, environment):
        return []
    if isinstance(node, tree.Symbol):
        return [Head(spellings(node)[0])] if _is_free(spellings(node)[0], environment) else []
    return [head for head in _scripted(node, environment) if _is_free(head.name, environment)]


def _is_entry(node, base, environment):
    """Whether scripts are the indices of an array that is known."""
    known = environment.name_of(base) if isinstance(node, tree.Scripted) else ""
    if not known:
        return False
    letters = letters_of(node, environment)
    scripts = [s for s in (node.below, node.above) if s is not None and canonical(s) != "2"]
    try:
        parts = [p for s in scripts for p in parts_of(s, environment.with_letters(letters))]
    except DerivationError:
        return False
    return 0 < len(parts) <= np.ndim(environment.names[known])


def _primed(node, environment):
    """The name x_prime, of x'."""
    names = labelled(tree.without_primes(node))
    found = [f"{name}{'_prime' * node.primes}" for name in names[:1]]
    return [Head(n, written=canonical(node)) for n in found if _is_free(n, environment)]


def _of_function(node, environment):
    r"""The name log_p, of \log p, where p has no other meaning."""
    (_, first), (op, second), *rest = node.factors
    function = "" if rest or op else function_of(first, environment)
    inner, _ = arguments_of(second)
    names = spellings(inner)
    if not function or not names or environment.name_of(inner):
        return []
    if environment.claimed & set(names):
        return []  # p is defined by another equation
    name = f"{function}_{names[0]}"
    return [Head(name, written=canonical(node))] if _is_free(name, environment) else []


def _is_free(name, environment):
    return name not in environment.names and name not in environment.letters


def _scripted(node, environment):
    """A name with scripts: indices, labels, or a square."""
    name, above, below = spellings(node.base)[0], node.above, node.below
    square = above is not None and canonical(above) == "2"
    if square:
        above, name = None, f"{name}2"
    elif above is not None and not (isinstance(above, tree.Group) and above.opening != "{"):
        below_label = f"_{label(below)}" if below is not None and label(below) else ""
        plain = label(above) and canonical(above) not in {"T", "top"}
        return [Head(f"{name}_{label(above)}{below_label}")] if plain else []
    scripts = [s for s in (above, below) if s is not None]
    if not scripts:
        return [Head(name, square=square)]
    found = _indexed(name, scripts, environment)
    found += [Head(n) for n in labelled(tree.Scripted(node.at, node.base, below, above))[:1]]
    return [Head(h.name, h.indices, square) for h in found]


def _indexed(name, scripts, environment):
    """The name with its scripts as indices, if all of them are letters or numbers."""
    letters = [
        letter
        for s in scripts
        for letter in letters_of(tree.Scripted(s.at, s, s, None), environment)
    ]
    try:
        parts = [p for s in scripts for p in parts_of(s, environment.with_letters(letters))]
    except DerivationError:
        return []
    return [Head(name, tuple(parts))] if set(parts) <= set(letters) and parts else []
