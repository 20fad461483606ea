"""Facts of tiled attention: it is attention, and keeps no weights."""

from functools import partial

import jax
import numpy as np
import pytest
from handgrad.reference.attention import attention_with_log_sum_exp

from handgrad import AttentionWithLogSumExp, TiledAttention
from handgrad.comparison.counting import largest_in
from handgrad.comparison.programs import ReverseMode, programs_of
from tests.rules.running import assert_close, gradients, normals, value

OPTIONS = [
    {},
    {"causal": True},
    {"causal": True, "bottom_right": True, "window": 3},
    {"window": 2, "softcap": 1.5},
    {"scale": 0.3},
]


@pytest.mark.parametrize("options", OPTIONS, ids=repr)
@pytest.mark.parametrize("block", [1, 2, 3, 7, 8, 64])
def test_tiled_attention_is_attention(block, options):
    q, k, v = normals(1, (2, 6, 9, 4), (2, 3, 7, 4), (2, 3, 7, 5))
    dy = tuple(normals(2, (2, 6, 9, 5), (2, 6, 9)))
    plain = AttentionWithLogSumExp(groups=2, **options)
    tiled = TiledAttention(groups=2, block=block, **options)
    for actual, expected in zip(value(tiled, q, k, v), value(plain, q, k, v), strict=True):
        seen = np.isfinite(expected)
        assert np.array_equal(actual[~seen], expected[~seen])
        assert_close(actual[seen], expected[seen])
    grads = gradients(plain, q, k, v, dy=dy)
    for actual, expected in zip(gradients(tiled, q, k, v, dy=dy), grads, strict=True):
        assert_close(actual, expected)


def test_large_scores_in_any_block_overflow_nowhere():
    q, k, v, dy, dL = normals(3, (1, 1, 4, 3), (1, 1, 6, 3), (1, 1, 6, 2), (1, 1, 4, 2), (1, 1, 4))
    for q_ in (1e3 * q, -1e3 * q):
        (y, _), plain = (value(cls(), q_, k, v) for cls in (TiledAttention, AttentionWithLogSumExp))
        assert_close(value(TiledAttention(block=1), q_, k, v)[0], plain[0])
        assert np.isfinite(y).all()
        grads = gradients(TiledAttention(block=2), q_, k, v, dy=(dy, dL))
        assert all(np.isfinite(dx).all() for dx in grads)


# Of 512 queries and keys, two heads: 0.5 MB by hand, 5.8 MB by jax.vjp, 0.4 MB by jax.checkpoint.
LONG = [x.astype(np.float32) for x in normals(4, *[(1, 2, 512, 32)] * 3)]
REFERENCE = partial(attention_with_log_sum_exp, causal=True)


def programs(way):
    return programs_of(way, LONG)


def bytes_kept(way):
    return sum(array.bytes for array in programs(way).kept)


def test_a_fifth_of_what_automatic_differentiation_keeps_is_enough():
    q, k, v = LONG
    by_hand = bytes_kept(TiledAttention(causal=True))
    assert by_hand == 4 * (q.size + k.size + v.size + v.size + 2 * 512)
    assert by_hand < bytes_kept(ReverseMode(REFERENCE, (0, 1, 2))) / 5


def test_a_tile_is_the_largest_array_and_checkpointing_forms_all_weights_at_once():
    tiled, checkpoint = TiledAttention(causal=True), jax.checkpoint(REFERENCE)
    for half in programs(tiled).halves.values():
        assert largest_in(half.jaxpr) == 2 * 512 * 64
    backward = programs(ReverseMode(checkpoint, (0, 1, 2))).backward
    assert largest_in(backward.jaxpr) == 2 * 512 * 512
