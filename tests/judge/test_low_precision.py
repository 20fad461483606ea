"""JAX in bfloat16 and float16: its functions are run as JAX runs them, operation by operation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import verify
from handgrad.judge.trial import Trial

X = np.random.default_rng(1).normal(size=(5, 3))
PRECISIONS = {"bfloat16": jnp.bfloat16, "float16": jnp.float16}


def own_softmax(factor):
    """softmax with a derivative of its own, right for a factor of 1."""

    def softmax(x):
        e = jnp.exp(x - jnp.max(x, -1, keepdims=True))
        return e / jnp.sum(e, -1, keepdims=True)

    def backward(p, dy):
        return (p * (dy - factor * jnp.sum(p * dy, -1, keepdims=True)),)

    function = jax.custom_vjp(softmax)
    function.defvjp(lambda x: (softmax(x),) * 2, backward)
    return function


def attention(x):
    return jax.nn.softmax(x @ x.T / 2) @ x


FUNCTIONS = {
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
    "logsumexp": jax.nn.logsumexp,
    "a product": lambda x: x @ x.T,
    "attention": attention,
    "a softmax of its own": own_softmax(1),
    "a number of its own": lambda x: 0.3 * jnp.tanh(x) / 3 + x**3,
    "sums of rows": lambda x: jnp.zeros((2, 3), x.dtype).at[jnp.array([0, 1, 0, 1, 0])].add(x),
}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_functions_of_jax_pass_in_low_precision(name, precision):
    verdict = verify(FUNCTIONS[name], jnp.asarray(X, PRECISIONS[precision]))
    assert verdict.status == "PASS", str(verdict)
    assert verdict.dtype == precision


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_wrong_derivative_in_low_precision_is_wrong(precision):
    verdict = verify(own_softmax(0.9), jnp.asarray(X, PRECISIONS[precision]))
    assert verdict.status == "WRONG", str(verdict)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_numbers_are_those_of_jax_run_eagerly(name, precision):
    f, x = FUNCTIONS[name], jnp.asarray(X, PRECISIONS[precision])
    trial = Trial(f, [np.asarray(x)], 0)
    y, pull = jax.vjp(f, x)
    (dx,) = pull(jnp.asarray(trial.dy[0]))
    for ours, theirs in ((trial.y[0], y), (trial.grads[0], dx)):
        assert ours.dtype == theirs.dtype
        unit = float(jnp.finfo(ours.dtype).eps) / 2
        scale = np.max(np.abs(np.asarray(theirs, float)))
        off = np.max(np.abs(ours.astype(float) - np.asarray(theirs, float))) / scale
        assert off <= 2 * unit, off


def test_an_error_that_float32_hides_is_said_to_be_seen_in_float64_alone():
    x = np.random.default_rng(3).normal(size=(3, 4)).astype(np.float32)
    verdict = verify((np.sin, lambda dy, x: dy * np.cos(x)), x)
    assert verdict.dtype == "float32"
    assert "of its size in a single number, in float64" in str(verdict)
