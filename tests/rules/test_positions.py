"""Facts of positions: turns that keep lengths and see distances, and tables by distance."""

import numpy as np
import pytest

from handgrad import ALiBi, RelativeBias, RoPE, T5Bias
from tests.rules.running import assert_close, gradients, normals, value

STYLES = pytest.mark.parametrize("style", ["half", "interleaved"])


@STYLES
def test_a_turn_is_undone_by_its_gradient(style):
    (x,) = normals(1, (2, 5, 8))
    for rule in (RoPE(style), RoPE(style, part=0.5, start=7)):
        assert_close(gradients(rule, x, dy=value(rule, x))[0], x)


@STYLES
def test_a_product_of_turned_rows_sees_how_far_apart_they_are_and_not_where(style):
    q, k = normals(2, (1, 8), (1, 8))

    def product(i, j):
        return np.sum(value(RoPE(style, start=i), q) * value(RoPE(style, start=j), k))

    assert_close(product(3, 8), product(20, 25))
    assert abs(product(3, 8) - product(3, 9)) > 1e-3


def test_the_styles_are_one_turn_of_numbers_in_another_order():
    (x,) = normals(3, (4, 8))
    order = np.arange(8).reshape(2, 4).T.reshape(-1)  # 0 4 1 5 …
    half, interleaved = value(RoPE("half"), x), value(RoPE("interleaved"), x[:, order])
    assert_close(interleaved, half[:, order])
    assert np.max(np.abs(value(RoPE("interleaved"), x) - half)) > 0.1


def test_the_first_row_and_the_numbers_behind_the_part_stay():
    x, dy = normals(4, (3, 8), (3, 8))
    rule = RoPE(part=0.5)
    assert_close(value(rule, x)[0], x[0])
    assert np.array_equal(value(rule, x)[:, 4:], x[:, 4:])
    assert np.array_equal(gradients(rule, x, dy=dy)[0][:, 4:], dy[:, 4:])


def test_the_slowest_pair_turns_by_the_base():
    x = np.array([[1.0, 1.0, 0.0, 0.0]])
    y = value(RoPE(base=100.0, start=3), x)
    assert_close(y, [[np.cos(3), np.cos(0.3), np.sin(3), np.sin(0.3)]])


def test_a_slope_gathers_the_distances():
    s, m, dy = normals(5, (2, 3, 4, 5), (3,), (2, 3, 4, 5))
    far = np.abs(np.arange(4)[:, None] - np.arange(5))
    assert_close(value(ALiBi(), s, m)[1, 2], s[1, 2] - m[2] * far)
    ds, dm = gradients(ALiBi(), s, m, dy=dy)
    assert np.array_equal(ds, dy)
    assert_close(dm, -np.einsum("bhij,ij->h", dy, far))


def test_a_relative_bias_has_a_number_for_each_distance_up_to_its_reach():
    s, b = np.zeros((1, 1, 3, 5)), np.arange(-2.0, 3.0)[:, None]
    assert_close(
        value(RelativeBias(2), s, b)[0, 0], [[0, 1, 2, 2, 2], [-1, 0, 1, 2, 2], [-2, -1, 0, 1, 2]]
    )
    _, db = gradients(RelativeBias(2), s, b, dy=np.arange(15.0).reshape(s.shape))
    assert_close(db[:, 0], [10, 5 + 11, 0 + 6 + 12, 1 + 7 + 13, 2 + 3 + 4 + 8 + 9 + 14])


FIRSTS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91]  # of T5's 16 buckets of one side


def test_the_buckets_of_t5_begin_where_its_paper_has_them():
    s, b = np.zeros((1, 1, 1, 200)), np.arange(32.0)[:, None]
    expected = np.searchsorted(FIRSTS, np.arange(200), side="right") - 1
    before = value(T5Bias(start=199), s, b)[0, 0, 0, ::-1]
    assert np.array_equal(before, expected)
    after = value(T5Bias(), s, b)[0, 0, 0]
    assert np.array_equal(after[1:], 16 + expected[1:])


def test_a_decoder_has_all_its_buckets_for_what_came_before():
    s, b, dy = np.zeros((1, 1, 1, 200)), np.arange(32.0)[:, None], normals(6, (1, 1, 1, 200))[0]
    y = value(T5Bias(bidirectional=False, start=100), s, b)[0, 0, 0]
    assert not y[100:].any()
    assert np.array_equal(y[84:100], np.arange(16, 0, -1))
    assert y[0] == 30
    _, db = gradients(T5Bias(bidirectional=False, start=100), s, b, dy=dy)
    assert_close(db[0, 0], np.sum(dy[..., 100:]))


def test_a_table_gathers_over_all_examples():
    s, b, dy = normals(7, (3, 2, 4, 5), (5, 2), (3, 2, 4, 5))
    _, db = gradients(RelativeBias(2), s, b, dy=dy)
    each = [gradients(RelativeBias(2), s[:1], b, dy=row[None])[1] for row in dy]
    assert_close(db, sum(each))
    assert_close(np.sum(db, axis=0), np.sum(dy, axis=(0, 2, 3)))
