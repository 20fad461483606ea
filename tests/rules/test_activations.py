"""Facts of activations: symmetries, what stays the same, the kink, and numbers far from 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import ReLU, Sigmoid, Softmax, Tanh
from tests.rules.running import assert_close, gradients, normals, value

FAR = np.array([-1000.0, -745.0, -100.0, 100.0, 745.0, 1000.0])


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


def test_activations_of_an_empty_batch_are_empty():
    for rule in (ReLU(), Sigmoid(), Tanh(), Softmax()):
        y, residuals = rule.forward(np.empty((0, 3)))
        assert y.shape == rule.backward(residuals, y)[0].shape == (0, 3)


def test_the_gradient_of_sigmoid_is_finite_where_jax_differentiates_the_formula_to_nan():
    naive = jax.grad(lambda x: 1 / (1 + jnp.exp(-x)))(-800.0)
    assert np.isnan(naive)
    assert gradients(Sigmoid(), np.array([-800.0]), dy=np.array([1.7]))[0] == 0
