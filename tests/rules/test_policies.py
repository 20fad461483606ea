"""Facts of policy losses: what is clipped, what a token weighs, and which divergence is meant."""

import numpy as np
import pytest

from handgrad import GRPO, PPOClip
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

MASK = np.array([[True, True, True, False], [True, False, False, False], [True] * 4])


def drawn(seed):
    """p, q, p0 near each other, and A: three answers of four places."""
    p, q, p0, A = normals(seed, (3, 4), (3, 4), (3, 4), (3,))
    return p - 2, p - 2 + 0.3 * q, p - 2 + 0.5 * p0, A


def test_a_ratio_is_held_where_it_went_too_far_in_the_direction_of_its_reward():
    r = np.array([[0.5, 1.0, 1.5]] * 2)
    A = np.array([[2.0] * 3, [-2.0] * 3])
    mask = np.ones((2, 3), bool)
    dp, *rest = gradients(PPOClip(), np.log(r), np.zeros((2, 3)), A, mask, dy=6.0)
    assert_close(dp, [[-1, -2, 0], [0, 2, 3]])
    assert rest == [None] * 3
    expected = -np.array([[1, 2, 2.4], [-1.6, -2, -3]])
    assert_close(value(PPOClip(), np.log(r), np.zeros((2, 3)), A, mask), np.mean(expected))


def test_the_bounds_are_open_and_may_differ():
    rule = PPOClip(eps_low=0.5, eps_high=1.0)
    r, q, mask = np.array([[0.5, 2.0]]), np.zeros((1, 2)), np.ones((1, 2), bool)
    for A in (3.0, -3.0):
        dp, *_ = gradients(rule, np.log(r), q, np.full((1, 2), A), mask, dy=2.0)
        assert_close(dp, -A * r)
    dp, *_ = gradients(PPOClip(), np.log(r), q, np.full((1, 2), 3.0), mask, dy=2.0)
    assert dp[0, 1] == 0


def test_the_first_step_of_a_policy_is_the_plain_policy_gradient():
    p, _, _, A = drawn(1)
    A = np.broadcast_to(A[:, None], (3, 4))
    dp, *_ = gradients(PPOClip(), p, p, A, MASK, dy=1.7)
    assert_close(dp, -1.7 * np.where(MASK, A, 0) / 8)


def test_the_normalizer_says_what_a_token_weighs():
    p, q, p0, _ = drawn(2)
    count = MASK.sum(axis=1, keepdims=True)
    shares = {"sequence": 1 / (3 * count), "token": 1 / 8, "constant": 1 / 12}
    for normalizer, share in shares.items():
        rule = GRPO(normalizer, beta=0.0, eps_low=0.99, eps_high=9.0)
        dp, *rest = gradients(rule, p, q, p0, np.ones(3), MASK, dy=1.7)
        assert_close(dp, np.where(MASK, -1.7 * share * np.exp(p - q), 0))
        assert rest == [None] * 4


def test_an_answer_without_tokens_has_no_part_and_its_padding_may_hold_anything():
    p, q, p0, A = drawn(3)
    mask = MASK & np.array([[True], [False], [True]])
    for normalizer in ("sequence", "token", "constant"):
        rule = GRPO(normalizer)
        junk = (1000.0, 0.0, np.nan)  # of which the ratio would overflow
        dirty = [np.where(mask, x, other) for x, other in zip((p, q, p0), junk, strict=True)]
        dp, *_ = gradients(rule, *dirty, A, mask, dy=1.7)
        assert_close(dp, gradients(rule, p, q, p0, A, mask, dy=1.7)[0])
        assert not dp[~mask].any()
        none = np.zeros((3, 4), bool)
        assert value(rule, p, q, p0, A, none) == 0
        assert not gradients(rule, p, q, p0, A, none, dy=1.7)[0].any()
        assert not gradients(PPOClip(), p, q, p0, none, dy=1.7)[0].any()


def policies(seed):
    """Two policies over 6 answers of one token, by their log-probabilities."""
    for z in normals(seed, (6,), (6,)):
        yield z - np.log(np.sum(np.exp(z)))


def mean_over_the_policy(kl):
    """Σ π k, and Σ π ∇k by the logits of π."""
    p, p0 = policies(4)
    pi, column, mask = np.exp(p), (6, 1), np.ones((6, 1), bool)
    rule = GRPO("constant", kl, beta=6.0)
    held = (p.reshape(column), p0.reshape(column), np.zeros(6), mask)
    rows = [value(rule, *(x[i : i + 1] for x in (p.reshape(column), *held))) for i in range(6)]
    dp, *_ = gradients(rule, p.reshape(column), *held, dy=1.0)
    moved = pi * dp[:, 0]
    return pi @ np.array(rows) / 6, moved - pi * np.sum(moved)


def divergence(a, b):
    """KL of two policies, and its gradients by the logits of each."""
    first, second = np.exp(a), np.exp(b)
    kl = first @ (a - b)
    return kl, first * (a - b - kl), second - first


def test_each_estimator_of_the_distance_has_the_mean_that_its_gradient_says():
    p, p0 = policies(4)
    kl, d_kl, _ = divergence(p, p0)
    _, _, d_reverse = divergence(p0, p)
    for kind, slope in (("k1", np.zeros(6)), ("k2", d_kl), ("k3", d_reverse)):
        mean, d_mean = mean_over_the_policy(kind)
        assert np.max(np.abs(d_mean - slope)) < 1e-15
        assert (abs(mean - kl) < 1e-15) == (kind != "k2")


def test_the_distance_keeps_its_digits_near_the_reference():
    p, mask = np.zeros((1, 1)), np.ones((1, 1), bool)
    d = np.full((1, 1), 1e-5)
    dp, *_ = gradients(GRPO(beta=1.0), p, p, d, np.zeros(1), mask, dy=1.0)
    assert_close(dp, [[-1.000005000016667e-5]], 1e-14)


@pytest.mark.parametrize("kl", ["k1", "k2", "k3"])
def test_torch_has_the_same_loss(kl):
    p, q, p0, A = drawn(5)

    def grpo(f):
        return lambda p, q, p0, A, m: loss(p, q.detach(), p0.detach(), A.detach()[:, None], m)

    def loss(p, q, p0, A, m):
        r, d = (p - q).exp(), p0 - p
        k = {"k1": -d, "k2": d * d / 2, "k3": d.exp() - d - 1}[kl]
        tokens = 0.1 * k - (r * A).minimum(r.clamp(0.8, 1.2) * A)
        return ((tokens * m).sum(-1) / m.sum(-1)).mean()

    assert_like_torch(GRPO(kl=kl, beta=0.1), grpo, p, q, p0, A, MASK)
