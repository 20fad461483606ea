"""What the array API standard lacks is the same in every library."""

from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest

from handgrad.arrays import GUESSED, scan, where
from tests.rules.running import assert_close, normals


def step(state, a, b):
    state = a[:, None] * state + b
    return state, (state, state[0] - a[0])


@pytest.mark.parametrize("length", [0, 1, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_goes_step_by_step_as_that_of_jax(length, reverse):
    first, a, b = normals(1, (2, 3), (length, 2), (length, 2, 3))
    last, left = scan(step, first, (a, b), reverse=reverse)
    expected, theirs = scan(
        step, *map(jnp.asarray, [first]), (jnp.asarray(a), jnp.asarray(b)), reverse=reverse
    )
    assert_close(last, expected)
    for mine, other in zip(left, theirs, strict=True):
        assert_close(mine, other)


def test_a_scan_in_reverse_meets_the_last_row_first_and_leaves_things_in_place():
    rows = np.arange(1.0, 4.0)
    last, (sums,) = scan(lambda s, x: (s + x, (s + x,)), np.zeros(()), (rows,), reverse=True)
    assert last == 6
    assert np.array_equal(sums, [6, 5, 3])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", ">f4", "int32"])
@pytest.mark.parametrize("shape", [(), (7,), (3, GUESSED)])
def test_what_where_takes_is_what_numpys_takes_to_the_sign_of_zero(dtype, shape):
    rng = np.random.default_rng(3)
    mask = np.asarray(rng.random((2, *shape)) > 0.5)
    ordinary = [rng.normal(size=shape).astype(dtype), rng.normal(size=(2, *shape)).astype(dtype)]
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 1.0] if dtype != "int32" else [1, -2])
    special = np.resize(special, shape).astype(dtype)
    for a, b in product([*ordinary, special, 0, 1.5], repeat=2):
        with np.errstate(invalid="ignore"):
            found, wanted = where(mask, a, b), np.where(mask, a, b)
        assert found.dtype == wanted.dtype
        assert np.array_equal(found, wanted, equal_nan=True)
        assert np.array_equal(np.signbit(found), np.signbit(wanted))


def test_where_takes_numbers_for_a_mask_and_arrays_in_any_order():
    x = np.random.default_rng(4).normal(size=(GUESSED, 2)).astype("float32")
    mask = (x > 0).astype(int)
    assert np.array_equal(where(mask[::-1], x.T[::-1].T, -x), np.where(mask[::-1], x[:, ::-1], -x))
    assert np.array_equal(where(jnp.asarray(mask), x, 0), np.where(mask, x, 0))
