"""At a kink every value between the slopes of the sides is right, and no other."""

import jax
import numpy as np
import pytest

from handgrad import verify

CORNERS = np.array([[0.0, 1.0, -2.0], [0.0, 0.5, 0.0]])
EDGES = np.array([-1.0, 1.0, 0.3, -2.0, 1.7])
TIES = np.array([[1.0, 3, 3, 0], [2, 2, 2, 2], [0, 1, 2, 5]])
PAIRED = np.array([1.0, 2, -3, 0.5]), np.array([1.0, 1, -3, 0.7])


def relu(at_0):
    slope = np.frompyfunc(lambda x: 1.0 if x > 0 else at_0 if x == 0 else 0.0, 1, 1)
    return lambda x: np.maximum(x, 0), lambda dy, x: dy * np.asarray(slope(x), x.dtype)


def absolute(at_0):
    return np.abs, lambda dy, x: dy * np.where(x == 0, at_0, np.sign(x))


def clip(at_low, at_high):
    def vjp(dy, x):
        return dy * np.select([x == -1, x == 1, np.abs(x) < 1], [at_low, at_high, 1.0])

    return lambda x: np.clip(x, -1, 1), vjp


def maximum(first, second):
    def vjp(dy, a, b):
        ties = a == b
        return dy * np.where(ties, first, a > b), dy * np.where(ties, second, b > a)

    return np.maximum, vjp


def largest(*shares):
    """The maximum of each row; its gradient goes to the ties in these shares, from the first on."""

    def vjp(dy, x):
        ties = x == np.max(x, axis=-1, keepdims=True)
        place = np.cumsum(ties, axis=-1) - 1
        single = np.sum(ties, axis=-1, keepdims=True) == 1
        to_each = np.where(single, 1.0, np.asarray([*shares, 0, 0, 0])[place])
        return dy[..., None] * np.where(ties, to_each, 0)

    return lambda x: np.maximum.reduce(x, axis=-1), vjp


@pytest.mark.parametrize("x", [CORNERS, 0.0, CORNERS.astype("float32")], ids=["64", "0-d", "32"])
@pytest.mark.parametrize("at_0", [0, 0.001, 0.25, 0.5, 1])
def test_relu_may_have_any_slope_from_0_to_1_at_0(at_0, x):
    assert verify(relu(at_0), x).status in {"KINK", "PASS"}


@pytest.mark.parametrize("x", [CORNERS, 0.0, CORNERS.astype("float32")], ids=["64", "0-d", "32"])
@pytest.mark.parametrize("at_0", [-0.5, -0.01, 1.01, 2])
def test_relu_may_have_no_other_slope_at_0(at_0, x):
    assert verify(relu(at_0), x).status == "WRONG"


RIGHT_AT_A_KINK = {
    "|x|, 0": (absolute(0.0), CORNERS),
    "|x|, from the right": (absolute(1.0), CORNERS),
    "|x|, from the left": (absolute(-1.0), CORNERS),
    "|x|, 0.3": (absolute(0.3), CORNERS),
    "clip, kept": (clip(1.0, 1.0), EDGES),
    "clip, dropped": (clip(0.0, 0.0), EDGES),
    "clip, one edge": (clip(0.0, 1.0), EDGES),
    "clip, 0.2 and 0.9": (clip(0.2, 0.9), EDGES),
    "maximum, to the first": (maximum(1, 0), *PAIRED),
    "maximum, to the second": (maximum(0, 1), *PAIRED),
    "maximum, halves": (maximum(0.5, 0.5), *PAIRED),
    "maximum, 0.3 and 0.7": (maximum(0.3, 0.7), *PAIRED),
    "max, to the first tie": (largest(1), TIES),
    "max, to the second tie": (largest(0, 1), TIES),
    "max, in halves": (largest(0.5, 0.5), TIES),
    "max, 0.3 and 0.7": (largest(0.3, 0.7), TIES),
}

OUTSIDE = {
    "|x|, 1.01": (absolute(1.01), CORNERS),
    "|x|, -2": (absolute(-2.0), CORNERS),
    "clip, 1.5": (clip(1.5, 0.0), EDGES),
    "clip, -0.5": (clip(0.0, -0.5), EDGES),
    "maximum, both": (maximum(1, 1), *PAIRED),
    "maximum, neither": (maximum(0, 0), *PAIRED),
    "maximum, a tenth lost": (maximum(0.5, 0.4), *PAIRED),
    "maximum, 2 and -1": (maximum(2, -1), *PAIRED),
    "max, to all ties": (largest(1, 1, 1, 1), TIES),
    "max, to none": (largest(0), TIES),
    "max, 2 and -1": (largest(2, -1), TIES),
}


