"""The plugin, in test suites as a user would have them: verdicts, the seed, and --derivations."""

import os
import subprocess
import sys

import pytest

RIGHT = """# Sigmoid

```derivation
x : (N)
u = 1 + exp(-x)
y = 1 / u
du = -dy / u**2
   = -dy * y**2
```
"""
WRONG = RIGHT.replace("du = -dy / u**2", "du = dy / u**2")
EQUATIONS = """# Square
<!-- derivation: x : () -->
$$y = x^2$$
$$\\nabla_x y = 2x$$
$$\\nabla_x y = 3x$$
$$\\nabla_x y = \\Lambda x$$
"""
NO_TIME = """
from handgrad.derivation import report
report.SECONDS = report.SECONDS_A_LINE = 0.0
"""
MODULE = '''"""A module."""


class Square:
    """y = x²

        x : (N)
        y = x**2
        dx = 2 * x * dy
    """
'''


def run(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=100
    )


def test_each_gradient_line_is_a_test_named_by_it(tmp_path):
    (tmp_path / "notes.md").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "model.py").write_text(MODULE, encoding="utf-8")
    result = run(tmp_path, "--derivations", "--collect-only")
    assert "notes.md::Sigmoid: du = -dy / u**2" in result.stdout
    assert "model.py::Square: dx = 2 * x * dy" in result.stdout
    assert run(tmp_path, "--derivations").returncode == 0


def test_a_wrong_line_fails_with_its_place_and_its_mend(tmp_path):
    (tmp_path / "notes.md").write_text(WRONG, encoding="utf-8")
    result = run(tmp_path, "--derivations")
    assert result.returncode == 1
    assert "notes.md:7: du = dy / u**2: off by" in result.stdout
    assert "the sign is turned" in result.stdout
    assert "1 failed" in result.stdout


def test_a_line_that_cannot_be_read_fails_in_one_sentence(tmp_path):
    (tmp_path / "notes.md").write_text(RIGHT.replace("exp(-x)", "expo(-x)"), encoding="utf-8")
    result = run(tmp_path, "--derivations")
    assert result.returncode == 1
    assert "there is no function expo: did you mean exp" in result.stdout
    assert "Traceback" not in result.stdout


def test_each_equation_of_latex_is_a_test(tmp_path):
    (tmp_path / "notes.md").write_text(EQUATIONS, encoding="utf-8")
    result = run(tmp_path, "--derivations")
    assert result.returncode == 1
    assert "2 failed, 2 passed" in result.stdout
    assert "notes.md:5: ∂y/∂x = 3 * x: off by" in result.stdout
    assert "notes.md:6:16: NOT READ: Λ is not known" in result.stdout


def test_nothing_is_collected_unless_it_is_asked_for(tmp_path):
    (tmp_path / "notes.md").write_text(WRONG, encoding="utf-8")
    assert "no tests ran" in run(tmp_path).stdout


VERIFIES = """
import numpy as np
import handgrad


def test_the_seed(handgrad_seed):
    assert handgrad_seed == 7


def test_a_wrong_gradient(handgrad_seed):
    pair = np.sin, lambda dy, x: (-dy * np.cos(x),)
    assert handgrad.verify(pair, np.array([0.5, 1.5]), seed=handgrad_seed)
"""


def test_the_seed_is_an_option_and_in_the_header(tmp_path):
    (tmp_path / "test_it.py").write_text(VERIFIES, encoding="utf-8")
    result = run(tmp_path, "--handgrad-seed", "7", "-v", "-k", "the_seed")
    assert result.returncode == 0, result.stdout
    assert "handgrad: seed 7" in result.stdout


def test_a_seed_that_is_not_a_number_is_refused(tmp_path):
    result = run(tmp_path, "--handgrad-seed", "some")
    assert result.returncode == 4
    assert "'some' is not a whole number from 0" in result.stderr


