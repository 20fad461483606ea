"""`handgrad export` and `handgrad verify --golden` as their user sees them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from handgrad import __version__, rules
from handgrad.bridges import golden, work
from handgrad.common import npz
from handgrad.rules import catalog
from tests.common.forging import forged_vectors
from tests.rules_and_cases import RULES

DX = "Softmax/0/float32/gradient/dx"


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("golden") / "golden.npz"
    return golden.export([rules.Softmax(), rules.BatchNorm(), rules.Negate()], path)


@pytest.fixture
def port(tmp_path, vectors):
    """Writes a port's file: the golden results of some names, each changed by a function."""

    def write(*names, change=lambda y: y):
        npz.write(tmp_path / "port.npz", {name: change(vectors.arrays[name]) for name in names})
        return tmp_path / "port.npz"

    return write


def rows_of(output):
    header, *rows = output.splitlines()
    assert header.split()[:3] == ["rule", "precision", "arrays"]
    return rows


def test_a_rule_and_a_family_are_exported_to_a_file_that_verify_passes(handgrad, tmp_path):
    path = tmp_path / "golden.npz"
    status, output, errors = handgrad("export", "Softmax", "reductions", "softmax", "-o", path)
    assert (status, errors) == (0, "")
    reductions = {cls.__name__ for cls in catalog.families()["reductions"]}
    counts = rf"{len(reductions) + 1} rules, \d+ entries, \d+ arrays, [\d.]+ kB: they are in "
    assert re.fullmatch(counts + re.escape(f"{path}\n"), output)
    assert {e.rule for e in golden.load(path).manifest.entries} == {"Softmax"} | reductions
    status, output, errors = handgrad("verify", "--golden", path)
    assert (status, errors) == (0, "")
    *rows, summary = rows_of(output)
    assert len(rows) == 3 * (len(reductions) + 1)
    assert all(row.endswith("  0   PASS") for row in rows)
    assert summary.endswith("all pass")


def test_without_a_target_every_rule_is_exported_with_all_its_options(
    handgrad, tmp_path, monkeypatch, vectors
):
    exported = []

    def noted(rules, path, seed):
        exported.extend([*rules, seed])
        path.write_bytes(b"")
        return vectors

    monkeypatch.setattr(golden, "export", noted)
    assert handgrad("export", "-o", tmp_path / "golden.npz", "--seed", "7")[0] == 0
    assert exported == [*RULES, 7]


def test_one_rule_is_counted_as_one(handgrad, tmp_path):
    _, output, _ = handgrad("export", "Negate", "-o", tmp_path / "golden.npz")
    assert re.match(r"1 rule, 8 entries, 48 arrays, 25\.\d\d kB: ", output)


def test_the_seed_decides_the_numbers_and_stands_in_the_file(handgrad, tmp_path):
    seeds = {"a": 3, "b": 3, "c": 4}
    for name, seed in seeds.items():
        handgrad("export", "Negate", "-o", tmp_path / f"{name}.npz", "--seed", seed)
        assert golden.load(tmp_path / f"{name}.npz").manifest.seed == seed
    a, b, c = ((tmp_path / f"{name}.npz").read_bytes() for name in seeds)
    assert a == b != c


def test_a_file_that_is_there_is_replaced(handgrad, tmp_path):
    path = tmp_path / "golden.npz"
    path.write_text("old")
    assert handgrad("export", "Negate", "-o", path)[0] == 0
    assert golden.load(path).arrays
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-o", "golden.txt"], "-o golden.txt must end in .npz\n"),
        (["-o", "."], "-o . must end in .npz\n"),
        (["-o", "/no/such/golden.npz"], "/no/such/golden.npz cannot be written: /no/such is not a"),
        (["Sigmod", "-o", "golden.npz"], "there is no rule or family 'Sigmod': did you mean"),
        (["notes.md", "-o", "golden.npz"], "there is no rule or family 'notes.md'"),
        ([], "the following arguments are required: -o"),
        (["-o", "golden.npz", "--seed", "x"], "argument --seed: 'x' is not a whole number"),
    ],
)
def test_an_export_to_nowhere_or_of_nothing_is_answered(
    handgrad, tmp_path, monkeypatch, arguments, sentence
):
    monkeypatch.chdir(tmp_path)
    status, output, errors = handgrad("export", *arguments)
    assert (status, output) == (2, "")
    assert sentence in errors
    assert not list(tmp_path.iterdir())


