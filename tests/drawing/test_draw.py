"""`draw`: a rule, a text or a file as a picture that prints, and that can be kept."""

import re
import sys
from pathlib import Path

import pytest

from handgrad import LayerNorm, MultiHeadAttention, Sigmoid, SinkAttention, draw
from handgrad.cli.draw import SUFFIXES as OF_THE_COMMAND
from handgrad.drawing.formats import SUFFIXES, TEXTS
from tests.drawing.graphs import APPLE

TEXT = "x : () = 3\ny = x**2\ndx = dy * 2 * x\n"


def test_a_picture_prints_what_the_command_prints(handgrad):
    _, output, _ = handgrad("draw", "Sigmoid", "--seed", 3)
    assert f"{draw(Sigmoid(), seed=3)}\n" == output


def test_the_steps_are_those_of_the_command(handgrad):
    _, output, _ = handgrad("draw", "Sigmoid", "--steps")
    picture = draw(Sigmoid())
    assert f"{picture}\n\n{picture.steps}\n" == output


def test_a_text_and_its_file_make_one_picture(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(f"```derivation\n{TEXT}```\n", encoding="utf-8")
    same, other = str(draw(TEXT)), str(draw(path))
    assert same.splitlines()[1:] == other.splitlines()[1:]
    assert "9" in same


@pytest.mark.parametrize("suffix", TEXTS)
def test_a_picture_is_kept_in_the_format_of_its_suffix(tmp_path, suffix):
    picture, path = draw(TEXT), tmp_path / f"square{suffix}"
    picture.save(path)
    assert path.read_text(encoding="utf-8") == picture.written_as(suffix)


@pytest.mark.parametrize(("suffix", "begin"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_a_picture_is_kept_in_pixels_and_on_paper(tmp_path, suffix, begin):
    pytest.importorskip("cairosvg", reason="pixels and paper are made by cairosvg, an extra")
    path = tmp_path / f"square{suffix}"
    draw(TEXT).save(path)
    assert path.read_bytes().startswith(begin)


def test_pixels_without_cairosvg_say_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install cairosvg"):
        draw(TEXT).save(tmp_path / "square.png")


def test_no_text_of_a_picture_has_parts():
    assert "<tspan" not in draw(TEXT).written_as(".svg")  # cairosvg would move them


def test_the_command_writes_every_format():
    assert OF_THE_COMMAND == SUFFIXES


def test_norms_are_written_on_request():
    text = "x : (3, 4)\ny = exp(x)\ndx = dy * y\n"
    assert "‖" in str(draw(text, norm=True))
    assert "‖" not in str(draw(text))


def test_a_class_is_not_a_rule():
    with pytest.raises(TypeError, match=r"Sigmoid is a class: pass a rule, such as Sigmoid\(\)"):
        draw(Sigmoid)


@pytest.mark.parametrize("source", [42, None])
def test_what_is_neither_a_rule_nor_a_text_is_shown(source):
    with pytest.raises(TypeError, match=f"{source} is neither a rule nor a text"):
        draw(source)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "# a\n```derivation\nx : ()\ny = x\n```\n# b\n```derivation\nx : ()\ny = x\n```\n",
            "'a', 'b'",
        ),
        ("\n", "no derivation in it"),
        ("x : ()\n\n", "there is no definition"),
        (Path("none.md"), "No such file"),
        ("none.md", r"^'none\.md': No such file or directory$"),
        ("Softmax", r"^'Softmax': No such file .*, and a rule is passed as Softmax\(\)$"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(source, says):
    with pytest.raises(ValueError, match=says):
        draw(source)


def test_an_unknown_format_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"'\.gif' is not a format: choose \.svg"):
        draw(TEXT).save(tmp_path / "a.gif")


def test_forward_is_all_before_anything_comes_back():
    stated, other = draw(TEXT, form="forward"), draw(Sigmoid(), form="forward")
    assert str(stated) == "y\n\n    3         9\nx ─────▶(^2)─────▶ y"
    assert "∂L" not in other.written_as(".svg")
    assert "← gradient" not in other.written_as(".svg")
    assert "1 ÷ (1 + exp(−x))" in other.written_as(".svg")


def test_symbols_stand_where_a_derivation_states_numbers():
    text = f"{APPLE}dtotal = dprice * tax = 1.1\n"
    assert "∂L/∂price × tax" in draw(text, form="symbolic").written_as(".svg")


WIDE = SinkAttention(), MultiHeadAttention(2), LayerNorm()


@pytest.mark.parametrize("rule", WIDE, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("form", ["numbers", "forward", "symbolic"])
def test_a_table_says_that_it_is_one_and_where_the_picture_is(rule, form):
    assert str(draw(rule, form=form)).endswith("draw it with -o FILE.svg)")


def test_a_picture_that_fits_is_no_table():
    assert "too large" not in str(draw(TEXT, form="symbolic"))


def test_a_table_has_the_formulas_of_a_symbolic_picture():
    text = str(draw(SinkAttention(), form="symbolic"))
    assert re.search(r"^y = sum\[j\].*  ∂L/∂y$", text, re.MULTILINE)
    assert re.search(r"^p = u5 ÷ Z  .*∂L/∂y.*v\[", text, re.MULTILINE)
    assert "(B, H, M, D)" not in text
    assert "← gradient" not in str(draw(SinkAttention(), form="forward"))


@pytest.mark.parametrize("rule", WIDE[:2], ids=lambda rule: type(rule).__name__)
def test_the_columns_of_a_table_stand_apart(rule):
    assert not re.search(r"\)\s?\(", str(draw(rule)))
