"""What the array API standard lacks is the same in every library."""

import jax.numpy as jnp
import numpy as np
import pytest

from handgrad.arrays import scan
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
