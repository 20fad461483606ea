"""Facts of rectifiers: the kink, and what passes."""

import jax
import numpy as np

from handgrad import ReLU
from tests.rules.running import gradients, normals, value


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
