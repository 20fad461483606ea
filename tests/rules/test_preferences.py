"""Facts of preference losses: pairs and answers, lengths, odds, and what is held constant."""

import numpy as np
import pytest

from handgrad import DPO, KTO, ORPO, SigmoidCrossEntropy, SimPO, verify
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value


def drawn(seed, n=5):
    """Log-probabilities of n pairs, under the model and under the reference."""
    a, b, a0, b0 = normals(seed, (n,), (n,), (n,), (n,))
    return 3 * a - 20, 3 * b - 21, 3 * a0 - 20, 3 * b0 - 21


def test_dpo_is_a_logistic_regression_on_the_gain_over_the_reference():
    a, b, a0, b0 = drawn(1)
    (dy,) = normals(2, ())
    u = 0.3 * ((a - b) - (a0 - b0))
    ones = np.ones(5)
    assert_close(value(DPO(beta=0.3), a, b, a0, b0), value(SigmoidCrossEntropy("sum"), u, ones) / 5)
    du, _ = gradients(SigmoidCrossEntropy("sum"), u, ones, dy=dy / 5)
    da, db, *reference = gradients(DPO(beta=0.3), a, b, a0, b0, dy=dy)
    assert_close(da, 0.3 * du)
    assert_close(db, -0.3 * du)
    assert reference == [None, None]


def test_half_of_the_labels_wrong_teaches_a_tie():
    a, b, a0, b0 = drawn(3)
    rule = DPO("none", label_smoothing=0.5)
    da, *_ = gradients(rule, a, b, a - 1.5, b - 1.5, dy=np.ones(5))
    assert np.max(np.abs(da)) < 1e-16
    da, *_ = gradients(rule, a, b, a0, b0, dy=np.full(5, 0.7))
    assert np.array_equal(np.sign(da), np.sign((a - b) - (a0 - b0)))


def test_a_pair_that_is_told_apart_for_sure_costs_its_distance_or_nothing():
    a, b, zero = np.array([0.0, -1e6]), np.array([-1e6, 0.0]), np.zeros(2)
    assert_close(value(DPO("none", beta=0.5), a, b, zero, zero), [0, 5e5])
    da, *_ = gradients(DPO("none", beta=0.5), a, b, zero, zero, dy=np.array([3.0, 3.0]))
    assert_close(da, [0, -1.5])


def test_simpo_gives_a_token_of_a_long_answer_less():
    a, b, *_ = drawn(4)
    n, k = np.array([3, 10, 4, 7, 1]), np.array([2, 5, 9, 1, 6])
    da, db, *lengths = gradients(SimPO("sum"), a, b, n, k, dy=1.7)
    assert_close(da * n, -db * k)
    assert lengths == [None, None]
    longer, *_ = gradients(SimPO("sum"), 10 * a, b, 10 * n, k, dy=1.7)
    assert_close(longer, da / 10)
    zero = np.zeros(5)
    plain = value(DPO(beta=2.0), a / n - 0.5, b / k, zero, zero)
    assert_close(value(SimPO(), a, b, n, k), plain)


def test_orpo_weighs_the_answer_itself_and_the_odds():
    a, b = -np.exp(np.stack(normals(5, (6,), (6,))))
    da, db = gradients(ORPO("sum", weight=0.0), a, b, dy=1.7)
    assert_close(da, np.full(6, -1.7))
    assert not db.any()
    odds = np.exp(a) / (1 - np.exp(a)) / (np.exp(b) / (1 - np.exp(b)))
    assert_close(value(ORPO("none"), a, b), -a + 0.1 * np.log1p(1 / odds))
    da, db = gradients(ORPO("sum"), a, b, dy=1.7)
    share = 0.17 / (1 + odds)
    assert_close(db, share / (1 - np.exp(b)))
    assert_close(da, -1.7 - share / (1 - np.exp(a)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_odds_of_what_is_nearly_certain_or_nearly_never_keep_their_digits(dtype):
    a = np.array([-1e-6, -60.0], dtype)
    b = np.array([-0.5, -0.5], dtype)
    da, _ = gradients(ORPO("none", weight=1.0), a, b, dy=np.array([1, 1], dtype))
    A, B = np.array([-np.log(1e-6) - 5e-7, -60.0]), -0.5 - np.log(1 - np.exp(-0.5))
    assert_close(value(ORPO("none", weight=1.0), a, b), np.log1p(np.exp(B - A)) - a, 1e-6)
    push = 1 / (1 + np.exp(A - B)) / -np.expm1(a.astype(float))
    assert_close(da, -push - 1, 1e-6)


def test_kto_judges_each_answer_by_itself():
    p, p0, k = normals(6, (5,), (5,), (4,))
    like = np.array([True, False, True, True, False])
    rule = KTO("none", beta=0.5, undesirable=1.5)
    z = max(0.0, float(np.mean(k)))
    gain = 1 / (1 + np.exp(-0.5 * (p - p0 - z)))
    assert_close(value(rule, p, p0, like, k), np.where(like, 1 - gain, 1.5 * gain))
    dp, *rest = gradients(rule, p, p0, like, k, dy=np.ones(5) * 0.9)
    assert_close(dp, 0.9 * 0.5 * gain * (1 - gain) * np.where(like, -1, 1.5))
    assert rest == [None, None, None]


def test_the_point_from_which_kto_counts_is_never_below_the_reference():
    p, p0 = normals(7, (5,), (5,))
    like = np.array([True, False, True, True, False])
    below, at = (value(KTO(), p, p0, like, np.full(3, k)) for k in (-2.0, 0.0))
    assert below == at
    assert value(KTO(), p, p0, like, np.full(3, 2.0)) != at


def test_what_is_held_constant_must_have_no_gradient():
    class Trained(DPO):
        def backward(self, residuals, dy):
            da, db, _, _ = super().backward(residuals, dy)
            return da, db, -da, -db

    Trained.__doc__ = DPO.__doc__
    verdict = verify(Trained())
    assert "a0" in str(verdict)
    assert verdict.status == "CONTRACT"


def test_torch_learns_the_same_preferences():
    a, b, a0, b0 = drawn(8)

    def dpo(f):
        return lambda a, b, a0, b0: -f.logsigmoid(0.1 * ((a - a0) - (b - b0))).mean()

    assert_like_torch(DPO(), dpo, a, b, a0, b0)
