"""Facts of implicit layers: the solution counts, not how it was found."""

import jax
import jax.numpy as jnp
import numpy as np

from handgrad import FixedPoint, Tanh
from handgrad.comparison.programs import ReverseMode
from tests.benchmarks.residuals import kept
from tests.rules.running import assert_close, gradients, normals, value


def inputs_of(seed, rows=5, size=4):
    """x, and a W with numbers between −1 and 1."""
    x, W = normals(seed, (rows, size), (size, size))
    return x, np.tanh(W)


def iterated(x, W, steps=400):
    """z = tanh(z W / D + x), so many times."""
    z = jnp.zeros_like(x)
    for _ in range(steps):
        z = jnp.tanh(z @ W / W.shape[0] + x)
    return z


def test_a_fixed_point_comes_out_of_its_map_as_it_went_in():
    x, W = inputs_of(1)
    z = value(FixedPoint(), x, W)
    assert_close(np.tanh(z @ W / 4 + x), z)


def test_four_hundred_layers_with_one_weight_have_the_same_value_and_gradients():
    x, W = inputs_of(2)
    (dy,) = normals(3, x.shape)
    z, pull = jax.vjp(iterated, x, W)
    assert_close(value(FixedPoint(), x, W), z)
    for mine, other in zip(gradients(FixedPoint(), x, W, dy=dy), pull(dy), strict=True):
        assert_close(mine, other)


def test_more_steps_change_neither_the_solution_nor_its_gradients():
    x, W = inputs_of(4)
    (dy,) = normals(5, x.shape)
    assert_close(value(FixedPoint(40), x, W), value(FixedPoint(), x, W))
    pairs = zip(*(gradients(FixedPoint(n), x, W, dy=dy) for n in (24, 40)), strict=True)
    for few, many in pairs:
        assert_close(few, many)


def test_a_layer_that_does_not_see_itself_is_tanh():
    x, dy = normals(6, (5, 4), (5, 4))
    none = np.zeros((4, 4))
    assert_close(value(FixedPoint(), x, none), value(Tanh(), x))
    assert_close(gradients(FixedPoint(), x, none, dy=dy)[0], gradients(Tanh(), x, dy=dy)[0])


def test_one_number_that_sees_itself_has_the_slope_of_the_inverse_function():
    """x = artanh z − w z, so that dz = dx / (1 / (1 − z²) − w)."""
    x, dy, w = normals(7, (6, 1), (6, 1), (1, 1))
    w = np.tanh(w)
    z = value(FixedPoint(), x, w)
    assert_close(np.arctanh(z) - w * z, x, 1e-11)
    slope = 1 / (1 / (1 - z**2) - w)
    assert_close(gradients(FixedPoint(), x, w, dy=dy)[0], dy * slope, 1e-11)


def test_where_it_barely_contracts_it_is_found_as_well():
    x, W = np.full((1, 3), 1e-3), np.full((3, 3), 0.999)
    z = value(FixedPoint(), x, W)
    assert_close(np.tanh(z @ W / 3 + x), z)


def test_nothing_is_kept_beside_inputs_and_outputs_where_a_hundred_layers_keep_megabytes():
    x, W = (jax.ShapeDtypeStruct(s, np.float32) for s in ((64, 256), (256, 256)))
    unrolled = ReverseMode(lambda x, W: iterated(x, W, 100), (0, 1))
    beside = [kept(way, (x, W))[1] for way in (FixedPoint(), unrolled)]
    assert beside[0] == 0  # z is an output, and W an input
    assert kept(FixedPoint(), (x, W))[0] < kept(unrolled, (x, W))[0] / 5
    assert beside[1] > 1e6
