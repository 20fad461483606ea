"""The convention table: what docstrings promise of kinks is what was measured there."""

import math

import numpy as np
import pytest

from handgrad.comparison import conventions
from handgrad.comparison.conventions import Outcome, measured, shown
from handgrad.comparison.special_points import CASES, Case
from handgrad.comparison.written import run
from handgrad.rules import catalog

PROMISED = [
    ("ReLU()", 0.0),
    ("Abs()", 0.0),
    ("Norm()", (0.0, 0.0)),
    ("Norm(1)", (0.0, 1.0)),
    ("Std()", (0.0, 0.0)),
    ("Max()", (0.5, 0.5)),
    ("LogSumExp()", (0.0, 0.0)),
    ("L1()", 0.0),
    ("Huber()", 1.0),
    ("SmoothL1()", 1.0),
    ("QuantileLoss(q=0.9)", 0.0),
    ("GaussianNLL(eps=0.1)", 0.0),
    ("CrossEntropy()", ((0.0, -1.0),)),
    ("NLL()", ((0.0, 0.0),)),
    ("WeightedCrossEntropy()", ((0.0, 0.0),)),
    ("Hinge()", (0.0,)),
    ("MarginRanking()", (0.0,)),
    ("MulticlassHinge()", ((0.0, 0.0),)),
    ("CosineSimilarity()", ((0.0, 0.0),)),
    ("CosineEmbedding()", ((0.0, 0.0),)),
    ("ContrastiveLoss()", ((0.0, 0.0),)),
    ("KLDivergence()", ((math.log(2), math.log(2) + 1),)),
    ("TotalVariation()", ((0.0, 0.0),)),
    ("Dice(smooth=0.0)", ((0.0, 0.0),)),
    ("Tversky(smooth=0.0)", ((0.0, 0.0),)),
    ("L1Penalty(1.0)", (0.0, 0.0)),
]
OF_OTHERS = [
    ("L1()", 1, 1.0),
    ("L1()", 2, 0.0),
    ("Norm(1)", 1, (1.0, 1.0)),
    ("Norm()", 1, (math.nan, math.nan)),
    ("GaussianNLL(eps=0.1)", 2, -7.5),
    ("MarginRanking()", 2, (-1.0,)),
    ("KLDivergence()", 1, ((math.nan, math.log(2) + 1),)),
    ("KLDivergence()", 2, ((math.nan, math.log(2) + 1),)),
    ("BinaryCrossEntropy()", 2, 0.0),
]


def first(rule):
    return next(case for case in CASES if case.rule == rule)


@pytest.mark.parametrize(("rule", "gradient"), PROMISED)
def test_our_gradient_is_what_the_docstring_promises(rule, gradient):
    (row,) = measured([Case(rule, (case := first(rule)).at, by=case.by)])
    np.testing.assert_allclose(row.outcomes[0].gradient, gradient, atol=1e-15)


@pytest.mark.parametrize(("rule", "library", "gradient"), OF_OTHERS)
def test_others_do_what_our_docstrings_say_of_them(rule, library, gradient):
    if library == 2:
        pytest.importorskip("torch", reason="torch is an extra")
    (row,) = measured([first(rule)])
    np.testing.assert_allclose(row.outcomes[library].gradient, gradient)


def test_every_case_is_of_a_rule_of_the_catalog_and_its_gradient_has_the_shape_of_its_input():
    classes = {cls.__name__ for family in catalog.families().values() for cls in family}
    alone = [Case(case.rule, case.at, by=case.by) for case in CASES]
    for row in measured(alone):
        assert row.case.rule.partition("(")[0] in classes
        assert row.outcomes[0].gradient.shape == np.shape(row.case.at[row.case.by])


def test_without_torch_its_column_says_so(monkeypatch):
    monkeypatch.setattr(conventions, "find_spec", lambda name: None)
    (row,) = measured([Case("Square()", {"x": 3.0}, torch="x**2")])
    assert [str(outcome) for outcome in row.outcomes] == ["9; 6", "–", "not installed"]


def test_outcomes_agree_where_both_are_nan_or_one_is_missing():
    nan, one = Outcome(1.0, math.nan), Outcome(1.0, 1.0)
    assert nan.agrees(nan)
    assert not nan.agrees(one)
    assert one.agrees(Outcome(missing="–"))
    assert not one.agrees(Outcome(1.0, 1.0 + 1e-6))


def test_numbers_are_shown_as_they_are_read():
    assert shown(np.array([[-0.0, -math.inf, math.nan, 1 / 3]])) == "(0, −∞, NaN, 0.3333)"
    assert shown(np.array([[1e12]])) == "1e+12"


def test_code_is_names_calls_and_numbers():
    assert run("-f(a, k=2)**2 / b[0] + (1 != 2)", {"f": max_of, "a": 3, "b": (9,)}) == 0
    for code in ("[x for x in a]", "lambda: 1", "f'{a}'"):
        with pytest.raises(ValueError, match="is more than names, calls and numbers"):
            run(code, {"a": 3})


def max_of(a, k):
    return max(a, k)
