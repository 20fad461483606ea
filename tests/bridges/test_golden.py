"""Golden vectors: true, the same each time, and sharp enough to tell a wrong port from a good one."""

import doctest
import hashlib
import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from handgrad import rules
from handgrad.bridges import golden
from handgrad.bridges.vectors import PRECISIONS, _to_bfloat16
from handgrad.common.precision import unit_of
from handgrad.judge.draws import draw_cases
from handgrad.judge.noise import noise_floor
from tests.bridges.few import DTYPES, FEW, arrays_of, entry_of
from tests.digits import finished, python
from tests.rules_and_cases import RULES


def test_the_example_in_the_docstring_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(golden)
    assert (result.failed, result.attempted) == (0, 4)


def test_two_exports_are_the_same_bytes(few, file, tmp_path):
    golden.export(FEW, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == file.read_bytes()


def test_another_process_in_another_directory_writes_the_same_bytes(tmp_path):
    golden.export([rules.Softmax(), rules.BatchNorm()], tmp_path / "here.npz", seed=3)
    code = "from handgrad import *\nfrom handgrad.bridges import golden\n"
    code += "golden.export([Softmax(), BatchNorm()], 'there.npz', seed=3)"
    environment = {"PYTHONHASHSEED": "5"}
    process = python("-W", "error", "-c", code, cwd=tmp_path, env=environment)
    assert finished(process) == (0, "", "")
    assert (tmp_path / "there.npz").read_bytes() == (tmp_path / "here.npz").read_bytes()


def test_another_seed_gives_other_numbers(few, tmp_path):
    other = golden.export(FEW, tmp_path / "other.npz", seed=1)
    for name, array in few.arrays.items():
        if array.size > 1 and name.startswith("Softmax/0/") and "/noise/" not in name:
            assert not np.array_equal(array.ravel()[:2], other.arrays[name].ravel()[:2])


def test_plain_numpy_reads_the_file_without_pickle_and_finds_every_digest(few, file):
    with np.load(file, allow_pickle=False) as arrays:
        manifest = json.loads(bytes(arrays["manifest"]))
        stored = [array for entry in manifest["entries"] for array in entry["arrays"]]
        assert {array["name"] for array in stored} | {"manifest"} == set(arrays.files)
        for item in stored:
            array = arrays[item["name"]]
            assert item["shape"] == list(array.shape)
            assert item["dtype"] == array.dtype.str
            assert item["sha256"] == hashlib.sha256(array.tobytes()).hexdigest()
    assert manifest["format"] == "handgrad golden vectors"
    assert (manifest["version"], manifest["seed"]) == (1, 0)


def test_what_is_loaded_is_what_was_exported(file, few):
    exported = golden.export(FEW, file)
    assert few.manifest == exported.manifest
    assert list(few.arrays) == list(exported.arrays)
    assert all(np.array_equal(few.arrays[name], exported.arrays[name]) for name in few.arrays)


def test_names_are_those_of_the_rule(few):
    entry = entry_of(few, rules.Affine(), "distinct sizes", "float32")
    assert [stored.name.split("/", 3)[3] for stored in entry.arrays] == [
        *("input/x", "input/W", "input/b", "upstream/dy", "output/y"),
        *("gradient/dx", "gradient/dW", "gradient/db"),
        *("noise/y", "noise/dx", "noise/dW", "noise/db"),
    ]
    several = entry_of(few, rules.Copy(copies=3), "distinct sizes", "float64")
    assert [s.argument for s in several.having("output", "upstream")] == [
        *("dy0", "dy1", "dy2", "y0", "y1", "y2")
    ]
    parts = entry_of(few, rules.Concatenate(axis=0), "distinct sizes", "float64")
    assert [s.argument for s in parts.having("gradient")] == ["dparts0", "dparts1"]


def test_what_has_no_gradient_is_given_as_it_is(few):
    labels = entry_of(few, rules.SoftmaxCrossEntropyWithLabels(), "distinct sizes", "bfloat16")
    mask = entry_of(few, rules.Dropout(), "distinct sizes", "float32")
    assert [s.dtype for s in labels.having("input")] == ["<f4", "<i8"]
    assert [s.dtype for s in mask.having("input")] == ["<f4", "|b1"]
    for entry in (labels, mask):
        assert [s.index for s in entry.having("gradient")] == [0]


@pytest.mark.parametrize("precision", DTYPES)
def test_results_are_the_float64_run_on_the_stored_numbers(few, precision):
    entry = entry_of(few, rules.Affine(), "distinct sizes", precision)
    x, W, b, dy = (a.astype(float) for a in arrays_of(few, entry, "input", "upstream"))
    flat_x, flat_dy = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    expected = (x @ W + b, dy @ W.T, flat_x.T @ flat_dy, flat_dy.sum(axis=0))
    for actual, wanted in zip(arrays_of(few, entry, "output", "gradient"), expected, strict=True):
        assert actual.dtype == np.float64
        assert np.max(np.abs(actual - wanted)) <= 1e-14 * np.max(np.abs(wanted))


def test_float64_inputs_are_the_judge_s_draws(few):
    for case in draw_cases(rules.Affine(), 0):
        entry = entry_of(few, rules.Affine(), case.description, "float64")
        for actual, drawn in zip(arrays_of(few, entry, "input"), case.inputs, strict=True):
            assert np.array_equal(actual, drawn)


def test_low_precisions_hold_the_rounded_draws_exactly(few):
    (case, *_) = draw_cases(rules.Affine(), 0)
    for precision in ("float32", "bfloat16"):
        entry = entry_of(few, rules.Affine(), case.description, precision)
        for actual, drawn in zip(arrays_of(few, entry, "input"), case.inputs, strict=True):
            assert actual.dtype == np.float32
            assert np.array_equal(actual, drawn.astype(np.float32).astype(DTYPES[precision]))


def test_bfloat16_is_rounded_to_the_nearest_and_to_even_at_a_tie():
    rng = np.random.default_rng(0)
    ties = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, -1 - 2.0**-8, 2.0**100 * (1 + 2.0**-8)])
    for x in (rng.normal(size=10_000), ties, rng.normal(size=100) * 1e-30, np.array(0.7)):
        expected = x.astype(np.float32).astype(ml_dtypes.bfloat16).astype(np.float32)
        assert np.array_equal(_to_bfloat16(x), expected)
        assert _to_bfloat16(x).shape == x.shape


