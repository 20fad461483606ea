"""A port in JavaScript reads golden vectors by itself, and is judged by its results."""

import shutil
import subprocess
from pathlib import Path

import pytest

from handgrad import LayerNorm
from handgrad.bridges import golden

SOURCE = Path(__file__).with_name("layer_norm.mjs")
RULES = [LayerNorm(), LayerNorm(eps=0.1)]


def results_of(tmp_path, *slip):
    """The golden vectors, and the file that the port makes of them."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node, which runs JavaScript")
    vectors, results = tmp_path / "golden.npz", tmp_path / "javascript.npz"
    golden.export(RULES, vectors)
    subprocess.run([node, SOURCE, vectors, results, *slip], check=True, timeout=60)
    return vectors, results


def test_a_port_in_javascript_passes(tmp_path, handgrad):
    vectors, results = results_of(tmp_path)
    names = golden.read_results(results, golden.load(vectors))
    entries = golden.load(vectors).manifest.entries
    assert {entry.precision for entry in entries} == {"float64", "float32", "bfloat16"}
    assert len(names) == 4 * len(entries)
    status, output, _ = handgrad("verify", "--golden", vectors, "--against", results)
    assert status == 0, output


def test_a_port_in_javascript_without_a_term_is_found(tmp_path, handgrad):
    vectors, results = results_of(tmp_path, "no-mean")
    status, output, _ = handgrad("verify", "--golden", vectors, "--against", results)
    assert status == 1
    assert "gradient/dx" in output
    assert "gradient/dgamma" not in output
    assert "output/y" not in output