def test_a_failed_assertion_shows_the_whole_verdict(tmp_path):
    (tmp_path / "test_it.py").write_text(VERIFIES, encoding="utf-8")
    result = run(tmp_path, "-k", "wrong_gradient")
    assert result.returncode == 1
    assert "WRONG, against numbers: off by" in result.stdout
    assert "has the wrong sign" in result.stdout
    assert "assert verdict.ok" in result.stdout


ASSERTS = """
import numpy as np
from handgrad import check, verify

TEXT = "x : (N)\\ny = x * x\\ndx = dy * x"


def judged():
    return verify((lambda x: x * x, lambda dy, x: dy * x), np.array([0.5, 1.5]))


def test_whole():
    assert judged()


def test_ok():
    verdict = judged()
    assert verdict.ok


def test_called():
    assert bool(judged())


def test_own_words():
    assert judged().ok, "my own words"


def test_checked():
    assert check(TEXT).ok
"""


def test_the_summary_says_what_is_wrong_and_not_assert_false(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "test_it.py").write_text(ASSERTS, encoding="utf-8")
    result = run(tmp_path)
    _, _, summary = result.stdout.partition("short test summary info")
    for name in ("whole", "ok", "called"):
        assert (
            f"test_{name} - (<lambda>, <lambda>): WRONG: the gradient of input 0 (x) is" in summary
        )
    assert "test_own_words - AssertionError: my own words" in summary
    assert "test_checked - 1 derivation, 1 link (0 exact), 0 s: not right: text" in summary
    assert "text:3: dx = dy * x: off by 5.0e-01" in result.stdout


HEAVY = """
import sys


def test_it():
    assert not {"numpy", "jax", "handgrad.rules", "handgrad.derivation"} & set(sys.modules)
"""


def test_nothing_heavy_is_imported_for_tests_that_do_not_ask_for_it(tmp_path):
    (tmp_path / "test_it.py").write_text(HEAVY, encoding="utf-8")
    result = run(tmp_path)
    assert result.returncode == 0, result.stdout


OTHERS = {
    "parser.addoption('--derivations', action='store_true')": True,
    "parser.addoption('--derivations')": True,
    "parser.getgroup('other').addoption('--derivations', action='store_true')": True,
    "parser.addoption('--derivatives', dest='derivations')": False,
    "parser.addoption('--derive', action='store_true')": False,
}


@pytest.mark.parametrize("options", OTHERS)
@pytest.mark.parametrize("arguments", [(), ("-p", "other")], ids=["conftest", "plugin"])
def test_an_option_that_another_plugin_has_is_left_to_it(tmp_path, options, arguments):
    name = "other.py" if arguments else "conftest.py"
    (tmp_path / name).write_text(f"def pytest_addoption(parser):\n    {options}\n")
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n", encoding="utf-8")
    (tmp_path / "notes.md").write_text(WRONG, encoding="utf-8")
    result = run(tmp_path, "-v", *arguments)
    assert ("--derivations is another plugin's" in result.stdout) == OTHERS[options]
    assert "1 passed" in result.stdout


def test_an_option_of_another_plugin_checks_no_derivation(tmp_path):
    text = f"def pytest_addoption(parser):\n    {next(iter(OTHERS))}\n"
    (tmp_path / "conftest.py").write_text(text, encoding="utf-8")
    (tmp_path / "notes.md").write_text(WRONG, encoding="utf-8")
    assert "no tests ran" in run(tmp_path, "--derivations").stdout


def test_the_options_are_in_the_help(tmp_path):
    shown = run(tmp_path, "--help").stdout
    assert "--derivations" in shown
    assert "--handgrad-seed" in shown


HOSTILE = """
import numpy as np
import handgrad


class Hostile:
    def hostile(self, *_):
        raise RuntimeError("do not look at me")

    __class__ = property(hostile)
    __eq__ = __repr__ = __str__ = __bool__ = __hash__ = __len__ = __getattr__ = hostile


def test_beside_a_verdict():
    beside = Hostile()
    verdict = handgrad.verify((np.sin, lambda dy, x: (-dy * np.cos(x),)), np.array([0.5, 1.5]))
    assert verdict


def test_after_it():
    pass
"""