def test_a_directory_in_the_place_of_the_file_is_named(handgrad, tmp_path):
    path = tmp_path / "golden.npz"
    path.mkdir()
    status, output, errors = handgrad("export", "Negate", "-o", path)
    assert (status, output) == (2, "")
    assert errors == f"handgrad: {path} cannot be written: it is a directory\n"
    assert list(tmp_path.iterdir()) == [path]


def test_targets_choose_what_of_a_file_is_verified(handgrad, vectors):
    _, output, _ = handgrad("verify", "simplex", "Negate", "--golden", vectors.path)
    *rows, _ = rows_of(output)
    assert [row.split()[0] for row in rows] == ["Softmax"] * 3 + ["Negate"] * 3


def test_a_good_port_passes_and_the_table_says_how_much_was_judged(handgrad, vectors, port):
    theirs = port(DX, change=np.float32)
    status, output, errors = handgrad("verify", "--golden", vectors.path, "--against", theirs)
    row, *summary = rows_of(output)
    assert (status, errors) == (0, "")
    assert row.split()[:3] == ["Softmax", "float32", "1/6"]
    assert row.endswith("PASS")
    total = sum(len(entry.having("output", "gradient")) for entry in vectors.manifest.entries)
    said = f"1 of {total} arrays; up to 16 units of noise are not an error: what is there passes; "
    assert " ".join(map(str.strip, summary)) == f"{said}{total - 1} are not in the port"
    _, output, _ = handgrad("verify", "--golden", vectors.path, "--against", theirs, "--json")
    whole = json.loads(output)
    assert (whole["arrays"], whole["of"]) == (1, total)


def test_a_wrong_port_is_named_in_80_columns_and_makes_the_status_1(handgrad, vectors, port):
    names = [name for name in vectors.arrays if "/gradient/" in name]
    theirs = port(*names, change=lambda dx: 1.5 * dx)
    status, output, errors = handgrad("verify", "--golden", vectors.path, "--against", theirs)
    assert (status, errors) == (1, "")
    assert max(map(len, output.splitlines())) <= 80
    text = " ".join(output.split())
    assert f"WRONG: Softmax(axis=-1), distinct sizes, float32: {DX} is off by" in text
    assert re.search(r"is off by \S+ noise units at \[0, 0\]: it is \S+, and \S+ is right", text)
    assert "not right: Softmax (float64), Softmax (float32), Softmax (bfloat16), " in text
    assert re.search(r"\n {4}and \d+ more\n", output)


def test_json_says_what_the_table_says_and_lists_every_finding(handgrad, vectors, port):
    names = [name for name in vectors.arrays if name.startswith("BatchNorm/") and "/d" in name]
    theirs = port(*(n for n in names if "/gradient/" in n), change=lambda dx: dx + np.inf)
    arguments = ("verify", "--golden", vectors.path, "--against", theirs, "--json")
    status, output, errors = handgrad(*arguments)
    whole = json.loads(output, parse_constant=pytest.fail)
    assert (status, errors) == (1, "")
    assert (whole["ok"], whole["seed"]) == (False, 0)
    assert whole["against"] == str(theirs)
    assert [(row["rule"], row["precision"]) for row in whole["rules"]] == [
        ("BatchNorm", precision) for precision in ("float64", "float32", "bfloat16")
    ]
    for row in whole["rules"]:
        assert (row["status"], row["ok"], row["off_by"]) == ("WRONG", False, None)
        assert row["arrays"] == len(row["findings"]) == row["of"] / 2
    assert row["findings"][0]["options"] == {"eps": 1e-5}
    assert row["findings"][0]["array"] == "BatchNorm/0/bfloat16/gradient/dx"


def test_a_number_that_is_not_finite_is_null_in_json(handgrad, vectors, port):
    names = [name for name in vectors.arrays if name.startswith("Softmax/0/float32/output/")]
    theirs = port(*names, change=lambda y: y * np.nan)
    arguments = ("verify", "--golden", vectors.path, "--against", theirs, "--json")
    row, *_ = json.loads(handgrad(*arguments)[1], parse_constant=pytest.fail)["rules"]
    assert (row["off_by"], row["findings"][0]["off_by"]) == (None, None)


def test_options_that_are_a_bomb_are_refused_in_one_sentence(handgrad, tmp_path):
    path = tmp_path / "golden.npz"
    golden.export([rules.Copy(3)], path)

    def change(manifest, _arrays):
        manifest["entries"][0]["options"]["copies"] = 10**9

    path.write_bytes(forged_vectors(path.read_bytes(), change))
    status, output, errors = handgrad("verify", "--golden", path)
    assert (status, output) == (2, "")
    assert errors.startswith(f"handgrad: {path}: its manifest is not right: Copy has the option ")
    assert errors.count("\n") == 1


