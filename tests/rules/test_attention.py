"""Facts of attention: who sees whom, what merges, what a group shares, and what a mask leaves."""

import numpy as np
import pytest

from handgrad import (
    AttentionWithLogSumExp,
    BiasedAttention,
    Dropout,
    DropoutAttention,
    MaskedAttention,
    MergeAttention,
    ScaledDotProductAttention,
    SinkAttention,
    Softcap,
    Softmax,
)
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

SHAPES = (2, 3, 4, 6), (2, 3, 5, 6), (2, 3, 5, 7)
Y = (2, 3, 4, 7)


def seen_by(rule, n, m):
    """Which keys each query sees: all scores are 0, and the values tell the keys apart."""
    q, k = np.zeros((1, 1, n, 2)), np.zeros((1, 1, m, 2))
    return value(rule, q, k, np.eye(m)[None, None])[0, 0] > 0


def test_a_causal_query_sees_the_keys_up_to_its_own_place():
    rule, last = (ScaledDotProductAttention(causal=True, bottom_right=b) for b in (False, True))
    assert np.array_equal(seen_by(rule, 4, 4), np.tri(4))
    assert np.array_equal(seen_by(last, 4, 4), np.tri(4))
    assert np.array_equal(seen_by(rule, 2, 4), np.tri(2, 4))
    assert np.array_equal(seen_by(last, 2, 4), np.tri(2, 4, 2))
    assert np.array_equal(seen_by(last, 4, 2), np.tri(4, 2, -2))


def test_a_window_shows_the_keys_that_are_less_than_so_far_away():
    i, j = np.arange(5)[:, None], np.arange(5)
    assert np.array_equal(seen_by(ScaledDotProductAttention(window=2), 5, 5), abs(i - j) < 2)
    rule = ScaledDotProductAttention(window=3, causal=True)
    assert np.array_equal(seen_by(rule, 5, 5), (i - j < 3) & (j <= i))


def test_a_query_that_sees_no_key_gives_0_and_the_gradient_0():
    q, k, v, dy = normals(1, *SHAPES, Y)
    rule = ScaledDotProductAttention(causal=True, bottom_right=True)
    k, v = k[:, :, :2], v[:, :, :2]
    dq, dk, dv = gradients(rule, q, k, v, dy=dy)
    assert not value(rule, q, k, v)[:, :, :2].any()
    assert not dq[:, :, :2].any()
    rest = gradients(rule, q[:, :, 2:], k, v, dy=dy[:, :, 2:])
    for actual, expected in zip((dq[:, :, 2:], dk, dv), rest, strict=True):
        assert_close(actual, expected)


def test_a_sequence_that_is_masked_entirely_leaves_the_others_alone():
    q, k, v, dy = normals(2, *SHAPES, Y)
    mask = np.ones((2, 1, 4, 5), bool)
    mask[1] = False
    grads = gradients(MaskedAttention(), q, k, v, mask, dy=dy)
    assert not value(MaskedAttention(), q, k, v, mask)[1].any()
    alone = gradients(ScaledDotProductAttention(), q, k, v, dy=dy)
    for actual, expected in zip(grads[:3], alone, strict=True):
        assert not actual[1].any()
        assert_close(actual[0], expected[0])
    assert grads[3] is None


def test_keys_that_a_mask_hides_may_as_well_not_be_there():
    q, k, v, dy = normals(3, *SHAPES, Y)
    mask = np.arange(5) < 3
    dq, dk, dv, _ = gradients(MaskedAttention(), q, k, v, mask[None, None, None], dy=dy)
    k, v = k[:, :, :3], v[:, :, :3]
    few = gradients(ScaledDotProductAttention(), q, k, v, dy=dy)
    for actual, expected in zip((dq, dk[:, :, :3], dv[:, :, :3]), few, strict=True):
        assert_close(actual, expected)
    assert not dk[:, :, 3:].any()
    assert not dv[:, :, 3:].any()


def test_a_shared_head_of_keys_sums_over_the_heads_of_queries():
    q, k, v, dy = normals(4, (2, 6, 4, 3), (2, 2, 5, 3), (2, 2, 5, 7), (2, 6, 4, 7))
    copies = [np.repeat(x, 3, axis=1) for x in (k, v)]
    dq, dk, dv = gradients(ScaledDotProductAttention(groups=3), q, k, v, dy=dy)
    each = gradients(ScaledDotProductAttention(), q, *copies, dy=dy)
    assert_close(dq, each[0])
    for actual, expected in zip((dk, dv), each[1:], strict=True):
        assert_close(actual, expected.reshape(2, 2, 3, *expected.shape[2:]).sum(axis=2))


