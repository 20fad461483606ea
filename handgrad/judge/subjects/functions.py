"""Pairs of functions: f(*inputs) -> y with vjp(dy, *inputs), or f -> (y, cache) with vjp(dy, cache)."""

from handgrad.judge.copies import copied
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


def judge_as(subject, function):
    """Have a subject's backward judged as that of a JAX function: its own forward is left alone."""
    subject.meant = JaxFunction(function, subject.arguments)
    subject.meant.name, subject.meant.instead = "gradient_of", "write it with jax.numpy"
    subject.traced = True
    subject.remember()


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
