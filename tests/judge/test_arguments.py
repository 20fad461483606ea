"""What verify is given beside the subject: inputs, a reference, a seed, names of parameters."""

import re
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from handgrad import ReLU, verify
from tests.judge.test_parameters import B as B4
from tests.judge.test_parameters import Unjudged
from tests.judge.test_parameters import W as W4
from tests.judge.test_subjects import OfOne, Rule, W, X, pair, value


@dataclass(frozen=True)
class Entropy:
    """−Σ p log p

    p : (N, C) probability
    y = -sum(p * log(p))
    dp = -dy * (log(p) + 1)
    """

    def forward(self, p):
        return -np.sum(p * np.log(p)), (p,)

    def backward(self, residuals, dy):
        (p,) = residuals
        return (-dy * (np.log(p) + 1),)


def assert_refused(says, *arguments, **options):
    """verify raises TypeError or ValueError with one line that says this."""
    with pytest.raises((TypeError, ValueError), match=says) as refusal:
        verify(*arguments, **options)
    assert "\n" not in str(refusal.value)


def test_a_given_reference_is_asked():
    verdict = verify(pair(1.0), X, W, reference=lambda x, w: value(jnp, x, w))
    assert verdict.status == "PASS"
    assert verdict.vs_jax is not None
    assert verdict.vs_jax < 1e-13
    wrong = verify(pair(1 + 1e-11), X, W, reference=lambda x, w: value(jnp, x, w))
    assert wrong.status == "WRONG"
    assert "the gradient of input 1 (w) is off by 1" in str(wrong)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (lambda x, w: jnp.tanh(x + w), "output 0 is off by"),
        (lambda x, w: jnp.sum(jnp.tanh(x) * w), r"the shapes \[\(2, 3\)\], JAX's \[\(\)\]"),
        (lambda x, w: (x, w), r"the shapes \[\(2, 3\)\], JAX's \[\(2, 3\), \(2, 3\)\]"),
        (lambda x, w: None, r"the shapes \[\(2, 3\)\], JAX's \[\]"),
        (lambda x, w: jnp.tanh(x) * w * jnp.nan, "output 0 is off by inf"),
    ],
    ids=["another function", "another shape", "two outputs", "none", "not a number"],
)
def test_a_reference_of_another_function_is_said_to_be_one(reference, says):
    verdict = verify(pair(1.0), X, W, reference=reference)
    assert verdict.status == "WRONG"
    first, *_ = verdict.findings
    assert first.check == "against JAX"
    assert re.search(says, first.message)
    assert "\n" not in first.message


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (3, "reference is 3: pass a function in JAX"),
        ("tanh", "reference is 'tanh': pass a function in JAX"),
        (lambda x: x, "the reference raises TypeError: .* takes 1 positional argument but 2"),
        (
            lambda x, w: np.tanh(np.asarray(x)) * w,
            "the reference raises TracerArrayConversionError",
        ),
        (lambda x, w: 1 / 0, "the reference raises ZeroDivisionError: division by zero"),
    ],
    ids=["number", "name", "one input too few", "in NumPy", "an exception"],
)
def test_what_is_not_a_reference_is_refused(reference, says):
    assert_refused(says, pair(1.0), X, W, reference=reference)


@pytest.mark.parametrize(
    "subject", [None, 3, "sin", np.sin, {"f": 1}, object()], ids=lambda s: type(s).__name__
)
def test_what_has_no_gradient_is_refused(subject):
    assert_refused("is not a rule, a layer, a pair", subject, X)


@pytest.mark.parametrize("subject", [(np.sin,), (np.sin, None), (np.sin, np.cos, np.sin), []])
def test_what_is_not_a_pair_is_refused(subject):
    assert_refused(r"a pair is \(f, vjp\), two functions, and not", subject, X)


def test_a_class_is_not_a_rule():
    assert_refused(r"Rule is a class: pass a rule, such as Rule\(\)", Rule, X)


def test_code_that_jax_cannot_trace_is_not_a_jax_function():
    def in_numpy(x):
        return np.sin(x)

    assert_refused(r"in_numpy is not a JAX function .*: pass a pair \(f, vjp\)", in_numpy, 1.0)


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.array([np.nan, np.nan]), "input 1 holds no finite number"),
        (-np.inf, "input 1 holds no finite number"),
        (1j, "input 1 is complex128: the judge needs real numbers"),
        (object(), "input 1, of type object, is object: the judge needs numbers"),
        ({"x": 1j}, r"input 1\['x'\] is complex128: the judge needs real numbers"),
        ([[1.0], [1.0, 2.0]], "input 1, of type list, is not an array of numbers"),
    ],
)
def test_what_is_not_a_input_is_refused(x, says):
    assert_refused(says, pair(1.0), X, x)


@pytest.mark.parametrize("y", [None, {}, "a", 1j, (1.0, None, None)], ids=repr)
def test_what_is_not_a_output_is_refused(y):
    says = "output [012] of forward is .*: the judge needs real numbers"
    assert_refused(says, (lambda x: y, lambda dy, x: dy), X)


@pytest.mark.parametrize(
    ("seed", "says"),
    [
        (1.5, "seed is 1.5: pass an integer"),
        ("a", "seed is 'a': pass an integer"),
        (None, "seed is None: pass an integer"),
        (-1, "seed is -1: pass 0 or more"),
    ],
)
def test_what_is_not_a_seed_is_refused(seed, says):
    assert_refused(says, pair(1.0), X, W, seed=seed)