@pytest.mark.parametrize("precision", DTYPES)
def test_the_noise_is_the_judge_s_noise_floor(few, precision):
    entry = entry_of(few, rules.MatMul(), "distinct sizes", precision)
    arguments = [a.astype(float) for a in arrays_of(few, entry, "input", "upstream")]

    def evaluate(arrays):
        y, residuals = rules.MatMul().forward(*arrays[:2])
        return (y, *rules.MatMul().backward(residuals, arrays[2]))

    unit = unit_of(DTYPES[precision])
    assert PRECISIONS[precision].unit == unit
    floors = noise_floor(evaluate, arguments, unit, 0)
    noise = arrays_of(few, entry, "output noise", "gradient noise")
    for actual, expected in zip(noise, floors, strict=True):
        assert np.max(np.abs(actual / expected - 1)) < 1e-7  # the file holds it in float32


def test_every_rule_has_vectors_at_every_case_in_every_precision(everything):
    held = {(e.rule, str(e.options), e.case, e.precision) for e in everything.manifest.entries}
    for rule in RULES:
        for case in draw_cases(rule, 0):
            for precision in DTYPES:
                key = (type(rule).__name__, str(vars(rule)), case.description, precision)
                assert key in held


def test_the_file_of_every_rule_has_a_few_megabytes(everything):
    assert 1e5 < Path(everything.path).stat().st_size < 1e5 * len(RULES)


def test_every_noise_is_positive_so_a_port_may_divide_by_it(everything):
    for entry in everything.manifest.entries:
        for noise in arrays_of(everything, entry, "output noise", "gradient noise"):
            assert np.all(noise > 0)
            assert np.all(np.isfinite(noise))