@pytest.mark.parametrize("name", RIGHT_AT_A_KINK)
def test_a_gradient_in_the_subdifferential_is_never_wrong(name):
    subject, *inputs = RIGHT_AT_A_KINK[name]
    verdict = verify(subject, *inputs)
    assert verdict.status in {"KINK", "PASS"}, str(verdict)


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_gradient_outside_the_subdifferential_is_wrong(name):
    subject, *inputs = OUTSIDE[name]
    verdict = verify(subject, *inputs)
    assert verdict.status == "WRONG", str(verdict)


@pytest.mark.parametrize(("at_0", "status"), [(0, "KINK"), (1, "KINK"), (2, "WRONG")])
def test_another_subgradient_than_that_of_jax_is_no_error(at_0, status):
    assert verify(relu(at_0), CORNERS, reference=jax.nn.relu).status == status


def jax_clip(at_edges):
    """clip(x, −1, 1) + x / 2 in JAX, with a slope of its own at −1 and 1."""

    @jax.custom_jvp
    def f(x):
        return jax.numpy.clip(x, -1, 1) + x / 2

    @f.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        slope = jax.numpy.select(
            [jax.numpy.abs(x) == 1, jax.numpy.abs(x) < 1], [at_edges, 1.5], 0.5
        )
        return f(x), t * slope.astype(x.dtype)

    return f


@pytest.mark.parametrize(("at_edges", "ok"), [(0.5, True), (1.5, True), (2, False)])
def test_an_error_at_a_kink_does_not_hide_behind_rounding(at_edges, ok):
    x = np.random.default_rng(0).normal(size=(3, 4))  # ones are among the special inputs
    assert verify(jax_clip(at_edges), jax.numpy.asarray(x)).ok is ok


def test_the_norm_of_0_may_have_the_gradient_0():
    def norm(x):
        return np.sqrt(np.vdot(x, x))

    def vjp(dy, x):
        return dy * x / (norm(x) or 1.0)

    assert verify((norm, vjp), np.zeros(3)).status in {"KINK", "PASS", "VACUOUS"}


def norm_with(length):
    """The norm, and its gradient; at 0 a vector of this length."""
    away = np.array([0.6, 0.0, -0.8])

    def vjp(dy, x):
        y = np.sqrt(np.vdot(x, x))
        return dy * (x / y if y else length * away)

    return lambda x: np.sqrt(np.vdot(x, x)), vjp


@pytest.mark.parametrize("scale", [1.0, -1.0, 1e-9, 1e6])
@pytest.mark.parametrize("length", [0.3, 1.0])
def test_a_subgradient_of_the_norm_is_at_most_1_long(length, scale):
    f, vjp = norm_with(length)
    verdict = verify((lambda x: scale * f(x), lambda dy, x: scale * vjp(dy, x)), np.zeros(3))
    assert verdict.status in {"KINK", "PASS"}, str(verdict)


@pytest.mark.parametrize("scale", [1.0, -1.0, 1e-9, 1e6])
@pytest.mark.parametrize("length", [1.05, 1.5, 2.5, 10])
def test_a_longer_one_is_wrong(length, scale):
    f, vjp = norm_with(length)
    verdict = verify((lambda x: scale * f(x), lambda dy, x: scale * vjp(dy, x)), np.zeros(3))
    assert verdict.status == "WRONG", str(verdict)


def median_vjp(share):
    """The two in the middle share dy; of those that tie, whichever was sorted there."""

    def vjp(dy, x):
        if len(x) % 2:
            raise ValueError("an odd number of them has one in the middle")
        middle = np.argsort(x, kind="stable")[len(x) // 2 - 1 : len(x) // 2 + 1]
        dx = np.zeros_like(x)
        dx[middle] = share * dy
        return dx

    return vjp


@pytest.mark.parametrize("x", [np.zeros(6), np.array([2.0, 1.0, 0.0, 0.0, 0.0, -1.0])])
def test_a_kink_that_no_line_shows_is_no_error(x):
    """t → median(x + t u) is straight at x = 0, for every u: the kink is between the directions."""
    assert verify((np.median, median_vjp(0.5)), x).ok
    assert verify((np.median, median_vjp(0.6)), x).status == "WRONG"
