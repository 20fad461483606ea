"""What a rule keeps between forward and backward, beside what `jax.vjp` of its reference keeps."""

from handgrad.comparison.programs import ReverseMode, programs_of
from handgrad.judge.oracles.jax import registered_reference


def kept_bytes(rule, inputs, positions):
    """The bytes that the rule keeps, and that `jax.vjp` of its reference does; beside its inputs too.

    `positions` are the inputs that have a gradient.
    """
    ways = rule, ReverseMode(registered_reference(rule), positions)
    programs = [programs_of(way, inputs) for way in ways]
    in_all = [sum(k.bytes for k in found.kept) for found in programs]
    return in_all, [sum(k.bytes for k in found.beside) for found in programs]
