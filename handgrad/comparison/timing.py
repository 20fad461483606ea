"""Timing peers against each other within one run, in turn, on a machine that is named."""

import os
import platform
import statistics
import time
from importlib.metadata import version

ROUNDS, FEWEST, CALLS = 21, 5, 25


def machine(*packages):
    """One line that says where and with what the figures were taken."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def interleaved(peers, rounds, calls):
    """Seconds a call of each peer: `rounds` rounds, each peer in turn `calls` times, once warmed up."""
    times = {name: [] for name in peers}
    for call in peers.values():
        call()
    for _ in range(rounds):
        for name, call in peers.items():
            begin = time.perf_counter()
            for _ in range(calls):
                call()
            times[name].append((time.perf_counter() - begin) / calls)
    return times


def medians(peers, seconds):
    """The median seconds a call of each peer, measured for about this long."""
    (once,) = zip(*interleaved(peers, 1, 1).values(), strict=True)
    calls = max(1, min(CALLS, int(seconds / sum(once) / ROUNDS)))
    rounds = max(FEWEST, min(ROUNDS, int(seconds / sum(once) / calls)))
    times = interleaved(peers, rounds, calls)
    return {name: statistics.median(found) for name, found in times.items()}
