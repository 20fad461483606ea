"""A mutation: one way to spoil the gradient of any operation, and how to show it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.judge.zoo.operation import Operation, is_real
from tests.judge.zoo.specimen import BOTH, Specimen
from tests.judge.zoo.witnesses import as_tuple, differs, only, upstream


@dataclass(frozen=True)
class Mutation:
    """`spoil(vjp, f)` gives a wrong vjp; `fits` says for which operations it can be wrong.

    `fits(inputs, y, grads)` sees the real inputs, the outputs and the gradients of one example. An
    `entire` mutation strikes at unusual inputs, and needs a derivative everywhere.
    """

    name: str
    spoil: Callable[..., Callable]
    fits: Callable[..., bool] = lambda inputs, y, grads: True
    witness: Callable[..., bool] = differs
    precisions: tuple[str, ...] = BOTH
    entire: bool = False

    def of(self, operation: Operation):
        """The operation with its gradient spoiled."""

        def make():
            return operation.f, self.spoil(operation.vjp, operation.f)

        return Specimen(operation, self.name, make, self.witness, self.precisions)

    def suits(self, operation: Operation):
        """Whether the operation can have this error, and its witness shows it."""
        if self.entire and not operation.entire:
            return False
        rng = np.random.default_rng(0)
        inputs = operation.draw(rng)
        y = tuple(map(np.asarray, as_tuple(operation.f(*inputs))))
        grads = operation.vjp(only(upstream(operation, inputs, rng)), *inputs)
        real = [x for x in inputs if is_real(x)]
        if not self.fits(real, y, [np.asarray(dx) for dx in grads if dx is not None]):
            return False
        specimen = self.of(operation)
        return all(specimen.is_wrong(np.random.default_rng(seed)) for seed in range(3))


def each(change):
    """Changes every gradient."""
    return lambda vjp, f: (
        lambda dy, *inputs: tuple(
            dx if dx is None else change(np.array(dx)) for dx in vjp(dy, *inputs)
        )
    )


def first(change):
    """Changes the first gradient that there is."""

    def spoil(vjp, f):
        def spoiled(dy, *inputs):
            grads = list(vjp(dy, *inputs))
            i = first_real(inputs)
            grads[i] = change(np.array(grads[i]))
            return tuple(grads)

        return spoiled

    return spoil


def incoming(change):
    """Changes every dy before it is used."""
    return lambda vjp, f: lambda dy, *inputs: vjp(mapped(change, dy), *inputs)


def where(condition, error=1.01):
    """Wrong by a factor if the first real input, or dy, is so."""

    def spoil(vjp, f):
        def spoiled(dy, *inputs):
            grads = vjp(dy, *inputs)
            if not condition(inputs[first_real(inputs)], as_tuple(dy)[0]):
                return grads
            return tuple(dx if dx is None else dx * error for dx in grads)

        return spoiled

    return spoil


def mapped(change, dy):
    """The change of one dy, or of each of several."""
    return tuple(map(change, dy)) if isinstance(dy, tuple) else change(dy)


def first_real(inputs):
    """The position of the first input that has a gradient."""
    return [is_real(x) for x in inputs].index(True)
