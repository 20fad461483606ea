"""What is timed against each other computes the same, and the clock sees what a call costs."""

import pytest

from tests.benchmarks import harness
from tests.benchmarks.cases import cases_of
from tests.benchmarks.harness import ratio, timed
from tests.rules_and_cases import CLASSES


@pytest.mark.parametrize("cls", CLASSES)
def test_every_rule_has_peers_that_compute_the_same(cls):
    pytest.importorskip("autograd", reason="HIPS autograd is an extra")
    pytest.importorskip("torch", reason="torch is an extra")
    from tests.benchmarks import eager

    small, *_ = cases_of(cls)
    assert set(eager.calls_of(small)) == {eager.OURS, eager.HIPS, eager.TORCH}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_way_in_jax_computes_the_same(cls):
    from tests.benchmarks import compiled

    small, *_ = cases_of(cls)
    assert compiled.REFERENCE in compiled.calls_of(small)


def test_a_peer_that_takes_twice_as_long_has_the_ratio_two(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(harness.time, "process_time", lambda: clock.now)
    peers = {"once": lambda: clock.advance(0.001), "twice": lambda: clock.advance(0.002)}
    assert ratio(timed(peers, 0.3), "twice", "once") == pytest.approx([2, 2, 2])


class Clock:
    """A clock that stands still unless it is moved."""

    now = 0.0

    def advance(self, seconds):
        self.now += seconds
