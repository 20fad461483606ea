"""Facts of activations of straight pieces: the bends, and what lies beyond them."""

import jax
import numpy as np
import pytest

from handgrad import Clip, HardShrink, HardSigmoid, HardSwish, HardTanh, ReLU6, SoftShrink
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

IN_TORCH = {
    ReLU6(): "relu6",
    HardTanh(-0.5, 2.0): lambda f: lambda x: f.hardtanh(x, -0.5, 2.0),
    HardSigmoid(): "hardsigmoid",
    HardSwish(): "hardswish",
    SoftShrink(0.7): lambda f: lambda x: f.softshrink(x, 0.7),
    HardShrink(0.7): lambda f: lambda x: f.hardshrink(x, 0.7),
}
BENDS = {
    ReLU6(): ([0, 6], [0, 0]),
    HardTanh(-0.5, 2.0): ([-0.5, 2], [0, 0]),
    HardSigmoid(): ([-3, 3], [0, 0]),
    HardSwish(): ([-3, 3], [0, 1]),
    SoftShrink(0.7): ([-0.7, 0.7], [0, 0]),
    HardShrink(0.7): ([-0.7, 0.7], [0, 0]),
}
FAR_OUT = {HardSwish(): (0, 1), SoftShrink(0.7): (1, 1), HardShrink(0.7): (1, 1)}
every_rule = pytest.mark.parametrize("rule", IN_TORCH, ids=repr)


@every_rule
def test_torch_has_the_same_value_and_gradient_also_at_the_bends(rule):
    x = np.append(4 * normals(1, (40,))[0], BENDS[rule][0])
    tolerance = 1e-7 if rule == HardSigmoid() else 1e-12  # torch rounds its slope to float32
    since = (
        "2.8" if rule == HardSwish() else "2.3"
    )  # before it, torch has the inner slope at a bend
    assert_like_torch(rule, IN_TORCH[rule], x, tolerance=tolerance, since=since)


@every_rule
def test_the_slope_at_a_bend_is_that_of_the_outer_piece(rule):
    bends, slopes = BENDS[rule]
    (dx,) = gradients(rule, np.array(bends, float), dy=np.array([1.7, -0.6]))
    assert_close(dx, slopes * np.array([1.7, -0.6]))


@every_rule
def test_a_number_will_do_on_every_piece(rule):
    for x in (-7, 0.2, 7):
        array = np.array(float(x))
        assert_close(value(rule, x), value(rule, array))
        assert_close(gradients(rule, x, dy=1.1)[0], gradients(rule, array, dy=1.1)[0])


@every_rule
def test_float32_stays_float32_and_finite_far_out(rule):
    x = np.array([-3e38, -1.0, 1.0, 3e38], np.float32)
    (dx,) = gradients(rule, x, dy=np.full(4, 1.7, np.float32))
    assert value(rule, x).dtype == dx.dtype == np.float32
    assert np.all(np.isfinite(value(rule, x)))
    left, right = FAR_OUT.get(rule, (0, 0))
    assert_close(dx[[0, 3]], [1.7 * left, 1.7 * right], 1e-6)


@every_rule
def test_a_nan_passes_forward(rule):
    assert np.isnan(value(rule, np.array([np.nan])))[0]


def test_hard_tanh_has_slope_0_at_its_bounds_where_jax_has_1():
    assert gradients(HardTanh(), np.ones(1), dy=1.7)[0][0] == 0
    assert jax.grad(jax.nn.hard_tanh)(1.0) == 1


@pytest.mark.parametrize("rule", [ReLU6(), HardTanh(), HardShrink()], ids=repr)
def test_a_second_time_changes_nothing_forward_or_backward(rule):
    x, dy = 4 * normals(2, (40,))[0], normals(3, (40,))[0]
    once, (dx,) = value(rule, x), gradients(rule, x, dy=dy)
    assert np.array_equal(value(rule, once), once)
    assert np.array_equal(gradients(rule, x, dy=dx)[0], dx)


def test_hard_sigmoid_of_x_and_of_minus_x_sum_to_1():
    x, dy = 4 * normals(4, (9,))[0], normals(5, (9,))[0]
    assert_close(value(HardSigmoid(), x) + value(HardSigmoid(), -x), np.ones(9))
    assert_close(gradients(HardSigmoid(), x, dy=dy)[0], gradients(HardSigmoid(), -x, dy=dy)[0])


def test_hard_swish_is_x_times_hard_sigmoid():
    x, dy = 4 * normals(6, (9,))[0], normals(7, (9,))[0]
    h, (through,) = value(HardSigmoid(), x), gradients(HardSigmoid(), x, dy=dy * x)
    assert_close(value(HardSwish(), x), x * h)
    assert_close(gradients(HardSwish(), x, dy=dy)[0], dy * h + through)


def test_soft_shrink_is_what_clip_takes_away():
    x, dy = normals(8, (9,), (9,))
    clip = Clip(-0.7, 0.7)
    assert_close(value(SoftShrink(0.7), x), x - value(clip, x))
    assert_close(gradients(SoftShrink(0.7), x, dy=dy)[0], dy - gradients(clip, x, dy=dy)[0])


def test_soft_shrink_is_the_least_of_a_square_and_an_absolute_value():
    x, p = normals(9, (9, 1), (1, 2001))
    y = value(SoftShrink(0.7), x)
    assert np.all((p - x) ** 2 / 2 + 0.7 * np.abs(p) >= (y - x) ** 2 / 2 + 0.7 * np.abs(y))
