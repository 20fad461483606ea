"""What is timed against each other computes the same, and the clock sees what a call costs."""

from dataclasses import dataclass

import jax
import pytest

from tests.benchmarks import compiled, harness, idioms, residuals
from tests.benchmarks.cases import HAND, REFERENCE, case_at, scales_of
from tests.benchmarks.harness import ratio, timed
from tests.rules_and_cases import CLASSES

FAMILIES = list({cls.__module__: cls for cls in CLASSES}.values())
OTHERS = [cls for cls in FAMILIES if cls not in FAMILIES[::6]]


@dataclass(frozen=True)
class Twice:
    """y = 2 x

        x : (..., N)
        w : (N)
        y = 2 * x + 0 * w

    Keeps nothing.
    """

    def forward(self, x, w):
        return 2 * x + 0 * w, ()

    def backward(self, residuals, dy):
        return 2 * dy, 0 * dy.sum(axis=0)


@pytest.fixture
def eager():
    """The module, which imports the peers when it is imported."""
    pytest.importorskip("autograd", reason="HIPS autograd is an extra")
    pytest.importorskip("torch", reason="torch is an extra")
    from tests.benchmarks import eager

    return eager


@pytest.mark.parametrize("cls", CLASSES)
def test_the_peers_of_every_rule_compute_the_same(cls, eager):
    assert HAND in eager.calls_of(case_at(cls, "small"))


@pytest.mark.parametrize(
    "cls", [*FAMILIES[::6], *(pytest.param(cls, marks=pytest.mark.slow) for cls in OTHERS)]
)
def test_every_way_in_jax_computes_the_same(cls):
    """What is timed is compared each time, for every rule: here for one of a few families."""
    with jax.numpy_dtype_promotion("standard"):  # references mix counts and numbers
        assert REFERENCE in compiled.calls_of(case_at(cls, "small"))


def test_every_peer_is_that_of_a_rule(eager):
    names = {cls.__name__ for cls in CLASSES}
    for table in (idioms.TABLE, eager.hips.TABLE, eager.pytorch.TABLE):
        assert table.keys() <= names


def test_a_peer_that_computes_something_else_is_found(eager, monkeypatch):
    monkeypatch.setitem(eager.hips.TABLE, "Twice", lambda x, w: 3 * x + 0 * w)
    with pytest.raises(AssertionError, match=r"HIPS autograd of Twice.* is off by"):
        eager.calls_of(case_at(Twice, "small"))


def test_a_rule_that_no_table_knows_is_measured_at_sizes_of_its_derivation(eager):
    shapes = [case_at(Twice, scale).inputs[0].shape for scale in scales_of(Twice)]
    assert shapes == [(16, 12), (512, 384), (2048, 1024)]
    small = case_at(Twice, "small")
    assert list(eager.calls_of(small)) == list(compiled.calls_of(small)) == [HAND]


def test_a_rule_without_peers_has_dashes_in_every_table(eager, monkeypatch, capsys):
    monkeypatch.setattr(harness, "SECONDS", 0.0)
    for module, columns in ((eager, 6), (compiled, 6), (residuals, 3)):
        monkeypatch.setattr(module, "chosen", lambda: [Twice])
        module.main()
        (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Twice")]
        assert row.split().count("–") == columns


def test_the_nets_and_their_peers_have_the_same_gradients(eager):
    from tests.benchmarks import nets

    for net_of, losses in nets.NETS.items():
        assert len(nets.calls_of(net_of(), losses, "float64")) == 4


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