@pytest.mark.parametrize(
    ("subject", "params", "says"),
    [
        (Rule(1.0), {"w": "dw"}, "params names the parameters of a layer"),
        (OfOne(1.0), ["w"], r"params is \['w'\]: pass {name of a parameter: name of its gradient}"),
        (OfOne(1.0), "w", "params is 'w': pass"),
        (OfOne(1.0), {"w": None}, r"params is {'w': None}: pass"),
        (OfOne(1.0), {1: "dw"}, r"params is {1: 'dw'}: pass"),
        (OfOne(1.0), {"v": "dv"}, "has no parameter v, which params names"),
        (OfOne(1.0), {"w": "gw"}, "has no gw after backward, which params names"),
    ],
    ids=["of a rule", "a list", "a name", "no name", "a number", "no parameter", "no gradient"],
)
def test_what_names_no_parameters_is_refused(subject, params, says):
    assert_refused(says, subject, X, params=params)


def test_a_pair_needs_inputs():
    assert_refused("has no derivation to draw inputs from: pass the inputs", pair(1.0))


@pytest.mark.parametrize("inputs", [(), (X,)], ids=["drawn", "given"])
@pytest.mark.parametrize(
    ("like", "says"),
    [
        ("Affine", r"like is 'Affine': pass a rule, such as Affine\(\)"),
        ("no", r"like is 'no': pass a rule, such as Affine\(\)"),
        (ReLU, r"like is the class ReLU: pass a rule, such as ReLU\(\)"),
    ],
    ids=["a name", "no name", "a class"],
)
def test_like_must_be_a_rule(inputs, like, says):
    assert_refused(says, pair(1.0), *inputs, like=like)


def test_the_wrong_number_of_inputs_is_a_finding_of_one_line():
    verdict = verify(pair(1.0), X)
    assert verdict.status == "CONTRACT"
    (finding,) = verdict.findings
    assert "missing 1 required positional argument" in finding.message
    assert "\n" not in finding.message


def rounded(x):
    """Rounds, and lets gradients through as they are."""
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


STRAIGHT = (np.round, lambda dy, x: 1 * dy)
TWICE = (np.round, lambda dy, x: 2 * dy)


@pytest.mark.parametrize("meant", [lambda x: x, rounded], ids=["identity", "stopped"])
def test_a_straight_through_estimator_has_the_gradient_that_it_is_meant_to_have(meant):
    assert verify(STRAIGHT, 3 * X, gradient_of=meant).status == "PASS"
    verdict = verify(TWICE, 3 * X, gradient_of=meant)
    assert verdict.status == "WRONG"
    assert "is 2 times the right one" in verdict.diagnosis


def test_a_gradient_that_is_meant_to_be_stopped_may_not_go_on():
    square = (lambda x: x * x, lambda dy, x: 2 * dy * x)
    verdict = verify(square, X, gradient_of=lambda x: x * jax.lax.stop_gradient(x))
    assert verdict.status == "WRONG"


def test_parameters_of_a_layer_with_a_meant_gradient_are_named():
    verdict = verify(Unjudged(False), X, gradient_of=lambda x: x @ jnp.asarray(W4) + B4)
    assert verdict.not_judged == ["W", "b"]


def test_a_meant_gradient_may_be_one_of_a_torch_function():
    class Straight(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, dy):
            return dy * 1

    x = torch.tensor(3 * X)
    assert verify(Straight, x, gradient_of=lambda x: x).status == "PASS"
    assert verify(Straight, x, gradient_of=jnp.tanh).status == "WRONG"


def test_a_meant_gradient_that_is_not_of_jax_is_refused():
    assert_refused("gradient_of is not a JAX function", STRAIGHT, X, gradient_of=np.asarray)


ROWS = np.full((3, 4), 0.25)


@pytest.mark.parametrize(
    ("x", "options", "says"),
    [
        (
            ROWS,
            {"domains": {0: "probability", "x": "positive"}},
            "'probability' and 'positive' for",
        ),
        (ROWS, {"domains": [None, "positive"]}, "domains names one for input 1: the inputs are x"),
        (X, {"domains": ["probability"]}, r"input 0 \(x\) holds numbers that are not probability"),
        (
            ROWS,
            {"domains": ["positive"], "like": Entropy()},
            r"input 0 \(x\) is positive by domains, and probability by Entropy\(\): name one",
        ),
    ],
    ids=["twice", "of nothing", "not of it", "beside like"],
)
def test_domains_that_contradict_are_refused(x, options, says):
    assert_refused(says, (np.negative, lambda dy, x: -dy), x, **options)


def test_an_array_in_the_place_of_a_subject_is_refused_in_one_line():
    assert_refused("^a ndarray is not a rule", np.ones((9, 9)))


def test_a_rule_that_is_named_is_shown_as_a_rule():
    assert_refused(
        r"like is 'softmax': pass a rule, such as Softmax\(\)", STRAIGHT, X, like="softmax"
    )


@pytest.mark.parametrize("given", ["abc", None, ["a"], [None]], ids=repr)
def test_text_and_nothing_are_refused_as_inputs(given):
    says = re.escape(f"input 0 is {given!r}, and no input is an array of numbers: pass one")
    with pytest.raises(TypeError, match=f"^{says}$"):
        verify(Unjudged(False), given)


def test_text_and_nothing_beside_an_array_are_options():
    pair = (
        (lambda x, kind, mask: np.sin(x) if kind == "sin" and mask is None else x),
        (lambda dy, x, kind, mask: (dy * np.cos(x), None, None)),
    )
    assert verify(pair, X, "sin", None).ok
