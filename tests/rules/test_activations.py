"""Facts of smooth activations: symmetries, identities, and numbers far from 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import (
    GELU,
    LogSigmoid,
    Mish,
    QuickGELU,
    ReLU,
    Sigmoid,
    SiLU,
    Softcap,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from handgrad.arrays import erf
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

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


IN_TORCH = {
    Sigmoid(): "sigmoid",
    Tanh(): "tanh",
    Softplus(2.5): lambda f: lambda x: f.softplus(x, beta=2.5, threshold=1e9),
    LogSigmoid(): "logsigmoid",
    Softsign(): "softsign",
    SiLU(): "silu",
    GELU(): "gelu",
    GELU("tanh"): lambda f: lambda x: f.gelu(x, approximate="tanh"),
    Mish(): "mish",
}
SMOOTH = [*IN_TORCH, QuickGELU(), Softcap()]
GATED = [SiLU(), QuickGELU(), GELU(), GELU("tanh"), Mish()]


@pytest.mark.parametrize("rule", IN_TORCH, ids=repr)
def test_torch_has_the_same_value_and_gradient(rule):
    assert_like_torch(rule, IN_TORCH[rule], 3 * normals(20, (40,))[0])


@pytest.mark.parametrize("rule", SMOOTH, ids=repr)
def test_a_number_will_do_for_every_activation(rule):
    y, dx = value(rule, 0.5), gradients(rule, 0.5, dy=1.1)[0]
    assert_close(y, value(rule, np.array(0.5)))
    assert_close(dx, gradients(rule, np.array(0.5), dy=1.1)[0])


@pytest.mark.parametrize("rule", SMOOTH, ids=repr)
@pytest.mark.parametrize(("dtype", "far"), [(np.float32, 1e37), (np.float64, 1e307)])
def test_no_number_is_too_far_out(rule, dtype, far):
    x = np.array([-far, -1e5, -90, 90, 1e5, far], dtype)
    dx = gradients(rule, x, dy=np.full(6, 1.7, dtype))[0]
    assert np.all(np.isfinite(value(rule, x)))
    assert np.all(np.isfinite(dx))


@pytest.mark.parametrize("rule", GATED, ids=repr)
def test_what_gates_itself_goes_from_0_to_x(rule):
    x, dy = np.array([-800.0, 800.0]), np.array([1.7, -0.6])
    assert np.array_equal(value(rule, x), [0, 800])
    assert np.array_equal(gradients(rule, x, dy=dy)[0], [0, -0.6])


@pytest.mark.parametrize("rule", [*GATED, Sigmoid(), Tanh(), Softcap(), Softplus()], ids=repr)
def test_jax_differentiates_the_slope_again_also_at_0(rule):
    def slope(x):
        return gradients(rule, x, dy=1.0)[0]

    x, step = np.array([-1.3, 0.0, 0.7]), 1e-5
    numbers = (slope(x + step) - slope(x - step)) / (2 * step)
    assert_close(jax.vmap(jax.grad(slope))(jnp.asarray(x)), numbers, 1e-8)


def test_softplus_minus_x_is_softplus_of_minus_x_and_its_slopes_sum_to_1():
    x, dy = normals(21, (9,), (9,))
    rule = Softplus(1.7)
    assert_close(value(rule, x) - value(rule, -x), x)
    assert_close(gradients(rule, x, dy=dy)[0] + gradients(rule, -x, dy=dy)[0], dy)


def test_softplus_does_not_jump_where_torch_starts_its_line():
    below, above = value(Softplus(), np.array([20.0, np.nextafter(20.0, 21)]))
    assert 0 < above - below < 1e-14
    assert above > 20 + 2e-9


def test_log_sigmoid_is_the_log_of_sigmoid_and_minus_softplus_of_minus_x():
    x, dy = normals(22, (9,), (9,))
    assert_close(value(LogSigmoid(), x), np.log(value(Sigmoid(), x)))
    assert_close(value(LogSigmoid(), x), -value(Softplus(), -x))
    assert_close(gradients(LogSigmoid(), x, dy=dy)[0], gradients(Softplus(), -x, dy=dy)[0])


def test_the_tails_of_tanh_keep_their_digits():
    for dtype, far, share in ((np.float64, 300.0, 1e-13), (np.float32, 40.0, 1e-5)):
        (dx,) = gradients(Tanh(), np.array([-far, far], dtype), dy=dtype(1))
        assert_close(dx, np.full(2, 4 * np.exp(-2 * far)), share)


def test_softsign_has_slope_1_at_0_and_no_kink():
    dx = gradients(Softsign(), np.array([-1e-9, -0.0, 0.0, 1e-9]), dy=1.7)[0]
    assert_close(dx, np.full(4, 1.7), 1e-8)


def test_silu_of_x_less_silu_of_minus_x_is_x():
    x, dy = normals(23, (9,), (9,))
    for rule in (SiLU(), QuickGELU(), GELU(), GELU("tanh")):
        assert_close(value(rule, x) - value(rule, -x), x)
        assert_close(gradients(rule, x, dy=dy)[0] + gradients(rule, -x, dy=dy)[0], dy)


def test_silu_is_least_where_one_plus_x_is_one_minus_sigma_x():
    at = np.array([-1.2784645427610738])  # the root of 1 + x (1 − σ)
    assert abs(gradients(SiLU(), at, dy=1.0)[0][0]) < 1e-15


def test_gelu_on_the_left_keeps_digits_that_erf_has_lost():
    x = np.array([-10.0])  # Φ(−10) by its continued fraction, in 50 digits
    assert_close(value(GELU(), x), [-7.6198530241605255e-23], 1e-13)
    assert np.array_equal(-10 * (1 + erf(x / np.sqrt(2))) / 2, [0])


def test_the_two_gelus_differ_by_less_than_5e_4_and_by_more_than_4e_4():
    x = np.linspace(-5, 5, 401)
    gap = np.max(np.abs(value(GELU(), x) - value(GELU("tanh"), x)))
    assert 4e-4 < gap < 5e-4


def test_mish_is_a_ratio_of_powers_of_its_exponential():
    x, dy = normals(24, (9,), (9,))
    n = np.exp(x)
    w = n * (n + 2)
    slope = w / (w + 2) + x * 4 * n * (n + 1) / (w + 2) ** 2
    assert_close(value(Mish(), x), x * w / (w + 2))
    assert_close(gradients(Mish(), x, dy=dy)[0], dy * slope)


def test_softcap_never_passes_its_cap_and_is_x_near_0():
    x = np.array([-1e9, -1e-6, 1e-6, 1e9])
    assert_close(value(Softcap(30.0), x)[[0, 3]], [-30, 30])
    assert_close(value(Softcap(30.0), x)[1:3], x[1:3])
    assert_close(gradients(Softcap(30.0), x, dy=1.7)[0], [0, 1.7, 1.7, 0])
