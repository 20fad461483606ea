"""What takes matrices apart is never given an infinity: LAPACK may not return from one."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from handgrad import verify
from handgrad.judge.oracles.jax import Automatic

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
    assert Automatic(function, [0]).decomposes([X]) is decomposes


def finite_calls_of(function):
    """Whether each call but JAX's own was at finite numbers."""
    finite = []

    def watched(x):
        if not isinstance(x, jax.core.Tracer):
            finite.append(bool(np.all(np.isfinite(x))))
        return function(x)

    assert verify(watched, X).ok
    return finite


def test_infinities_are_given_to_other_functions_alone():
    assert all(finite_calls_of(lambda x: jnp.linalg.svd(x, compute_uv=False)))
    assert not all(finite_calls_of(lambda x: jnp.tanh(jnp.maximum(x, -1))))
