"""handgrad verify on files of derivations, as a user sees it."""

import io
import json
import sys

import pytest

NOTES = """# Right

```derivation
x : (N)
y = exp(x)
dx = dy * y
```

# Wrong

```derivation
x : (N, D)
y = sum(x, axis=0)
dx = dy
```
"""
MODEL = '''class Cube:
    """y = x³

        x : (N)
        y = x**3
        dx = 3 * x**2 * dy
    """


class Line:
    """y = a x

        x : (N)
        y = slope * x
        dx = dy
    """

    slope: float = 2.0
'''


@pytest.fixture
def verify(tmp_path, monkeypatch, handgrad):
    """Run `handgrad verify` in a folder with notes.md and model.py: its status, output and errors."""
    (tmp_path / "notes.md").write_text(NOTES, encoding="utf-8")
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(*arguments, text=""):
        given = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", given)
        return handgrad("verify", *arguments)

    return run


def test_a_wrong_line_is_reported_with_its_place_and_its_mend(verify):
    status, output, _ = verify("notes.md")
    assert status == 1
    assert "notes.md:14: dx = dy: it has the shape" in output
    assert "not right: Wrong" in output
    assert max(map(len, output.splitlines())) <= 80


def test_one_class_of_a_file_may_be_named(verify):
    assert verify("model.py::Cube")[0] == 0
    status, output, _ = verify("model.py::Line")
    assert status == 1
    assert "a factor slope is missing" in " ".join(output.split())


def test_the_standard_input_needs_no_fence(verify):
    assert verify("-", text="x : (N)\ny = log(x) + x\ndx = dy / x + dy\n")[0] == 0
    assert verify("-", text="x : (N)\ny = exp(x)\ndx = dy\n")[0] == 1


def test_several_targets_are_judged_in_one_run(verify):
    _, output, _ = verify("model.py::Cube", "ReLU", "--json")
    report = json.loads(output)
    assert report["ok"]
    assert [rule["subject"] for rule in report["rules"]] == ["ReLU"]
    (derivation,) = report["derivations"]
    assert [link["text"] for link in derivation["links"]] == ["3 * x**2 * dy"]


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("nowhere.md", "handgrad: nowhere.md: No such file"),
        ("model.py::Square", "handgrad: model.py has no Square"),
        ("empty.md", "handgrad: empty.md: there is no derivation in it"),
        ("binary.md", "handgrad: binary.md: this is not UTF-8 text"),
        ("open.md", "handgrad: open.md:1: the block that begins here is never closed"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(verify, tmp_path, target, says):
    (tmp_path / "empty.md").write_text("# Nothing\n", encoding="utf-8")
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "open.md").write_text("```derivation\nx : (N)\n", encoding="utf-8")
    status, _, errors = verify(target)
    assert status == 2
    assert errors.startswith(says)
    assert len(errors.splitlines()) == 1


def test_a_derivation_that_cannot_be_read_does_not_hide_the_others(verify):
    status, output, _ = verify("-", text="x : (N)\ny = expo(x)\n")
    assert status == 2
    assert "standard input:2:5: there is no function expo" in output


def test_one_heading_of_a_file_may_be_named(verify):
    assert verify("notes.md#right")[0] == 0
    assert verify("notes.md#Wrong")[0] == 1
    status, _, errors = verify("notes.md#Nowhere")
    assert status == 2
    assert "no derivation under 'Nowhere' ('Right', 'Wrong')" in errors
