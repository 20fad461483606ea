"""What the commands do when the standard streams are closed, full, or of a narrow encoding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.digits import ROOT, finished, python

FULL = Path("/dev/full")
NOTES = """# Sigmoid of γ

```derivation
γ : (N)
y = 1 / (1 + exp(-γ))
dγ = dy * y
```
"""

needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


def shell(command, **environment):
    """The exit status, the output and the error output of a shell command; `$H` is handgrad."""
    environment = (
        os.environ | {"H": f"{sys.executable} -m handgrad", "PYTHONPATH": str(ROOT)} | environment
    )
    run = subprocess.run(
        ["/bin/sh", "-c", command], env=environment, capture_output=True, timeout=60, check=False
    )
    return run.returncode, run.stdout.decode(), run.stderr.decode()


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(NOTES, encoding="utf-8")
    return path


NO_SPACE = "handgrad: the output cannot be written: No space left on device\n"


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments",
    ["--help", "--version", "draw Sigmoid", "verify Sigmod --json", "verify nowhere.md --json"],
)
def test_a_full_disk_is_one_sentence(arguments, unbuffered):
    found = shell(f"$H {arguments} > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert found == (2, "", NO_SPACE)


@needs_full
def test_a_disk_that_is_full_for_a_table_is_one_sentence(notes):
    assert shell(f"$H verify {notes} > /dev/full") == (2, "", NO_SPACE)


def test_a_closed_output_is_one_sentence():
    closed = "handgrad: the output cannot be written: the standard output is closed\n"
    assert shell("$H draw Sigmoid >&-") == (2, "", closed)


def test_an_output_that_is_open_for_reading_is_one_sentence():
    status, _, errors = shell("$H draw Sigmoid 1< /dev/null")
    assert (status, errors) == (2, "handgrad: the output cannot be written: Bad file descriptor\n")


@pytest.mark.parametrize("errors", ["2>&-", pytest.param("2> /dev/full", marks=needs_full)])
def test_without_an_error_output_the_status_says_it(errors):
    assert shell(f"$H verify Sigmod {errors}") == (2, "", "")
    assert shell(f"$H {errors}") == (2, "", "")
    status, output, _ = shell(f"$H draw Sigmoid {errors}")
    assert status == 0
    assert "▶" in output


@needs_full
def test_without_any_output_the_status_says_it():
    assert shell("$H draw Sigmoid > /dev/full 2>&1") == (2, "", "")
    assert shell("$H draw Sigmoid >&- 2>&-") == (2, "", "")


def test_no_file_gets_what_is_meant_for_a_closed_error_output(tmp_path):
    picture = tmp_path / "a.svg"
    assert shell(f"$H draw Sigmoid -o {picture} 2>&-")[0] == 0
    assert picture.read_text(encoding="utf-8").endswith("</svg>\n")


def test_a_closed_input_is_one_sentence():
    assert shell("$H verify - <&-") == (2, "", "handgrad: -: the standard input is closed\n")


def test_an_input_that_is_open_for_writing_is_one_sentence():
    said = "handgrad: -: the standard input cannot be read: Bad file descriptor\n"
    assert shell("$H verify - 0> /dev/null") == (2, "", said)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_what_an_encoding_lacks_is_replaced(notes, encoding):
    environment = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    status, output, errors = shell(f"$H verify {notes}", **environment)
    assert (status, errors) == (1, "")
    assert "Sigmoid of ?" in output
    status, _, errors = shell(f"$H verify {notes}γ", **environment)
    assert (status, errors.count("\n")) == (2, 1)
    assert "notes.md?" in errors


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_json_loses_no_character_in_any_encoding(notes, encoding):
    _, output, _ = shell(f"$H verify {notes} --json", PYTHONIOENCODING=encoding)
    (derivation,) = json.loads(output)["derivations"]
    assert derivation["title"] == "Sigmoid of γ"
    _, output, _ = shell(f"$H verify {notes}γ --json", PYTHONIOENCODING=encoding)
    assert "notes.mdγ: No such file" in json.loads(output)["error"]


def test_a_file_name_that_is_not_utf8_is_shown_with_replacements(notes):
    strange = os.fsencode(notes.parent) + b"/caf\xe9.md"
    try:
        Path(os.fsdecode(strange)).write_text(NOTES, encoding="utf-8")
    except OSError:
        pytest.skip("the file system has no such names")
    status, output, errors = finished(python("-m", "handgrad", "verify", os.fsdecode(strange)))
    assert (status, errors) == (1, "")
    assert "caf\N{REPLACEMENT CHARACTER}.md:6: dγ = dy * y: " in " ".join(output.split())
    status, output, errors = finished(
        python("-m", "handgrad", "draw", "Sigmoid", "-o", os.fsdecode(strange)[:-3] + ".svg")
    )
    assert (status, errors) == (0, "")
    assert output.endswith("caf\N{REPLACEMENT CHARACTER}.svg\n")
    status, _, errors = finished(python("-m", "handgrad", "verify", os.fsdecode(strange) + "x.md"))
    assert status == 2
    assert errors.endswith("caf\N{REPLACEMENT CHARACTER}.mdx.md: No such file or directory\n")
