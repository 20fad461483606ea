"""Facts of sorting: who is where afterwards, and to whom each gradient goes back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Max, Median, Min, Quantile, Sort, SortBy, TopK
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

TIES = np.array([[2.0, 1.0, 2.0, 1.0, 2.0], [0.0, -0.0, 3.0, 3.0, -1.0]])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("descending", [False, True])
def test_the_gradient_of_a_sorted_number_goes_to_where_it_was(axis, descending):
    x, dy = normals(1, (3, 5, 4), (3, 5, 4))
    rule = Sort(axis, descending)
    (dx,) = gradients(rule, x, dy=dy)
    pairs, back = (np.stack(p, -1).reshape(-1, 2) for p in ((value(rule, x), dy), (x, dx)))
    assert {tuple(p) for p in pairs} == {tuple(p) for p in back}
    steps = np.diff(value(rule, x), axis=axis)
    assert np.all(steps < 0 if descending else steps > 0)


def test_equal_numbers_keep_their_order_as_in_jax():
    (dy,) = normals(2, TIES.shape)
    y, vjp = jax.vjp(jnp.sort, TIES)
    assert np.array_equal(value(Sort(), TIES), y)
    assert np.array_equal(gradients(Sort(), TIES, dy=dy)[0], *vjp(dy))


def test_equal_numbers_keep_their_order_in_a_descent():
    (dx,) = gradients(Sort(descending=True), TIES[0], dy=np.arange(5.0))
    assert dx.tolist() == [0, 3, 1, 4, 2]


def test_sorting_by_keys_and_back_changes_nothing():
    (x,), key = normals(3, (6, 2)), np.array([3, 1, 2, 1, 0, 3])
    y = value(SortBy(), x, key)
    assert np.array_equal(y, x[[4, 1, 3, 2, 0, 5]])
    dx, d_key = gradients(SortBy(), x, key, dy=y)
    assert np.array_equal(dx, x)
    assert d_key is None


def test_the_largest_come_first_and_the_others_have_no_gradient():
    x, dy = np.array([[3.0, 1.0, 4.0, 1.5], [5.0, 9.0, 2.0, 6.0]]), normals(4, (2, 2))[0]
    (dx,) = gradients(TopK(2), x, dy=dy)
    assert np.array_equal(value(TopK(2), x), [[4.0, 3.0], [9.0, 6.0]])
    assert np.array_equal(dx, [[dy[0, 1], 0, dy[0, 0], 0], [0, dy[1, 0], 0, dy[1, 1]]])


def test_of_equal_numbers_the_first_are_the_largest_as_in_jax():
    (dy,) = normals(5, (2, 2))
    _, vjp = jax.vjp(lambda x: jax.lax.top_k(x, 2)[0], TIES)
    (dx,) = gradients(TopK(2), TIES, dy=dy)
    assert np.array_equal(dx, *vjp(dy))
    assert np.array_equal(dx[0], [dy[0, 0], 0, dy[0, 1], 0, 0])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_all_of_the_top_is_a_descending_sort(axis):
    x, dy = normals(6, (3, 4, 5), (3, 4, 5))
    top, order = TopK(x.shape[axis], axis), Sort(axis, descending=True)
    assert np.array_equal(value(top, x), value(order, x))
    assert np.array_equal(gradients(top, x, dy=dy)[0], gradients(order, x, dy=dy)[0])


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("q", [0, 0.1, 0.5, 0.8, 1])
def test_quantiles_are_numpys_and_their_weights_sum_to_1(axis, q):
    (x,) = normals(7, (3, 5, 4))
    expected = np.quantile(x, q, axis=axis, keepdims=True)
    rule = Quantile(q, axis, keepdims=True)
    (dx,) = gradients(rule, x, dy=np.full(expected.shape, 1.7))
    assert_close(value(rule, x), expected)
    assert_close(np.sum(dx, axis=axis, keepdims=True), np.full(expected.shape, 1.7))
    assert np.max(np.sum(dx != 0, axis=axis)) <= 2


def test_the_outermost_quantiles_are_the_extremes():
    x, dy = normals(8, (3, 5), (3,))
    for q, extreme in ((0, Min(1)), (1, Max(1))):
        assert np.array_equal(value(Quantile(q, 1), x), value(extreme, x))
        quantile, expected = (gradients(r, x, dy=dy)[0] for r in (Quantile(q, 1), extreme))
        assert np.array_equal(quantile, expected)


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_the_median_is_numpys_and_the_middle_shares_its_gradient(count):
    (x,) = normals(9, (count,))
    (dx,) = gradients(Median(), x, dy=-1.3)
    assert_close(value(Median(), x), np.median(x))
    assert_close(np.sort(dx[dx != 0]), [-1.3] if count % 2 else [-0.65, -0.65])
    assert_close(np.mean(x[dx != 0]), np.median(x))


def test_tied_ranks_have_the_gradient_that_jax_gives():
    for q in (0.2, 0.5, 0.7):
        _, vjp = jax.vjp(lambda x, q=q: jnp.quantile(x, q, axis=1), TIES)
        (dy,) = normals(10, (2,))
        assert_close(gradients(Quantile(q, 1), TIES, dy=dy)[0], vjp(dy)[0])


def test_a_quantile_passes_over_infinities_and_not_over_nan():
    x = np.array([-np.inf, 1.0, 2.0, 4.0, np.inf])
    assert value(Median(), x) == 2.0
    assert gradients(Median(), x, dy=1.7)[0].tolist() == [0, 0, 1.7, 0, 0]
    assert np.isnan(value(Median(), np.array([1.0, np.nan, 2.0])))


IN_TORCH = {
    Sort(0, descending=True): lambda x: x.sort(0, descending=True).values,
    TopK(2, axis=1): lambda x: x.topk(2, dim=1).values,
    Quantile(0.3, axis=1): lambda x: x.quantile(0.3, dim=1),
    Median(0): lambda x: x.median(0).values,
}


@pytest.mark.parametrize("rule", IN_TORCH, ids=repr)
def test_torch_chooses_the_same(rule):
    assert_like_torch(rule, lambda _: IN_TORCH[rule], normals(11, (3, 5, 4))[0])