def test_scores_pass_through_a_scale_a_cap_and_softmax():
    q, k, v, dy = normals(5, *SHAPES, Y)
    z = 0.7 * np.einsum("bhid,bhjd->bhij", q, k)
    p = value(Softmax(), value(Softcap(1.5), z))
    rule = ScaledDotProductAttention(scale=0.7, softcap=1.5)
    assert_close(value(rule, q, k, v), p @ v)
    (ds,) = gradients(Softmax(), value(Softcap(1.5), z), dy=dy @ np.swapaxes(v, -1, -2))
    (dz,) = gradients(Softcap(1.5), z, dy=ds)
    assert_close(gradients(rule, q, k, v, dy=dy)[0], 0.7 * dz @ k)


def test_what_comes_to_the_logarithm_goes_to_the_scores_by_their_weights():
    q, k, v, dy, dL = normals(6, *SHAPES, Y, Y[:-1])
    (y, L), _ = AttentionWithLogSumExp().forward(q, k, v)
    assert_close(y, value(ScaledDotProductAttention(), q, k, v))
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(6)
    assert_close(L, np.log(np.sum(np.exp(s), axis=-1)))
    both = gradients(AttentionWithLogSumExp(), q, k, v, dy=(dy, dL))
    mean = gradients(ScaledDotProductAttention(), q, k, v, dy=dy)
    weighed = value(Softmax(), s) * dL[..., None]
    assert_close(both[0] - mean[0], weighed @ k / np.sqrt(6))
    assert_close(both[1] - mean[1], np.swapaxes(weighed, -1, -2) @ q / np.sqrt(6))
    assert_close(both[2], mean[2])


def test_attention_to_two_parts_merges_to_attention_to_all():
    q, k, v, dy, dL = normals(7, *SHAPES, Y, Y[:-1])
    rule, merge = AttentionWithLogSumExp(softcap=2.0), MergeAttention()
    parts = [(k[:, :, :2], v[:, :, :2]), (k[:, :, 2:], v[:, :, 2:])]
    (a, left), (b, right) = (rule.forward(q, *part) for part in parts)
    (y, L), residuals = merge.forward(*a, *b)
    whole, kept = rule.forward(q, k, v)
    assert_close(y, whole[0])
    assert_close(L, whole[1])
    da, dK, db, dM = merge.backward(residuals, (dy, dL))
    first, second = rule.backward(left, (da, dK)), rule.backward(right, (db, dM))
    dq, dk, dv = rule.backward(kept, (dy, dL))
    assert_close(first[0] + second[0], dq)
    assert_close(np.concatenate([first[1], second[1]], axis=2), dk)
    assert_close(np.concatenate([first[2], second[2]], axis=2), dv)


def test_a_part_that_saw_no_key_is_left_out():
    a, b, dy = normals(8, *[(1, 1, 3, 2)] * 3)
    K, M = np.array([[[0.3, -np.inf, -np.inf]]]), np.array([[[-np.inf, 0.2, -np.inf]]])
    dL = normals(9, (1, 1, 3))[0]
    (y, L), residuals = MergeAttention().forward(a, K, b, M)
    assert_close(y[0, 0], [a[0, 0, 0], b[0, 0, 1], [0, 0]])
    assert np.array_equal(L, np.maximum(K, M))
    da, dK, db, dM = MergeAttention().backward(residuals, (dy, dL))
    assert_close(da[0, 0], [dy[0, 0, 0], [0, 0], [0, 0]])
    assert_close(db[0, 0], [[0, 0], dy[0, 0, 1], [0, 0]])
    assert_close(dK[0, 0], [dL[0, 0, 0], 0, 0])
    assert_close(dM[0, 0], [0, dL[0, 0, 1], 0])


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 4, 5), (1, 3, 1, 5), (4, 5)])
def test_a_bias_sums_over_the_axes_along_which_it_was_stretched(shape):
    q, k, v, c, dy = normals(10, *SHAPES, shape, Y)
    full = np.broadcast_to(c, (2, 3, 4, 5)).copy()
    *_, each = gradients(BiasedAttention(), q, k, v, full, dy=dy)
    *_, dc = gradients(BiasedAttention(), q, k, v, c, dy=dy)
    stretched = (1,) * (4 - len(shape)) + shape
    axes = tuple(axis for axis, size in enumerate(stretched) if size == 1)
    expected = each.sum(axis=axes, keepdims=True).reshape(shape)
    assert_close(dc, expected)
    assert np.abs(each.sum(axis=-1)).max() < 1e-14  # a number added to a row changes nothing


