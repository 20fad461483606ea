"""How much a rule would do with what a file from a stranger says: found before the rule runs.

JAX traces the rule, which allocates nothing, and every array that it would make is counted.
"""

import math

from handgrad.common.jaxpr import inner_programs
from handgrad.common.oracle import in_double_precision

SMALL = 2**14  # numbers in an entry that is not traced, where its options are small too
FEW = 8
MAX_NUMBERS = 2**24  # that an entry makes on the way to its results
MAX_STEPS = 2**17  # of all entries of a file


class TooMuchError(ValueError):
    """A rule would make far more than the file holds."""


class Budget:
    """What all entries of a file may do together."""

    def __init__(self):
        self.steps = 0

    def spend(self, entry, rule):
        """Raise TooMuchError where the rule would do too much, and what the rule raises."""
        if _is_small(entry):
            return
        numbers, steps = _made(rule, *(_shapes(entry, role) for role in ("input", "upstream")))
        self.steps += steps
        if numbers > MAX_NUMBERS or self.steps > MAX_STEPS:
            raise TooMuchError(
                f"{entry} would make {numbers} numbers in {steps} steps; "
                f"at most {MAX_NUMBERS} are made, and {MAX_STEPS} steps in a file"
            )


def _is_small(entry):
    numbers = sum(math.prod(stored.shape) for stored in entry.arrays)
    return numbers <= SMALL and all(abs(n) <= FEW for n in entry.whole_numbers)


def _shapes(entry, role):
    from jax import ShapeDtypeStruct

    return [ShapeDtypeStruct(stored.shape, stored.dtype) for stored in entry.having(role)]


def _made(rule, inputs, dy):
    """How many numbers a rule makes forward and back, and in how many steps."""
    import jax

    def run(inputs, dy):
        y, residuals = rule.forward(*inputs)
        return y, rule.backward(residuals, dy if isinstance(y, tuple) else dy[0])

    with in_double_precision():
        return _counted(jax.make_jaxpr(run)(inputs, dy).jaxpr)


def _counted(program):
    """The numbers and the steps of a program; what a loop does counts as often as it is done."""
    numbers, steps = 0, 0
    for step in program.eqns:
        times = step.params.get("length", 1)
        inner = [_counted(body) for body in inner_programs(step)]
        numbers += sum(variable.aval.size for variable in step.outvars)
        numbers += times * sum(own for own, _ in inner)
        steps += 1 + times * sum(own for _, own in inner)
    return numbers, steps
