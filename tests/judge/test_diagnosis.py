"""The diagnosis, measured: planted bugs, what is said of them, and the scripts that show them."""

import functools
import importlib
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import handgrad.judge
from handgrad import verify
from handgrad.judge.explain import cause
from handgrad.judge.explain.budget import OutOfTimeError
from handgrad.judge.explain.literals import written
from handgrad.judge.explain.sources import sources
from tests.judge.planted import IN_TORCH, PLANTED

KINDS = {
    *("−1", "2", "½", "N", "1/N", "√N"),
    *("transposed", "permuted", "flipped", "shifted", "sum missing", "sum extra"),
    *("ties", "padding", "last row", "x > 0", "dropped term", "block"),
    *("dy ignored", "dy clipped", "dy twice", "state", "bits", "operand", "slope"),
}

# Every script runs by itself: in an empty namespace, in a process that imports nothing of ours.
RUNNER = """
import contextlib, io, json, sys, traceback
outcomes = []
for script in json.load(sys.stdin):
    space = {"__name__": "__main__"}
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(script, "<script>", "exec"), space)
        end = "went well"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        end = [type(error).__name__, where.filename, where.lineno]
    status = getattr(space.get("verdict"), "status", None)
    outcomes.append({"end": end, "status": status, "said": said.getvalue()})
json.dump(outcomes, sys.stdout)
"""


# What the diagnosis does not name: a mask that the forward holds.
UNNAMED = {"one key ahead"}


def by_name(planted):
    return pytest.mark.parametrize("planted", planted, ids=lambda planted: planted.name)


@functools.cache
def judged(planted):
    """The verdict on the wrong gradients."""
    return verify(_made(planted.wrong, planted), *planted.inputs, params=planted.params)


def _made(make, planted):
    if planted in IN_TORCH:
        pytest.importorskip("torch", reason="torch is an extra")
    return make()


