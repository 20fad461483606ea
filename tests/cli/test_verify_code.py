"""handgrad verify on code in a file, as a user sees it."""

import json

import pytest

MODEL = '''
from dataclasses import dataclass

import jax
import numpy as np


class Twice:
    """A layer whose second gradient is twice the right one."""

    def forward(self, x, w):
        self.x, self.w = x, w
        return np.matmul(x, w)

    def backward(self, dy):
        return np.matmul(dy, self.w.T), 2 * np.matmul(self.x.T, dy)


@dataclass(frozen=True)
class Cube:
    """y = x³

        x : (N)
        y = x**3
        dx = 3 * x**2 * dy
    """

    def forward(self, x):
        return x**3, (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (3 * x**2 * dy,)


class Needy:
    def __init__(self, k):
        self.k = k

    def forward(self, x):
        return x, ()

    def backward(self, residuals, dy):
        return (dy * 1,)


def loss(x, t):
    p = np.exp(x - np.max(x, axis=1, keepdims=True))
    p = p / np.sum(p, axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(t)), t]))


def loss_vjp(dy, x, t):
    p = np.exp(x - np.max(x, axis=1, keepdims=True))
    p = p / np.sum(p, axis=1, keepdims=True)
    return dy * (p - np.eye(x.shape[1], dtype=x.dtype)[t]) / x.dtype.type(len(t)), None


cross_entropy = (loss, loss_vjp)


@jax.custom_vjp
def half(x):
    return x * x


half.defvjp(lambda x: (x * x, x), lambda x, dy: (dy * x,))
'''


@pytest.fixture
def verify(handgrad, tmp_path, monkeypatch):
    """Run `handgrad verify` in a folder with a model.py."""
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: handgrad("verify", *arguments)


def test_a_right_pair_passes_at_drawn_inputs(verify):
    status, output, _ = verify(
        "model.py::cross_entropy", "--input", "x=4x3", "--input", "t=4:label(3)"
    )
    assert status == 0
    assert "model.py::cross_entropy" in output
    assert "PASS" in output


def test_inputs_may_have_a_precision(verify):
    options = ("--input", "x=4x3:float32", "--input", "t=4:label(3)")
    status, output, _ = verify("model.py::cross_entropy", *options)
    assert status == 0, output


def test_a_wrong_layer_is_named_with_its_cause_and_a_script(verify):
    status, output, _ = verify("model.py::Twice", "--input", "w=3x2", "--input", "x=4x3")
    assert status == 1
    assert "WRONG" in output
    assert "gradient of input 1 (w) is 2 times the right one" in " ".join(output.split())
    assert "assert verdict.ok" in output


def test_a_rule_with_a_derivation_needs_no_inputs(verify):
    status, output, _ = verify("model.py::Cube")
    assert status == 0, output
    assert output.splitlines()[1].split()[2] == "1"  # its one link is checked too


def test_a_jax_function_is_held_against_what_lies_beneath_its_own_derivative(verify):
    status, output, _ = verify("model.py::half", "--input", "x=5")
    assert status == 1
    assert "against JAX" in output


def test_the_json_of_a_verdict_tells_why(verify):
    _, output, _ = verify("model.py::Twice", "--input", "x=4x3", "--input", "w=3x2", "--json")
    (verdict,) = json.loads(output)["rules"]
    assert verdict["status"] == "WRONG"
    assert "2 times" in verdict["diagnosis"]
    assert "handgrad.verify" in verdict["script"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["model.py::Twice"], "no derivation to draw inputs from: add --input NAME=SHAPE"),
        (["model.py::Twice", "--input", "x=4x3"], "--input w=SHAPE is missing"),
        (["model.py::Twice", "--input", "z=4"], "--input z: there is no such input, only x, w"),
        (["model.py::Needy", "--input", "x=4"], "Needy cannot be made without arguments"),
        (["model.py::Nobody", "--input", "x=4"], "model.py has no code 'Nobody'"),
        (["model.py::loss", "--input", "x=4"], "model.py has no code 'loss'"),
        (["model.py", "--input", "x=4"], "--input is for code in a file"),
        (["ReLU", "--input", "x=4"], "--input is for code in a file"),
        (["ReLU", "Exp", "--input", "x=4"], "--input is for one target"),
        (["nothing.py::f", "--input", "x=4"], "nothing.py: No such file"),
        (["model.py::Twice", "--input", "x=4y3"], "'4y3' is not a shape"),
        (["model.py::Twice", "--input", "x"], "an input is NAME=SHAPE"),
        (["model.py::Twice", "--input", "x=4:odd"], "'odd' is neither a domain"),
        (["model.py::Twice", "--input", "x=4:label", "--input", "w=4"], "label needs the number"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_sentence(verify, arguments, says):
    status, output, errors = verify(*arguments)
    assert (status, output) == (2, "")
    assert says in errors
    assert "Traceback" not in errors


def test_a_file_that_fails_is_one_sentence(verify, tmp_path):
    (tmp_path / "broken.py").write_text("f = g\n", encoding="utf-8")
    status, _, errors = verify("broken.py::f", "--input", "x=4")
    assert status == 2
    assert "broken.py cannot be run: NameError: name 'g' is not defined" in errors
