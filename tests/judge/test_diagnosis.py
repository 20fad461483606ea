"""The diagnosis, measured: planted bugs, what is said of them, and the scripts that show them."""

import functools
import importlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from handgrad import verify
from handgrad.judge.diagnosis.literals import written
from handgrad.judge.diagnosis.sources import sources
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
    verdict = space.get("verdict")
    arrays = [space[name] for name in sorted(space) if name[0] == "x" and name[1:].isdigit()]
    kinds = [getattr(array.dtype, "kind", "") for array in arrays]
    numbers = [
        float(str(x)) if kind == "f" else float(x)  # in the fewest digits of its precision
        for kind, array in zip(kinds, arrays)
        for x in array.ravel()
    ]
    status = getattr(verdict, "status", None)
    outcomes.append({"end": end, "status": status, "said": said.getvalue(), "numbers": numbers})
json.dump(outcomes, sys.stdout)
"""


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


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """How the script of every planted bug ends."""
    known = PLANTED if "torch" in sys.modules or _has_torch() else PLANTED[: -len(IN_TORCH)]
    scripts = [judged(planted).script for planted in known]
    directory = tmp_path_factory.mktemp("scripts")
    half = len(scripts) // 2
    with ThreadPoolExecutor() as pool:
        halves = pool.map(run, (scripts[:half], scripts[half:]), (directory, directory))
        ends = [end for half in halves for end in half]
    return dict(zip((planted.name for planted in known), ends, strict=True))


def _has_torch():
    try:
        import torch
    except ImportError:
        return False
    return bool(torch)


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
    assert re.search(planted.says, verdict.diagnosis), verdict.diagnosis


@by_name(PLANTED)
def test_the_script_fails_as_the_verdict_did(planted, outcomes):
    verdict = judged(planted)
    lines = verdict.script.splitlines()
    outcome = outcomes[planted.name]
    assert lines[-1] == "assert verdict.ok"
    assert len(lines) <= 15
    assert outcome["end"] == ["AssertionError", "<script>", len(lines)], verdict.script
    assert outcome["status"] == verdict.status
    assert f": {verdict.status.value}\n" in outcome["said"]


@by_name(PLANTED)
def test_the_script_is_smaller_and_its_numbers_are_round(planted, outcomes):
    judged(planted)  # torch may be missing
    numbers = outcomes[planted.name]["numbers"]
    assert len(numbers) < sum(x.size for x in planted.inputs)
    assert all(round(x, 1) == x for x in numbers), numbers


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
    directory = tmp_path_factory.mktemp("notebook")
    file = directory / "notebook.py"
    file.write_text(NOTEBOOK, encoding="utf-8")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    scripts = [script.strip() for script in done.stdout.split("\f")]
    file.unlink()
    return scripts, run(scripts, directory)


def test_scripts_on_code_in_main_run_without_it(of_a_notebook):
    scripts, ends = of_a_notebook
    for script, outcome in zip(scripts, ends, strict=True):
        lines = script.splitlines()
        assert len(lines) <= 15
        assert outcome["end"] == ["AssertionError", "<script>", len(lines)], script
        assert outcome["status"] == "WRONG"


def test_short_code_in_main_is_shown_with_what_it_uses(of_a_notebook):
    (leaky, doubled, _), _ = of_a_notebook
    assert {"SLOPE = 0.1", "def passes(x):", "def leaky(x):"} <= set(leaky.splitlines())
    assert {"class Doubled:", "    def forward(self, x):"} <= set(doubled.splitlines())
    assert "handgrad.verify((leaky, leaky_vjp), x0)" in leaky
    assert "handgrad.verify(Doubled(), x0)" in doubled


def test_a_closure_is_carried(of_a_notebook):
    (*_, powers), _ = of_a_notebook
    assert "carried.loaded" in powers


def test_a_source_that_was_changed_since_is_not_shown(tmp_path, monkeypatch):
    file = tmp_path / "changing.py"
    file.write_text("def f(x):\n    return 2 * x\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("changing").f
    assert sources([function]) == ["def f(x):", "    return 2 * x"]
    file.write_text("def f(x):\n    return 3 * x  # longer\n", encoding="utf-8")
    assert sources([function]) == []


def test_what_is_too_long_to_be_carried_is_left_to_the_reader():
    weights = np.random.default_rng(0).normal(size=(60, 60))

    def mixed(x):
        return x @ weights

    def mixed_vjp(dy, x):
        return (-dy @ weights.T,)

    script = verify((mixed, mixed_vjp), np.random.default_rng(1).normal(size=(2, 60))).script
    (line,) = (line for line in script.splitlines() if line.startswith("#"))
    assert line == (
        "# put here the subject that was judged: "
        "it can neither be imported nor carried in 10000 characters"
    )


def test_a_forward_in_lower_precision_is_named_though_its_gradient_is_right():
    def rounded(x):
        return np.sin(x.astype(np.float16)).astype(x.dtype)

    x = np.random.default_rng(0).normal(size=(3, 4))
    verdict = verify((rounded, lambda dy, x: dy * np.cos(x)), x)
    assert verdict.status == "IMPRECISE"
    assert verdict.diagnosis == "output 0 has lost bits: all numbers are rounded to float16"


def test_a_line_that_stands_in_two_functions_stays_in_both():
    def f(x):
        s = np.sin(x)
        return s * s

    def vjp(dy, x):
        s = np.sin(x)
        return dy * s * np.cos(x)

    script = verify((f, vjp), np.linspace(-1, 2, 5)).script
    assert script.count("s = np.sin(x)") == 2
    assert len(script.splitlines()) <= 15


def test_tracing_leaves_nothing_in_a_closure():
    """A forward that leaves a value for any backward is traced by JAX, and then called again."""
    left = {}

    def silu(x, W):
        left["z"] = np.einsum("ni,oi->no", x, W)
        return left["z"] / (1 + np.exp(-left["z"]))

    def vjp(dy, x, W):
        z = left["z"] if left["z"].shape == dy.shape else x @ W.T
        s = 1 / (1 + np.exp(-z))
        dz = dy * (s + z * s * (1 - s))
        return dz @ W, dz.T @ x

    rng = np.random.default_rng(0)
    verdict = verify((silu, vjp), rng.normal(size=(4, 3)), rng.normal(size=(5, 3)))
    assert verdict.status == "CONTRACT"
    assert verdict.diagnosis.startswith("state is kept"), verdict.diagnosis


@pytest.mark.parametrize("precision", [np.float16, np.float32, np.float64])
def test_numbers_are_written_in_the_fewest_digits_of_their_precision(precision):
    x = np.array([100.1, -0.3, 1e-4], dtype=precision)
    assert written(x).startswith("np.array([100.1, -0.3, 0.0001])")
