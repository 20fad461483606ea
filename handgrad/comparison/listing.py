"""Listing: the programs of a gradient, one operation a line, with the names of the derivation.

What forward keeps has the same name in backward.
"""

import itertools
import string
import textwrap

import numpy as np
from jax.extend import core

from handgrad.common.jaxpr import inner_programs
from handgrad.comparison.programs import LOOPS

WIDTH = 80
STEP = "    "
TYPES = {"dtype", "new_dtype", "new_sizes", "preferred_element_type", "shape"}  # said by the result


def listing(programs, inputs, outputs):
    """The lines of forward and backward; `inputs` and `outputs` are their names."""
    forward, backward = programs.forward.jaxpr, programs.backward.jaxpr
    real = [np.issubdtype(v.aval.dtype, np.floating) for v in forward.invars]
    upstream = [f"d{name}" for name in outputs]
    gradients = [f"d{name}" for name in itertools.compress(inputs, real)]
    writer = _Writer({*inputs, *outputs, *upstream, *gradients})
    yield from writer.program("forward", forward, inputs, outputs)
    returned = [writer.name(v) for v in forward.outvars]
    kept = programs.waiting(inputs, returned)
    yield from writer.program("backward", backward, [*kept, *upstream], gradients)


class _Writer:
    """Writes programs, and gives a new letter to each array that has no name."""

    def __init__(self, taken):
        words = (itertools.product(string.ascii_lowercase, repeat=n) for n in (1, 2, 3))
        letters = ("".join(word) for word in itertools.chain(*words))
        self.letters = (letter for letter in letters if letter not in taken)
        self.names = {}

    def program(self, title, jaxpr, inputs, outputs):
        """The lines of one program; `outputs` name the first of what it returns."""
        named = zip(jaxpr.outvars[: len(outputs)], outputs, strict=True)
        self.names |= {v: name for v, name in named if isinstance(v, core.Var)}
        self.names |= zip(jaxpr.invars, inputs, strict=True)
        yield from self._lines(title, jaxpr, "  ")

    def name(self, variable):
        """The name of an array, or the number that a constant is."""
        if isinstance(variable, core.Literal):
            return str(np.asarray(variable.val)[()])
        if variable not in self.names:
            self.names[variable] = next(self.letters)
        return self.names[variable]

    def _lines(self, title, jaxpr, indent):
        yield from _wrapped(f"{title}: {self._typed(jaxpr.invars)}", indent)
        for eqn in jaxpr.eqns:
            operands = " ".join(map(self.name, eqn.invars))
            operation = f"{_called(eqn)} {operands}"
            yield from _wrapped(f"{self._typed(eqn.outvars)} = {operation}", indent + STEP)
            if eqn.primitive.name in LOOPS:
                for body in inner_programs(eqn):
                    yield from self._lines("body", body, indent + 2 * STEP)
        yield from _wrapped(f"return {', '.join(map(self.name, jaxpr.outvars))}", indent + STEP)

    def _typed(self, variables):
        return " ".join(f"{self.name(v)}:{v.aval.str_short(short_dtypes=True)}" for v in variables)


def _called(eqn):
    """The primitive of an operation, with the options that are set and that its result does not say."""
    said = {
        name: option
        for name, option in eqn.params.items()
        if not (name in TYPES or option is None or option is False or option == ())
        and not isinstance(option, core.Jaxpr | core.ClosedJaxpr)
    }
    options = " ".join(f"{name}={_spelled(option)}" for name, option in said.items())
    return f"{eqn.primitive.name}[{options}]" if options else eqn.primitive.name


def _spelled(option):
    """An option without the type names of NumPy's numbers."""
    return f"({','.join(map(_spelled, option))})" if type(option) is tuple else str(option)


def _wrapped(line, indent):
    return textwrap.wrap(
        line,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + STEP,
        break_long_words=False,
        break_on_hyphens=False,
    )
