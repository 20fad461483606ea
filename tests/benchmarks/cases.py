"""Cases: every rule at three scales, with random inputs and upstream gradients.

small is a few hundred numbers, where the calls themselves cost the most; medium a megabyte, which
stays in the cache; large 16 megabytes, which do not. The sizes come from the rule's derivation. A
rule whose shapes are fixed by its options has the small scale alone.
"""

import sys
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from handgrad.common.random import generator
from handgrad.comparison.programs import ReverseMode
from handgrad.comparison.sizes import candidates, inputs_at
from handgrad.derivation.docstrings import derivation_of
from handgrad.judge.oracles.jax import registered_reference
from handgrad.rules import Max, Mean, Min, Slice, Sum, catalog
from tests.benchmarks import idioms

SCALES = {"small": 2**8, "medium": 2**18, "large": 2**22}  # numbers in all inputs together
HAND, REFERENCE, IDIOM = "by hand", "reference", "idiom"
USUAL = {  # where the options that people use are not the default ones
    type(rule): rule
    for rule in (Max(axis=-1), Mean(axis=-1), Min(axis=-1), Sum(axis=-1), Slice(1, None, 2, axis=1))
}
USUAL_SIZES = {"Conv2d": {"K": 3, "L": 3}, "LowRankAffine": {"R": 8}, "DoRA": {"R": 8}}


@dataclass(frozen=True)
class Case:
    """A rule, its inputs, an upstream gradient, and which inputs have a gradient."""

    rule: Any
    inputs: tuple[np.ndarray, ...]
    dy: Any
    positions: tuple[int, ...]


def chosen():
    """The rules that the command line names, or all, each once."""
    names = [name for name in sys.argv[1:] if name not in SCALES] or catalog.families()
    return dict.fromkeys(cls for name in names for cls in catalog.find(name))


def scales():
    """The scales that the command line names, or all."""
    return [scale for scale in SCALES if scale in sys.argv[1:]] or list(SCALES)


def scales_of(cls):
    """The scales among them at which the rule is larger than at the one before."""
    sizes = [_usual(cls, scale)[1] for scale in SCALES]
    larger = [scale for i, scale in enumerate(SCALES) if sizes[i] not in sizes[:i]]
    return [scale for scale in larger if scale in scales()]


def case_at(cls, scale):
    """The case of a rule at one scale, in float32."""
    rule, sizes = _usual(cls, scale)
    inputs = inputs_at(derivation_of(rule), sizes, generator(0, rule), "float32")
    y, residuals = rule.forward(*inputs)
    dy = _normal(y, generator(0, rule, "dy"))
    grads = rule.backward(residuals, dy)
    return Case(rule, tuple(inputs), dy, tuple(i for i, dx in enumerate(grads) if dx is not None))


def _usual(cls, scale):
    """The rule with its usual options, and its sizes at this scale."""
    rule = USUAL.get(cls) or catalog.instances(cls)[0]
    given = USUAL_SIZES.get(cls.__name__, {})
    return rule, next(candidates(derivation_of(rule), given, SCALES[scale]))


def _normal(y, rng):
    """Normal numbers in the shapes of the outputs."""
    if isinstance(y, tuple):
        return tuple(_normal(output, rng) for output in y)
    return np.asarray(rng.normal(size=y.shape), y.dtype)


def function_of(table, rule):
    """The function of this rule in a library's table, with the rule's options; None without one."""
    function = table.get(type(rule).__name__)
    return function and partial(function, **asdict(rule))


def ways_of(case):
    """The ways to the gradient in JAX: by hand, and by `jax.vjp` of what there is to differentiate."""
    functions = {
        REFERENCE: registered_reference(case.rule),
        IDIOM: function_of(idioms.TABLE, case.rule),
    }
    found = {name: ReverseMode(f, case.positions) for name, f in functions.items() if f}
    return {HAND: case.rule} | found
