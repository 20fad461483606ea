"""What the array API standard lacks is the same in every library."""

import jax.numpy as jnp
import numpy as np
import pytest

from handgrad.arrays import kept, scan
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
@pytest.mark.parametrize("shape", [(), (7,), (3, 7)])
def test_what_a_mask_keeps_is_what_where_takes_to_the_bit(dtype, shape):
    rng = np.random.default_rng(3)
    x = np.resize(np.array([1.5, -2.5, -0.0, 3.0, 7.0]), shape).astype(dtype)
    special = np.array([np.nan, np.inf, -np.inf, 1.0]).astype(dtype) if x.dtype.kind == "f" else x
    for value in (x, np.resize(special, shape), x[..., ::-1] if shape else x):
        for axes in (shape, (2, *shape)):
            mask = np.asarray(rng.random(axes) > 0.5)
            found, wanted = kept(mask, value), np.where(mask, value, 0)
            assert found.dtype == wanted.dtype
            assert np.array_equal(found, wanted, equal_nan=value.dtype.kind == "f")
            assert np.array_equal(np.signbit(found), np.signbit(wanted))
            assert isinstance(found, np.ndarray)
