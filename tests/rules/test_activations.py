"""Facts of activations: symmetries, what stays the same, the kink, and numbers far from 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import ReLU, Sigmoid, Softmax, Tanh
from tests.rules.running import assert_close, assert_verified, gradients, normals, value

FAR = np.array([-1000.0, -745.0, -100.0, 100.0, 745.0, 1000.0])


def test_relu_has_slope_0_at_0_as_in_jax():
    (dx,) = gradients(ReLU(), np.array([-0.0, 0.0]), dy=np.array([1.7, -0.6]))
    assert np.array_equal(dx, [0, 0])
    assert jax.grad(jax.nn.relu)(0.0) == 0


def test_relu_passes_a_nan_forward():
    y = value(ReLU(), np.array([np.nan, -1.0, 2.0, -np.inf, np.inf]))
    assert np.array_equal(y, [np.nan, 0, 2, 0, np.inf], equal_nan=True)


def test_relu_passes_the_gradient_where_it_passed_the_number():
    x, dy = np.array([-3.0, 1e-300, -1e-300, 5.0]), np.array([1.7, -0.6, 0.4, 0.9])
    assert np.array_equal(gradients(ReLU(), x, dy=dy)[0], [0, -0.6, 0, 0.9])


def test_relu_of_x_less_relu_of_minus_x_is_x():
    x, dy = normals(1, (5, 3), (5, 3))
    assert np.array_equal(value(ReLU(), x) - value(ReLU(), -x), x)
    assert np.array_equal(gradients(ReLU(), x, dy=dy)[0] + gradients(ReLU(), -x, dy=dy)[0], dy)


@pytest.mark.parametrize(
    ("rule", "x", "y", "slope"),
    [
        (ReLU(), 4, 4, 1),
        (ReLU(), -4, 0, 0),
        (Sigmoid(), 0, 0.5, 0.25),
        (Tanh(), 0, 0, 1),
        (Tanh(), 0.5, np.tanh(0.5), 1 / np.cosh(0.5) ** 2),
    ],
    ids=repr,
)
def test_python_numbers_will_do(rule, x, y, slope):
    assert_close(value(rule, x), y)
    assert_close(gradients(rule, x, dy=1.1)[0], 1.1 * slope)


def test_sigmoid_of_minus_x_is_one_minus_sigmoid():
    x, dy = 3 * normals(2, (7,))[0], normals(3, (7,))[0]
    assert_close(value(Sigmoid(), -x), 1 - value(Sigmoid(), x))
    assert_close(gradients(Sigmoid(), -x, dy=dy)[0], gradients(Sigmoid(), x, dy=dy)[0])


def test_tanh_of_x_is_two_sigmoids_of_2x_less_one():
    x, dy = normals(4, (7,), (7,))
    assert_close(value(Tanh(), x), 2 * value(Sigmoid(), 2 * x) - 1)
    assert_close(gradients(Tanh(), x, dy=dy)[0], 4 * gradients(Sigmoid(), 2 * x, dy=dy)[0])


def test_tanh_is_odd_and_its_slope_even():
    x, dy = normals(5, (7,), (7,))
    assert np.array_equal(value(Tanh(), -x), -value(Tanh(), x))
    assert_close(gradients(Tanh(), -x, dy=dy)[0], gradients(Tanh(), x, dy=dy)[0])


@pytest.mark.parametrize("x", [37.0, 40.0, 300.0, 700.0])
def test_the_slope_of_sigmoid_far_out_is_e_to_minus_x(x):
    for side in (x, -x):
        (dx,) = gradients(Sigmoid(), np.array([side]), dy=np.array([1.7]))
        assert_close(dx, [1.7 * np.exp(-x)])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sigmoid_and_tanh_far_out_are_their_limits_without_a_warning(dtype):
    x, dy = FAR.astype(dtype), np.full(6, 1.7, dtype)
    steps = [0, 0, 0, 1, 1, 1]
    assert_close(value(Sigmoid(), x), steps)
    assert_close(value(Tanh(), x), [-1, -1, -1, 1, 1, 1])
    for rule in (Sigmoid(), Tanh()):
        assert np.all(np.abs(gradients(rule, x, dy=dy)[0]) < 1e-40)


def test_the_tails_of_sigmoid_keep_their_digits_in_float32():
    x = np.array([-80.0, -20.0, 20.0, 80.0])
    (dx,) = gradients(Sigmoid(), x.astype(np.float32), dy=np.float32(1))
    (exact,) = gradients(Sigmoid(), x, dy=1.0)
    assert np.all(np.abs(dx / exact - 1) < 1e-6)  # a few roundings of float32


def test_a_nan_stays_a_nan_in_sigmoid_tanh_and_softmax():
    for rule in (Sigmoid(), Tanh(), Softmax()):
        assert np.all(np.isnan(value(rule, np.array([np.nan]))))


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


def test_activations_of_an_empty_batch_are_empty():
    for rule in (ReLU(), Sigmoid(), Tanh(), Softmax()):
        y, residuals = rule.forward(np.empty((0, 3)))
        assert y.shape == rule.backward(residuals, y)[0].shape == (0, 3)


def test_the_gradient_of_sigmoid_is_finite_where_jax_differentiates_the_formula_to_nan():
    naive = jax.grad(lambda x: 1 / (1 + jnp.exp(-x)))(-800.0)
    assert np.isnan(naive)
    assert gradients(Sigmoid(), np.array([-800.0]), dy=np.array([1.7]))[0] == 0
