"""What somebody meets who writes a layer on the first day, and judges it."""

import re
import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Affine, Layer, Multiply, Parallel, ReLU, Residual, Sequential, Softplus, verify

X = np.random.default_rng(1).normal(size=(5, 3))


@dataclass(frozen=True)
class Tripled(Affine):
    def backward(self, residuals, dy):
        dx, dW, db = super().backward(residuals, dy)
        return dx, 3 * dW, db


def affine(rule, columns=3):
    rng = np.random.default_rng(2)
    return Layer(rule, rng.normal(size=(3, columns)), rng.normal(size=columns))


NETS = {
    "sequential": lambda rule: Sequential(affine(rule, 4), Layer(ReLU())),
    "residual": lambda rule: Residual(affine(rule)),
    "parallel": lambda rule: Parallel(Layer(Multiply()), Sequential(), affine(rule)),
    "nested": lambda rule: Sequential(Residual(affine(rule)), affine(Affine(), 2)),
}


@pytest.mark.parametrize("net", NETS)
def test_the_parameters_of_layers_in_layers_are_judged(net):
    right, wrong = (verify(NETS[net](rule), X) for rule in (Affine(), Tripled()))
    assert right.headline == "PASS, exact", str(right)
    assert right.judged[0] == "x"
    assert [name[-9:] for name in right.judged[1:3]] == ["params[0]", "params[1]"]
    assert wrong.status == "WRONG"
    assert "params[0]) is 3 times the right one" in wrong.diagnosis
    assert ".params = (*layer." in wrong.script


class Product:
    def forward(self, a, b):
        self.b = b
        return a * b

    def backward(self, dy):
        return dy * self.b


class Distance:
    def forward(self, y, t):
        self.d = y - t
        return np.sum(self.d**2)

    def backward(self, dy=1.0):
        return 2 * dy * self.d


@pytest.mark.parametrize("layer", [Product(), Distance()])
def test_an_input_without_a_gradient_is_named(layer):
    verdict = verify(layer, X, X + 1)
    assert verdict.ok
    assert len(verdict.not_judged) == 1
    assert not verify(layer, X, X + 1, strict=True)


def test_a_target_of_one_hot_rows_needs_no_gradient():
    assert verify(Distance(), X, np.eye(3)[[0, 2, 1, 1, 0]]).not_judged == []


def test_what_failed_is_not_called_exact():
    assert verify(Product(), X, X + 1, strict=True).headline == "CONTRACT for a; not judged: b"


def total(axis):
    @partial(jax.custom_vjp, nondiff_argnums=(1,))
    def f(x, axis):
        return jnp.sum(x, axis)

    def back(axis_, shape, dy):
        return (jnp.broadcast_to(jnp.expand_dims(dy, axis_ if axis is None else axis), shape),)

    f.defvjp(lambda x, axis: (f(x, axis), x.shape), back)
    return f


def test_an_option_that_jax_may_not_trace_is_passed_as_it_is():
    square = np.random.default_rng(3).normal(size=(4, 4))
    assert verify(total(None), square, 1).status == "PASS"
    assert verify(total(0), square, 1).status == "WRONG"


class Scaled:
    def forward(self, x):
        return x / np.sqrt(x.shape[-1]), (x.shape[-1],)

    def backward(self, residuals, dy):
        return (dy / np.sqrt(residuals[0]),)


def test_a_constant_that_widens_float32_is_a_note_at_inputs_of_float64():
    verdict = verify(Scaled(), X)
    assert verdict.headline == "PASS, exact"
    assert "float(…)" in str(verdict.notes[0])
    assert verify(Scaled(), X.astype(np.float32)).status == "CONTRACT"


class Mean:
    def __init__(self):
        self.W, self.b = np.full((3, 4), 0.5), np.zeros(4)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, dy.mean(axis=0)
        return dy @ self.W.T


def log_of_sum(x):
    return np.log1p(np.exp(x))


def log_of_sum_vjp(dy, x):
    return dy / (1 + np.exp(x))


@pytest.mark.parametrize(
    "judged",
    [
        lambda: verify(Mean(), X),
        lambda: verify((log_of_sum, log_of_sum_vjp), X, like=Softplus(2.0)),
        lambda: verify((log_of_sum, log_of_sum_vjp), X, like=Softplus()),
    ],
)
def test_a_script_makes_a_layer_and_names_the_rule_that_it_is_like(judged):
    verdict = judged()
    assert not verdict
    command = [sys.executable, "-c", verdict.script]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.stderr.rstrip().endswith("AssertionError"), verdict.script + found.stderr


@dataclass(frozen=True)
class MisderivedSwish:
    """y = x σ(x)

    x : (...)
    s = 1 / (1 + exp(-x))
    y = x * s
    dx = dy * (s + y)
    """

    def forward(self, x):
        s = 1 / (1 + np.exp(-x))
        return x * s, (x * s, s)

    def backward(self, residuals, dy):
        y, s = residuals
        return (dy * (s + y * (1 - s)),)


def test_a_docstring_that_is_wrong_where_the_code_is_right_is_the_diagnosis():
    verdict = verify(MisderivedSwish())
    assert verdict.status == "WRONG"
    assert verdict.diagnosis.startswith("line 6 of the docstring, dx = dy * (s + y): off by")
    assert str(verdict).count("line 6 of the docstring") == 1


@dataclass(frozen=True)
class Seven:
    """y = x W, for 7 columns

    x : (N, D)
    W : (D, K)
    y = x @ W
    """

    def forward(self, x, W):
        return np.reshape(x, (-1, 7)) @ W, (x, W)

    def backward(self, residuals, dy):
        x, W = residuals
        return dy @ W.T, x.T @ dy


@dataclass(frozen=True)
class Untransposed(Affine):
    def backward(self, residuals, dy):
        dx, dW, db = super().backward(residuals, dy)
        return dx, dW.T.copy(), db


def test_sizes_that_the_judge_drew_are_said_to_be_drawn():
    verdict = verify(Seven())
    first = verdict.findings[0]
    assert re.search(
        r", with x of shape \(\d, \d\) and W of shape \(\d, \d\), drawn", first.message
    )
    assert verdict.diagnosis == first.message  # and not with the shapes of the last case
    assert verdict.drawn in str(verdict)


def test_a_shape_at_given_inputs_is_not_said_to_be_drawn():
    given = X, np.ones((3, 2)), np.ones(2)
    assert "drawn" not in str(verify(Untransposed(), *given)).partition("to see it")[0]
    assert "drawn: it is transposed" in verify(Untransposed(), like=Affine()).diagnosis
