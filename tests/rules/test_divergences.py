"""Facts of divergences: 0 for what is equal, and finite or not where a class is ruled out."""

import numpy as np
import pytest

from handgrad import (
    VAEKL,
    JensenShannon,
    KLDivergence,
    ReverseKL,
    SoftmaxCrossEntropy,
    TotalVariation,
)
from tests.rules.running import assert_close, gradients, normals, value

EQUAL = np.array([[0.2, 0.3, 0.5]])
OF_LOGITS = [KLDivergence("sum"), ReverseKL("sum"), JensenShannon("sum", beta=0.3)]


def probabilities(x):
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)


@pytest.mark.parametrize("rule", OF_LOGITS, ids=repr)
def test_equal_distributions_do_not_diverge_and_others_do(rule):
    x, other = normals(1, (1, 3), (1, 3))
    assert abs(value(rule, np.log(EQUAL), EQUAL)) < 1e-15
    assert np.max(np.abs(gradients(rule, np.log(EQUAL), EQUAL, dy=1.7)[0])) < 1e-15
    assert value(rule, x, probabilities(other)) > 0.01


def test_kl_has_the_logits_gradient_of_cross_entropy():
    x, other, dy = normals(2, (4, 3), (4, 3), ())
    t = probabilities(other)
    dx, _ = gradients(KLDivergence(), x, t, dy=dy)
    assert_close(dx, gradients(SoftmaxCrossEntropy(), x, t, dy=dy)[0])


def test_reverse_kl_is_kl_with_the_roles_exchanged():
    x, other = normals(3, (4, 3), (4, 3))
    t, p = probabilities(other), probabilities(x)
    assert_close(value(ReverseKL("none"), x, t), value(KLDivergence("none"), other, p))


def test_jensen_shannon_is_symmetric_and_at_most_log_2():
    x, other = normals(4, (4, 3), (4, 3))
    there = value(JensenShannon("none"), x, probabilities(other))
    assert_close(there, value(JensenShannon("none"), other, probabilities(x)))
    assert np.all(there < np.log(2))
    apart = np.array([[0.0, -np.inf]]), np.array([[0.0, 1.0]])
    assert_close(value(JensenShannon("sum"), *apart), np.log(2))
    dx, dt = gradients(JensenShannon("sum"), *apart, dy=1.7)
    assert np.array_equal(dx, [[0, 0]])
    assert np.all(np.isfinite(dt))


def test_a_target_of_0_adds_nothing_and_moves_by_minus_log_p():
    x, t = np.log(EQUAL), np.array([[0.0, 0.4, 0.6]])
    expected = 0.4 * np.log(0.4 / 0.3) + 0.6 * np.log(0.6 / 0.5)
    assert_close(value(KLDivergence("sum"), x, t), expected)
    _, dt = gradients(KLDivergence("sum"), x, t, dy=1.7)
    assert_close(dt[0, 0], -1.7 * np.log(0.2))


def test_a_class_that_only_p_has_is_infinitely_far_in_reverse():
    x, t = np.log(EQUAL), np.array([[0.0, 0.4, 0.6]])
    assert value(ReverseKL("sum"), x, t) == np.inf
    x = np.array([[-np.inf, 0.1, 0.2]])
    assert np.isfinite(value(ReverseKL("sum"), x, t))
    assert np.all(np.isfinite(gradients(ReverseKL("sum"), x, t, dy=1.7)[0]))


def test_logits_that_move_together_change_nothing():
    x, other, dy = normals(5, (4, 3), (4, 3), (4,))
    t = probabilities(other)
    for rule in (KLDivergence("none"), ReverseKL("none"), JensenShannon("none")):
        dx, _ = gradients(rule, x, t, dy=dy)
        assert np.max(np.abs(np.sum(dx, axis=-1))) < 1e-15


def test_the_total_variation_is_the_largest_difference_of_any_event():
    p, t = np.array([[0.5, 0.2, 0.3]]), np.array([[0.1, 0.6, 0.3]])
    assert_close(value(TotalVariation(), p, t), 0.4)
    assert_close(gradients(TotalVariation(), p, t, dy=1.7)[0], 0.85 * np.array([[1, -1, 0]]))


def test_the_standard_normal_distribution_costs_nothing_and_keeps_digits_near_it():
    mean, s = np.zeros((1, 2), np.float32), np.array([[0.0, 1e-6]], np.float32)
    assert value(VAEKL(), mean, 0 * s) == 0
    _, ds = gradients(VAEKL(), mean, s, dy=np.float32(2))
    assert_close(ds, np.array([[0, 1e-6]], np.float32), 1e-6)


def test_a_mean_costs_half_its_square_and_a_variance_what_it_differs_from_1():
    mean, s = np.array([[2.0], [0.0]]), np.array([[0.0], [np.log(4)]])
    assert_close(value(VAEKL("none"), mean, s), np.array([2.0, (4 - 1 - np.log(4)) / 2]))


def test_jensen_shannon_moves_both_sides_alike():
    x, other, dy = normals(6, (4, 3), (4, 3), (4,))
    p, t = probabilities(x), probabilities(other)
    _, dt = gradients(JensenShannon("none"), x, t, dy=dy)
    through_softmax = t * (dt - np.sum(dt * t, axis=-1, keepdims=True))
    assert_close(through_softmax, gradients(JensenShannon("none"), other, p, dy=dy)[0])