def test_a_bias_of_minus_infinity_is_a_mask():
    q, k, v, dy = normals(11, *SHAPES, Y)
    mask = normals(12, (2, 1, 4, 5))[0] > -0.5
    bias = np.where(mask, 0, -np.inf)
    masked = gradients(MaskedAttention(), q, k, v, mask, dy=dy)
    biased = gradients(BiasedAttention(), q, k, v, bias, dy=dy)
    for actual, expected in zip(biased[:3], masked[:3], strict=True):
        assert_close(actual, expected)


def test_dropout_takes_weights_away_and_does_not_share_them_out_again():
    q, k, v, dy = normals(13, *SHAPES, Y)
    keep = normals(14, (2, 3, 4, 5))[0] > 0
    rule = DropoutAttention(rate=0.5)
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(6)
    assert_close(value(rule, q, k, v, keep), (2 * keep * value(Softmax(), s)) @ v)
    (dp,) = gradients(Dropout(0.5), value(Softmax(), s), keep, dy=dy @ np.swapaxes(v, -1, -2))[:1]
    (ds,) = gradients(Softmax(), s, dy=dp)
    assert_close(gradients(rule, q, k, v, keep, dy=dy)[0], ds @ k / np.sqrt(6))
    grads = gradients(DropoutAttention(rate=0.0), q, k, v, keep | True, dy=dy)
    plain = gradients(ScaledDotProductAttention(), q, k, v, dy=dy)
    for actual, expected in zip(grads[:3], plain, strict=True):
        assert_close(actual, expected)
    *_, dv, d_keep = gradients(rule, q, k, v, keep & False, dy=dy)
    assert not dv.any()
    assert d_keep is None


def test_a_sink_is_a_key_with_the_value_0():
    q, k, v, dy, c = normals(15, *SHAPES, Y, (3,))
    more = [np.concatenate([x, np.zeros_like(x[:, :, :1])], axis=2) for x in (k, v)]
    bias = np.concatenate([np.zeros((3, 4, 5)), np.tile(c[:, None, None], (1, 4, 1))], axis=-1)
    assert_close(value(SinkAttention(), q, k, v, c), value(BiasedAttention(), q, *more, bias))
    dq, dk, dv, dc = gradients(SinkAttention(), q, k, v, c, dy=dy)
    wide = gradients(BiasedAttention(), q, *more, bias, dy=dy)
    assert_close(dq, wide[0])
    assert_close(dk, wide[1][:, :, :-1])
    assert_close(dv, wide[2][:, :, :-1])
    assert_close(dc, wide[3][..., -1].sum(axis=-1))


def test_large_scores_overflow_nowhere():
    q, k, v, dy = (x.astype(np.float32) for x in normals(16, *SHAPES, Y))
    q *= 1e4
    for rule, more in ((ScaledDotProductAttention(), ()), (SinkAttention(), (q[0, :, 0, 0],))):
        grads = gradients(rule, q, k, v, *more, dy=dy)
        assert all(np.isfinite(a).all() for a in (value(rule, q, k, v, *more), *grads))


IN_TORCH = {
    "causal": (ScaledDotProductAttention(causal=True), {"is_causal": True}),
    "scale": (ScaledDotProductAttention(scale=0.3), {"scale": 0.3}),
    "plain": (ScaledDotProductAttention(), {}),
}


@pytest.mark.parametrize("name", IN_TORCH)
def test_torch_attends_alike(name):
    rule, options = IN_TORCH[name]
    assert_like_torch(
        rule,
        lambda f: lambda q, k, v: f.scaled_dot_product_attention(q, k, v, **options),
        *normals(17, *SHAPES),
    )


def test_torch_masks_and_adds_a_bias_alike():
    q, k, v, c = normals(18, *SHAPES, (2, 3, 4, 5))
    mask = c > -0.5
    mask[..., 0] = True
    for rule, last in ((MaskedAttention(), mask), (BiasedAttention(), c)):
        assert_like_torch(rule, lambda f: f.scaled_dot_product_attention, q, k, v, last)


def test_torch_shares_heads_alike():
    shapes = (2, 4, 4, 6), (2, 2, 5, 6), (2, 2, 5, 7)
    assert_like_torch(
        ScaledDotProductAttention(groups=2, causal=True),
        lambda f: lambda *x: f.scaled_dot_product_attention(*x, is_causal=True, enable_gqa=True),
        *normals(19, *shapes),
        since="2.5",
    )
