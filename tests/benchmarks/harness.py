"""Timing peers against each other within one run: in turn, with medians and spread."""

import statistics


def table(times, ours):
    """A line for each peer: its median, the middle half of its times, and its ratio to ours."""
    base = times[ours]
    yield f"{'':<24}{'median':>10}{'middle half':>20}{'times ours':>12}"
    for name, seconds in times.items():
        low, middle, high = statistics.quantiles(seconds, n=4)
        ratio = statistics.median(t / o for t, o in zip(seconds, base, strict=True))
        spread = f"{low * 1e6:.0f} to {high * 1e6:.0f}"
        yield f"{name:<24}{middle * 1e6:>7.0f} µs{spread:>17} µs{ratio:>12.2f}"
