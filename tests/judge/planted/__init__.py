"""Planted bugs: gradients that are wrong in one known way, to measure the diagnosis by."""

from tests.judge.planted import (
    axes,
    factors,
    formulas,
    frameworks,
    masks,
    memories,
    nets,
    outputs,
    terms,
    values,
)

FAMILIES = (factors, axes, masks, terms, formulas, memories, nets, outputs, values)
IN_TORCH = frameworks.IN_TORCH
PLANTED = [planted for family in FAMILIES for planted in family.PLANTED]
PLANTED += [*frameworks.IN_JAX, *IN_TORCH]
