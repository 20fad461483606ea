"""What all subjects have in common: one way to call somebody's code, whatever form it has.

A subject takes leaves, the arrays in its arguments, followed by its parameters.
"""

import copy
from collections.abc import Callable
from functools import cached_property
from typing import Any

from handgrad.common.text import listed
from handgrad.judge.calls import CodeError, contained
from handgrad.judge.inputs import Arguments
from handgrad.judge.libraries import as_numpy

FORMS = ("d{}", "d_{}", "grad_{}", "{}_grad", "{}_gradient", "grad{}", "{}grad", "g{}", "g_{}")
FORMS += ("dL_d{}", "dLd{}", "dL{}", "delta_{}", "del_{}", "nabla_{}", "gradient_{}", "D{}")


class Subject:
    """Code with a gradient.

    `forward(*leaves)` is what the code returns. `vjp(*leaves)` is its outputs, or None where nobody
    needs them, and a function from their upstream gradients to one gradient for each leaf.
    `anew()` is a copy in its present state, `pristine` a copy in its first one, or None.
    """

    library: str | None = None  # of its arrays, if it takes no other
    fed: str | None = None  # the library of what it is given, where that is another
    traced = False  # whether JAX traces it, once for each shape
    strict = False  # whether it must give a tuple with one gradient for each input, or None
    reentrant = True  # whether several forwards may come before their backwards
    reference: Any = None  # the same function, for JAX to differentiate
    held: Any = None  # what was judged: an object, a function or a pair of them
    tried = 0  # calls that it took to find out how it is called
    silent: frozenset[int] = frozenset()  # the leaves of which its backward never speaks
    draws: Any = None  # what restores the random states before each call, if forward draws
    meant: Any = None  # the JAX function whose gradient backward is meant to be, in forward's place

    def __init__(self, name, arguments=None):
        self.name = name
        self.arguments = arguments or Arguments(())
        self.pristine = None
        self.parameters = ()
        self.parameter_names = []
        self.not_judged = []
        self.accumulates = []  # the parameters whose gradients add up over calls
        self.trained = []  # the parameters that backward itself changes

    @property
    def names(self):
        """The names of all leaves, parameters included."""
        return [*self.arguments.names, *self.parameter_names]

    @property
    def numbers(self):
        """The leaves that were given as numbers of Python, which may be options."""
        return self.arguments.numbers

    @contained
    def forward(self, *leaves):
        """What the judged code returns."""
        if self.meant is not None:
            return self.meant.forward(*map(as_numpy, leaves))
        self._restore()
        return self._forward(*self._packed(leaves))

    @contained
    def vjp(self, *leaves) -> tuple[Any, Callable]:
        """The outputs, or None, and the function from upstream gradients to gradients."""
        self._restore()
        y, backward = self._vjp(*self._packed(leaves))
        y = y if self.meant is None else None
        return y, contained(lambda dy: self.flat(backward(dy)))

    @cached_property
    def detached(self):
        """Whether JAX's gradient of what is meant is not its derivative, as with stop_gradient."""
        leaves = (*self.arguments.leaves, *map(as_numpy, self.parameters))
        return self.meant is not None and self.meant.detaches(leaves)

    def flat(self, grads):
        """One gradient for each leaf; what is not a tuple is left for a law to name."""
        if self.arguments.is_flat or not isinstance(grads, tuple):
            return grads
        return self.arguments.flat(grads)

    @contained
    def anew(self):
        """A copy in the present state; what cannot keep anything is its own copy."""
        made = copy.copy(self)
        made.held = self._copied()
        return made

    def _restore(self):
        if self.draws is not None:
            self.draws.restore(self.held)

    def remember(self):
        """Keep a copy as it is now, for calls of a fresh instance."""
        try:
            self.pristine = self.anew()
        except CodeError:
            self.pristine = None  # it cannot be copied

    def completed(self, reference):
        """A reference that takes what is judged, and no more."""
        return reference

    def says_of_parameters(self):
        """With which parameters a reference is called, and what has no gradient; "" if it has none."""
        if not (self.parameter_names or self.not_judged):
            return ""
        without = f"; no gradient was found of {listed(self.not_judged)}" if self.not_judged else ""
        return f": it is called with {', '.join(self.names)}{without}"

    def packed_for_reference(self, leaves):
        """The arguments of a reference: those of the subject, then its parameters."""
        return self.arguments.pack(leaves) if self.arguments.tree else leaves

    def _packed(self, leaves):
        return leaves if self.arguments.is_flat else self.arguments.pack(leaves)

    def _forward(self, *arguments) -> Any:
        raise NotImplementedError

    def _vjp(self, *arguments) -> tuple[Any, Callable]:
        raise NotImplementedError

    def _copied(self) -> Any:
        return self.held


def as_tuple(grads, names=()):
    """Gradients as a tuple; those of a dictionary are found by the names of what they belong to."""
    if isinstance(grads, dict):
        found = [next((grads[k] for k in forms_of(n) if k in grads), None) for n in names]
        return tuple(grads.values() if all(g is None for g in found) else found)
    return tuple(grads) if isinstance(grads, tuple | list) else (grads,)


def forms_of(name):
    """What the gradient of something of a name may be called."""
    return [name, *(form.format(name) for form in FORMS)]


def named(function):
    return getattr(function, "__name__", repr(function))
