"""Facts of elementary functions: inverses, the edges of the domains, and digits near 0."""

import math

import jax
import numpy as np
import pytest

from handgrad import (
    Atan2,
    Cos,
    Erf,
    Exp,
    Expm1,
    Log,
    Log1p,
    LogAddExp,
    Multiply,
    Sigmoid,
    Sin,
    Xlogy,
)
from handgrad.arrays import erfc
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)

UNARY = {Exp(): "exp", Expm1(): "expm1", Sin(): "sin", Cos(): "cos", Erf(): "erf"}
BINARY = {LogAddExp(): "logaddexp", Atan2(): "atan2"}


@pytest.mark.parametrize("rule", [*UNARY, *BINARY], ids=repr)
def test_torch_has_the_same_value_and_gradients(rule):
    name = (UNARY | BINARY)[rule]
    inputs = normals(1, (3, 5), (3, 5))[: 1 if rule in UNARY else 2]
    assert_like_torch(rule, lambda f: lambda x, *y: getattr(x, name)(*y), *inputs)


@pytest.mark.parametrize("rule", [*BINARY, Xlogy()], ids=repr)
@pytest.mark.parametrize("shapes", [((), (2, 3)), ((2, 1, 3), (4, 1))], ids=repr)
def test_inputs_broadcast_against_each_other(rule, shapes):
    assert_verified(rule, *(np.exp(x) for x in normals(2, *shapes)))


@pytest.mark.parametrize(
    ("rule", "inputs", "y", "grads"),
    [
        (Expm1(), (2,), math.expm1(2), (1.1 * math.exp(2),)),
        (Log1p(), (3,), math.log(4), (0.275,)),
        (Sin(), (2,), math.sin(2), (1.1 * math.cos(2),)),
        (Cos(), (2,), math.cos(2), (-1.1 * math.sin(2),)),
        (Erf(), (1,), math.erf(1), (2.2 / math.sqrt(math.pi) / math.e,)),
        (LogAddExp(), (0, 0), math.log(2), (0.55, 0.55)),
        (Atan2(), (3, 4), math.atan2(3, 4), (1.1 * 4 / 25, -1.1 * 3 / 25)),
        (Xlogy(), (3, 2), 3 * math.log(2), (1.1 * math.log(2), 1.65)),
    ],
    ids=repr,
)
def test_python_numbers_will_do(rule, inputs, y, grads):
    assert_close(value(rule, *inputs), y)
    assert_close(gradients(rule, *inputs, dy=1.1), grads)


@pytest.mark.parametrize(("forth", "back"), [(Exp(), Log()), (Expm1(), Log1p())], ids=repr)
def test_exp_and_log_undo_each_other_forward_and_backward(forth, back):
    x, dy = normals(6, (5,), (5,))
    y = value(forth, x)
    (through,) = gradients(back, y, dy=dy)
    assert_close(value(back, y), x)
    assert_close(gradients(forth, x, dy=through)[0], dy)


def test_expm1_and_log1p_keep_the_digits_of_small_numbers():
    x = np.array([1e-20, -1e-20])
    assert_close(value(Expm1(), x), x)
    assert_close(value(Log1p(), x), x)


def test_the_slope_of_expm1_keeps_digits_that_y_plus_1_has_lost():
    x = np.array([-60.0])
    assert_close(gradients(Expm1(), x, dy=1.0)[0], np.exp(x))
    assert value(Expm1(), x) + 1 == 0


def test_sin_and_cos_are_a_quarter_turn_apart_and_their_squares_sum_to_1():
    x, dy = normals(7, (9,), (9,))
    assert_close(value(Sin(), x + np.pi / 2), value(Cos(), x))
    assert_close(gradients(Sin(), x + np.pi / 2, dy=dy)[0], gradients(Cos(), x, dy=dy)[0])
    s, c = value(Sin(), x), value(Cos(), x)
    moves = gradients(Sin(), x, dy=2 * s)[0] + gradients(Cos(), x, dy=2 * c)[0]
    assert np.max(np.abs(moves)) < 1e-15


def test_the_angle_does_not_move_with_the_distance_and_goes_round_once():
    a, b, dy = normals(8, (9,), (9,), (9,))
    da, db = gradients(Atan2(), a, b, dy=dy)
    assert np.max(np.abs(a * da + b * db)) < 1e-15
    assert_close(b * da - a * db, dy)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_the_slope_of_an_angle_neither_overflows_nor_vanishes(size):
    da, db = gradients(Atan2(), np.array([3 * size]), np.array([4 * size]), dy=np.array([1.7]))
    assert_close(da * size, [1.7 * 4 / 25])
    assert_close(db * size, [-1.7 * 3 / 25])


