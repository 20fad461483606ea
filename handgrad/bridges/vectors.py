"""The vectors of a rule: numbers that a precision holds, what they give, and with what noise.

A result is the rule run in float64 on the rounded numbers, so the rounding of the arguments is not
part of a port's error.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.common.random import generator
from handgrad.derivation.docstrings import derivation_of
from handgrad.derivation.domains import draw
from handgrad.derivation.shapes import distinct_sizes, find_shapes, without_warnings
from handgrad.judge.draws import Case, draw_cases
from handgrad.judge.noise import noise_floor
from handgrad.judge.trial import Trial

FAR = 1000.0  # where a mean of squares less a squared mean has lost its digits
FAR_SIZES = (4, 5)  # with two rows far from 0, rounding alone decides their variance
FAR_PRECISIONS = ("float64", "float32")  # bfloat16 holds every fourth number there
MOVABLE = ("real", "positive", "nonzero")
SMALLEST, LARGEST = 2.0**-126, 2.0**127  # the normal numbers of float32 and of bfloat16


def _to_bfloat16(x):
    """The nearest numbers that bfloat16 holds, even ones at a tie, as float32."""
    bits = x.astype("<f4").view(np.uint32)
    kept = (bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)
    return kept.view("<f4")


@dataclass(frozen=True)
class Precision:
    """A floating type: its unit roundoff, how a file holds it, and how a port may give it."""

    unit: float
    rounded: Callable[[np.ndarray], np.ndarray]
    stored: str
    dtypes: tuple[str, ...]

    def holding(self, x):
        """An argument as the file holds it: real numbers rounded, labels and masks as they are."""
        return self.rounded(x) if np.issubdtype(x.dtype, np.floating) else as_stored(x)


PRECISIONS = {
    "float64": Precision(2.0**-53, lambda x: x.astype("<f8"), "float64", ("f8",)),
    "float32": Precision(2.0**-24, lambda x: x.astype("<f4"), "float32", ("f4", "f8")),
    "bfloat16": Precision(
        2.0**-8,
        _to_bfloat16,
        "float32 numbers that bfloat16 holds exactly",
        ("f4", "f8", "u2", "V2"),
    ),
}


def as_stored(x):
    """A result, or labels or a mask, in one of the three types that a file has for them."""
    if np.issubdtype(x.dtype, np.floating):
        return x.astype("<f8")
    return x.astype("|b1" if x.dtype == bool else "<i8")


def as_double(x):
    """Real numbers as float64, from any type of PRECISIONS; others as they are.

    Two bytes that are not a number by themselves are a bfloat16, the upper half of a float32.
    """
    if x.dtype.str[1:] in {"u2", "V2"}:
        x = (x.view("<u2" if x.dtype.kind == "V" else x.dtype).astype("<u4") << 16).view("<f4")
    return x.astype("<f8") if np.issubdtype(x.dtype, np.floating) else x


def cases_of(rule, seed):
    """The judge's cases and one far from 0, each with the names of its precisions."""
    everywhere = [(case, (*PRECISIONS,)) for case in draw_cases(rule, seed)]
    return [*everywhere, *((case, FAR_PRECISIONS) for case in _far_from_0(rule, seed))]


def _far_from_0(rule, seed):
    """A case whose first argument is far from 0, where sums of squares lose their digits."""
    derivation = derivation_of(rule)
    if not derivation.givens or derivation.givens[0].domain not in MOVABLE:
        return
    rng = generator(seed, rule, "far from 0")
    _, shapes = find_shapes(derivation, distinct_sizes(rng, FAR_SIZES), lambda _: (2, 3))
    x, *others = (draw(rng, given.domain, *shapes[given.name]) for given in derivation.givens)
    yield Case((x + FAR, *others), "far from 0")


@without_warnings()
def run(rule, inputs, dy):
    """The outputs and gradients of a rule in float64, each by its role and its index."""
    y, residuals = rule.forward(*map(as_double, inputs))
    several = isinstance(y, tuple)
    upstream = tuple(map(as_double, dy))
    grads = rule.backward(residuals, upstream if several else upstream[0])
    outputs = {("output", i): np.asarray(a) for i, a in enumerate(y if several else (y,))}
    gradients = {("gradient", i): np.asarray(a) for i, a in enumerate(grads) if a is not None}
    return outputs | gradients


@without_warnings()
def vectors(rule, case, precision, seed):
    """Every array of one entry by its role and index; none if a result leaves float32's range."""
    inputs = [precision.holding(x) for x in case.inputs]
    dy = [precision.holding(d) for d in Trial(rule, case.inputs, seed).dy]
    results = run(rule, inputs, dy)
    noise = dict(zip(results, _noise(rule, inputs, dy, precision, seed), strict=True))
    for a in (*results.values(), *noise.values()):
        if not np.all(np.abs(a) <= LARGEST):
            return {}
    found = {("input", i): x for i, x in enumerate(inputs)}
    found |= {("upstream", i): d for i, d in enumerate(dy)}
    found |= {key: as_stored(a) for key, a in results.items()}
    return found | {(f"{role} noise", i): a for (role, i), a in noise.items()}


def _noise(rule, inputs, dy, precision, seed):
    """The noise floor of each result, never 0."""
    arguments = [as_double(x) for x in (*inputs, *dy)]

    def evaluate(arrays):
        return tuple(run(rule, arrays[: len(inputs)], arrays[len(inputs) :]).values())

    largest = max(float(np.max(np.abs(x), initial=0)) for x in arguments if x.dtype == float)
    for floor in noise_floor(evaluate, arguments, precision.unit, seed):
        own = floor if np.any(floor) else floor + precision.unit * largest
        yield np.maximum(own, SMALLEST).astype("<f4")
