"""A specimen: a subject for the judge, and what is known about it."""

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.judge.zoo.operation import Operation

BOTH = ("float64", "float32")


@dataclass(frozen=True)
class Specimen:
    """`make()` gives a fresh subject, a pair (f, vjp) or a layer; `kind` says what ails it.

    `witness` shows that a wrong one is wrong; a right one has none. `precisions` are those in
    which the error exists. `origin` says where the error was seen.
    """

    operation: Operation
    kind: str
    make: Callable[[], Any]
    witness: Callable[..., bool] | None = None
    precisions: tuple[str, ...] = BOTH
    origin: str = ""

    @property
    def name(self):
        return f"{self.operation.name}, {self.kind}"

    def draw(self, rng):
        """Inputs in float64."""
        return self.operation.draw(rng)

    def is_wrong(self, rng):
        """Whether the witness shows the error at what this generator draws."""
        with quiet():
            return self.witness is not None and self.witness(self.operation, self.make, rng)


@contextlib.contextmanager
def quiet():
    """Overflow and 0 / 0 give what they give: they are for a checker to notice, not for NumPy."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
