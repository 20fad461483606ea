"""`handgrad draw` as its user sees it."""

import argparse
import io
import sys

import pytest

from handgrad.cli import draw
from handgrad.cli.console import UsageError
from tests.drawing.graphs import APPLE, SIGMOID, elements_of

BLOCK = "```derivation\n{}```\n"


@pytest.fixture
def drawn(capsys):
    """Runs `handgrad draw`: its exit status, its output, and the sentence if it fails."""

    def run(*arguments):
        parser = argparse.ArgumentParser()
        draw.add_parser(parser.add_subparsers())
        parsed = parser.parse_args(["draw", *map(str, arguments)])
        try:
            return parsed.run(parsed), capsys.readouterr().out, ""
        except UsageError as error:
            return 2, capsys.readouterr().out, str(error)

    return run


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes.md"
    apples, sigmoid = BLOCK.format(APPLE), BLOCK.format(SIGMOID)
    path.write_text(f"# Two apples\n\n{apples}\n# Sigmoid\n\n{sigmoid}", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["Sigmoid", "softmax", "Affine", "BatchNorm", "Conv2d"])
def test_a_rule_is_drawn_by_its_name(drawn, name):
    status, output, error = drawn(name)
    assert (status, error) == (0, "")
    assert "▶" in output or "← gradient" in output


def test_a_heading_is_drawn_by_its_title_or_its_link(drawn, notes):
    assert drawn(f"{notes}#Two apples") == drawn(f"{notes}#two-apples")
    status, output, _ = drawn(f"{notes}#Two apples")
    assert status == 0
    assert "220" in output


def test_several_headings_are_named_when_none_is_chosen(drawn, notes):
    status, output, error = drawn(notes)
    assert (status, output) == (2, "")
    assert "'Two apples', 'Sigmoid'" in error


def test_the_only_heading_needs_no_name(drawn, tmp_path):
    path = tmp_path / "one.md"
    path.write_text(f"# Apples\n{BLOCK.format(APPLE)}", encoding="utf-8")
    assert "220" in drawn(path)[1]


def test_a_docstring_is_drawn(drawn, tmp_path):
    path = tmp_path / "model.py"
    path.write_text('class A:\n    """y = -x\n\n        x : () = 3\n        y = -x\n    """\n')
    status, output, _ = drawn(f"{path}::A")
    assert status == 0
    assert "(−)" in output


@pytest.mark.parametrize(
    "text", [APPLE, f"# Apples\n{BLOCK.format(APPLE)}"], ids=["bare", "Markdown"]
)
def test_standard_input_is_drawn(drawn, monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    status, output, _ = drawn("-")
    assert status == 0
    assert "220" in output


@pytest.mark.parametrize(
    ("suffix", "begin"), [(".svg", "<svg"), (".dot", "digraph"), (".mmd", "---"), (".txt", "Two")]
)
def test_the_suffix_decides_the_format(drawn, notes, tmp_path, suffix, begin):
    path = tmp_path / f"picture{suffix}"
    status, output, _ = drawn(f"{notes}#Two apples", "-o", path)
    assert (status, output) == (0, f"the picture is in {path}\n")
    assert path.read_text(encoding="utf-8").startswith(begin)


def test_steps_stand_below_the_drawing(drawn, notes):
    _, output, _ = drawn(f"{notes}#Two apples", "--steps")
    assert output.index("▶") < output.index("2. price = total × tax = 200 × 1.1 = 220")


def test_norms_are_drawn_when_asked(drawn):
    assert "‖" in drawn("Affine", "--norm")[1]
    assert "‖" not in drawn("Affine")[1]


def test_the_seed_decides_the_random_numbers(drawn):
    first, again, other = (drawn("Affine", "--norm", "--seed", n)[1] for n in (1, 1, 2))
    assert first == again != other


def test_a_picture_of_a_strange_title_is_well_formed(drawn, tmp_path):
    path = tmp_path / "strange.md"
    path.write_text(f"# </title><script>\x01&\n{BLOCK.format(APPLE)}", encoding="utf-8")
    assert drawn(path, "-o", tmp_path / "strange.svg")[0] == 0
    assert elements_of((tmp_path / "strange.svg").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["Sigmod"], "did you mean Sigmoid"),
        (["arithmetic"], "arithmetic is a family; name one of its rules: Abs, Add"),
        (["state space"], "state space is a family; name one of its rules: SSD"),
        (["State-Space"], "State-Space is a family; name one of its rules: SSD"),
        (["batch"], "did you mean BatchNorm or "),
        (["nowhere.md"], "nowhere.md: No such file or directory"),
        (["nowhere.py::A"], "nowhere.py: No such file or directory"),
        (["Sigmoid", "-o", "picture.gif"], "must end in .svg, .dot, .mmd, .txt, .png or .pdf"),
        (["Sigmoid", "-o", "/no/such/picture.svg"], "/no/such is not a directory"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(drawn, arguments, sentence):
    status, output, error = drawn(*arguments)
    assert (status, output) == (2, "")
    assert sentence in error
    assert "\n" not in error


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x : ()\ny = q * x", "standard input:2:5: q is not defined here"),
        ("x : ()", "standard input: there is no definition"),
        ("", "-: there is no derivation in it"),
        ("x : ()\ny = x.__class__", "standard input:2:5: "),
        ("x : (N, D)\nw : (3)\ny = x @ w", "standard input:3:5: "),
    ],
)
def test_a_wrong_line_is_named_with_its_place(drawn, monkeypatch, text, sentence):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    status, _, error = drawn("-")
    assert status == 2
    assert sentence in error


def test_an_unknown_heading_is_answered_with_those_there_are(drawn, notes):
    status, _, error = drawn(f"{notes}#Oranges")
    assert status == 2
    assert "no derivation under 'Oranges' ('Two apples', 'Sigmoid')" in error


def test_formulas_and_one_node_are_forms_of_a_picture(drawn):
    _, symbolic, _ = drawn("Affine", "--symbolic")
    assert "∂L/∂y @ W.T" in symbolic
    _, simplified, _ = drawn("Affine", "--simplified")
    assert "(Affine)" in simplified


def test_a_picture_in_pixels_without_cairosvg_is_refused_before_the_work(
    drawn, monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    status, output, error = drawn("Sigmoid", "-o", tmp_path / "a.png")
    assert (status, output) == (2, "")
    assert "needs cairosvg: pip install cairosvg" in error
