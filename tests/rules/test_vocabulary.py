"""Facts of cross-entropy over a vocabulary: chunks, tokens that count, shards, and what is kept."""

import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import (
    CappedCrossEntropy,
    FusedLinearCrossEntropy,
    SoftmaxCrossEntropyWithLabels,
    VocabularyParallelCrossEntropy,
    WeightedCrossEntropy,
)
from handgrad.judge.oracles.jax import registered_reference
from tests.rules.kept import kept_bytes
from tests.rules.running import assert_close, assert_like_torch, by_jax, gradients, normals, value

T = np.array([3, 0, -100, 4, 3, 1, -100])
COUNTS = T != -100
REDUCTIONS = ["none", "sum", "mean"]


def drawn(seed, n=7, d=4, v=5):
    """Rows of tokens, and of words."""
    return normals(seed, (n, d), (v, d))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 50])
def test_chunks_give_the_product_and_the_loss_of_all_tokens(reduction, chunk):
    x, W = drawn(1)
    (dy,) = normals(2, (7,) if reduction == "none" else ())
    rule, plain = FusedLinearCrossEntropy(reduction, chunk=chunk), WeightedCrossEntropy(reduction)
    logits = (x @ W.T, T, np.ones(5))
    assert_close(value(rule, x, W, T), value(plain, *logits))
    da, *_ = gradients(plain, *logits, dy=dy)
    dx, dW, dt = gradients(rule, x, W, T, dy=dy)
    assert_close(dx, da @ W)
    assert_close(dW, da.T @ x)
    assert dt is None


@pytest.mark.parametrize("chunk", [2, 50])
def test_logits_may_be_scaled_capped_and_kept_from_drifting(chunk):
    x, W = drawn(3)
    (dy,) = normals(4, ())
    rule = FusedLinearCrossEntropy(scale=0.7, softcap=1.5, z_loss=0.2, chunk=chunk)
    plain = CappedCrossEntropy(z_loss=0.2, softcap=1.5)
    a = 0.7 * x @ W.T
    assert_close(value(rule, x, W, T), value(plain, a, T))
    da, _ = gradients(plain, a, T, dy=dy)
    dx, dW, _ = gradients(rule, x, W, T, dy=dy)
    assert_close(dx, 0.7 * da @ W)
    assert_close(dW, 0.7 * da.T @ x)


def test_each_token_has_an_upstream_gradient_of_its_own():
    x, W = drawn(5)
    (dy,) = normals(6, (7,))
    rule = FusedLinearCrossEntropy("none", chunk=3)
    dx, dW, _ = gradients(rule, x, W, T, dy=dy)
    alone = [
        gradients(FusedLinearCrossEntropy("sum"), x[i : i + 1], W, T[i : i + 1], dy=dy[i])
        for i in range(7)
    ]
    assert_close(dx, np.concatenate([dx for dx, *_ in alone]))
    assert_close(dW, sum(dW for _, dW, _ in alone))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ignored_tokens_have_no_part_whatever_they_hold(reduction):
    x, W = drawn(7)
    (dy,) = normals(8, (7,) if reduction == "none" else ())
    rule = FusedLinearCrossEntropy(reduction, chunk=3)
    dirty = np.where(COUNTS[:, None], x, np.inf)
    with np.errstate(invalid="ignore"):
        losses = value(rule, dirty, W, T)
        dx, dW, _ = gradients(rule, dirty, W, T, dy=dy)
    assert_close(losses, value(rule, x, W, T))
    assert not dx[~COUNTS].any()
    for actual, expected in zip((dx, dW), gradients(rule, x, W, T, dy=dy), strict=False):
        assert_close(actual, expected)


def test_the_mean_is_that_of_the_tokens_that_count():
    x, W = drawn(9)
    rule = FusedLinearCrossEntropy(chunk=2)
    assert_close(value(rule, x, W, T), value(rule, x[COUNTS], W, T[COUNTS]))
    dx, dW, _ = gradients(rule, x, W, T, dy=1.7)
    for actual, expected in zip(
        (dx[COUNTS], dW), gradients(rule, x[COUNTS], W, T[COUNTS], dy=1.7), strict=False
    ):
        assert_close(actual, expected)
    none = np.full(7, -100)
    assert value(rule, x, W, none) == 0
    assert not any(d.any() for d in gradients(rule, x, W, none, dy=1.7)[:2])


@pytest.mark.parametrize("rule", [FusedLinearCrossEntropy(), VocabularyParallelCrossEntropy()])
def test_jax_has_no_gradient_either_where_tokens_do_not_count(rule):
    fused = isinstance(rule, FusedLinearCrossEntropy)
    inputs = (*drawn(19), T) if fused else (*normals(20, (2, 7, 3)), T)
    dy, (x, *others) = np.array(-1.7), inputs
    _, (dx,) = by_jax(lambda x: registered_reference(rule)(x, *map(jnp.asarray, others)), [x], dy)
    assert_close(gradients(rule, *inputs, dy=dy)[0], dx)


