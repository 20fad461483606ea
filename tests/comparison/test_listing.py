"""The programs as text."""

import jax.numpy as jnp
import numpy as np
from jax import lax

import handgrad
from handgrad.comparison.listing import WIDTH, listing
from handgrad.comparison.programs import ReverseMode, programs_of
from tests.comparison.small import Small

X = np.random.default_rng(2).normal(size=(3, 4))


def listed(rule, inputs, names, outputs):
    return list(listing(programs_of(rule, inputs), names, outputs))


def test_a_program_is_written_operation_by_operation():
    assert listed(handgrad.Exp(), [X], ["x"], ["y"]) == [
        "  forward: x:f64[3,4]",
        "      y:f64[3,4] = exp x",
        "      return y",
        "  backward: y:f64[3,4] dy:f64[3,4]",
        "      dx:f64[3,4] = mul dy y",
        "      return dx",
    ]


def test_what_is_kept_has_the_same_name_in_both_programs():
    lines = listed(handgrad.Sigmoid(), [X], ["x"], ["y"])
    (returned,) = (line for line in lines if "return y, " in line)
    kept = returned.split(", ")[1]
    assert f"  backward: {kept}:f64[3,4] dy:f64[3,4]" in lines
    assert f"      dx:f64[3,4] = mul dy {kept}" in lines


def test_no_letter_has_two_meanings():
    small = Small(handgrad.BatchNorm())
    lines = listed(small.rule, small.inputs, ["x", "γ", "β"], ["y", "m", "s"])
    results = [line.split(":")[0].strip() for line in lines if " = " in line]
    assert len(set(results)) == len(results)
    assert {"y", "m", "s", "dx", "dγ", "dβ"} < set(results)
    assert "x" not in results


def test_options_are_written_and_those_that_the_result_says_are_not():
    lines = listed(handgrad.Sum(axis=0), [X], ["x"], ["y"])
    assert "      y:f64[4] = reduce_sum[axes=(0)] x" in lines
    assert not any("shape=" in line for line in lines)


def test_a_loop_is_written_with_its_body():
    way = ReverseMode(lambda x: lax.fori_loop(0, 7, lambda _, a: jnp.sin(a), x), [0])
    lines = listed(way, [X], ["x"], ["y"])
    (body,) = (i for i, line in enumerate(lines) if " = sin " in line)
    assert any("scan[" in line for line in lines[:body])
    assert any(line.lstrip().startswith("body: ") for line in lines[:body])


def test_a_line_has_at_most_80_columns():
    small = Small(handgrad.SoftmaxCrossEntropyWithLabels())
    lines = listed(small.rule, small.inputs, ["x", "t"], ["y"])
    assert any("gather" in line for line in lines)
    assert max(map(len, lines)) <= WIDTH
