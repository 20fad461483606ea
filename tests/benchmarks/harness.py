"""Timing peers against each other within one run: in turn, with medians and spread."""

import os
import platform
import statistics
import time
from importlib.metadata import version


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


def table(times, ours):
    """A line for each peer: its median, the middle half of its times, and its ratio to ours."""
    base = times[ours]
    yield f"{'':<24}{'median':>10}{'middle half':>20}{'times ours':>12}"
    for name, seconds in times.items():
        low, middle, high = statistics.quantiles(seconds, n=4)
        ratio = statistics.median(t / o for t, o in zip(seconds, base, strict=True))
        spread = f"{low * 1e6:.0f} to {high * 1e6:.0f}"
        yield f"{name:<24}{middle * 1e6:>7.0f} µs{spread:>17} µs{ratio:>12.2f}"
