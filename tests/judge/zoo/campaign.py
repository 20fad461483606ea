"""A campaign: many specimens before the judge, and the sum of its verdicts."""

from dataclasses import dataclass

import numpy as np

from handgrad import verify
from tests.judge.zoo.specimen import quiet
from tests.judge.zoo.witnesses import cast


@dataclass(frozen=True)
class Outcome:
    """What the judge said about one specimen, in one precision, for one seed."""

    name: str
    precision: str
    seed: int
    status: str
    accepted: bool
    evaluations: int

    def __str__(self):
        return f"{self.name} ({self.precision}, seed {self.seed}): {self.status}"


def judged(specimen, precision, seed):
    """The verdict on a fresh subject, at inputs drawn for this seed."""
    inputs = cast(specimen.draw(np.random.default_rng(seed)), np.dtype(precision))
    with quiet():
        return verify(specimen.make(), *inputs, seed=seed)


def outcomes(specimen, seeds):
    """The outcomes of one specimen in each precision in which it is wrong, or right."""
    for precision in specimen.precisions:
        for seed in seeds:
            verdict = judged(specimen, precision, seed)
            yield Outcome(
                specimen.name, precision, seed, str(verdict.status), verdict.ok, verdict.evaluations
            )