def test_objects_that_raise_at_every_look_break_no_report(tmp_path):
    (tmp_path / "test_it.py").write_text(HOSTILE, encoding="utf-8")
    result = run(tmp_path)
    assert "1 failed, 1 passed" in result.stdout
    assert "INTERNALERROR" not in result.stdout + result.stderr
    assert "WRONG, against numbers: off by" in result.stdout


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("x : (N)\ny = sin(x)\n", "no line was held against anything"),
        (
            "x : (N)\ny = sum(where(x > 1e9, x, 0))\ndx = zeros(N) * dy\n",
            "at any point that was tried",
        ),
    ],
    ids=["vacuous", "incomplete"],
)
def test_what_was_not_looked_at_fails(tmp_path, lines, said):
    (tmp_path / "notes.md").write_text(f"# A\n\n```derivation\n{lines}```\n", encoding="utf-8")
    result = run(tmp_path, "--derivations")
    assert result.returncode == 1
    assert said in " ".join(result.stdout.split())


def test_a_text_that_would_take_all_day_is_ended(tmp_path):
    (tmp_path / "notes.md").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(NO_TIME, encoding="utf-8")
    result = run(tmp_path, "--derivations")
    assert result.returncode == 1
    assert "longer than a derivation may" in result.stdout


NOT_READ = {
    "binary.md": (b"\xff\xfe\0", "binary.md: this is not UTF-8 text"),
    "open.md": (b"```derivation\nx : (N)\n", "open.md:1: the block that begins here is never"),
    "broken.py": (b"class A(:\n", "broken.py:1:9: this is not Python: invalid syntax"),
    "long.md": (b"x" * 1_000_001, "long.md: the text has more than 1000000 bytes"),
}


@pytest.mark.parametrize("name", NOT_READ)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name):
    content, says = NOT_READ[name]
    (tmp_path / name).write_bytes(content)
    result = run(tmp_path, "--derivations")
    assert f"{tmp_path / says}" in result.stdout
    assert "1 error" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "notes.md").write_text(RIGHT, encoding="utf-8")
    assert "1 passed" in run(tmp_path, "--derivations").stdout
    assert run(tmp_path, "--derivations", "pipe.md").returncode != 0


def test_the_names_of_tests_are_printable(tmp_path):
    line = "z = einsum('\033[2Ki->i', x) = x\n"
    text = RIGHT.replace("# Sigmoid", "# Sig\033[2Kmoid\u202e").replace("u = 1", f"{line}u = 1")
    (tmp_path / "notes.md").write_text(text, encoding="utf-8")
    result = run(tmp_path, "--derivations", "--collect-only")
    names = [line for line in result.stdout.splitlines() if "::" in line]
    assert len(names) == 2
    assert all(map(str.isprintable, names))


def test_derivations_and_verdicts_are_shown_by_parallel_workers(tmp_path):
    pytest.importorskip("xdist")
    (tmp_path / "notes.md").write_text(WRONG, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(VERIFIES, encoding="utf-8")
    result = run(tmp_path, "--derivations", "--handgrad-seed", "7", "-n", "2")
    assert "2 failed, 1 passed" in result.stdout
    assert "notes.md:7: du = dy / u**2: off by" in result.stdout
    assert "WRONG, against numbers: off by" in result.stdout


def test_warnings_that_are_errors_do_not_reach_into_a_derivation(tmp_path):
    text = "# Log\n\n```derivation\nx : (N) positive\ny = log(0 * x + 1) / x\ndx = -dy * 0\n```\n"
    (tmp_path / "notes.md").write_text(text, encoding="utf-8")
    result = run(tmp_path, "--derivations", "-W", "error")
    assert "Warning" not in result.stdout
    assert "1 passed" in result.stdout
