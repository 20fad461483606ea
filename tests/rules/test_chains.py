"""Facts of chains of states, among them the sum over all sequences, one by one."""

import itertools

import numpy as np
import pytest

from handgrad import HMMForward, LinearChainCRF, SoftmaxCrossEntropyWithLabels
from tests.rules.running import assert_close, gradients, normals, value

T, N, K = 5, 4, 3
LENGTHS = np.array([5, 3, 1, 0])
TAGS = np.random.default_rng(7).integers(K, size=(T, N))


def chain(seed=1):
    """x, A, a and b of a chain that is scored."""
    return normals(seed, (T, N, K), (K, K), (K,), (K,))


def markov(seed=1):
    """x, A and π of a hidden Markov model."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(T, N, K)), rng.dirichlet(np.ones(K), K), rng.dirichlet(np.ones(K))


def over_all(i, n, *parameters):
    """log Σ e^score over all tags of row i, and the expected numbers of each entry that is used.

    That is the gradient: a score is the sum of its entries of x, A, a and b.
    """
    tags = np.array(list(itertools.product(range(K), repeat=int(n))))
    used = [entries(i, row, *parameters) for row in tags]
    totals = [sum(np.sum(p * u) for p, u in zip(parameters, us, strict=True)) for us in used]
    whole = np.logaddexp.reduce(totals)
    weights = np.exp(np.array(totals) - whole)
    return whole, [np.tensordot(weights, np.stack(us), 1) for us in zip(*used, strict=True)]


def entries(i, tags, *parameters):
    """How often the score of row i uses each number of x, A, a and b."""
    x, A, a, b = (np.zeros_like(p) for p in parameters)
    np.add.at(x, (np.arange(len(tags)), i, tags), 1)
    np.add.at(A, (tags[:-1], tags[1:]), 1)
    a[tags[0]] = b[tags[-1]] = 1
    return x, A, a, b


def test_a_crf_is_the_sum_over_all_tags():
    parameters, (dl,) = chain(), normals(2, (N,))
    rule = LinearChainCRF("none")
    x, *rest = parameters
    losses = value(rule, x, TAGS, LENGTHS, *rest)
    expected = [np.zeros_like(p) for p in parameters]
    for i, n in enumerate(LENGTHS[:3]):
        whole, means = over_all(i, n, *parameters)
        seen = entries(i, TAGS[:n, i], *parameters)
        score = sum(np.sum(p * u) for p, u in zip(parameters, seen, strict=True))
        assert_close(losses[i], whole - score)
        row = [dl[i] * (mean - u) for mean, u in zip(means, seen, strict=True)]
        expected = [total + d for total, d in zip(expected, row, strict=True)]
    assert losses[3] == 0  # no steps
    dx, dtags, dn, *grads = gradients(rule, x, TAGS, LENGTHS, *rest, dy=dl)
    assert dtags is None
    assert dn is None
    for mine, theirs in zip((dx, *grads), expected, strict=True):
        assert_close(mine, theirs)


def test_a_hidden_markov_model_is_the_sum_over_all_states():
    (x, A, pi), (dy,) = markov(), normals(2, (N,))
    y = value(HMMForward(), x, LENGTHS, A, pi)
    expected = [np.zeros_like(p) for p in (x, A, pi)]
    for i, n in enumerate(LENGTHS[:3]):
        whole, means = over_all(i, n, x, np.log(A), np.log(pi), np.zeros(K))
        assert_close(y[i], whole)
        row = [dy[i] * mean / p for mean, p in zip(means[:3], (1, A, pi), strict=True)]
        expected = [total + d for total, d in zip(expected, row, strict=True)]
    assert y[3] == 0
    dx, dn, *grads = gradients(HMMForward(), x, LENGTHS, A, pi, dy=dy)
    assert dn is None
    for mine, theirs in zip((dx, *grads), expected, strict=True):
        assert_close(mine, theirs)


def test_the_sum_over_all_tags_is_a_hidden_markov_model_of_their_exponentials():
    x, A, pi = markov(3)
    zeros, whole = np.zeros(K), np.full(N, T)
    tags = [x[:, i][np.arange(T), TAGS[:, i]].sum() for i in range(N)]
    moves = [np.log(A)[TAGS[:-1, i], TAGS[1:, i]].sum() + np.log(pi)[TAGS[0, i]] for i in range(N)]
    losses = value(LinearChainCRF("none"), x, TAGS, whole, np.log(A), np.log(pi), zeros)
    assert_close(losses + tags + moves, value(HMMForward(), x, whole, A, pi))


def test_tags_that_do_not_care_for_their_neighbours_are_classified_one_by_one():
    x, A, a, _ = chain(4)
    zeros = 0 * A, 0 * a, 0 * a
    cross_entropy = SoftmaxCrossEntropyWithLabels("sum")
    whole = np.full(N, T)
    assert_close(
        value(LinearChainCRF("sum"), x, TAGS, whole, *zeros), value(cross_entropy, x, TAGS)
    )
    dx, *_ = gradients(LinearChainCRF("sum"), x, TAGS, whole, *zeros, dy=0.7)
    assert_close(dx, gradients(cross_entropy, x, TAGS, dy=0.7)[0])


def test_expected_states_and_moves_are_as_many_as_there_are():
    (x, A, pi), (dy,) = markov(5), normals(6, (N,))
    dx, _, dA, d_pi = gradients(HMMForward(), x, LENGTHS, A, pi, dy=dy)
    assert_close(np.sum(dx, axis=(0, 2)), dy * LENGTHS)
    assert_close(np.sum(A * dA), np.sum(dy * np.maximum(LENGTHS - 1, 0)))
    assert_close(np.sum(pi * d_pi), np.sum(dy[LENGTHS > 0]))


def test_moves_that_may_not_be_have_no_share_and_no_nan():
    x, A, a, b = chain(8)
    A[0, 1] = a[2] = -np.inf
    tags = np.zeros((T, N), int)
    rule = LinearChainCRF()
    far = [np.where(np.isinf(p), -1e4, p) for p in (A, a, b)]
    grads = gradients(rule, x, tags, LENGTHS, A, a, b, dy=0.7)
    expected = gradients(rule, x, tags, LENGTHS, *far, dy=0.7)
    assert grads[3][0, 1] == 0
    for mine, theirs in zip(grads, expected, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert_close(mine, theirs)


def test_a_move_of_probability_0_has_the_gradient_of_the_limit():
    x, A, pi = markov(9)
    A[1] = [0, 0.5, 0.5]
    (dy,) = normals(10, (N,))
    exact = gradients(HMMForward(), x, LENGTHS, A, pi, dy=dy)[2]
    A[1, 0] = 1e-300
    assert exact[1, 0] != 0
    assert_close(exact, gradients(HMMForward(), x, LENGTHS, A, pi, dy=dy)[2])


def test_what_cannot_be_observed_is_minus_infinity_without_a_gradient():
    x, A, pi = markov(11)
    x[2, 0] = -np.inf
    (dy,) = normals(12, (N,))
    y = value(HMMForward(), x, LENGTHS, A, pi)
    assert np.array_equal(np.isfinite(y), [False, True, True, True])
    dx, _, dA, d_pi = gradients(HMMForward(), x, LENGTHS, A, pi, dy=dy)
    others = gradients(HMMForward(), x[:, 1:], LENGTHS[1:], A, pi, dy=dy[1:])
    assert not dx[:, 0].any()
    assert_close(dA, others[2])
    assert_close(d_pi, others[3])


@pytest.mark.parametrize("rule", [LinearChainCRF("none"), HMMForward()], ids=repr)
def test_nothing_comes_from_padding(rule):
    crf = isinstance(rule, LinearChainCRF)
    x, *rest = chain(13) if crf else markov(13)
    (dy,) = normals(14, (N,))
    padding = np.arange(T)[:, None] >= LENGTHS
    other, tags = x.copy(), TAGS.copy()
    other[padding], tags[padding] = np.nan, -100
    expected = gradients(rule, x, *((TAGS,) if crf else ()), LENGTHS, *rest, dy=dy)
    actual = gradients(rule, other, *((tags,) if crf else ()), LENGTHS, *rest, dy=dy)
    assert not actual[0][padding].any()
    for mine, theirs in zip(actual, expected, strict=True):
        assert mine is theirs is None or np.array_equal(mine, theirs)


def test_long_chains_underflow_nowhere_in_float32():
    rng = np.random.default_rng(15)
    x = np.float32(rng.normal(size=(3000, 1, K)) - 50)
    _, A, pi = markov(16)
    n, tags = np.array([3000]), rng.integers(K, size=(3000, 1))
    for rule, inputs in (
        (HMMForward(), (n, np.float32(A), np.float32(pi))),
        (LinearChainCRF("none"), (tags, n, *(np.float32(np.log(p)) for p in (A, pi, pi)))),
    ):
        y, (dx, *_) = (
            value(rule, x, *inputs),
            gradients(rule, x, *inputs, dy=np.ones(1, np.float32)),
        )
        assert np.all(np.isfinite(y))
        assert np.all(np.isfinite(dx))
        assert dx.any()
