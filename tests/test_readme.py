"""What the README shows is what happens."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")
PYTHON = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
PRINTED = re.findall(r"```\n((?:WRONG|PASS)\n.*?)```", README, re.DOTALL)


def printed_by(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def without_digits(text):
    """The last digits of an error differ between machines, and so do the looks that it takes."""
    return re.sub(r"\d\.\de[+-]\d\d|\d+ (?=evaluations|probes)", "#", text)


def test_the_example_prints_what_the_readme_says():
    assert without_digits(printed_by(PYTHON)) == without_digits(PRINTED[0])


def test_the_mended_example_prints_what_the_readme_says():
    mended = PYTHON.replace("(dy * (s + y),)", "(dy * (s + y * (1 - s)),)")
    assert mended != PYTHON
    assert without_digits(printed_by(mended)) == without_digits(PRINTED[1])


def test_there_are_two_set_up_commands():
    assert len(re.findall(r"^    python3 -m venv ", README, re.MULTILINE)) == 2


def test_the_derivation_is_reported_as_the_readme_says():
    shown = re.search(r"```\n(derivation .*?)```", README, re.DOTALL)[1]
    command = [sys.executable, "-m", "handgrad", "verify", "README.md"]
    root = Path(__file__).parent.parent
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert result.returncode == 1
    assert without_digits(result.stdout).startswith(without_digits(shown))
