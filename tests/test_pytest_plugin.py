"""pytest --derivations, run on files as a user would have them."""

import subprocess
import sys

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
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


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


def test_a_seed_that_is_no_number_is_refused(tmp_path):
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
