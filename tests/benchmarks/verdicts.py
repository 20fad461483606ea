"""Each checker on every specimen of the zoo: what it catches, refuses, and costs."""

import functools
import statistics
import time
from textwrap import shorten
from typing import NamedTuple

import numpy as np

from tests.benchmarks.counting import Count
from tests.benchmarks.peers import CHECKERS, Case, Rejection
from tests.benchmarks.processes import answers
from tests.judge import zoo
from tests.judge.zoo.specimen import quiet
from tests.judge.zoo.witnesses import as_tuple, cast, differs

SECONDS, PROCESSES = 60, 2


class Job(NamedTuple):
    """One checker before one specimen, by its place in the zoo."""

    checker: str
    precision: str
    seed: int
    wrong: bool
    place: int

    @property
    def specimen(self):
        return specimens(self.wrong)[self.place]


class Outcome(NamedTuple):
    """Why the checker rejects, or "" if it accepts; what it called, and how long it took."""

    reason: str
    forward: int
    backward: int
    seconds: float


@functools.cache
def specimens(wrong):
    return zoo.wrong() if wrong else zoo.right()


def jobs(checkers, precision, seeds):
    """Every specimen in the precisions in which its error exists, before each checker."""
    return [
        Job(checker, precision, seed, wrong, place)
        for checker in checkers
        for wrong in (True, False)
        for place, specimen in enumerate(specimens(wrong))
        if precision in specimen.precisions
        for seed in range(seeds)
    ]


def judged(job):
    """The outcome, at the inputs that this seed draws; the time is that of the checker alone."""
    specimen, count = job.specimen, Count()
    inputs = cast(specimen.draw(np.random.default_rng(job.seed)), np.dtype(job.precision))
    with quiet():
        y = tuple(map(np.asarray, as_tuple(specimen.operation.f(*inputs))))
        case = Case(count.watch(specimen.make()), inputs, y, job.seed)
        begin = time.perf_counter()
        with Rejection() as rejection:
            CHECKERS[job.checker](case)
        seconds = time.perf_counter() - begin
    forward, backward = count.calls
    return Outcome(rejection.reason, forward, backward, seconds)


def table(checkers, precision, seeds):
    """Lines: the head, and a line for each checker; with one checker also where it errs."""
    asked = jobs(checkers, precision, seeds)
    found = list(zip(asked, answers(judged, asked, SECONDS, PROCESSES), strict=True))
    sizes = [sum(job.wrong is wrong for job in asked) for wrong in (True, False)]
    wrong, right = (size // len(checkers) for size in sizes)
    yield f"{precision}: {wrong} verdicts on wrong gradients, {right} on right ones"
    yield (
        f"{'':<16}{'caught':>8}{'at inputs':>11}{'false alarms':>13}"
        f"{'forward':>9}{'backward':>10}{'time':>13}"
    )
    for checker in checkers:
        yield _row(checker, [pair for pair in found if pair[0].checker == checker])
    for job, outcome in found:
        if outcome is None:
            yield f"no answer: {job.checker}, {job.specimen.name}, seed {job.seed}"
        elif len(checkers) == 1 and bool(outcome.reason) is not job.wrong:
            error = "missed" if job.wrong else "false alarm"
            yield shorten(f"{error}: {job.specimen.name}. {outcome.reason}", 80)


def _row(checker, found):
    known = [(job, outcome) for job, outcome in found if outcome is not None]
    shares = (
        _share([outcome for job, outcome in known if job.wrong]),
        _share([outcome for job, outcome in known if job.specimen.witness is differs]),
        _share([outcome for job, outcome in known if not job.wrong]),
    )
    forward, backward, seconds = (
        statistics.median(getattr(outcome, what) for _, outcome in known)
        for what in ("forward", "backward", "seconds")
    )
    caught, here, alarms = (f"{100 * share:.1f}%" for share in shares)
    return (
        f"{checker:<16}{caught:>8}{here:>11}{alarms:>13}"
        f"{forward:>9.0f}{backward:>10.0f}{1e3 * seconds:>10.1f} ms"
    )


def _share(outcomes):
    """The share that was rejected."""
    return statistics.mean(bool(outcome.reason) for outcome in outcomes)
