"""Kernels of attention, judged as the rules that they are: slips are found and named, twins pass."""

import dataclasses
import re

import pytest

from handgrad import (
    AttentionWithLogSumExp,
    BiasedAttention,
    DropoutAttention,
    ScaledDotProductAttention,
    SinkAttention,
    verify,
)
from handgrad.judge import explain
from tests.judge.kernels import Kernel, function, torch

RULES = {
    "": ScaledDotProductAttention,
    "lse": AttentionWithLogSumExp,
    "bias": BiasedAttention,
    "dropout": DropoutAttention,
    "sink": SinkAttention,
}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SLIPS = [
    ({}, "no delta", "lack a term: the path through the sum .* is dropped"),
    ({"causal": True}, "mask not again", "values are formed again, a mask is not applied"),
    (
        {"window": 2, "causal": True},
        "window off by one",
        "formed again, a mask is a place too wide",
    ),
    ({"groups": 2}, "group not summed", "the sum over axis 1 is missing"),
    ({"kind": "lse"}, "no dL", "dy of output 1 is dropped"),
    (
        {"softcap": 1.5},
        "no slope",
        "the derivative of `tanh` .* is taken as 1: a factor is missing",
    ),
    ({}, "no scale", "√N times too large, N = 3, .* is a division by √N missing"),
    ({"causal": True}, "scale twice", "√N times too small, N = 3, .* a division by √N too many"),
    ({"block": 5}, "transposed", "what arrives at the matrix product .* is transposed"),
    ({"kind": "bias"}, "batch not summed", "a sum over axis 0 is missing, along which it was str"),
    ({"kind": "dropout"}, "dropout not again", "the mask of the choice .* is missing"),
    ({}, "not normalized", "what arrives at the quotient .* is not divided by"),
    ({"kind": "sink"}, "sign of the sink", "input 3 (has the wrong sign|is -0.99.* the right one)"),
]


def inputs_of(kernel, precision):
    """Queries, keys and values, and what the kind of attention takes besides."""
    draw = torch.Generator().manual_seed(0)
    batch, heads, n = 2 if kernel.groups > 1 else 3, 2 * kernel.groups, 5
    shapes = [(batch, heads, n, 3), (batch, 2, n, 3), (batch, 2, n, 4)]
    more = {"bias": (heads, n, n), "dropout": (batch, heads, n, n), "sink": (heads,)}
    shapes += [more[kernel.kind]] if kernel.kind in more else []
    drawn = [torch.randn(shape, generator=draw).to(PRECISIONS[precision]) for shape in shapes]
    return [*drawn[:3], drawn[3] > -0.5] if kernel.kind == "dropout" else drawn


def judged(kernel, precision):
    """The verdict on a kernel as the rule with the same options."""
    cls = RULES[kernel.kind]
    shared = {field.name for field in dataclasses.fields(cls)} & vars(kernel).keys()
    options = {name: getattr(kernel, name) for name in shared}
    options |= {"rate": 0.5} if kernel.kind == "dropout" else {}
    return verify(function(kernel), *inputs_of(kernel, precision), like=cls(**options))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("options", "slip", "says"), SLIPS, ids=[slip for _, slip, _ in SLIPS])
def test_a_slip_is_rejected_and_named(options, slip, says, precision, monkeypatch):
    monkeypatch.setattr(explain, "_script", lambda _: "")
    verdict = judged(Kernel(slip, **options), precision)
    assert verdict.status in {"WRONG", "CONTRACT"}
    assert verdict.dtype == precision
    assert re.search(says, verdict.diagnosis), verdict.diagnosis


TWINS = list({str(options): options for options, *_ in SLIPS}.values())


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("options", TWINS, ids=str)
def test_its_right_twin_passes_tiled_differently(options, precision):
    verdict = judged(Kernel(**options | {"block": 2}), precision)
    assert verdict.status == "PASS", str(verdict)
    assert verdict.dtype == precision


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_kernel_of_another_attention_is_not_like_the_rule(precision):
    inputs = inputs_of(Kernel(), precision)
    other = verify(function(Kernel()), *inputs, like=ScaledDotProductAttention(causal=True))
    assert other.status == "WRONG"
    assert "output 0 is off by" in other.findings[0].message


def test_a_kernel_in_float32_is_judged_without_inputs(monkeypatch):
    monkeypatch.setattr(explain, "_script", lambda _: "")
    like = ScaledDotProductAttention(causal=True)
    right = verify(function(Kernel(causal=True)), like=like)
    assert right.ok, str(right)
    assert right.dtype == "float32"
    wrong = verify(function(Kernel("mask not again", causal=True)), like=like)
    assert wrong.status == "WRONG"
    assert "a mask is not applied" in wrong.diagnosis
