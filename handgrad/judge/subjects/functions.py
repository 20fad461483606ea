"""Pairs of functions: f(*inputs) -> y with vjp(dy, *inputs), or f -> (y, cache) with vjp(dy, cache)."""

import copy
from functools import cached_property

from handgrad.judge.copies import copied
from handgrad.judge.libraries import as_numpy
from handgrad.judge.subjects import ways
from handgrad.judge.subjects.base import Subject, as_tuple, named
from handgrad.judge.subjects.jax import JaxFunction


class Pair(Subject):
    """f and vjp, called in the way that was found."""

    def __init__(self, held, way=ways.PAIR, arguments=None):
        super().__init__(f"({', '.join(map(named, held))})", arguments)
        self.held, self.way = held, way

    def _forward(self, *arguments):
        return self.way.output(self.held[0](*arguments))

    def _vjp(self, *arguments):
        f, vjp = self.held
        result = None if self.way is ways.PAIR else f(*arguments)

        def backward(dy):
            """A single gradient is that of the first input; what follows it has none."""
            grads = self.way.call(vjp, result, dy, arguments)
            if isinstance(grads, dict) and self.arguments.is_flat:
                return as_tuple(grads, self.arguments.names)
            if isinstance(grads, tuple | list):
                return as_tuple(grads)
            self.silent |= self.arguments.after(1, len(arguments))
            return grads, *[None] * (len(arguments) - 1)

        return None if result is None else self.way.output(result), backward

    def _copied(self):
        memo = {}
        return tuple(copied(function, memo) for function in self.held)


class Meant(Subject):
    """A subject whose backward is meant to be that of another function: the forward is left alone.

    The other function is one of JAX, and runs without its compiler.
    """

    traced = True

    def __init__(self, subject, function):
        super().__init__(subject.name, subject.arguments)
        self.subject, self.function = subject, JaxFunction(function, subject.arguments)
        self.function.name, self.function.instead = "gradient_of", "write it with jax.numpy"
        self.held, self.original = subject.held, getattr(subject, "original", subject.held)
        self.found = getattr(subject, "found", [])
        self.library, self.fed, self.strict = subject.library, subject.fed, subject.strict
        self.reentrant, self.tried = subject.reentrant, subject.tried
        self.parameters, self.parameter_names = subject.parameters, subject.parameter_names
        self.not_judged, self.accumulates = subject.not_judged, subject.accumulates
        self.trained = subject.trained
        self.reference = function
        self.silent = subject.silent

    def completed(self, reference):
        return self.subject.completed(reference)

    def _packed(self, leaves):
        return leaves

    def _forward(self, *leaves):
        return self.function.forward(*map(as_numpy, leaves))

    def vjp(self, *leaves):
        _, backward = self.subject.vjp(*leaves)

        def heard(dy):
            grads = backward(dy)
            self.silent |= self.subject.silent
            return grads

        return None, heard

    def anew(self):
        made = copy.copy(self)
        made.subject = self.subject.anew()
        return made

    @cached_property
    def detached(self):
        """Whether JAX's gradient of the function is not its derivative, as with stop_gradient."""
        return self.function.detaches((*self.arguments.leaves, *map(as_numpy, self.parameters)))


def of_pair(held, arguments, values):
    """The subject of two functions; TypeError where vjp takes dy last."""
    if ways.takes_upstream_last(held[1]):
        name = named(held[1])
        raise TypeError(f"{name} takes the upstream gradient last: a vjp is vjp(dy, *inputs)")
    if not values:
        return Pair(held, ways.PAIR, arguments)
    f, vjp = held
    way, tried = ways.of_pair(f, vjp, values, arguments.names)
    subject = Pair(held, way, arguments)
    subject.tried = tried
    return subject