def run(scripts, directory):
    """How each script ends: one fresh process runs them all."""
    command = [sys.executable, "-c", RUNNER]
    done = subprocess.run(
        command,
        cwd=directory,
        input=json.dumps(scripts),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_every_kind_is_planted_twice():
    kinds = [planted.kind for planted in PLANTED]
    assert set(kinds) == KINDS
    assert all(kinds.count(kind) >= 2 for kind in KINDS)


def test_no_two_planted_bugs_have_one_name():
    names = [planted.name for planted in PLANTED]
    assert sorted(set(names)) == sorted(names)
    assert len(names) >= 40


@by_name(PLANTED)
def test_without_the_bug_all_is_well(planted):
    verdict = verify(_made(planted.right, planted), *planted.inputs, params=planted.params)
    assert verdict.status == "PASS", str(verdict)


@by_name(PLANTED)
def test_the_diagnosis_says_what_is_planted(planted):
    verdict = judged(planted)
    assert not verdict.ok
    named = bool(re.search(planted.says, verdict.diagnosis))
    assert named is (planted.name not in UNNAMED), verdict.diagnosis


@by_name(PLANTED[::4])
def test_a_script_ends_with_the_verdict_and_its_numbers_are_few(planted):
    script = judged(planted).script
    assert script.splitlines()[-2:] == ["print(verdict)", "assert verdict.ok"]
    assert "handgrad.verify(" in script
    assert len(script) < 4000


NOTEBOOK = '''
import numpy as np
import handgrad

SLOPE = 0.1


def passes(x):
    return x > 0


def leaky(x):
    """x, or a tenth of it"""
    return np.where(passes(x), x, SLOPE * x)


def leaky_vjp(dy, x):
    return (np.where(passes(x), dy, 0),)  # SLOPE is forgotten


class Doubled:
    """A layer."""

    def forward(self, x):
        return 2 * x

    def backward(self, dy):
        return 3 * dy


def powers(n):
    return lambda x: x**n, lambda dy, x: (dy * x ** (n - 1),)


x = np.random.default_rng(0).normal(size=(8, 5))
subjects = [(leaky, leaky_vjp), Doubled(), powers(3)]
print("\\f".join(handgrad.verify(subject, x).script for subject in subjects))
'''


@pytest.fixture(scope="module")
def of_a_notebook(tmp_path_factory):
    """The scripts that the judge prints about code that no import reaches, and how they end."""
    return scripts_of(NOTEBOOK, tmp_path_factory.mktemp("notebook"))


def scripts_of(code, directory):
    """The scripts that some code prints, and how each ends where that code is not at hand."""
    file = directory / "notebook.py"
    file.write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    scripts = [script.strip() for script in done.stdout.split("\f")]
    file.unlink()
    return scripts, run(scripts, directory)


def test_scripts_on_code_in_main_run_without_it(of_a_notebook):
    scripts, ends = of_a_notebook
    for script, outcome in zip(scripts[:2], ends[:2], strict=True):
        lines = script.splitlines()
        assert outcome["end"] == ["AssertionError", "<script>", len(lines)], script
        assert outcome["status"] == "WRONG"


def test_short_code_in_main_is_shown_with_what_it_uses(of_a_notebook):
    (leaky, doubled, _), _ = of_a_notebook
    assert {"SLOPE = 0.1", "def passes(x):", "def leaky(x):"} <= set(leaky.splitlines())
    assert {"class Doubled:", "    def forward(self, x):"} <= set(doubled.splitlines())
    assert "handgrad.verify((leaky, leaky_vjp), x0)" in leaky
    assert "handgrad.verify(Doubled(), x0)" in doubled


def test_what_no_name_leads_to_is_left_to_the_reader(of_a_notebook):
    (*_, powers), _ = of_a_notebook
    assert "subject = ...  # put here what was judged, a pair that no name leads to" in powers
    assert "x0 = " in powers


def test_no_script_holds_code_that_no_person_can_read():
    package = Path(handgrad.judge.__file__).parent
    words = ("pickle", "marshal", "base64", "exec(")
    for file in package.rglob("*.py"):
        assert not [word for word in words if word in file.read_text(encoding="utf-8")], file


def test_a_source_that_was_changed_since_is_not_shown(tmp_path, monkeypatch):
    file = tmp_path / "changing.py"
    file.write_text("def f(x):\n    return 2 * x\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("changing").f
    assert sources([function]) == ["def f(x):", "    return 2 * x"]
    file.write_text("def f(x):\n    return 3 * x  # longer\n", encoding="utf-8")
    assert sources([function]) == []


def test_a_forward_in_lower_precision_is_named_though_its_gradient_is_right():
    def rounded(x):
        return np.sin(x.astype(np.float16)).astype(x.dtype)

    x = np.random.default_rng(0).normal(size=(3, 4))
    verdict = verify((rounded, lambda dy, x: dy * np.cos(x)), x)
    assert verdict.status == "IMPRECISE"
    assert verdict.diagnosis == "output 0 has lost bits: all numbers are rounded to float16"


@pytest.mark.parametrize("precision", [np.float16, np.float32, np.float64])
def test_numbers_are_written_in_the_fewest_digits_of_their_precision(precision):
    x = np.array([100.1, -0.3, 1e-4], dtype=precision)
    assert written(x).startswith("np.array([100.1, -0.3, 0.0001])")


LAYERS = """
import numpy as np
from jax import numpy as jnp

import handgrad


class BatchNorm:
    def __init__(self):
        self.gamma = 1.5 * np.ones(4)
        self.beta = np.zeros(4)

    def forward(self, x):
        self.centred = x - x.mean(0)
        self.s = 1 / np.sqrt(x.var(0) + 1e-5)
        return self.gamma * self.centred * self.s + self.beta

    def backward(self, dy):
        n = self.centred * self.s
        self.dgamma = (dy * self.centred).sum(0)
        self.dbeta = dy.sum(0)
        dn = dy * self.gamma
        return self.s * (dn - dn.mean(0) - n * (dn * n).mean(0))


class Linear:
    def __init__(self):
        rng = np.random.default_rng(0)
        self.W = rng.normal(size=(4, 3))
        self.b = rng.normal(size=3)

    def forward(self, x):
        self.z = x @ self.W + self.b
        self.kept = x * (x > 0)
        return np.maximum(self.z, 0)

    def backward(self, dy):
        dz = dy * (self.z > 0)
        self.dW = self.kept.T @ dz
        self.db = dz.sum(0)
        return dz @ self.W.T


def linear(x, W, b):
    return jnp.maximum(x @ W + b, 0)


def power(n):
    return lambda x: x**n


x = np.random.default_rng(0).standard_normal((5, 4))
cubes = (lambda x: x**3, lambda dy, x: (2 * dy * x**2,))
verdicts = [
    handgrad.verify(BatchNorm(), x),
    handgrad.verify(Linear(), x),
    handgrad.verify(Linear(), x, reference=linear),
    handgrad.verify(cubes, x, reference=lambda x: x * x
        * x),
    handgrad.verify(cubes, x, reference=power(3)),
]
"""
SCRIPTS = 'print("\\f".join(verdict.script for verdict in verdicts))\n'


@pytest.fixture(scope="module")
def of_layers(tmp_path_factory):
    return scripts_of(LAYERS + SCRIPTS, tmp_path_factory.mktemp("layers"))


@pytest.mark.parametrize("k", range(4))
def test_a_script_fails_as_the_verdict_does(of_layers, k):
    script, outcome = (things[k] for things in of_layers)
    assert outcome["end"] == ["AssertionError", "<script>", len(script.splitlines())], script
    assert outcome["status"] == "WRONG", script
    assert "at inputs that the judge made" not in outcome["said"], script


def test_a_lambda_is_shown_as_it_stands(of_layers):
    call = of_layers[0][3].splitlines()[-3]
    assert "verify((lambda x: x ** 3, lambda dy, x: (2 * dy * x ** 2,)), x0" in call
    assert call.endswith("reference=lambda x: x * x * x)")


def test_what_the_reader_has_to_put_into_a_script_comes_first(of_layers):
    first = of_layers[0][4].splitlines()[0]
    what = "what was given as reference, a function that no name leads to"
    assert first == f"reference = ...  # put here {what}"


def test_a_reference_does_not_hide_what_the_forward_shows(tmp_path):
    file = tmp_path / "layers.py"
    file.write_text(LAYERS, encoding="utf-8")
    _, alone, beside, *_ = runpy.run_path(str(file))["verdicts"]
    assert "stands for input 0 (x)" in alone.diagnosis
    assert beside.diagnosis == alone.diagnosis


MODULE = """
import torch

import handgrad


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * x * torch.exp(x)


class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Sequential(torch.nn.Linear(4, 3))

    def forward(self, x):
        return Square.apply(self.inner(x))


torch.manual_seed(0)
verdicts = [handgrad.verify(Module(), torch.randn(5, 4))]
"""


def test_the_script_of_a_module_gives_its_inputs_and_parameters_in_their_own_precision(tmp_path):
    pytest.importorskip("torch", reason="torch is an extra")
    (script,), (outcome,) = scripts_of(MODULE + SCRIPTS, tmp_path)
    assert outcome["end"] == ["AssertionError", "<script>", len(script.splitlines())], script
    assert outcome["status"] == "WRONG", script
    assert "layer.get_parameter('inner.0.weight').data = x1" in script
    assert script.count(".astype(np.float32)") == 3


def test_where_no_cause_is_found_in_time_the_inputs_are_named(monkeypatch):
    monkeypatch.setattr(cause, "_looks", lambda _: (out_of_time,))
    x = np.random.default_rng(0).normal(size=(3, 4))
    verdict = verify((np.sin, lambda dy, x: dy * np.cos(x) ** 2), x)
    assert verdict.diagnosis.startswith("the gradient of input 0 (x) is wrong, by up to ")
    assert verdict.diagnosis.endswith("of its size; no cause was found in 2 s")


def out_of_time(_):
    raise OutOfTimeError
