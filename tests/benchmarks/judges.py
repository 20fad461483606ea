"""The judge beside other checkers of gradients: what they catch, refuse and cost.

python -m tests.benchmarks.judges [--seeds N] [--only NAME]
"""

import argparse
import functools
import statistics
import textwrap
import time
from typing import NamedTuple

import numpy as np

from handgrad.comparison.timing import machine
from tests.benchmarks import costs
from tests.benchmarks.checkers import CHECKERS, GOOD, Case, Count, Rejection
from tests.benchmarks.processes import answers
from tests.judge import zoo
from tests.judge.zoo.specimen import quiet
from tests.judge.zoo.witnesses import as_tuple, cast, differs

SECONDS, PROCESSES = 60, 2
LEGEND = f"""\
Every checker is at its defaults, at the inputs that the zoo draws. caught: the share of the
wrong gradients that it rejects. at inputs: the same of those alone that are wrong (in value,
shape, dtype or number) at these inputs, for a normal dy; the others are wrong at special inputs,
in a layout, in memory, or after other calls. false alarms: the share of the right ones that it
rejects. forward, backward: calls; these and the time are medians over all verdicts. "the book's"
asserts nothing: a mean difference up to {GOOD:g} is accepted here. torch's is meant for float64."""

COSTS = f"""\
One verdict on a right gradient in float64, its first input of n numbers: forward + backward
calls, each weighed by its size, and the time as a multiple of one forward and backward. "by its
count" is the judge's own: evaluations at the given inputs, probes at small ones. –: over
{costs.SECONDS} s. alarm: rejects it."""


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
            yield textwrap.shorten(f"{error}: {job.specimen.name}. {outcome.reason}", 80)


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


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.judges", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="so many draws of each")
    parser.add_argument("--only", default="", metavar="NAME", help="checkers with this in the name")
    options = parser.parse_args(arguments)
    checkers = [name for name in CHECKERS if options.only in name]
    if options.seeds < 1 or not checkers:
        parser.error(f"--seeds is at least 1, and --only a part of one of {', '.join(CHECKERS)}")
    _say(machine("numpy", "jax", "torch", "autograd", "chex"))
    _say(f"seeds 0 to {options.seeds - 1}" if options.seeds > 1 else "seed 0")
    _say(LEGEND, "")
    for precision in ("float64", "float32"):
        for line in table(checkers, precision, options.seeds):
            print(line, flush=True)
        print()
    _say(COSTS, "")
    for line in costs.tables(checkers):
        print(line, flush=True)


def _say(*texts):
    for text in texts:
        print(textwrap.fill(" ".join(text.split()), 80), flush=True)


if __name__ == "__main__":
    main()
