"""Facts of arithmetic: identities, Python numbers, broadcasting, and the edges of the domains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import (
    Abs,
    Add,
    Divide,
    Exp,
    Log,
    Multiply,
    Negate,
    Power,
    Reciprocal,
    Sqrt,
    Square,
    Subtract,
)
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)

BINARY = [Add(), Subtract(), Multiply(), Divide(), Power()]


def test_two_apples_at_100_with_tax_have_the_gradients_of_the_book():
    price, residuals = Multiply().forward(100, 2)
    total, taxed = Multiply().forward(price, 1.1)
    d_price, d_tax = Multiply().backward(taxed, 1)
    assert price == 200
    assert_close(total, 220.0)
    assert d_tax == 200
    assert_close(Multiply().backward(residuals, d_price), (2.2, 110.0))


@pytest.mark.parametrize(
    ("rule", "inputs", "y", "grads"),
    [
        (Add(), (100, 2), 102, (1.1, 1.1)),
        (Subtract(), (100, 2), 98, (1.1, -1.1)),
        (Multiply(), (100, 2), 200, (2.2, 110.0)),
        (Divide(), (100, 2), 50, (0.55, -27.5)),
        (Power(), (3, 2), 9, (6.6, 9.9 * np.log(3))),
        (Power(), (2, -1), 0.5, (-0.275, 0.55 * np.log(2))),
        (Negate(), (100,), -100, (-1.1,)),
        (Exp(), (0,), 1, (1.1,)),
        (Log(), (4,), np.log(4), (0.275,)),
        (Sqrt(), (4,), 2, (0.275,)),
        (Square(), (-4,), 16, (-8.8,)),
        (Abs(), (-4,), 4, (-1.1,)),
        (Reciprocal(), (4,), 0.25, (-0.06875,)),
    ],
    ids=repr,
)
def test_python_numbers_will_do(rule, inputs, y, grads):
    assert_close(value(rule, *inputs), y)
    assert_close(gradients(rule, *inputs, dy=1.1), grads)


@pytest.mark.parametrize("rule", BINARY, ids=repr)
@pytest.mark.parametrize(
    "shapes", [((), (2, 3)), ((3,), (2, 1)), ((2, 1, 3), (4, 1)), ((1, 1), (1,))], ids=repr
)
def test_inputs_broadcast_against_each_other(rule, shapes):
    a, b = (np.exp(x) for x in normals(1, *shapes))
    assert_verified(rule, a, b)


@pytest.mark.parametrize("rule", BINARY, ids=repr)
def test_no_numbers_have_no_gradient_and_add_nothing_to_a_stretched_one(rule):
    a, b, dy = np.empty((0, 3)), np.full(3, 2.0), np.empty((0, 3))
    da, db = gradients(rule, a, b, dy=dy)
    assert da.shape == (0, 3)
    assert np.array_equal(db, np.zeros(3))


def test_a_square_has_the_gradient_of_x_times_x():
    x, dy = normals(2, (4, 3), (4, 3))
    da, _ = gradients(Power(), x, 2.0, dy=dy)
    assert_close(da, sum(gradients(Multiply(), x, x, dy=dy)))


def test_a_quotient_is_a_product_with_the_reciprocal():
    a, b, dy = normals(3, (4, 3), (4, 3), (4, 3))
    da, d_inverse = gradients(Multiply(), a, value(Reciprocal(), b), dy=dy)
    (db,) = gradients(Reciprocal(), b, dy=d_inverse)
    assert_close(value(Divide(), a, b), a * value(Reciprocal(), b))
    for actual, expected in zip(gradients(Divide(), a, b, dy=dy), (da, db), strict=True):
        assert_close(actual, expected)


def test_a_root_is_the_power_one_half():
    x, dy = np.exp(normals(4, (5,))[0]), normals(5, (5,))[0]
    assert_close(gradients(Sqrt(), x, dy=dy)[0], gradients(Power(), x, 0.5, dy=dy)[0])


def test_the_reciprocal_and_the_negative_are_their_own_inverses():
    x, dy = normals(7, (5,), (5,))
    for rule in (Reciprocal(), Negate()):
        y = value(rule, x)
        assert_close(value(rule, y), x)
        assert_close(gradients(rule, x, dy=gradients(rule, y, dy=dy)[0])[0], dy)


def test_the_root_of_0_has_an_infinite_slope_as_in_jax():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        (dx,) = gradients(Sqrt(), np.zeros(1), dy=np.array([-1.7]))
    assert dx[0] == -1.7 * jax.grad(jnp.sqrt)(0.0) == -np.inf


@pytest.mark.parametrize("a", [-2.0, 0.0, 3.0])
def test_the_power_0_is_constant_in_its_base_also_at_0(a):
    da, _ = gradients(Power(), np.array([a]), np.array([0.0]), dy=np.array([1.7]))
    assert value(Power(), np.array([a]), np.array([0.0])) == 1
    assert da[0] == 0


@pytest.mark.parametrize("b", [0.0, 1.0, 2.5])
def test_a_power_of_0_does_not_move_with_its_exponent(b):
    _, db = gradients(Power(), np.zeros(1), np.array([b]), dy=np.array([1.7]))
    assert db[0] == 0


def test_the_first_power_has_slope_1_at_0():
    da, _ = gradients(Power(), np.zeros(1), np.ones(1), dy=np.array([1.7]))
    assert da[0] == 1.7


def test_a_root_written_as_a_power_has_an_infinite_slope_at_0():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        da, db = gradients(Power(), np.zeros(1), np.array([0.5]), dy=np.array([1.7]))
    assert da[0] == np.inf
    assert db[0] == 0


def test_whole_powers_of_negative_numbers_have_a_gradient_for_the_base_only():
    a, dy = np.array([-2.0, -3.0]), np.array([1.7, -0.6])
    da, db = gradients(Power(), a, np.array([3.0, 2.0]), dy=dy)
    assert_close(da, dy * np.array([12.0, -6.0]))
    assert np.all(np.isnan(db))
    assert np.isnan(jax.grad(jnp.power, argnums=1)(-2.0, 3.0))


def test_square_is_the_power_2_and_its_root_is_abs():
    x, dy = normals(8, (9,), (9,))
    assert_close(value(Square(), x), value(Power(), x, 2.0))
    assert_close(gradients(Square(), x, dy=dy)[0], gradients(Power(), x, 2.0, dy=dy)[0])
    through = gradients(Square(), x, dy=gradients(Sqrt(), value(Square(), x), dy=dy)[0])[0]
    assert_close(value(Sqrt(), value(Square(), x)), value(Abs(), x))
    assert_close(through, gradients(Abs(), x, dy=dy)[0])


def test_abs_has_slope_0_at_0_as_in_torch_and_1_in_jax():
    (dx,) = gradients(Abs(), np.array([-0.0, 0.0]), dy=np.array([1.7, -0.6]))
    assert np.array_equal(dx, [0, 0])
    assert jax.grad(jnp.abs)(0.0) == 1
    assert_like_torch(Abs(), lambda f: lambda x: x.abs(), np.array([-1.3, 0.0, 0.4]))
