"""handgrad verify on code in a file, as a user sees it."""

import json

import pytest

import handgrad
from handgrad.judge import explain

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

DEPTH = 3
'''


@pytest.fixture
def verify(handgrad, tmp_path, monkeypatch):
    """Run `handgrad verify` in a folder with a model.py."""
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: handgrad("verify", *arguments)


def test_a_right_pair_passes_at_drawn_inputs(verify):
    status, output, _ = verify(
        "model.py::cross_entropy", "--input", "x=4x3", "--input", "t=4:label:3"
    )
    assert status == 0
    assert output.startswith("(loss, loss_vjp): PASS, exact\n")


def test_inputs_may_have_a_precision(verify):
    options = ("--input", "x=4x3:float32", "--input", "t=4:label:3")
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
    assert ", 1 link, " in output  # it is checked too


def test_a_jax_function_is_held_against_what_lies_beneath_its_own_derivative(verify):
    status, output, _ = verify("model.py::half", "--input", "x=5")
    assert status == 1
    assert "against JAX" in output


def test_the_json_of_a_verdict_tells_why_which_is_looked_for_once(verify, monkeypatch):
    look, looked = explain.explanation, []
    monkeypatch.setattr(explain, "explanation", lambda found: looked.append(1) or look(found))
    _, output, _ = verify("model.py::Twice", "--input", "x=4x3", "--input", "w=3x2", "--json")
    (verdict,) = json.loads(output)["rules"]
    assert verdict["status"] == "WRONG"
    assert "2 times" in verdict["diagnosis"]
    assert looked == [1]
    assert "handgrad.verify" in verdict["script"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["model.py::Twice"], "no derivation to draw inputs from: add --input NAME=SHAPE"),
        (["model.py::Twice", "--input", "x=4x3"], "--input w=SHAPE is missing"),
        (["model.py::Twice", "--input", "z=4"], "--input z: there is no such input, only x, w"),
        (["model.py::Needy", "--input", "x=4"], "Needy cannot be made without arguments"),
        (["model.py::Nobody", "--input", "x=4"], "model.py has no Nobody: it has Twice, Cube, "),
        (["model.py::twise", "--input", "x=4"], "model.py has no twise: did you mean Twice?"),
        (["model.py::twise"], "model.py has no twise: did you mean Twice?"),
        (["model.py:Twice"], "model.py:Twice: write model.py::Twice"),
        (["model.py::loss", "--input", "x=4"], "--input t=SHAPE is missing: the inputs are x, t"),
        (
            ["model.py::DEPTH", "--input", "x=4"],
            "model.py::DEPTH is not a gradient: its type is int",
        ),
        (["model.py", "--input", "x=4"], "--input is for code in a file"),
        (["ReLU", "--input", "x=4"], "--input is for code in a file"),
        (["ReLU", "Exp", "--input", "x=4"], "--input is for one target"),
        (["nothing.py::f", "--input", "x=4"], "nothing.py: No such file"),
        (["model.py::Twice", "--input", "x=4", "--input", "x=5"], "an --input is given twice"),
        (
            ["model.py::Twice", "--input", "x=4x3:spd", "--input", "w=3x2"],
            "--input x=4x3:spd: spd is for square matrices",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_sentence(verify, arguments, says):
    status, output, errors = verify(*arguments)
    assert (status, output) == (2, "")
    assert says in errors
    assert "Traceback" not in errors


def test_inputs_that_do_not_fit_are_the_fault_of_the_command_line(verify):
    status, output, errors = verify("model.py::Twice", "--input", "x=4x3", "--input", "w=5x2")
    assert (status, output) == (2, "")
    assert "model.py::Twice refuses these inputs, x (4, 3) and w (5, 2): " in errors
    assert "ValueError: matmul: " in errors
    assert errors.count("\n") == 1


def test_one_verdict_is_printed_as_it_prints_itself(verify, monkeypatch):
    found = []

    def noted(*arguments, **options):
        found.append(judge(*arguments, **options))
        return found[-1]

    judge = handgrad.verify
    monkeypatch.setattr("handgrad.judge.verify.verify", noted)
    for target in ("model.py::Cube", "Exp"):
        _, output, _ = verify(target)
        assert output == f"{found[-1]}\n"


PRINTS = """
print("loaded")


class Echo:
    def forward(self, x):
        print("forward")
        return 2 * x

    def backward(self, dy):
        print("backward")
        return 3 * dy
"""


def test_what_the_judged_code_prints_is_not_part_of_the_json(verify, tmp_path):
    (tmp_path / "prints.py").write_text(PRINTS, encoding="utf-8")
    status, output, errors = verify("prints.py::Echo", "--input", "x=3", "--json")
    assert status == 1
    assert json.loads(output)["rules"][0]["status"] == "WRONG"
    assert errors == "loaded\n"
    lines, first = json.loads(output)["rules"][0]["printed"]
    assert (lines > 20, first) == (True, "forward")


def test_code_that_leaves_the_process_has_no_say_in_the_exit_status(verify, tmp_path):
    leaves = MODEL.replace("        self.x, self.w = x, w\n", "        raise SystemExit(0)\n")
    (tmp_path / "leaves.py").write_text(leaves, encoding="utf-8")
    status, _, errors = verify("leaves.py::Twice", "--input", "x=4x3", "--input", "w=3x2")
    assert status == 2
    assert "refuses these inputs" in errors
