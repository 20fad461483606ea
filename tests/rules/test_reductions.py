"""Facts of reductions: what a sum, a mean and an extreme number give back, and to whom."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Max, Mean, Min, Norm, Prod, Std, Sum, Var
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)

AXES = [None, 0, -1, (0, 2), (-1, 0), (0, 1, 2), ()]


@pytest.mark.parametrize("cls", [Sum, Mean, Max, Min])
@pytest.mark.parametrize(
    ("axis", "keepdims"),
    [*((axis, False) for axis in AXES), (None, True), ((-1, 0), True)],
    ids=repr,
)
def test_any_axes_may_be_reduced_and_kept(cls, axis, keepdims):
    (x,) = normals(1, (3, 2, 4))
    assert_verified(cls(axis, keepdims), x)


@pytest.mark.parametrize("cls", [Sum, Mean, Max, Min])
def test_vectors_and_single_numbers_may_be_reduced(cls):
    for x in normals(2, (5,), (1,), ()):
        assert_verified(cls(), x)


@pytest.mark.parametrize("axis", AXES, ids=repr)
def test_the_sum_of_zero_axes_or_all_is_numpys(axis):
    (x,) = normals(3, (3, 2, 4))
    assert_close(value(Sum(axis), x), np.sum(x, axis=axis))
    assert_close(value(Mean(axis, keepdims=True), x), np.mean(x, axis=axis, keepdims=True))


def test_every_term_of_a_sum_gets_the_sums_gradient():
    x, dy = normals(4, (3, 4), (3,))
    (dx,) = gradients(Sum(axis=1), x, dy=dy)
    assert np.array_equal(dx, np.repeat(dy[:, None], 4, axis=1))


@pytest.mark.parametrize("axis", AXES, ids=repr)
def test_a_means_gradient_is_the_sums_divided_by_how_many_share_it(axis):
    (x,) = normals(5, (3, 2, 4))
    (dy,) = normals(6, np.shape(np.sum(x, axis=axis)))
    n = x.size / max(1, dy.size)
    assert_close(gradients(Mean(axis), x, dy=dy)[0], gradients(Sum(axis), x, dy=dy)[0] / n)


@pytest.mark.parametrize("rule", [Mean(), Max(), Min()], ids=repr)
def test_the_shares_of_an_average_or_an_extreme_add_up_to_the_whole(rule):
    x = np.array([[1.0, 3.0, 3.0], [-1.0, -1.0, -1.0]])
    assert_close(np.sum(gradients(rule, x, dy=1.7)[0]), 1.7)


def test_the_minimum_is_minus_the_maximum_of_minus_x():
    x, dy = normals(7, (3, 4), (4,))
    assert_close(value(Min(0), x), -value(Max(0), -x))
    assert_close(gradients(Min(0), x, dy=dy)[0], gradients(Max(0), -x, dy=dy)[0])


@pytest.mark.parametrize(("rule", "peer"), [(Max(), jnp.max), (Min(), jnp.min)], ids=["Max", "Min"])
@pytest.mark.parametrize(
    "x", [[1.0, 1, 1], [2.0, 2, -3, -3], [0.0, -0.0, 5, 5], [4.0, 4, 4, 4]], ids=repr
)
def test_ties_share_the_gradient_equally_as_in_jax(rule, peer, x):
    (dx,) = gradients(rule, np.array(x), dy=-1.3)
    assert_close(dx, -1.3 * jax.grad(peer)(jnp.array(x)))
    assert_close(dx[dx != 0], -1.3 / np.sum(dx != 0) * np.ones(np.sum(dx != 0)))


def test_ties_are_counted_within_their_own_group():
    x = np.array([[[5.0, 1.0], [2.0, 2.0]], [[5.0, 5.0], [0.0, 2.0]]])
    dy = np.array([[[1.5], [-0.9]]])
    (dx,) = gradients(Max((0, 2), keepdims=True), x, dy=dy)
    expected = [[[0.5, 0.0], [-0.3, -0.3]], [[0.5, 0.5], [0.0, -0.3]]]
    assert_close(dx, expected)


@pytest.mark.parametrize("rule", [Max(), Min()], ids=repr)
def test_a_nan_is_the_extreme_and_gets_the_gradient(rule):
    x = np.array([1.0, np.nan, 3.0, -2.0])
    assert np.isnan(value(rule, x))
    assert np.array_equal(gradients(rule, x, dy=1.7)[0], [0, 1.7, 0, 0])


def test_infinities_may_be_extreme_and_may_tie():
    x = np.array([np.inf, 1.0, np.inf])
    assert np.array_equal(gradients(Max(), x, dy=1.5)[0], [0.75, 0, 0.75])


def test_the_sum_of_no_numbers_is_0_and_its_gradient_empty():
    assert np.array_equal(value(Sum(0), np.empty((0, 3))), np.zeros(3))
    assert gradients(Sum(0), np.empty((0, 3)), dy=np.full(3, 1.7))[0].shape == (0, 3)


def test_the_mean_of_no_numbers_is_nan_and_its_gradient_empty():
    with pytest.warns(RuntimeWarning) as seen:
        y, residuals = Mean(0).forward(np.empty((0, 3)))
    assert "Mean of empty slice" in str(seen[0].message)
    assert np.all(np.isnan(y))
    assert Mean(0).backward(residuals, np.full(3, 1.7))[0].shape == (0, 3)


def test_no_rows_have_no_means():
    assert value(Mean(1), np.empty((0, 3))).shape == (0,)
    assert gradients(Mean(1), np.empty((0, 3)), dy=np.empty(0))[0].shape == (0, 3)


@pytest.mark.parametrize("cls", [Max, Min])
def test_the_extreme_of_no_numbers_is_refused_and_no_extremes_are_none(cls):
    with pytest.raises(ValueError, match="no identity"):
        cls(0).forward(np.empty((0, 3)))
    assert value(cls(1), np.empty((0, 3))).shape == (0,)
    assert gradients(cls(1), np.empty((0, 3)), dy=np.empty(0))[0].shape == (0, 3)


def test_a_factor_has_the_product_of_the_others_also_beside_a_zero():
    x, dy = np.array([[2.0, -3.0, 0.5], [4.0, 0.0, 5.0], [0.0, 7.0, 0.0]]), np.array([1.5, -0.5, 2])
    (dx,) = gradients(Prod(1), x, dy=dy)
    assert_close(dx, [[-2.25, 1.5, -9.0], [0, -10.0, 0], [0, 0, 0]])
    assert_close(gradients(Prod(), x[:2], dy=-1.0)[0], [[0, 0, 0], [0, 60.0, 0]])


def test_factors_have_gradients_where_their_product_leaves_float32():
    for scale in (1e-30, 1e30):
        x = np.array([scale, scale, 1.0], np.float32)
        with np.errstate(over="ignore"):
            (dx,) = gradients(Prod(), x, dy=np.float32(1.7))
        assert_close(dx[:2], 1.7 * x[:2], 1e-6)


@pytest.mark.parametrize("axis", AXES[:-1], ids=repr)
@pytest.mark.parametrize("correction", [0, 1])
def test_variance_and_spread_are_numpys(axis, correction):
    (x,) = normals(7, (3, 2, 4))
    assert_close(value(Var(axis, correction), x), np.var(x, axis=axis, ddof=correction))
    expected = np.std(x, axis=axis, ddof=correction, keepdims=True)
    assert_close(value(Std(axis, correction, keepdims=True), x), expected)


@pytest.mark.parametrize("cls", [Var, Std])
def test_the_gradient_of_a_spread_is_orthogonal_to_ones(cls):
    x, dy = normals(8, (3, 4), (3,))
    (dx,) = gradients(cls(1, correction=1), x, dy=dy)
    assert np.max(np.abs(np.sum(dx, axis=1))) < 1e-15
    assert np.max(np.abs(dx)) > 0.1


def test_the_spread_of_equal_numbers_has_the_gradient_0():
    x, (dy,) = np.full((2, 4), 0.5), normals(9, (2,))
    assert not gradients(Std(1), x, dy=dy)[0].any()
    assert not gradients(Var(1), x, dy=dy)[0].any()


def test_the_variance_of_one_number_with_correction_1_is_nan():
    with pytest.warns(RuntimeWarning) as seen:
        assert np.isnan(value(Var(correction=1), np.ones(1)))
    assert "invalid value" in str(seen[0].message)


def test_far_from_0_the_variance_keeps_its_digits_in_float32():
    x = (normals(10, (1000,))[0] + 1000).astype(np.float32)
    assert_close(value(Var(), x), np.var(x.astype(float)), 1e-5)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize("axis", AXES[:-1], ids=repr)
def test_a_norm_is_stretched_with_its_numbers(p, axis):
    (x,) = normals(11, (3, 2, 4))
    y = value(Norm(p, axis), x)
    (dy,) = normals(15, y.shape)
    (dx,) = gradients(Norm(p, axis), x, dy=dy)
    assert_close(y, np.sum(np.abs(x) ** p, axis=axis) ** (1 / p))
    assert_close(np.sum(dx * x, axis=axis), dy * y)  # Euler: it is homogeneous of degree 1


def test_the_norm_of_order_infinity_is_the_largest_and_ties_share_it():
    x = np.array([[1.0, -3.0, 3.0], [-2.0, 0.5, 0.0]])
    (dy,) = normals(12, (2,))
    rule = Norm(np.inf, 1)
    (da,) = gradients(Max(1), np.abs(x), dy=dy)
    assert_close(value(rule, x), [3.0, 2.0])
    assert_close(gradients(rule, x, dy=dy)[0], da * np.sign(x))


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, np.inf])
def test_at_0_a_norm_has_the_gradient_0(p):
    x, (dy,) = np.array([[0.0, 0.0, 0.0], [0.0, -2.0, 0.0]]), normals(13, (2,))
    (dx,) = gradients(Norm(p, 1), x, dy=dy)
    assert_close(dx, [[0, 0, 0], [0, -dy[1], 0]])


@pytest.mark.parametrize("p", [1, 2, 3])
def test_a_norm_beyond_its_own_squares_keeps_its_gradient_in_float32(p):
    x, dy = np.array([3.0, -4.0], np.float32), np.float32(1.7)
    expected = gradients(Norm(p), x, dy=dy)[0]
    for scale in (np.float32(1e30), np.float32(1e-30)):
        assert_close(gradients(Norm(p), x * scale, dy=dy)[0], expected, 1e-6)
        assert_close(value(Norm(p), x * scale) / scale, value(Norm(p), x), 1e-6)


IN_TORCH = {
    Prod(1): lambda x: x.prod(1),
    Var((0, 2), correction=1): lambda x: x.var((0, 2)),
    Std(-1, keepdims=True): lambda x: x.std(-1, correction=0, keepdim=True),
    Norm(1, 0): lambda x: x.norm(1, 0),
    Norm(3.5, (0, 2)): lambda x: x.norm(3.5, (0, 2)),
}


@pytest.mark.parametrize("rule", IN_TORCH, ids=repr)
def test_torch_reduces_to_the_same(rule):
    assert_like_torch(rule, lambda _: IN_TORCH[rule], normals(14, (3, 2, 4))[0])
