"""Facts of selection: what was not taken has no gradient, and ties are shared."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Clip, Maximum, Minimum, ReLU, Where
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)

EXTREMES = {Maximum(): "maximum", Minimum(): "minimum"}
either = pytest.mark.parametrize("rule", EXTREMES, ids=repr)


@either
def test_torch_has_the_same_value_and_gradients_also_at_a_tie(rule):
    a, b = normals(1, (3, 5), (3, 5))
    b[0] = a[0]
    assert_like_torch(rule, lambda f: lambda a, b: getattr(a, EXTREMES[rule])(b), a, b)


@either
def test_at_a_tie_each_takes_half(rule):
    for x in (0.0, 2.0, np.inf):
        da, db = gradients(rule, np.array([x]), np.array([x]), dy=np.array([1.8]))
        assert da[0] == db[0] == 0.9


@either
@pytest.mark.parametrize("shapes", [((), (2, 3)), ((2, 1, 3), (4, 1))], ids=repr)
def test_inputs_broadcast_against_each_other(rule, shapes):
    assert_verified(rule, *normals(2, *shapes))


@either
def test_the_two_gradients_sum_to_dy(rule):
    a, b, dy = normals(3, (9,), (9,), (9,))
    assert np.array_equal(sum(gradients(rule, a, b, dy=dy)), dy)


def test_maximum_and_minimum_of_two_numbers_share_them_out():
    a, b, dy = normals(4, (9,), (9,), (9,))
    assert_close(value(Maximum(), a, b) + value(Minimum(), a, b), a + b)
    pairs = zip(gradients(Maximum(), a, b, dy=dy), gradients(Minimum(), a, b, dy=dy), strict=True)
    for larger, smaller in pairs:
        assert np.array_equal(larger + smaller, dy)


def test_the_maximum_with_0_is_relu_away_from_0():
    x, dy = normals(5, (9,), (9,))
    assert np.array_equal(value(Maximum(), x, 0.0), value(ReLU(), x))
    assert np.array_equal(gradients(Maximum(), x, 0.0, dy=dy)[0], gradients(ReLU(), x, dy=dy)[0])


@either
def test_a_nan_comes_out_and_its_gradient_is_shared(rule):
    a, b = np.array([np.nan, 1.0]), np.array([1.0, np.nan])
    assert np.all(np.isnan(value(rule, a, b)))
    assert np.array_equal(gradients(rule, a, b, dy=np.array([1.8, -0.6])), [[0.9, -0.3]] * 2)


def test_the_smaller_number_gets_nothing_of_an_infinite_gradient():
    da, db = gradients(Maximum(), np.array([1.0]), np.array([2.0]), dy=np.array([np.inf]))
    assert (da[0], db[0]) == (0, np.inf)


@pytest.mark.parametrize(
    ("rule", "inputs", "y", "grads"),
    [
        (Maximum(), (2, 3), 3, (0, 1.1)),
        (Minimum(), (2, 3), 2, (1.1, 0)),
        (Where(), (True, 2, 3), 2, (None, 1.1, 0)),
        (Where(), (False, 2, 3), 3, (None, 0, 1.1)),
        (Clip(), (2,), 1, (0,)),
        (Clip(), (0.5,), 0.5, (1.1,)),
    ],
    ids=repr,
)
def test_python_numbers_will_do(rule, inputs, y, grads):
    assert value(rule, *inputs) == y
    assert gradients(rule, *inputs, dy=1.1) == grads


def test_what_where_leaves_out_may_be_infinite_or_a_nan():
    c = np.array([True, False])
    a, b = np.array([1.0, np.nan]), np.array([np.inf, 2.0])
    assert np.array_equal(value(Where(), c, a, b), [1, 2])
    _, da, db = gradients(Where(), c, a, b, dy=np.array([np.inf, -0.6]))
    assert np.array_equal([da, db], [[np.inf, 0], [0, -0.6]])


def test_one_condition_may_serve_a_row_and_one_number_all():
    c = np.array([[True], [False], [True]])
    a, dy = normals(6, (3, 4), (3, 4))
    _, da, db = gradients(Where(), c, a, np.array(0.5), dy=dy)
    assert np.array_equal(da, dy * c)
    assert_close(db, np.sum(dy[1]))
    assert_verified(Where(), c, a, np.array(0.5))


def test_clip_passes_the_gradient_at_its_bounds_as_torch_does_and_jax_halves_it():
    x = np.array([-0.5, 0.2, 1.6, -0.6, 1.7])
    dx = gradients(Clip(-0.5, 1.6), x, dy=1.7)[0]
    assert np.array_equal(dx, [1.7, 1.7, 1.7, 0, 0])
    assert_like_torch(Clip(-0.5, 1.6), lambda f: lambda x: x.clamp(-0.5, 1.6), x)
    assert jax.grad(lambda x: jnp.clip(x, -0.5, 1.6))(1.6) == 0.5


def test_a_bound_of_infinity_leaves_that_side_open():
    x = np.array([-2.0, 3.0, 1e300])
    assert np.array_equal(value(Clip(0.0, np.inf), x), [0, 3, 1e300])
    assert np.array_equal(gradients(Clip(0.0, np.inf), x, dy=1.7)[0], [0, 1.7, 1.7])


def test_clip_is_a_maximum_and_then_a_minimum():
    x, dy = 2 * normals(7, (20,))[0], normals(8, (20,))[0]
    above = value(Maximum(), x, -0.5)
    through, _ = gradients(Minimum(), above, 1.6, dy=dy)
    assert_close(value(Clip(-0.5, 1.6), x), value(Minimum(), above, 1.6))
    assert_close(
        gradients(Clip(-0.5, 1.6), x, dy=dy)[0], gradients(Maximum(), x, -0.5, dy=through)[0]
    )