def test_the_angle_of_the_origin_does_not_move_though_jax_says_nan():
    zero = np.zeros(1)
    assert np.array_equal(gradients(Atan2(), zero, zero, dy=np.array([1.7])), [[0], [0]])
    assert np.isnan(jax.grad(jax.numpy.arctan2)(0.0, 0.0))


def test_shares_of_logaddexp_sum_to_1_and_are_a_sigmoid():
    a, b, dy = normals(9, (9,), (9,), (9,))
    da, db = gradients(LogAddExp(), a, b, dy=dy)
    assert_close(da + db, dy)
    assert_close(da, dy * value(Sigmoid(), a - b))


def test_logaddexp_does_not_overflow_nor_see_which_is_first():
    a, b = np.array([1000.0, -1000.0, 1e308]), np.array([1000.0, -1001.0, -1e307])
    assert_close(value(LogAddExp(), a, b)[:2], [1000 + np.log(2), np.log1p(np.exp(-1)) - 1000])
    assert np.array_equal(value(LogAddExp(), a, b), value(LogAddExp(), b, a))


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_two_equal_infinities_have_equal_shares_in_logaddexp(infinity):
    x = np.array([infinity])
    assert value(LogAddExp(), x, x) == infinity
    assert_close(gradients(LogAddExp(), x, x, dy=np.array([1.7])), [[0.85], [0.85]])


def test_nothing_is_added_by_log_0():
    a, b = np.array([0.4]), np.array([-np.inf])
    assert_close(value(LogAddExp(), a, b), a)
    assert np.array_equal(gradients(LogAddExp(), a, b, dy=np.array([1.7])), [[1.7], [0]])


def test_jax_differentiates_logaddexp_twice_also_at_a_tie():
    def slope(a):
        return gradients(LogAddExp(), a, np.float64(0.3), dy=1.0)[0]

    assert_close(jax.grad(slope)(0.3), 0.25)


def test_xlogy_is_a_product_with_a_log_where_that_is_defined():
    a, b, dy = normals(10, (9,), (9,), (9,))
    b = np.exp(b)
    da, through = gradients(Multiply(), a, value(Log(), b), dy=dy)
    assert_close(value(Xlogy(), a, b), a * np.log(b))
    assert_close(gradients(Xlogy(), a, b, dy=dy)[0], da)
    assert_close(gradients(Xlogy(), a, b, dy=dy)[1], gradients(Log(), b, dy=through)[0])
    assert_like_torch(Xlogy(), lambda f: lambda a, b: a.xlogy(b), a, b)


def test_0_log_of_anything_is_0_but_of_a_nan():
    y = value(Xlogy(), np.zeros(5), np.array([0.0, -1.0, np.inf, 2.0, np.nan]))
    assert np.array_equal(y, [0, 0, 0, 0, np.nan], equal_nan=True)


def test_0_log_0_does_not_move_though_jax_says_minus_infinity():
    da, db = gradients(Xlogy(), np.zeros(2), np.array([0.0, 2.0]), dy=np.array([1.7, -0.6]))
    assert_close(da, [0, -0.6 * np.log(2)])
    assert np.array_equal(db, [0, 0])
    assert jax.grad(jax.scipy.special.xlogy)(0.0, 0.0) == -np.inf


def test_an_entropy_of_zeros_and_ones_has_a_gradient():
    p = np.array([0.0, 1.0, 0.25])
    grads = gradients(Xlogy(), p, p, dy=np.array([1.7, -0.6, 0.4]))
    assert_close(sum(grads), [0, -0.6, 0.4 * (np.log(0.25) + 1)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_is_that_of_the_c_library_from_end_to_end(dtype):
    x = np.concatenate([np.linspace(-7, 7, 301), [0, 1e-20, -0.5, 0.5, 6, 1e30]]).astype(dtype)
    tolerance = 4 * np.finfo(dtype).eps
    assert_close(value(Erf(), x), [math.erf(v) for v in x], tolerance)
    share = erfc(x) / [math.erfc(v) or 1 for v in x]
    assert np.all(np.abs(share - 1)[x < 3] < 40 * tolerance)
    assert value(Erf(), x).dtype == gradients(Erf(), x, dy=dtype(1))[0].dtype == dtype


def test_erf_is_odd_and_its_slope_even():
    x, dy = normals(11, (9,), (9,))
    assert np.array_equal(value(Erf(), -x), -value(Erf(), x))
    assert np.array_equal(gradients(Erf(), -x, dy=dy)[0], gradients(Erf(), x, dy=dy)[0])
