"""`handgrad compare` as its user sees it."""

import json
import re

import pytest

from handgrad.comparison import ways
from handgrad.rules import catalog

WAYS = ("by hand", "JAX, same code", "JAX, reference")
ROWS = (
    "operations",
    "moves of data",
    "  FLOPs",
    "  transcendentals",
    "  bytes read and written",
    "  inputs and outputs",
    "  other arrays",
    "time, XLA",
    "time, NumPy",
    "difference from by hand",
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(ways, "SECONDS", 0.0)


def cells(output, name):
    """The cells of the only row of this name, forward and backward of each way."""
    (row,) = (line[26:] for line in output.splitlines() if line[:26].rstrip() == name)
    return [row[i : i + 9].strip() for i in range(0, 54, 9)]


def test_the_table_sets_the_ways_side_by_side(handgrad):
    status, output, errors = handgrad("compare", "Tanh", "--size", "...=5x7")
    title, sizes, header, halves, *_ = output.splitlines()
    assert (status, errors, title) == (0, "", "Tanh()")
    assert sizes == "... = 5 × 7; float32; seed 0"
    assert header.split("  ")[-1].strip() == WAYS[-1]
    assert all(way in header for way in WAYS)
    assert halves.split() == ["forward", "backward"] * 3
    assert all(len(cells(output, row)) == 6 for row in ROWS)
    assert max(map(len, output.splitlines())) <= 80


def test_the_figures_are_those_of_the_rule(handgrad):
    """Exp: y = exp x, dx = y dy. It keeps y, its output, as JAX does."""
    _, output, _ = handgrad("compare", "Exp", "--size", "...=5x7")
    assert cells(output, "operations")[:2] == ["1", "1"]
    assert cells(output, "  exp")[:2] == ["1", ""]
    assert cells(output, "  transcendentals")[:2] == ["35", "0"]
    assert cells(output, "  inputs and outputs")[:4] == ["1", "140"] * 2
    assert cells(output, "  other arrays")[:4] == ["0"] * 4
    assert cells(output, "time, NumPy")[2:] == ["–"] * 4
    assert cells(output, "difference from by hand")[:2] == ["–", "–"]


def test_the_header_stands_above_its_columns(handgrad):
    _, output, _ = handgrad("compare", "Tanh", "--size", "...=5x7")
    header, halves = output.splitlines()[2:4]
    assert len(header) == len(halves) == 80
    assert header[26:44].strip() == WAYS[0]
    assert halves[26:35].strip() == "forward"


def test_figures_are_written_with_three_digits_and_a_prefix(handgrad):
    _, output, _ = handgrad("compare", "Exp", "--size", "...=5000")
    assert cells(output, "  transcendentals")[0] == "5.00 k"
    assert cells(output, "  bytes read and written")[0] == "40.0 k"
    for time in cells(output, "time, XLA"):
        assert re.fullmatch(r"\d{3} µs|\d\d\.\d [µm]s|\d\.\d\d [µm]s|\d+ ms|0\.\d\d µs", time)


def test_a_count_of_xla_that_is_a_bound_is_marked(handgrad, monkeypatch):
    monkeypatch.setattr(
        "handgrad.comparison.ways.cost_of", lambda _: ways.Cost(1, 2, 3, at_least=True)
    )
    _, output, _ = handgrad("compare", "Exp", "--size", "...=5")
    assert cells(output, "  FLOPs") == ["≥1"] * 6


def test_what_xla_does_not_count_is_a_dash(handgrad, monkeypatch):
    monkeypatch.setattr("handgrad.comparison.ways.cost_of", lambda _: None)
    _, output, _ = handgrad("compare", "Exp", "--size", "...=5")
    assert cells(output, "  FLOPs") == ["–"] * 6


def test_arrays_that_jax_never_reads_have_a_row_only_where_there_are_any(handgrad):
    _, output, _ = handgrad("compare", "ReLU", "Exp", "--size", "...=5x7")
    relu, exp = output.split("\n\n")[:2]
    assert cells(relu, "  never read") == ["0", "0", "0", "0", "1", "140"]
    assert "never read" not in exp


def test_a_family_is_one_table_for_each_rule(handgrad):
    _, output, _ = handgrad("compare", "gates", "reglu", "--size", "N=4")
    titles = [table.splitlines()[0] for table in output.split("\n\n")[:-1]]
    assert len(set(titles)) == len(titles) == len(catalog.families()["gates"])
    assert sum("ReGLU" in title for title in titles) == 1


def test_the_last_lines_name_the_machine_and_the_rounding(handgrad):
    _, output, _ = handgrad("compare", "Exp", "--size", "...=5")
    footer = " ".join(output.split("\n\n")[-1].split())
    assert footer.startswith("float32 rounds by 6.0e-08 of a number. ")
    assert "cores" in footer
    assert ", jax " in footer


def test_float64_is_asked_for_by_name(handgrad):
    _, output, _ = handgrad("compare", "Exp", "--size", "...=5x7", "--dtype", "float64")
    assert "float64 rounds by 1.1e-16" in output
    assert cells(output, "  inputs and outputs")[:2] == ["1", "280"]


def test_the_programs_are_printed_when_asked(handgrad):
    _, output, _ = handgrad("compare", "Exp", "--size", "...=5x7", "--jaxpr")
    programs = output.split("\n\n")[1:-1]
    assert [program.splitlines()[0] for program in programs] == list(WAYS)
    assert programs[0].splitlines()[1:] == [
        "  forward: x:f32[5,7]",
        "      y:f32[5,7] = exp x",
        "      return y",
        "  backward: y:f32[5,7] dy:f32[5,7]",
        "      dx:f32[5,7] = mul dy y",
        "      return dx",
    ]


def test_json_says_what_the_table_says(handgrad):
    _, output, _ = handgrad("compare", "Exp", "ReLU", "--json", "--seed", "3", "--size", "...=5x7")
    whole = json.loads(output)
    assert ", jax " in whole["machine"]
    exp, relu = whole["comparisons"]
    assert (exp["rule"], exp["seed"], exp["sizes"]) == ("Exp()", 3, {"...": [5, 7]})
    assert tuple(exp["ways"]) == WAYS
    assert exp["ways"]["by hand"]["backward"]["operations"] == {"mul": 1}
    assert relu["ways"]["JAX, reference"]["never read"][0]["bytes"] == 140
    assert "programs" not in exp


def test_json_has_the_programs_when_asked(handgrad):
    _, output, _ = handgrad("compare", "Exp", "--json", "--jaxpr", "--size", "...=5")
    (comparison,) = json.loads(output)["comparisons"]
    assert comparison["programs"]["by hand"][1] == "      y:f32[5] = exp x"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["Sigmod"], "there is no rule or family 'Sigmod': did you mean Sigmoid"),
        (["README.md"], "README.md is a file: compare takes a rule or a family, as in Softmax"),
        (["notes.py::Swish"], "notes.py::Swish is a file: compare takes a rule or a family"),
        (["Softmax", "--size", "Q=3"], "--size Q: there is no such size here, there are M, N"),
        (
            ["Broadcast", "--size", "N=3"],
            "--size N: there is no such size here, all shapes are fixed",
        ),
        (["Exp", "--size", "...=99999x99999"], "choose smaller sizes"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(handgrad, arguments, sentence):
    status, output, errors = handgrad("compare", *arguments)
    assert (status, output) == (2, "")
    assert errors.startswith("handgrad: ")
    assert sentence in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "size", ["N", "N=", "N=0", "N=-1", "N=1.5", "=3", "N=3,", "...=3x", "N=2x3"]
)
def test_a_size_that_is_none_is_shown(handgrad, size):
    status, output, errors = handgrad("compare", "Softmax", f"--size={size}")
    assert (status, output) == (2, "")
    assert "is not a size, as N=512 or ...=64x32 are" in errors


def test_a_target_is_needed(handgrad):
    status, _, errors = handgrad("compare")
    assert status == 2
    assert "TARGET" in errors


def test_the_help_says_what_is_counted_in_80_columns(handgrad):
    status, output, _ = handgrad("compare", "--help")
    assert status == 0
    assert max(map(len, output.splitlines())) <= 80
    for word in ("inlined", "fusing", "never reads", "median", "by hand"):
        assert word in output
