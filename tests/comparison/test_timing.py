"""Timing in turn."""

import pytest

from handgrad.comparison import timing
from handgrad.comparison.timing import FEWEST, ROUNDS, interleaved, machine, medians


class Clock:
    """A clock that stands still unless a peer takes time, and notes how often one does."""

    def __init__(self):
        self.now, self.calls = 0.0, 0

    def taking(self, seconds):
        def call():
            self.now += seconds
            self.calls += 1

        return call


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    return clock


def noting(calls, name):
    return lambda: calls.append(name)


def test_the_peers_are_called_in_turn_once_warm():
    calls = []
    times = interleaved({"a": noting(calls, "a"), "b": noting(calls, "b")}, 3, 2)
    assert "".join(calls) == "ab" + "aabb" * 3
    assert [len(found) for found in times.values()] == [3, 3]


def test_a_time_is_that_of_one_call_of_several(clock):
    times = interleaved({"a": clock.taking(0.002)}, 3, 10)
    assert times["a"] == pytest.approx([0.002] * 3)


def test_the_median_is_the_time_of_one_call(clock):
    found = medians({"long": clock.taking(0.004), "short": clock.taking(0.001)}, 0.2)
    assert found == pytest.approx({"long": 0.004, "short": 0.001})


def test_a_slow_peer_is_called_seldom_but_not_once(clock):
    medians({"a": clock.taking(0.005)}, 0.0)
    assert clock.calls == 2 + 1 + FEWEST  # one round to see how long it takes, both of them warmed


def test_the_rounds_fill_the_time_and_no_more(clock):
    medians({"a": clock.taking(0.002)}, 0.2)
    assert 0.1 < clock.now < 0.3
    assert clock.calls > ROUNDS


def test_the_machine_is_named_with_the_versions():
    assert machine("numpy").startswith(tuple("abcdefghijklmnopqrstuvwxyz"))
    assert ", numpy " in machine("numpy")
