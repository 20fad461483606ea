"""Likeness: somebody's code judged as a rule of the catalog, at the inputs of that rule."""

import inspect
from typing import Any

from handgrad import rules
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.errors import DerivationError
from handgrad.judge.domains import Domain
from handgrad.judge.draws import Case, domains_of, draw_cases, fixed_axes


def cases(subject, like, seed):
    """The cases at which a subject is judged that was given no inputs; at least one.

    They are those of `like`, as many inputs of each as forward takes, or of its own derivation.
    Raises ValueError where there are none.
    """
    rule = subject if like is None else like
    drawn = draw_cases(rule, seed) if hasattr(rule, "forward") else []
    if not drawn:
        raise ValueError(f"{rule!r} has no derivation to draw inputs from: pass the inputs")
    if like is None:
        return drawn
    count = _takes(subject, len(drawn[0].inputs))
    return [Case(case.inputs[:count], case.description) for case in drawn]


def require_rule(like):
    """Raise TypeError where `like` is given, and is a name or a class and not a rule."""
    if like is None or (hasattr(like, "forward") and not isinstance(like, type)):
        return
    is_class = isinstance(like, type)
    names = {n.lower(): n for n, value in vars(rules).items() if isinstance(value, type)}
    name = like.__name__ if is_class else names.get(str(like).lower(), "Affine")
    said = f"the class {name}" if is_class else repr(like)
    raise TypeError(f"like is {said}: pass a rule, such as {name}()")


def require_arguments(like, adapter):
    """Raise TypeError where a rule does not take what a subject has, inputs and then parameters."""
    wants = inspect.signature(like.forward)
    count = len(adapter.arguments.tree) + len(adapter.parameters)
    try:
        wants.bind(*range(count))
    except TypeError:
        ours = ", ".join(adapter.names) or "nothing"
        theirs = ", ".join(wants.parameters)
        raise TypeError(f"{like!r} takes {theirs}, and what is judged has {ours}") from None


def domains(rule):
    """The domains that a rule's derivation states, by the number of the input."""
    known = enumerate(_read(domains_of, rule))
    return {i: Domain(*domain) for i, domain in known if domain[0] != "real"}


def fixed(rule):
    """(input, axis from the end) of each axis that a rule's derivation gives a size."""
    return _read(fixed_axes, rule)


def held(rule):
    """The inputs that a rule's derivation holds constant: they have no gradient."""
    givens = _read(lambda rule: derivation_of(rule).givens, rule)
    return frozenset(i for i, given in enumerate(givens) if given.const)


def _read(what, rule) -> list[Any]:
    """A list that is read in a rule's derivation; an empty one where there is no derivation."""
    if not hasattr(rule, "forward") or isinstance(rule, type):
        return []
    try:
        return list(what(rule))
    except DerivationError:
        return []  # its docstring says something else


def _takes(subject, most):
    """How many of so many inputs a forward takes: a layer keeps its parameters."""
    pairs = isinstance(subject, tuple | list)
    function = subject[0] if pairs else getattr(subject, "forward", subject)
    for count in range(most, 0, -1):
        try:
            inspect.signature(function).bind(*range(count))
        except TypeError:
            continue
        except ValueError:
            break
        return count
    return most
