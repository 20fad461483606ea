"""verify as a user calls it."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import handgrad
from handgrad import Affine, Multiply, ReLU, verify


class Square:
    """A rule of somebody's own, without a derivation, which JAX cannot trace."""

    def forward(self, x):
        return np.multiply(x, x), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (2 * x * dy,)


class Cube:
    """y = x³

    x : (...)
    y = x**3
    dx = 3 * dy * x**2
    """

    def forward(self, x):
        return x**3, (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (3 * dy * x**2,)


def test_a_rule_of_ones_own_is_judged_by_numbers_alone():
    verdict = verify(Square(), np.array([0.5, -1.25, 3.0]))
    assert verdict.ok
    assert verdict.vs_jax is None
    assert verdict.vs_numbers is not None


def test_a_reference_is_used():
    verdict = verify(Square(), np.array([0.5, -1.25, 3.0]), reference=jnp.square)
    assert verdict.ok
    assert verdict.vs_jax is not None


def test_inputs_are_drawn_from_the_derivation_of_a_rule_of_ones_own():
    verdict = verify(Cube())
    assert verdict.ok, str(verdict)
    assert verdict.cases > 1


def test_the_seed_decides_what_is_drawn():
    assert verify(Multiply(), seed=3).to_dict() == verify(Multiply(), seed=3).to_dict()
    assert verify(Multiply(), seed=3).to_dict() != verify(Multiply(), seed=4).to_dict()


def test_a_verdict_goes_into_json():
    verdict = verify(Affine())
    assert json.loads(json.dumps(verdict.to_dict()))["status"] == "PASS"


def test_a_verdict_is_true_if_it_is_ok():
    assert verify(ReLU())


def test_the_text_of_a_verdict_names_the_subject_and_the_status():
    assert str(verify(ReLU())).startswith("ReLU(): PASS")


@pytest.mark.parametrize(
    ("subject", "inputs", "error", "says"),
    [
        (ReLU, (), TypeError, r"ReLU is a class: pass a rule, such as ReLU\(\)"),
        (np.sin, (), TypeError, "is not a rule"),
        (Square(), (), ValueError, "no derivation to draw inputs from"),
        (Square(), (np.array([np.inf, np.nan]),), ValueError, "input 0 holds no finite number"),
        (Square(), (np.array(["a"]),), TypeError, "input 0, of type ndarray, is <U1"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_sentence(subject, inputs, error, says):
    with pytest.raises(error, match=says):
        verify(subject, *inputs)


def test_an_integer_input_can_have_no_gradient():
    verdict = verify(Square(), np.array([1, 2, 3]))
    assert verdict.status == "CONTRACT"
    assert "input 0 (x) is int64 and can have no gradient" in str(verdict)


def test_inputs_of_lower_precision_are_judged_in_float64():
    assert verify(Square(), np.array([0.5, -1.25], np.float32)).ok


def test_jax_is_left_as_it_was():
    import jax

    before = jax.config.jax_enable_x64, jax.config.jax_default_device
    with jax.enable_x64(False):
        assert handgrad.verify(ReLU()).ok
        assert jnp.ones(1).dtype == jnp.float32
    assert (jax.config.jax_enable_x64, jax.config.jax_default_device) == before
