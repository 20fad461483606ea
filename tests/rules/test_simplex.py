"""Facts of maps onto the simplex: sums, symmetries, and numbers far from 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Entmax15, GumbelSoftmax, LogSoftmax, LogSumExp, Sigmoid, Softmax, Sparsemax
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)

SPARSE = [Sparsemax(), Entmax15()]
ONTO = [Softmax(), *SPARSE]
IN_TORCH = {
    Softmax(0): lambda f: lambda x: f.softmax(x, dim=0),
    LogSoftmax(): lambda f: lambda x: f.log_softmax(x, dim=-1),
    LogSumExp(axis=1): lambda f: lambda x: x.logsumexp(1),
}


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
def test_softmax_takes_any_one_axis(axis):
    (x,) = normals(6, (2, 3, 4))
    assert_close(np.sum(value(Softmax(axis), x), axis=axis), np.ones(np.delete(x.shape, axis)))
    assert_verified(Softmax(axis), x)


def test_softmax_takes_a_single_row():
    (x,) = normals(7, (5,))
    assert_verified(Softmax(), x)


def test_softmax_gradient_sums_to_zero_over_each_row():
    x, dy = normals(8, (4, 5), (4, 5))
    (dx,) = gradients(Softmax(), x, dy=dy)
    assert np.max(np.abs(np.sum(dx, axis=-1))) < 1e-15
    assert np.max(np.abs(dx)) > 0.01


def test_softmax_does_not_see_a_number_added_to_a_whole_row():
    x, dy, shift = normals(9, (4, 5), (4, 5), (4, 1))
    assert_close(value(Softmax(), x + shift), value(Softmax(), x))
    assert_close(gradients(Softmax(), x + shift, dy=dy)[0], gradients(Softmax(), x, dy=dy)[0])


def test_softmax_has_a_symmetric_jacobian():
    x, u, v = normals(10, (5,), (5,), (5,))
    forth = np.sum(gradients(Softmax(), x, dy=u)[0] * v)
    back = np.sum(gradients(Softmax(), x, dy=v)[0] * u)
    assert_close(forth, back)


def test_the_same_upstream_gradient_for_a_whole_row_moves_softmax_nowhere():
    x, dy = normals(11, (4, 5), (4, 1))
    (dx,) = gradients(Softmax(), x, dy=np.repeat(dy, 5, axis=1))
    assert np.max(np.abs(dx)) < 1e-15


def test_softmax_of_two_numbers_is_the_sigmoid_of_their_difference():
    x, dy = normals(12, (6, 2), (6,))
    (dx,) = gradients(Softmax(), x, dy=np.stack([dy, 0 * dy], axis=1))
    (slope,) = gradients(Sigmoid(), x[:, 0] - x[:, 1], dy=dy)
    assert_close(value(Softmax(), x)[:, 0], value(Sigmoid(), x[:, 0] - x[:, 1]))
    assert_close(dx, np.stack([slope, -slope], axis=1))


def test_softmax_of_equal_numbers_is_uniform():
    assert_close(value(Softmax(), np.full((2, 4), -7.0)), np.full((2, 4), 0.25))


def test_softmax_far_out_is_one_hot_without_a_warning():
    x, dy = np.array([[1000.0, 0, -1000], [-1e300, -np.inf, 5]]), normals(13, (2, 3))[0]
    assert np.array_equal(value(Softmax(), x), [[1, 0, 0], [0, 0, 1]])
    assert np.array_equal(gradients(Softmax(), x, dy=dy)[0], np.zeros((2, 3)))


def test_rows_of_softmax_do_not_see_each_other():
    x, dy = normals(14, (4, 5), (4, 5))
    rows = [gradients(Softmax(), x[i], dy=dy[i])[0] for i in range(4)]
    assert_close(gradients(Softmax(), x, dy=dy)[0], np.stack(rows))


@pytest.mark.parametrize("rule", IN_TORCH, ids=repr)
def test_torch_has_the_same_value_and_gradient(rule):
    assert_like_torch(rule, IN_TORCH[rule], 3 * normals(20, (4, 5))[0])


@pytest.mark.parametrize("rule", ONTO, ids=repr)
def test_shares_are_not_negative_and_sum_to_1(rule):
    y = value(rule, 2 * normals(21, (6, 5))[0])
    assert np.min(y) >= 0
    assert_close(np.sum(y, axis=-1), np.ones(6))


@pytest.mark.parametrize("rule", ONTO, ids=repr)
def test_the_gradient_sums_to_0_and_does_not_see_a_shift(rule):
    x, dy, shift = normals(22, (6, 5), (6, 5), (6, 1))
    (dx,) = gradients(rule, x, dy=dy)
    assert np.max(np.abs(np.sum(dx, axis=-1))) < 1e-15
    assert np.max(np.abs(dx)) > 0.01
    assert_close(gradients(rule, x + shift, dy=dy + shift)[0], dx)


@pytest.mark.parametrize("rule", ONTO, ids=repr)
def test_equal_numbers_get_equal_shares(rule):
    assert_close(value(rule, np.full((2, 4), -7.0)), np.full((2, 4), 0.25))


@pytest.mark.parametrize("rule", SPARSE, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_far_out_get_nothing_without_a_warning(rule, dtype):
    x = np.array([[3e38, 0, -3e38], [-np.inf, 5, 5]], dtype)
    y, (dx,) = value(rule, x / 2), gradients(rule, x / 2, dy=np.full((2, 3), 1.7, dtype))
    assert_close(y, [[1, 0, 0], [0, 0.5, 0.5]], 1e-7)
    assert y.dtype == dx.dtype == dtype
    assert np.all(np.abs(dx) < 1e-6)


@pytest.mark.parametrize("rule", SPARSE, ids=repr)
def test_what_gets_nothing_has_no_gradient_and_does_not_matter(rule):
    x, dy = np.array([[0.3, 0.1, -2.0, 0.2]]), normals(23, (1, 4))[0]
    (dx,) = gradients(rule, x, dy=dy)
    few = [0, 1, 3]
    assert value(rule, x)[0, 2] == dx[0, 2] == 0
    assert_close(value(rule, x)[:, few], value(rule, x[:, few]))
    assert_close(dx[:, few], gradients(rule, x[:, few], dy=dy[:, few])[0])


@pytest.mark.parametrize("rule", SPARSE, ids=repr)
def test_a_row_of_minus_infinity_alone_is_nan(rule):
    with np.errstate(invalid="ignore"):
        assert np.all(np.isnan(value(rule, np.full((1, 3), -np.inf))))


def test_sparsemax_leaves_a_point_of_the_simplex_as_it_is():
    p = value(Softmax(), normals(24, (6, 5))[0])
    assert_close(value(Sparsemax(), p), p)


def test_sparsemax_is_nearer_than_any_other_point_of_the_simplex():
    x, others = normals(25, (1, 5), (200, 5))
    nearest = np.sum((x - value(Sparsemax(), x)) ** 2)
    assert np.all(np.sum((x - value(Softmax(), others)) ** 2, axis=-1) > nearest)


def test_sparsemax_takes_the_slope_0_at_its_threshold():
    (dx,) = gradients(Sparsemax(), np.array([[1.0, 0.0]]), dy=np.array([[1.7, -0.6]]))
    assert np.array_equal(dx, [[0, 0]])


def test_entmax_of_two_numbers_is_that_of_the_closed_form():
    x = np.array([[0.8, 0.0]])  # q₁ − q₂ = 0.4 and q₁² + q₂² = 1
    q = 0.2 + np.sqrt(0.5 - 0.04)
    assert_close(value(Entmax15(), x), [[q**2, (q - 0.4) ** 2]])


def test_log_softmax_is_the_log_of_softmax_where_that_is_not_lost():
    x, dy = normals(26, (4, 5), (4, 5))
    y = value(LogSoftmax(), x)
    assert_close(np.exp(y), value(Softmax(), x))
    assert_close(
        gradients(LogSoftmax(), x, dy=dy)[0], gradients(Softmax(), x, dy=dy / np.exp(y))[0]
    )
    assert np.array_equal(value(LogSoftmax(), np.array([0.0, -2000.0])), [0, -2000])


def test_log_softmax_gradient_sums_to_0():
    x, dy = normals(27, (4, 5), (4, 5))
    assert np.max(np.abs(np.sum(gradients(LogSoftmax(0), x, dy=dy)[0], axis=0))) < 1e-15


def test_log_softmax_passes_minus_infinity_and_the_gradient_there():
    x, dy = np.array([1.0, -np.inf, 2.0]), np.array([1.7, -0.6, 0.4])
    assert value(LogSoftmax(), x)[1] == -np.inf
    assert gradients(LogSoftmax(), x, dy=dy)[0][1] == -0.6


def test_the_gradient_of_logsumexp_is_softmax():
    x, dy = normals(28, (4, 5), (4, 1))
    y, (dx,) = value(LogSumExp(-1, True), x), gradients(LogSumExp(-1, True), x, dy=dy)
    assert_close(x - y, value(LogSoftmax(), x))
    assert_close(dx, dy * value(Softmax(), x))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, -2)], ids=repr)
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_takes_any_axes(axis, keepdims):
    (x,) = normals(29, (2, 3, 4))
    expected = np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))
    dx = gradients(LogSumExp(axis, keepdims), x, dy=1.7 * np.ones_like(expected))[0]
    assert_close(value(LogSumExp(axis, keepdims), x), expected)
    assert_close(np.sum(dx, axis=axis, keepdims=keepdims), 1.7 * np.ones_like(expected))


def test_logsumexp_does_not_overflow_nor_lose_small_numbers():
    assert_close(value(LogSumExp(), np.array([1000.0, 1000.0])), 1000 + np.log(2))
    assert_close(value(LogSumExp(), np.array([-1000.0, -1000.0])), np.log(2) - 1000)


def test_logsumexp_of_minus_infinity_alone_does_not_move_though_jax_says_nan():
    x = np.full(2, -np.inf)
    assert value(LogSumExp(), x) == -np.inf
    assert np.array_equal(gradients(LogSumExp(), x, dy=np.array(1.7))[0], [0, 0])
    assert np.all(np.isnan(jax.grad(jax.nn.logsumexp)(jnp.asarray(x))))


def test_hard_gumbel_softmax_is_one_hot_and_its_gradient_goes_straight_through():
    x, g, dy = normals(30, (4, 5), (4, 5), (4, 5))
    hard, soft = GumbelSoftmax(0.7, hard=True), GumbelSoftmax(0.7)
    assert np.array_equal(value(hard, x, g), np.eye(5)[np.argmax(x + g, axis=-1)])
    for ours, theirs in zip(
        gradients(hard, x, g, dy=dy), gradients(soft, x, g, dy=dy), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_hard_gumbel_softmax_takes_the_first_of_several():
    assert np.array_equal(value(GumbelSoftmax(hard=True), np.zeros(3), np.zeros(3)), [1, 0, 0])


def test_gumbel_softmax_is_the_softmax_of_the_sum_over_the_temperature():
    x, g, dy = normals(31, (4, 5), (4, 5), (4, 5))
    z = (x + g) / 0.3
    dx, dg = gradients(GumbelSoftmax(0.3), x, g, dy=dy)
    assert_close(value(GumbelSoftmax(0.3), x, g), value(Softmax(), z))
    assert_close(dx, gradients(Softmax(), z, dy=dy)[0] / 0.3)
    assert np.array_equal(dx, dg)
    assert not np.shares_memory(dx, dg)
