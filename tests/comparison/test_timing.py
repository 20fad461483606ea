"""Timing in turn."""

import time

from handgrad.comparison.timing import FEWEST, ROUNDS, interleaved, machine, medians


def noting(calls, name):
    return lambda: calls.append(name)


def test_the_peers_are_called_in_turn_once_warm():
    calls = []
    times = interleaved({"a": noting(calls, "a"), "b": noting(calls, "b")}, 3, 2)
    assert "".join(calls) == "ab" + "aabb" * 3
    assert [len(found) for found in times.values()] == [3, 3]


def test_a_time_is_that_of_one_call_of_several():
    times = interleaved({"a": lambda: time.sleep(0.002)}, 3, 10)
    assert 0.002 <= min(times["a"]) < 0.02


def test_the_median_is_the_time_of_one_call():
    found = medians({"long": lambda: time.sleep(0.004), "short": lambda: time.sleep(0.001)}, 0.2)
    assert 0.004 <= found["long"] < 0.012
    assert 0.001 <= found["short"] < found["long"]


def test_a_slow_peer_is_called_seldom_but_not_once():
    calls = []
    medians({"a": lambda: (time.sleep(0.005), calls.append("a"))}, 0.0)
    assert len(calls) == 2 + 1 + FEWEST  # one round to see how long it takes, both of them warmed


def test_the_rounds_fill_the_time_and_no_more():
    begin = time.perf_counter()
    calls = []
    medians({"a": lambda: (time.sleep(0.002), calls.append("a"))}, 0.2)
    assert time.perf_counter() - begin < 0.6
    assert len(calls) > ROUNDS


def test_the_machine_is_named_with_the_versions():
    assert machine("numpy").startswith(tuple("abcdefghijklmnopqrstuvwxyz"))
    assert ", numpy " in machine("numpy")