def test_a_label_that_is_not_a_word_gives_nan_and_spoils_no_other_token():
    x, W = drawn(10)
    t = np.array([3, 5, 0, 1, 2, 4, -1])
    losses = value(FusedLinearCrossEntropy("none"), x, W, t)
    assert np.array_equal(np.isnan(losses), (t < 0) | (t >= 5))
    dx, *_ = gradients(FusedLinearCrossEntropy("none"), x, W, t, dy=np.ones(7))
    assert np.array_equal(np.isnan(dx).all(axis=1), (t < 0) | (t >= 5))


def test_tokens_may_have_two_leading_axes():
    x, W = drawn(11, n=6)
    t = np.array([3, 0, 1, 4, 3, 1])
    rule = FusedLinearCrossEntropy("none", chunk=4)
    (dy,) = normals(12, (6,))
    assert_close(value(rule, x.reshape(2, 3, 4), W, t.reshape(2, 3)).ravel(), value(rule, x, W, t))
    dx, dW, _ = gradients(rule, x.reshape(2, 3, 4), W, t.reshape(2, 3), dy=dy.reshape(2, 3))
    flat = gradients(rule, x, W, t, dy=dy)
    assert_close(dx.reshape(6, 4), flat[0])
    assert_close(dW, flat[1])


@pytest.mark.parametrize("rule", ["fused", "parallel"])
def test_a_sure_token_keeps_the_digits_of_its_gradient(rule):
    x, W, t = np.array([[40.0, 0, 0]]), np.eye(4)[:, :3], np.array([0])
    if rule == "fused":
        dx, *_ = gradients(FusedLinearCrossEntropy(), x, W, t, dy=1.0)
        assert_close(dx, np.exp(-40.0) * np.array([[-3, 1, 1]]))
    else:
        shards = (x @ W.T).reshape(1, 2, 2).swapaxes(0, 1)
        da, _ = gradients(VocabularyParallelCrossEntropy(), shards, t, dy=1.0)
        assert_close(da, np.exp(-40.0) * np.array([[[-3, 1]], [[1, 1]]]))


def test_it_keeps_at_most_a_fifth_of_what_automatic_differentiation_keeps():
    x, W = drawn(13, n=512, d=16, v=256)
    t = np.arange(512) % 256
    (ours, automatic), (beside, _) = kept_bytes(
        FusedLinearCrossEntropy(chunk=64), (x, W, t), (0, 1)
    )
    assert beside == 0
    assert ours == x.nbytes + W.nbytes + t.nbytes <= automatic / 5


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shards", [1, 2, 4])
def test_a_vocabulary_in_shards_has_the_loss_of_the_whole(reduction, shards):
    (x,) = normals(14, (7, 8))
    (dy,) = normals(15, (7,) if reduction == "none" else ())
    t = np.array([3, 0, 7, 4, 3, 1, 6])
    cut = np.stack(np.split(3 * x, shards, axis=-1))
    rule, whole = (
        VocabularyParallelCrossEntropy(reduction),
        SoftmaxCrossEntropyWithLabels(reduction),
    )
    assert_close(value(rule, cut, t), value(whole, 3 * x, t))
    dx, dt = gradients(rule, cut, t, dy=dy)
    assert_close(np.concatenate(list(dx), axis=-1), gradients(whole, 3 * x, t, dy=dy)[0])
    assert dt is None


def test_a_shard_without_the_label_is_pushed_down_everywhere():
    (x,) = normals(16, (3, 2, 4))
    t = np.array([5, 11])
    dx, _ = gradients(VocabularyParallelCrossEntropy("sum"), x, t, dy=1.0)
    holder = t // 4
    for n in range(2):
        assert np.all(dx[np.arange(3) != holder[n], n] > 0)
        assert dx[holder[n], n, t[n] % 4] < 0
    assert np.max(np.abs(np.sum(dx, axis=(0, 2)))) < 1e-15


def test_ignored_tokens_of_shards_have_no_part():
    (x,) = normals(17, (2, 7, 3))
    rule = VocabularyParallelCrossEntropy()
    dx, _ = gradients(rule, x, T, dy=1.7)
    assert_close(value(rule, x, T), value(rule, x[:, COUNTS], T[COUNTS]))
    assert_close(dx[:, COUNTS], gradients(rule, x[:, COUNTS], T[COUNTS], dy=1.7)[0])
    assert not dx[:, ~COUNTS].any()


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_torch_has_the_same_loss(reduction):
    def linear_cross_entropy(f):
        return lambda x, W, t: f.cross_entropy(f.linear(x, W), t, reduction=reduction)

    rule = FusedLinearCrossEntropy(reduction, chunk=3)
    assert_like_torch(rule, linear_cross_entropy, *drawn(18), T)
