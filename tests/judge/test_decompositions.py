"""What takes matrices apart is never given an infinity: LAPACK may not return from one."""

import numpy as np
import pytest
from jax import numpy as jnp

from handgrad import verify
from handgrad.judge.oracles.jax import Automatic
from handgrad.judge.subjects.base import Subject

X = np.random.default_rng(0).normal(size=(4, 5))


@pytest.mark.parametrize(
    ("function", "decomposes"),
    [
        (jnp.linalg.pinv, True),
        (lambda x: jnp.linalg.eigh(x @ x.T)[0], True),
        (lambda x: jnp.linalg.qr(x)[1], True),
        (jnp.tanh, False),
        (lambda x: x @ x.T, False),
    ],
    ids=["pinv", "eigh", "qr", "tanh", "matmul"],
)
def test_the_program_tells_whether_a_matrix_is_decomposed(function, decomposes):
    assert Automatic(function, Subject("function"), own=False).decomposes([X]) is decomposes


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.linalg.svd(x, compute_uv=False),
        lambda x: jnp.linalg.eigh(x @ x.T)[0],
        lambda x: jnp.tanh(jnp.maximum(x, -1)),
    ],
    ids=["svd", "eigh", "maximum"],
)
def test_a_decomposition_comes_to_an_end(function):
    assert verify(function, X).ok


def never_ends_on_nan(x):
    """A root by halves, as a kernel finds it: no comparison with NaN is true."""
    low, high = np.zeros_like(x), 2 + np.abs(x)
    while not np.all(high - low <= 1e-15 * (1 + high)):
        middle = (low + high) / 2
        below = middle**3 < np.abs(x)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.sign(x) * (low + high) / 2


@pytest.mark.parametrize(("factor", "status"), [(1.0, "PASS"), (1.01, "WRONG")])
def test_a_loop_that_does_not_end_on_nan_is_judged_at_other_inputs(factor, status):
    x = np.random.default_rng(1).uniform(0.5, 2, size=5)
    pair = never_ends_on_nan, lambda dy, x: factor * dy / (3 * never_ends_on_nan(x) ** 2)
    verdict = verify(pair, x)
    assert verdict.status == status, str(verdict)


def test_numpy_takes_matrices_apart_in_a_child():
    def vjp(dy, x):
        u, _, v = np.linalg.svd(x, full_matrices=False)
        return u @ (dy[:, None] * v)

    verdict = verify((lambda x: np.linalg.svd(x, compute_uv=False), vjp), X)
    assert verdict.ok, str(verdict)
