r"""Functions that a section defines itself: `\phi(u) = \max(u, 0)`, and `A = g(Z) = \tanh(Z)`."""

from dataclasses import dataclass, fields, replace

from handgrad.derivation.latex import derivatives, tree
from handgrad.derivation.latex.errors import NodeWantedError, UnreadError
from handgrad.derivation.latex.tree import canonical

MOST_NESTED = 3


@dataclass(frozen=True)
class Function:
    """A function: what its definition calls its arguments, and what it gives."""

    parameters: tuple[tree.Node, ...]
    body: tree.Node

    def of(self, arguments):
        """What it gives for some arguments, as a part of an equation."""
        names = map(canonical, self.parameters)
        return substituted(self.body, dict(zip(names, arguments, strict=True)))


def substituted(node, meant):
    """A part of an equation with other parts in the place of some names."""
    if isinstance(node, tuple):
        return tuple(substituted(part, meant) for part in node)
    if not isinstance(node, tree.Node):
        return node
    if (found := meant.get(canonical(node))) is not None:
        return tree.Group(node.at, "{", (found,))
    parts = {field.name: getattr(node, field.name) for field in fields(node)}
    parts = {name: substituted(part, meant) for name, part in parts.items() if name != "at"}
    return replace(node, **parts)


def applied(node, following, environment):
    """(readings, 2) of φ(u) or φ'(u) of a function that the section defines; None for other parts."""
    primes = node.primes if isinstance(node, tree.Scripted) else 0
    plain = tree.without_primes(node)
    function = environment.stated.get(canonical(plain))
    if function is None or not isinstance(following, tree.Group):
        return None
    if len(following.parts) != len(function.parameters):
        raise UnreadError(f"other arguments of {canonical(plain)}", *node.at)
    if environment.applied == MOST_NESTED:
        raise UnreadError("functions within functions", *node.at)
    environment = replace(environment, applied=environment.applied + 1)
    if not primes:
        return _value(function, following.parts, node, environment), 2
    if primes > 1 or len(function.parameters) > 1:
        raise UnreadError("this prime is not read", *node.at)
    return _slope(function, following.parts[0], environment), 2


def _value(function, arguments, node, environment):
    """The readings of what a function gives; what is not read is said where it is applied."""
    try:
        return environment.read(function.of(arguments))
    except NodeWantedError:
        raise
    except UnreadError as error:
        raise type(error)(error.message, *node.at) from None


def _slope(function, argument, environment):
    """φ'(u): by u, or by a node that stands for it."""
    if derivatives.target(argument, environment)[0] not in environment.nodes:
        name, index = environment.node_for(argument)
        if index:
            raise UnreadError("a slope at an entry", *argument.at)
        argument = tree.Symbol(argument.at, name)
    return derivatives.derivative(function.of((argument,)), argument, environment)
