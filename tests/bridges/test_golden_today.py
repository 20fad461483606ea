"""Golden vectors of an earlier day, held against today's rules."""

from dataclasses import replace

import numpy as np
import pytest

from handgrad import rules
from handgrad.bridges import golden
from handgrad.judge.verdict import Status
from tests.rules_and_cases import RULES

SOFTMAX = "Softmax/0/float32/gradient/dx"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    path = tmp_path_factory.mktemp("golden") / "earlier.npz"
    return golden.export([rules.Softmax(), rules.BatchNorm(eps=0.1)], path)


def wrong(vectors):
    return [comparison for comparison in golden.check(vectors) if not comparison]


def test_every_rule_gives_what_it_gave(everything):
    comparisons = list(golden.check(everything))
    assert all(comparisons)
    assert {c.entry.rule for c in comparisons} == {type(rule).__name__ for rule in RULES}
    assert sum(c.numbers for c in comparisons) > 10_000


def test_a_gradient_that_has_changed_is_named_with_its_first_wrong_index(earlier, monkeypatch):
    right = rules.Softmax.backward

    def changed(self, residuals, dy):
        (dx,) = right(self, residuals, dy)
        dx = dx.copy()
        dx.flat[1:] += 1e-12 * np.abs(dx).flat[1:]
        return (dx,)

    monkeypatch.setattr(rules.Softmax, "backward", changed)
    findings = wrong(earlier)
    assert {c.name.rpartition("/")[2] for c in findings} == {"dx"}
    first = next(c for c in findings if c.name == SOFTMAX)
    assert first.status is Status.WRONG
    assert str(first).startswith(f"WRONG: Softmax(axis=-1), distinct sizes, float32: {SOFTMAX} is ")
    assert "noise units at [0, 1]: it is" in str(first)


def summing_backwards(rule, x, gamma, beta):
    """BatchNorm's forward, summing from the last row to the first."""
    mean = np.cumsum(x[::-1], axis=0)[-1] / len(x)
    c = x - mean
    var = np.cumsum((c * c)[::-1], axis=0)[-1] / len(x)
    inv_s = 1 / np.sqrt(var + rule.eps)
    return (gamma * (c * inv_s) + beta, mean, var), (c * inv_s, inv_s, gamma)


def test_another_order_of_summation_is_no_change(earlier, monkeypatch):
    monkeypatch.setattr(rules.BatchNorm, "forward", summing_backwards)
    assert not wrong(earlier)
    assert 0 < max(c.off_by for c in golden.check(earlier)) < 8


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda g: (g[0].astype(np.float32),), "is float32, and must be float64"),
        (lambda g: (g[0][:1],), "has the shape (1, "),
        (lambda _: (None,), "is not there: the rule gives none today"),
        (lambda g: (*g, g[0]), "gradient 1 is new: the rule gives one of the shape ("),
        (lambda g: (g[0] * np.nan,), "is off by inf noise units at [0, 0]: it is nan, and "),
        (lambda g: g[3], "raises IndexError today: tuple index out of range"),
    ],
)
def test_what_a_rule_gives_otherwise_today_is_said(earlier, monkeypatch, change, sentence):
    right = rules.Softmax.backward
    monkeypatch.setattr(rules.Softmax, "backward", lambda *given: change(right(*given)))
    findings = wrong(earlier)
    assert {c.entry.rule for c in findings} == {"Softmax"}
    assert {c.status for c in findings} == {Status.WRONG}
    assert any(sentence in str(c) for c in findings)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rule": "Softmin"}, "Softmin(axis=-1), sizes 1, float32: the rule is not in the catalog"),
        ({"options": {"dim": 1}}, "Softmax(dim=1), sizes 1, float32: the rule has other options"),
    ],
)
def test_a_rule_that_is_gone_or_has_other_options_is_said_in_a_sentence(earlier, change, sentence):
    entries = tuple(replace(entry, **change) for entry in earlier.manifest.entries[:8])
    findings = wrong(replace(earlier, manifest=replace(earlier.manifest, entries=entries)))
    assert len(findings) == len(entries)
    assert any(sentence in str(c) and str(c).count("\n") == 0 for c in findings)
