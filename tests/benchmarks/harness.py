"""Timing peers against each other within one run: in turn, with medians and spread.

A time is the processor's, of one thread, and memory that is freed stays with the process: what
other programs do, the threads of a library and the kernel's page faults are not in it.
"""

import os
import statistics
import subprocess
import sys
import textwrap
import time

from handgrad.rules import catalog
from tests.benchmarks.cases import SCALES, case_at, scales, scales_of

ALONE = {
    "NPROC": "1",  # XLA
    "OMP_NUM_THREADS": "1",  # torch
    "OPENBLAS_NUM_THREADS": "1",  # NumPy
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
}
ROUNDS, FEWEST, CALLS = 15, 5, 50
SECONDS = 0.5  # for all peers at one scale
WIDE = 33  # columns, for the scales of a peer
TELLING = tuple(SCALES)[1:]  # the scales where work dominates


def alone(main):
    """Runs main in a process where every library has one thread, and freed memory is kept."""
    if ALONE.items() <= os.environ.items():
        main()
    else:
        command = [sys.executable, *sys.orig_argv[1:]]
        sys.exit(subprocess.run(command, env=os.environ | ALONE, check=False).returncode)


def timed(peers, seconds):
    """Seconds a call of each peer, several rounds, each peer in turn; together about so long."""
    for call in peers.values():
        call()
    once = sum(_seconds(call, 1) for call in peers.values())
    calls = max(1, min(CALLS, int(seconds / once / ROUNDS)))
    rounds = max(FEWEST, min(ROUNDS, int(seconds / once / calls)))
    times = {name: [] for name in peers}
    for _ in range(rounds):
        for name, call in peers.items():
            times[name].append(_seconds(call, calls))
    return times


def ratio(times, over, under):
    """The quartiles of the ratio of two peers' times, round by round."""
    return quartiles_of([a / b for a, b in zip(times[over], times[under], strict=True)])


def quartiles_of(numbers):
    return statistics.quantiles(numbers, n=4)


def spelled(quartiles):
    """1.23 ±0.04: the median, and half of the middle half."""
    if quartiles is None:
        return "–"
    low, middle, high = quartiles
    digits = 2 if middle < 9.95 else 0
    return f"{middle:.{digits}f} ±{(high - low) / 2:.{digits}f}"


def table(classes, peers, calls_of, ratio_of):
    """Prints a row for each rule, and returns what `ratio_of(times, peer)` is at each scale.

    `calls_of(case)` are calls by name. A dash stands where there is no such peer or no such scale.
    """
    columns = [(peer, scale) for peer in peers for scale in scales()]
    wide = WIDE // len(scales())
    print(f"{'':<30}" + "".join(f"{f'against {peer}':>{WIDE}}" for peer in peers))
    print(f"{'':<30}" + "".join(f"{scale:>{wide}}" for _, scale in columns))
    ratios = {}
    for cls in classes:
        found = ratios[cls.__name__] = {}
        for scale in scales_of(cls):
            times = timed(calls_of(case_at(cls, scale)), SECONDS)
            found |= {(peer, scale): ratio_of(times, peer) for peer in peers if peer in times}
        cells = (spelled(found.get(column)) for column in columns)
        print(f"{cls.__name__:<30}" + "".join(f"{cell:>{wide}}" for cell in cells), flush=True)
    return ratios


def summary(ratios, peers, outside, words):
    """Prints geometric means by family, and the rules with a ratio outside of what is aimed at."""
    print(f"{'geometric means':<30}" + "".join(f"{peer:>15}" for peer in peers))
    for family, classes in catalog.families().items():
        of_family = [ratios[cls.__name__] for cls in classes if cls.__name__ in ratios]
        if of_family:
            _print_means(family, of_family, peers)
    _print_means("all", list(ratios.values()), peers)
    names = [
        name
        for name, r in ratios.items()
        if any(s in TELLING and outside(p, q) for (p, s), q in r.items())
    ]
    if names:
        print(textwrap.fill(f"{words}: {', '.join(names)}", 98, subsequent_indent="    "))


def _print_means(title, ratios, peers):
    """A row: for each peer the geometric mean of the ratios where work dominates."""
    told = [[r[peer, s][1] for r in ratios for s in TELLING if (peer, s) in r] for peer in peers]
    cells = (f"{statistics.geometric_mean(found):.2f}" if found else "–" for found in told)
    print(f"{title:<30}" + "".join(f"{cell:>15}" for cell in cells))


def _seconds(call, calls):
    begin = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - begin) / calls
