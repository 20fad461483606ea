"""Cases: every rule at three scales, with random inputs and upstream gradients.

small is about a hundred numbers, where the calls themselves cost the most; medium a megabyte an
array, which stays in the cache; large up to 16 megabytes, which do not.
"""

import sys
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from handgrad import rules
from handgrad.common.random import generator
from handgrad.comparison.sizes import LEADING, inputs_at, letters_of
from handgrad.derivation.docstrings import derivation_of
from handgrad.rules import catalog

SCALES = ("small", "medium", "large")
ROWS_AND_COLUMNS = ((8, 10), (512, 512), (4096, 1024))
SIZES = {  # by the number of letters in a derivation's shapes
    0: ((), (), ()),
    1: ((16,), (2**17,), (2**20,)),
    2: ROWS_AND_COLUMNS,
    3: ((4, 5, 6), (64, 64, 64), (64, 256, 256)),
    4: ((2, 3, 8, 8), (16, 16, 32, 32), (32, 32, 56, 56)),
    rules.Affine: (((8,), 10, 6), ((100,), 784, 50), ((4096,), 1024, 1024)),
    rules.Col2im: ((2, 3), (16, 16), (32, 32)),
    rules.Concatenate: ((8, 10, 6), (256, 512, 256), (2048, 1024, 2048)),
    rules.Conv2d: (
        (2, 1, 8, 3, 8, 3, 4),
        (16, 8, 26, 3, 26, 3, 16),
        (64, 32, 28, 3, 28, 3, 64),
    ),
    rules.MatMul: (((2,), 4, 5, 6), ((4,), 128, 128, 128), ((16,), 512, 256, 512)),
}
OPTIONS = {  # where an option is a size, or the default one is not the usual one
    rules.Broadcast: tuple(rules.Broadcast(s) for s in ((4, 5, 6), (64, 64, 64), (64, 256, 256))),
    rules.Col2im: tuple(rules.Col2im((n, n)) for n in (8, 32, 64)),
    rules.Slice: (rules.Slice(1, None, 2, axis=1),) * 3,
    **{cls: (cls(axis=-1),) * 3 for cls in (rules.Max, rules.Mean, rules.Min, rules.Sum)},
}


@dataclass(frozen=True)
class Case:
    """A rule, its inputs, an upstream gradient, and which inputs have a gradient."""

    rule: Any
    scale: str
    inputs: tuple[np.ndarray, ...]
    dy: Any
    positions: tuple[int, ...]


def chosen():
    """The rules that the command line names, or all, each once."""
    names = sys.argv[1:] or catalog.families()
    return dict.fromkeys(cls for name in names for cls in catalog.find(name))


def cases_of(cls, dtype="float32"):
    """The cases of a rule, one for each scale."""
    chosen = OPTIONS.get(cls, catalog.instances(cls)[:1] * len(SCALES))
    for place, (scale, rule) in enumerate(zip(SCALES, chosen, strict=True)):
        derivation = derivation_of(rule)
        sizes = _sizes(cls, letters_of(derivation), place)
        inputs = inputs_at(derivation, sizes, generator(0, rule), dtype)
        y, residuals = rule.forward(*inputs)
        dy = _normal(y, generator(0, rule, "dy"))
        grads = rule.backward(residuals, dy)
        positions = tuple(i for i, dx in enumerate(grads) if dx is not None)
        yield Case(rule, scale, tuple(inputs), dy, positions)


def _sizes(cls, letters, place):
    """A size for each letter of the shapes; `...` alone stands for rows and columns."""
    if letters == [LEADING]:
        return {LEADING: ROWS_AND_COLUMNS[place]}
    return dict(zip(letters, SIZES[cls if cls in SIZES else len(letters)][place], strict=True))


def _normal(y, rng):
    """Normal numbers in the shapes of the outputs."""
    if isinstance(y, tuple):
        return tuple(_normal(output, rng) for output in y)
    return np.asarray(rng.normal(size=y.shape), y.dtype)


def function_in(module, rule):
    """The function of this rule in a module of peers, with the rule's options; None without one."""
    names = {name.replace("_", ""): name for name in vars(module)}
    name = names.get(type(rule).__name__.lower())
    return name and partial(getattr(module, name), **asdict(rule))
