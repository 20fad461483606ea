"""Timing peers against each other within one run: in turn, with medians and spread.

A time is the processor's, of one thread, and memory that is freed stays with the process: what
other programs do, the threads of a library and the kernel's page faults are not in it.
"""

import os
import statistics
import subprocess
import sys
import time

ALONE = {
    "NPROC": "1",  # XLA
    "OMP_NUM_THREADS": "1",  # torch
    "OPENBLAS_NUM_THREADS": "1",  # NumPy
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
}
ROUNDS, FEWEST, CALLS = 15, 5, 50


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


def table(peers, columns, classes, ratios_of):
    """Prints a row for each rule, a column for each (scale, peer), and returns all the ratios."""
    print(f"{'':<30}" + "".join(f"{peer:^33}" for peer in peers))
    print(f"{'':<30}" + "".join(f"{scale:>11}" for scale, _ in columns))
    ratios = {}
    for cls in classes:
        ratios[cls.__name__] = found = ratios_of(cls)
        cells = (spelled(found.get(column)) for column in columns)
        print(f"{cls.__name__:<30}" + "".join(f"{cell:>11}" for cell in cells), flush=True)
    return ratios


def _seconds(call, calls):
    begin = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - begin) / calls
