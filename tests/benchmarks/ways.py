"""The ways to a gradient in JAX: by hand, and by `jax.vjp` of what there is to differentiate."""

from handgrad.comparison.programs import ReverseMode
from handgrad.judge.automatic import registered_reference
from tests.benchmarks import idioms
from tests.benchmarks.cases import function_in

HAND, REFERENCE, IDIOM = "by hand", "reference", "idiom"


def ways_of(case):
    """Each way as a rule: forward and backward, with the same inputs differentiated."""
    functions = {
        REFERENCE: registered_reference(case.rule),
        IDIOM: function_in(idioms, case.rule),
    }
    found = {name: ReverseMode(f, case.positions) for name, f in functions.items() if f}
    return {HAND: case.rule} | found
