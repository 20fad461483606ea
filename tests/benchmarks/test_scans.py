"""Scans keep little, at the sizes that the benchmark states."""

import pytest

from tests.benchmarks.scans import SIZES, bytes_of


@pytest.mark.parametrize("rule", SIZES, ids=repr)
def test_a_scan_keeps_at_most_a_fifth_of_what_jax_keeps(rule):
    held = bytes_of(rule)
    assert held["by hand"] <= held["jax.vjp"] / 5
    assert held["by hand"] <= 1.4 * held["checkpoint"]  # which keeps the inputs alone
