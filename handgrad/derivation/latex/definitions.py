r"""Which equations define functions: `\phi(u) = \max(u, 0)`, and `g(Z)` within `A = g(Z) = \tanh(Z)`."""

from dataclasses import replace

import numpy as np

from handgrad.derivation.latex import tree
from handgrad.derivation.latex.applications import function_of
from handgrad.derivation.latex.arguments import without
from handgrad.derivation.latex.elaboration import read
from handgrad.derivation.latex.errors import UnfitError
from handgrad.derivation.latex.functions import Function
from handgrad.derivation.latex.names import labelled, spellings
from handgrad.derivation.latex.tree import canonical


def set_apart(equations, trees, forward):
    """The equations without those that only define functions, and these: (equation, front, body).

    The forward then knows the functions. `trees` gives the sides of an equation.
    """
    kept, functions = [], []
    for equation in equations:
        sides = trees(equation)
        stated, rest = _divided(equation, sides, forward.environment())
        forward.stated |= stated
        if rest is None:
            functions.append((equation, *sides[:2]))
        else:
            kept.append(rest)
    return kept, functions


def shown(front, body, environment):
    """A function and what it gives, in the notation; "" where the argument is not a number."""
    name, arguments = without(front)
    letters = [spellings(part)[0] for part in arguments.parts] if arguments else []
    trial = environment.names | dict.fromkeys(letters, np.asarray(0.5))
    try:
        text = read(body, replace(environment, names=trial))[0].text
    except UnfitError:
        text = ""
    called = next(iter(labelled(name)), canonical(name))
    return f"{called}({', '.join(letters)})", text


def _divided(equation, sides, environment):
    """(the functions that an equation defines, by name; what it states beside that, or None)."""
    found, kept = {}, []
    for number, side in enumerate(sides):
        name, arguments = without(side)
        new = number + 1 < len(sides) and _is_new(name, arguments, environment)
        if arguments and new and (number or _is_bound(arguments, environment)):
            found[canonical(name)] = Function(arguments.parts, sides[number + 1])
        else:
            kept.append(number)
    if not found:
        return {}, equation
    if len(kept) < 2:
        return found, None
    chosen = tuple(equation.sides[n] for n in kept)
    return found, replace(equation, sides=chosen, signs=equation.signs[: len(kept) - 1])


def _is_new(name, arguments, environment):
    """Whether a side is a name without another meaning, with arguments."""
    base = name.base if isinstance(name, tree.Scripted) and not name.primes else name
    if arguments is None or not isinstance(base, tree.Symbol):
        return False
    known = environment.name_of(name) or environment.name_of(base) or function_of(name, environment)
    return not known and canonical(base) not in {"nabla", "partial", "d"}


def _is_bound(arguments, environment):
    """Whether a letter among the arguments has no meaning of its own."""
    names = [part for part in arguments.parts if isinstance(part, tree.Symbol)]
    taken = environment.claimed
    return len(names) == len(arguments.parts) and not all(
        environment.name_of(part) or taken & set(spellings(part)) for part in names
    )
