"""Counting: the operations of a program, and what XLA says of it after its own optimization."""

from collections import Counter
from dataclasses import dataclass

from handgrad.common.jaxpr import inner_programs
from handgrad.comparison.programs import CALLS, LOOPS

MOVES = {
    "bitcast_convert_type",
    "broadcast_in_dim",
    "concatenate",
    "convert_element_type",
    "copy",
    "device_put",
    "dynamic_slice",
    "dynamic_update_slice",
    "gather",
    "iota",
    "pad",
    "reshape",
    "rev",
    "scatter",
    "slice",
    "split",
    "squeeze",
    "stack",
    "stop_gradient",
    "tile",
    "transpose",
    "unstack",
}


@dataclass(frozen=True)
class Cost:
    """XLA's own count of a compiled program.

    `flops` leaves out the transcendental functions, and counts comparisons and choices. `at_least`
    says that XLA counts too little: what a library does (LAPACK) not at all, a loop's body once.
    """

    flops: int
    transcendentals: int
    bytes_accessed: int
    at_least: bool


def operations_in(program):
    """How often each primitive stands in a program, whatever the size of its arrays.

    A call is what it calls; a loop's body, and each branch of a choice, counts once.
    """
    found = Counter()
    for eqn in program.eqns:
        if eqn.primitive.name in CALLS | LOOPS:
            for inner in inner_programs(eqn):
                found += operations_in(inner)
        else:
            found[eqn.primitive.name] += 1
    return found


def arithmetic_and_moves(found):
    """The counts of what computes, and of what only moves, stretches or converts numbers."""
    moves = Counter({name: n for name, n in found.items() if name in MOVES})
    return found - moves, moves


def largest_in(program):
    """The number of elements of the largest array that a program makes."""
    return max((v.aval.size for eqn in program.eqns for v in eqn.outvars), default=0)


def cost_of(executable):
    """XLA's own analysis of a compiled program, or None if it makes none."""
    found = executable.cost_analysis()
    if not found:
        return None
    text = executable.as_text()
    return Cost(
        flops=int(found.get("flops", 0)),  # what is missing counts 0
        transcendentals=int(found.get("transcendentals", 0)),
        bytes_accessed=int(found.get("bytes accessed", 0)),
        at_least="custom-call" in text or " while(" in text,
    )