def test_work_beyond_the_limit_is_refused_in_one_sentence(handgrad, vectors, monkeypatch):
    monkeypatch.setattr(work, "SMALL", 1)
    monkeypatch.setattr(work, "MAX_STEPS", 5)
    status, output, errors = handgrad("verify", "--golden", vectors.path)
    assert (status, output) == (2, "")
    assert "; at most 16777216 are made, and 5 steps in a file\n" in errors


def test_json_of_what_is_right_is_ok(handgrad, vectors):
    status, output, _ = handgrad("verify", "--golden", vectors.path, "--json")
    whole = json.loads(output)
    assert status == 0
    assert (whole["ok"], whole["against"], whole["handgrad"]) == (True, None, __version__)
    assert all(row["ok"] and row["arrays"] == row["of"] for row in whole["rules"])


def test_nothing_judged_is_not_ok(handgrad, vectors, port):
    for theirs in (port(), port("Softmax/0/float32/input/x")):
        arguments = ("verify", "--golden", vectors.path, "--against", theirs)
        status, output, errors = handgrad(*arguments)
        assert (status, errors) == (1, "")
        assert output == f"nothing was judged: {theirs} has none of the outputs and gradients\n"
        status, output, _ = handgrad(*arguments, "--json")
        assert status == 1
        assert json.loads(output)["ok"] is False


def test_a_rule_that_changed_since_the_export_makes_the_status_1(handgrad, vectors, monkeypatch):
    monkeypatch.setattr(rules.Negate, "backward", lambda _self, _residuals, dy: (-2 * dy,))
    status, output, _ = handgrad("verify", "--golden", vectors.path)
    assert status == 1
    assert output.splitlines()[-1].endswith("(bfloat16)")
    assert "Negate(), distinct sizes, float64: Negate/0/float64/gradient/dx is off" in " ".join(
        output.split()
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--against", "{golden}"], "--against needs --golden FILE"),
        (["--golden", "{golden}", "--seed", "3"], "holds its own inputs: leave --input and --seed"),
        (["--golden", "{golden}", "--input", "x=3"], "holds its own inputs: leave --input and"),
        (["--golden", "nowhere.npz"], "nowhere.npz cannot be read: No such file or directory"),
        (["--golden", "."], ". cannot be read: Is a directory"),
        (["--golden", "{golden}", "--against", "nowhere.npz"], "nowhere.npz cannot be read: No "),
        (["--golden", "{golden}", "--against", "{golden}"], "is itself a file of golden vectors"),
        (["--golden", "{golden}", "ReLU"], "{golden} has no vectors of ReLU"),
        (["--golden", "{golden}", "Sigmod"], "there is no rule or family 'Sigmod'"),
        (["--golden", "{golden}", "notes.md"], "notes.md is a file: with --golden a TARGET is a"),
        (["--golden", "{text}"], "{text} is not a whole .npz file: it does not end as a zip file"),
        (["--golden", "{golden}", "--against", "{text}"], "{text} is not a whole .npz file: "),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(handgrad, vectors, tmp_path, arguments, sentence):
    text = tmp_path / "text.npz"
    text.write_text("step,loss\n")
    names = {"golden": vectors.path, "text": text}
    status, output, errors = handgrad("verify", *(a.format(**names) for a in arguments))
    assert (status, output) == (2, "")
    assert errors.startswith("handgrad: ")
    assert sentence.format(**names) in errors
    assert errors.count("\n") == 1


def test_a_damaged_file_is_named_with_its_array_and_makes_the_status_2(handgrad, tmp_path, vectors):
    whole = Path(vectors.path).read_bytes()
    at = whole.index(vectors.arrays[DX].tobytes())
    path = tmp_path / "golden.npz"
    path.write_bytes(whole[:at] + b"\x55\xaa" + whole[at + 2 :])
    status, output, errors = handgrad("verify", "--golden", path)
    assert (status, output) == (2, "")
    assert errors.startswith(f"handgrad: {path}: the array {DX} is damaged: Bad CRC-32")


def test_the_widest_row_fits_80_columns(handgrad, tmp_path):
    rule = rules.SoftmaxCrossEntropyWithLabels()
    vectors = golden.export([rule], tmp_path / "golden.npz")
    wrong = {n: a + 1e30 for n, a in vectors.arrays.items() if "/gradient/" in n}
    npz.write(tmp_path / "port.npz", wrong)
    arguments = ("--golden", tmp_path / "golden.npz", "--against", tmp_path / "port.npz")
    _, output, _ = handgrad("verify", *arguments)
    assert "WRONG" in output
    assert max(map(len, output.splitlines())) <= 80
