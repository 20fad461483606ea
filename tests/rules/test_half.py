"""Half precision: what a rule gives has the dtype of what it got, in every library."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from handgrad import Add, Affine, Embedding, Norm
from tests.rules_and_cases import ONE_OF_EACH, trial_of

HALF = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
FACTORIZING = "SpectralNorm FixedPoint Cholesky Eigh QR SingularValues Det Inverse LogDet Solve"
FACTORIZING = {*FACTORIZING.split(), "TriangularSolve"}

every_rule = pytest.mark.parametrize("rule", ONE_OF_EACH, ids=repr)
either_half = pytest.mark.parametrize("half", HALF)


def in_numpy(half):
    return lambda x: x.astype(HALF[half]) if x.dtype == np.float64 else x


def in_jax(half):
    return lambda x: jnp.asarray(x, half if x.dtype == np.float64 else None)


def outputs_and_gradients(rule, convert):
    trial = trial_of(rule)
    y, residuals = rule.forward(*map(convert, trial.inputs))
    dy = tuple(map(convert, trial.dy))
    grads = rule.backward(residuals, dy if isinstance(y, tuple) else dy[0])
    return [*(y if isinstance(y, tuple) else (y,))], [dx for dx in grads if dx is not None]


def assert_in(half, arrays):
    """The gradients are in this precision, and no output is in a longer one."""
    outputs, grads = arrays
    for dx in grads:
        assert str(dx.dtype).endswith(half)
    for y in outputs:
        assert str(y.dtype).removeprefix("torch.") not in {"float32", "float64"}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # some end beyond 65504
@every_rule
@either_half
def test_half_precision_stays_what_it_is_in_numpy(rule, half):
    assert_in(half, outputs_and_gradients(rule, in_numpy(half)))


@every_rule
@either_half
def test_half_precision_stays_what_it_is_in_jax(rule, half):
    assert_in(half, jax.eval_shape(lambda: outputs_and_gradients(rule, in_jax(half))))


@every_rule
@either_half
def test_half_precision_stays_what_it_is_in_torch(rule, half):
    torch = pytest.importorskip("torch", reason="torch is an extra")
    pytest.importorskip("array_api_compat", reason="torch needs array-api-compat")

    def convert(x):
        return torch.tensor(x, dtype=getattr(torch, half) if x.dtype == np.float64 else None)

    if type(rule).__name__ in FACTORIZING:  # torch has none in half precision, and says so
        with pytest.raises(RuntimeError, match=r"not implemented for|not supported"):
            outputs_and_gradients(rule, convert)
    else:
        assert_in(half, outputs_and_gradients(rule, convert))


@either_half
def test_a_sum_of_many_ones_is_rounded_once(half):
    x, W, b = (np.ones(shape, HALF[half]) for shape in ((5001, 2), (2, 3), (3,)))
    _, residuals = Affine().forward(x, W, b)
    *_, db = Affine().backward(residuals, np.ones((5001, 3), HALF[half]))
    assert np.all(db == HALF[half](5001))


@either_half
def test_a_gradient_of_pythons_own_leaves_half_precision_what_it_is(half):
    x = np.array([3.0, 4.0], HALF[half])
    y, residuals = Norm().forward(x)
    (dx,) = Norm().backward(residuals, 1.0)
    assert (y.dtype, dx.dtype) == (x.dtype, x.dtype)
    assert np.array_equal(dx, (x.astype(float) / 5).astype(x.dtype))


@either_half
def test_labels_of_two_bytes_are_no_numbers(half):
    E = np.array([[1.0, 2.0], [3.0, 4.0]], HALF[half])
    y, residuals = Embedding().forward(E, np.array([1, 0], np.int16))
    assert np.array_equal(y, E[::-1])
    dE, dt = Embedding().backward(residuals, y)
    assert (dE.dtype, dt) == (E.dtype, None)


def test_what_meets_float32_is_float32():
    x, y = np.ones(2, np.float16), np.ones(2, np.float32)
    assert Add().forward(x, y)[0].dtype == np.float32
