"""A port in C reads golden vectors by itself, and is judged by its results."""

import shutil
import subprocess
from pathlib import Path

import pytest

from handgrad import ScaledDotProductAttention
from handgrad.bridges import golden

SOURCE = Path(__file__).with_name("attention.c")
RULES = [ScaledDotProductAttention(), ScaledDotProductAttention(causal=True)]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The compiled port."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    path = tmp_path_factory.mktemp("port") / "attention"
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *strict, "-o", path, SOURCE, "-lm"], check=True, timeout=60)
    return path


def results_of(program, tmp_path, *slip):
    """The golden vectors, and the file that the port makes of them."""
    vectors, results = tmp_path / "golden.npz", tmp_path / "c.npz"
    golden.export(RULES, vectors)
    subprocess.run([program, vectors, results, *slip], check=True, timeout=60)
    return vectors, results


def test_a_port_in_c_passes(program, tmp_path, handgrad):
    vectors, results = results_of(program, tmp_path)
    names = golden.read_results(results, golden.load(vectors))
    entries = golden.load(vectors).manifest.entries
    assert {entry.precision for entry in entries} == {"float64", "float32", "bfloat16"}
    assert len(names) == 4 * len(entries)
    status, output, _ = handgrad("verify", "--golden", vectors, "--against", results)
    assert status == 0, output


def test_a_port_in_c_without_a_term_is_found(program, tmp_path, handgrad):
    vectors, results = results_of(program, tmp_path, "no-delta")
    status, output, _ = handgrad("verify", "--golden", vectors, "--against", results)
    assert status == 1
    assert "gradient/dq" in output
    assert "gradient/dk" in output
    assert "gradient/dv" not in output
    assert "output/y" not in output
