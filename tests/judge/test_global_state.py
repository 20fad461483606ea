"""Nothing global is changed by a verdict, whatever the judged code does."""

import random
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import verify
from tests.judge.test_subjects import W, X, custom_vjp, torch_function, torch_or_skip


def state():
    """All that is global and could be changed, in a form that can be compared."""
    torch = torch_or_skip()
    return {
        "JAX": (jax.config.jax_enable_x64, jax.config.jax_numpy_dtype_promotion),
        "JAX's device": jax.config.jax_default_device,
        "errors": np.geterr(),
        "np.random": str(np.random.get_bit_generator().state),
        "random": random.getstate(),
        "torch's random numbers": torch.get_rng_state().tolist(),
        "torch's dtype": torch.get_default_dtype(),
        "torch's gradients": torch.is_grad_enabled(),
        "warnings": list(warnings.filters),
    }


def restless(part, factor=1.0):
    """A pair that draws, warns, divides by 0 and sets what is global, and may raise in a part."""
    torch = torch_or_skip()

    def stir(where):
        np.random.get_bit_generator().random_raw()
        random.gauss()
        torch.rand(1)
        np.seterr(all="call")
        warnings.simplefilter("error")
        if where == part:
            raise RuntimeError("not today")

    def f(x):
        stir("forward")
        return np.sin(x)

    def vjp(dy, x):
        stir("backward")
        return factor * dy * np.cos(x)

    return f, vjp


@pytest.mark.parametrize(
    ("part", "factor", "status"),
    [
        (None, 1.0, "PASS"),
        (None, 1.5, "WRONG"),
        ("forward", 1, "CONTRACT"),
        ("backward", 1, "CONTRACT"),
    ],
)
def test_nothing_global_is_changed(part, factor, status):
    before = state()
    verdict = verify(restless(part, factor), X)
    assert verdict.status == status
    assert str(verdict)  # the diagnosis runs the code again
    assert state() == before


def test_nothing_global_is_changed_by_a_torch_function_or_a_refusal():
    before = state()
    assert verify(torch_function(1.001), X, W).status == "WRONG"
    with pytest.raises(TypeError):
        verify((lambda x: None, lambda dy, x: dy), X)
    assert state() == before


def test_jax_stays_in_single_precision():
    with jax.enable_x64(False):
        assert verify(custom_vjp(1.001), X.astype("float32"), W.astype("float32")).status == "WRONG"
        assert jnp.ones(1).dtype == "float32"
