"""Mutants that nobody chose: the judge must reject each, and its words must be true of it."""

import pytest

from handgrad.rules import L1, Prod
from tests.judge.drawn import CAUGHT, drawn, of_rule


def passed(count, seed, *, alone=False):
    """The mutants that the judge does not reject."""
    found = drawn(count, seed)
    return [str(m) for m in found if m.judged(seed, alone=alone).status not in CAUGHT]


def test_a_few_mutants_are_rejected():
    assert passed(20, 0) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("alone", [False, True], ids=["as its rule", "with no reference"])
def test_mutants_of_all_rules_are_rejected(seed, alone):
    assert passed(400, seed, alone=alone) == []


def mutant_of(rule, change):
    (found,) = [mutant for mutant in of_rule(rule) if mutant.change == change]
    return found


def test_one_large_number_is_not_taken_for_a_moving_average():
    mutant = mutant_of(Prod(), "xp.flip(factors, axis=axis)  ->  factors")
    assert "state" not in mutant.judged(1).diagnosis


def test_an_upstream_gradient_that_is_ignored_is_not_called_clipped():
    mutant = mutant_of(L1(), "of_each(dy, sign.shape, self.reduction) * sign  ->  sign")
    verdict = mutant.judged(1)
    assert verdict.diagnosis.startswith("the upstream gradient is ignored: it is taken as")
    assert str(verdict).count("CONTRACT, sums pass through") == 2  # and then how many more
    assert "more of: sums pass through" in str(verdict)
