"""What one verdict costs as the inputs grow: calls, weighed by their size, and time."""

import time
from dataclasses import dataclass
from textwrap import shorten
from typing import NamedTuple

import numpy as np

from tests.benchmarks.checkers import CHECKERS, Case, Count, Rejection, size
from tests.benchmarks.processes import Worker
from tests.judge.zoo.catalog import named
from tests.judge.zoo.operation import real
from tests.judge.zoo.specimen import quiet
from tests.judge.zoo.witnesses import as_tuple, only

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
SECONDS = 60  # a verdict that takes longer is given up
WIDTH = 10  # of a row: the others grow
DRAWS = {
    "tanh": lambda n: real((n // WIDTH, WIDTH)),
    "layer_norm": lambda n: real((n // WIDTH, WIDTH), (WIDTH,), (WIDTH,)),
    "affine": lambda n: real((n // WIDTH, WIDTH), (WIDTH, WIDTH), (WIDTH,)),
}


class Job(NamedTuple):
    """One checker before one right operation, with n numbers in its first input."""

    operation: str
    checker: str
    n: int


@dataclass(frozen=True)
class Cost:
    """Calls weighed by their numbers, seconds, those of one forward and backward, and a reason.

    `own` is what the checker itself counts, if it does; `reason` says why it rejects, if it does.
    """

    forward: float
    backward: float
    seconds: float
    once: float
    own: tuple
    reason: str

    def __str__(self):
        if self.reason:
            return "alarm"
        return f"{_short(self.forward)}+{_short(self.backward)} {_short(self.seconds / self.once)}×"


def measured(job):
    """The best of a few verdicts, once imports and small inputs have warmed everything up."""
    with quiet():
        _checked(Job(job.operation, job.checker, SIZES[0]))
        costs = [_checked(job)]
        while len(costs) < 3 and sum(cost.seconds for cost in costs) < 3:
            costs.append(_checked(job))
    return min(costs, key=lambda cost: cost.seconds)


def _checked(job):
    (operation,) = named(job.operation)
    inputs = DRAWS[job.operation](job.n)(np.random.default_rng(0))
    y = tuple(map(np.asarray, as_tuple(operation.f(*inputs))))
    count, own = Count(), None
    case = Case(count.watch(operation.make()), inputs, y, 0)
    begin = time.perf_counter()
    with Rejection() as rejection:
        own = CHECKERS[job.checker](case)
    seconds = time.perf_counter() - begin
    forward, backward = (numbers / size(inputs) for numbers in count.numbers)
    once = _once(operation, inputs, y)
    return Cost(forward, backward, seconds, once, own or (), rejection.reason)


def _once(operation, inputs, y):
    """Seconds of one forward and one backward: the best of several."""
    times = []
    while len(times) < 3 or sum(times) < 0.05:
        begin = time.perf_counter()
        operation.f(*inputs)
        operation.vjp(only(y), *inputs)
        times.append(time.perf_counter() - begin)
    return min(times)


def tables(checkers):
    """Lines: for each operation a line for each checker, and one for what a checker counts itself."""
    worker = Worker(measured)
    try:
        for operation in DRAWS:
            yield _row(operation, [f"n = {_short(n)}" for n in SIZES])
            for checker in checkers:
                yield from _rows(checker, list(_growing(worker, operation, checker)))
            yield ""
    finally:
        worker.stop()


def _rows(checker, costs):
    yield _row(checker, ["–" if cost is None else str(cost) for cost in costs])
    if any(cost and cost.own for cost in costs):
        yield _row(
            "  by its count", [", ".join(map(str, cost.own)) if cost else "–" for cost in costs]
        )
    for n, cost in zip(SIZES, costs, strict=True):
        if cost and cost.reason:
            yield shorten(f"  alarm at {_short(n)}: {cost.reason}", 80)


def _growing(worker, operation, checker):
    """The costs at growing sizes; None from where it took too long, or would by its growth so far."""
    before, expected = None, 0.0
    for n in SIZES:
        cost = None
        if expected <= SECONDS:
            cost = worker.ask(Job(operation, checker, n), SECONDS)
        expected = np.inf
        if cost is not None:
            expected = cost.seconds * (cost.seconds / before if before else 1)
            before = cost.seconds
        yield cost


def _row(name, cells):
    return f"{name:<16}" + "".join(f"{cell:>16}" for cell in cells)


def _short(x):
    """A number in at most four characters: 12, 2.5k, 20k, 1M."""
    for unit, sign in ((1e6, "M"), (1e3, "k")):
        if x >= unit:
            return (
                f"{x / unit:.0f}{sign}" if x >= 10 * unit or x == unit else f"{x / unit:.1f}{sign}"
            )
    return f"{x:.0f}"
