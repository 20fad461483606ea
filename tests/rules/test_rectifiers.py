"""Facts of rectifiers: the kink, what passes, and the left side far out."""

import jax
import numpy as np
import pytest

from handgrad import CELU, ELU, SELU, LeakyReLU, PReLU, ReLU, SquaredReLU
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)

IN_TORCH = {
    ReLU(): "relu",
    LeakyReLU(0.3): lambda f: lambda x: f.leaky_relu(x, 0.3),
    ELU(1.7): lambda f: lambda x: f.elu(x, 1.7),
    SELU(): "selu",
    CELU(0.5): lambda f: lambda x: f.celu(x, 0.5),
    SquaredReLU(): lambda f: lambda x: f.relu(x) ** 2,
}
SLOPES_AT_0 = {
    ReLU(): 0,
    LeakyReLU(0.3): 0.3,
    ELU(1.7): 1.7,
    SELU(): 1.0507009873554805 * 1.6732632423543772,
    CELU(0.5): 1,
    SquaredReLU(): 0,
}
every_rule = pytest.mark.parametrize("rule", IN_TORCH, ids=repr)


@every_rule
def test_torch_has_the_same_value_and_gradient_also_at_0(rule):
    assert_like_torch(rule, IN_TORCH[rule], np.append(3 * normals(1, (30,))[0], 0.0))


@every_rule
def test_the_slope_at_0_is_that_of_the_left_side(rule):
    (dx,) = gradients(rule, np.array([-0.0, 0.0]), dy=np.array([1.7, -0.6]))
    assert_close(dx, SLOPES_AT_0[rule] * np.array([1.7, -0.6]))


@every_rule
def test_a_number_will_do_on_either_side(rule):
    for x in (-2, 0, 3):
        array = np.array(float(x))
        assert_close(value(rule, x), value(rule, array))
        assert_close(gradients(rule, x, dy=1.1)[0], gradients(rule, array, dy=1.1)[0])


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_number_is_too_far_to_the_left(rule, dtype):
    x = np.array([-1e30, -1000, -90, 1e4], dtype)
    dx = gradients(rule, x, dy=np.full(4, 1.7, dtype))[0]
    assert value(rule, x).dtype == dx.dtype == dtype
    assert np.all(np.isfinite(value(rule, x)))
    assert np.all(np.isfinite(dx))


@every_rule
def test_infinities_have_a_slope(rule):
    dx = gradients(rule, np.array([-np.inf]), dy=np.array([1.7]))[0]
    assert_close(dx, gradients(rule, np.array([-1000.0]), dy=np.array([1.7]))[0])


def test_relu_has_slope_0_at_0_as_in_jax():
    assert jax.grad(jax.nn.relu)(0.0) == gradients(ReLU(), np.zeros(1), dy=np.ones(1))[0][0] == 0


def test_leaky_relu_has_its_left_slope_at_0_where_jax_has_1():
    assert gradients(LeakyReLU(0.3), np.zeros(1), dy=1.0)[0][0] == 0.3
    assert jax.grad(lambda x: jax.nn.leaky_relu(x, 0.3))(0.0) == 1


def test_relu_passes_a_nan_forward():
    y = value(ReLU(), np.array([np.nan, -1.0, 2.0, -np.inf, np.inf]))
    assert np.array_equal(y, [np.nan, 0, 2, 0, np.inf], equal_nan=True)


def test_relu_passes_the_gradient_where_it_passed_the_number():
    x, dy = np.array([-3.0, 1e-300, -1e-300, 5.0]), np.array([1.7, -0.6, 0.4, 0.9])
    assert np.array_equal(gradients(ReLU(), x, dy=dy)[0], [0, -0.6, 0, 0.9])


def test_relu_of_x_less_relu_of_minus_x_is_x():
    x, dy = normals(2, (5, 3), (5, 3))
    assert np.array_equal(value(ReLU(), x) - value(ReLU(), -x), x)
    assert np.array_equal(gradients(ReLU(), x, dy=dy)[0] + gradients(ReLU(), -x, dy=dy)[0], dy)


def test_leaky_relu_with_slope_a_is_undone_by_slope_one_over_a():
    x, dy = normals(3, (6,), (6,))
    y = value(LeakyReLU(0.3), x)
    assert_close(value(LeakyReLU(1 / 0.3), y), x)
    (through,) = gradients(LeakyReLU(1 / 0.3), y, dy=dy)
    assert_close(gradients(LeakyReLU(0.3), x, dy=through)[0], dy)


def test_prelu_has_one_slope_for_each_channel_as_in_torch():
    x, a = normals(4, (4, 3, 2, 5), (3, 1, 1))
    assert_verified(PReLU(), x, a)
    assert_like_torch(PReLU(), lambda f: lambda x, a: f.prelu(x, a[:, 0, 0]), x, a)


def test_prelu_of_positive_numbers_has_no_gradient_for_its_slopes():
    x, a, dy = np.exp(normals(5, (4, 3))[0]), *normals(6, (3,), (4, 3))
    dx, da = gradients(PReLU(), x, a, dy=dy)
    assert np.array_equal(dx, dy)
    assert np.array_equal(da, np.zeros(3))


def test_the_slope_of_elu_keeps_digits_that_y_plus_alpha_has_lost():
    x = np.array([-60.0])
    assert_close(gradients(ELU(1.7), x, dy=1.0)[0], 1.7 * np.exp(x))
    assert value(ELU(1.7), x) + 1.7 == 0


def test_elu_with_a_negative_alpha_has_the_slope_of_its_own_side():
    x = np.array([-1.0, -0.1])  # y is positive there: where y > 0 is another mask
    assert_close(gradients(ELU(-2.0), x, dy=1.3)[0], -2.6 * np.exp(x))


def test_selu_keeps_mean_0_and_variance_1_of_a_standard_normal():
    x = np.linspace(0, 12, 24001)  # each side by itself, for y bends at 0
    right, left = value(SELU(), x), value(SELU(), -x)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    moments = [np.trapezoid((right**n + left**n) * density, x) for n in (1, 2)]
    assert_close(moments, [0, 1], 1e-7)


def test_celu_is_elu_of_x_over_alpha_times_alpha():
    x, dy = normals(7, (8,), (8,))
    assert_close(value(CELU(0.6), x), 0.6 * value(ELU(), x / 0.6))
    assert_close(gradients(CELU(0.6), x, dy=dy)[0], gradients(ELU(), x / 0.6, dy=dy)[0])


def test_squared_relu_is_x_times_relu():
    x, dy = normals(8, (8,), (8,))
    assert_close(value(SquaredReLU(), x), x * value(ReLU(), x))
    assert_close(gradients(SquaredReLU(), x, dy=dy)[0], 2 * dy * value(ReLU(), x))
