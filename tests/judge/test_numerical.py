"""The numerical derivative, held against derivatives that are known."""

import math

import numpy as np
import pytest

from handgrad.judge.oracles.differences import directional_derivative
from handgrad.judge.oracles.jumps import is_a_staircase

SMOOTH = {
    "sin": (np.sin, np.cos, 0.7),
    "exp": (np.exp, np.exp, 1.3),
    "large root": (np.sqrt, lambda x: 0.5 / np.sqrt(x), 1e8),
    "log of a million": (np.log, lambda x: 1 / x, 1e6),
    "fast wave": (lambda x: np.sin(1e4 * x), lambda x: 1e4 * np.cos(1e4 * x), 0.9),
    "tiny function": (lambda x: 1e-12 * x**3, lambda x: 3e-12 * x**2, 2.0),
    "huge function": (lambda x: 1e12 * x**3, lambda x: 3e12 * x**2, 2.0),
    "tiny argument": (lambda x: 1 / (x + 1e-6), lambda x: -1 / (x + 1e-6) ** 2, 1e-6),
    "steep step": (lambda x: np.tanh(50 * x), lambda x: 50 / np.cosh(50 * x) ** 2, 0.03),
    "edge of the domain": (np.log, lambda x: 1 / x, 1e-3),
    "noise of a large constant": (lambda x: np.sin(x) + 1e9, np.cos, 1.0),
}


def derivative(f, x):
    """The derivative of a function of one number, along a direction of the number's own size."""
    u = 1.7 * x
    estimate = directional_derivative(
        lambda xs: (np.asarray(f(xs[0])),), [np.asarray(x)], [np.asarray(u)], [np.asarray(1.0)]
    )
    return estimate.value / u, estimate.error / abs(u)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_error_bar_covers_the_error(name):
    f, slope, x = SMOOTH[name]
    value, error = derivative(f, x)
    assert abs(value - slope(x)) <= 8 * error


@pytest.mark.parametrize("name", [name for name in SMOOTH if name != "noise of a large constant"])
def test_the_error_bar_is_narrow(name):
    f, slope, x = SMOOTH[name]
    _, error = derivative(f, x)
    # the steps that suit the fast wave are near to where rounding drowns it
    assert error <= (1e-8 if name == "fast wave" else 1e-9) * abs(slope(x))


def test_noise_widens_the_error_bar():
    _, quiet = derivative(np.sin, 1.0)
    _, noisy = derivative(lambda x: np.sin(x) + 1e9, 1.0)
    assert noisy > 1e4 * quiet


def test_a_kink_beside_the_point_is_stepped_over():
    value, error = derivative(lambda x: abs(x - 1.001), 1.0)
    assert abs(value + 1) <= 8 * error <= 1e-8


@pytest.mark.parametrize("seed", range(20))
def test_the_bar_covers_random_nets(seed):
    rng = np.random.default_rng(seed)
    W, x, v = rng.normal(size=(5, 5)), rng.normal(size=5), rng.normal(size=5)
    u = rng.normal(size=5)
    exact = v @ ((1 - np.tanh(W @ x) ** 2) * (W @ u))
    estimate = directional_derivative(lambda xs: (np.tanh(W @ xs[0]),), [x], [u], [v])
    assert abs(estimate.value - exact) <= 8 * estimate.error
    assert estimate.error <= 1e-9 * np.linalg.norm(v)


@pytest.mark.parametrize("power", [1.05, 1.1, 1.25, 1.4, 1.5, 1.6])
def test_a_slope_that_settles_late_is_not_taken_for_known(power):
    """Numbers at 0 reach the slope 0 of x^p so slowly that a million steps would not tell."""
    x, u = np.array([0.0, 1.0]), np.array([1e-3, 1.0])  # x₁ hides what x₀ does

    def f(xs):
        return (np.sum(np.maximum(xs[0], 0) ** power),)

    estimate = directional_derivative(f, [x], [u], [np.asarray(1.0)])
    assert estimate.error == math.inf or abs(estimate.value - power) <= 8 * estimate.error


def test_a_function_that_is_nowhere_finite_has_no_derivative():
    _, error = derivative(lambda x: math.nan * x, 1.0)
    assert error == math.inf


@pytest.mark.parametrize("size", [10, 100_000])
def test_the_cost_does_not_grow_with_the_number_of_elements(size):
    calls = []
    rng = np.random.default_rng(0)
    x, u, v = rng.normal(size=(3, size))

    def f(xs):
        calls.append(1)
        return (np.sin(xs[0]),)

    directional_derivative(f, [x], [u], [v])
    assert len(calls) < 60


@pytest.mark.parametrize(
    ("phi", "is_one"),
    [
        (lambda t: 0.0, True),
        (lambda t: 2.0**-52 * (abs(t) > 1e-6), True),  # both sides of 0 are on one step
        (lambda t: 2.0**-52 * np.floor(1e4 * t), True),
        (lambda t: max(t, 0.0), False),
        (abs, False),
        (lambda t: t * t, False),
    ],
    ids=["flat", "even steps", "steps", "kink", "even kink", "even"],
)
def test_a_staircase_has_no_slope_at_small_steps(phi, is_one):
    assert is_a_staircase(phi) is is_one
