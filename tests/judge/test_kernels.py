"""Kernels of attention, judged as the rules that they are: slips are found and named, twins pass."""

import re
from types import SimpleNamespace

import pytest

from handgrad import ScaledDotProductAttention, verify
from handgrad.judge import explain, inputs
from tests.judge.kernels import PRECISIONS, SLIPS, Kernel, function, inputs_of, judged, torch


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("options", "slip", "says"), SLIPS, ids=[slip for _, slip, _ in SLIPS])
def test_a_slip_is_rejected_and_named(options, slip, says, precision, monkeypatch):
    monkeypatch.setattr(explain, "_script", lambda *_: "")
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
    monkeypatch.setattr(explain, "_script", lambda *_: "")
    like = ScaledDotProductAttention(causal=True)
    right = verify(function(Kernel(causal=True)), like=like)
    assert right.ok, str(right)
    assert right.dtype == "float32"
    wrong = verify(function(Kernel("mask not again", causal=True)), like=like)
    assert wrong.status == "WRONG"
    assert "a mask is not applied" in wrong.diagnosis


def test_tensors_on_a_gpu_stay_there(monkeypatch):
    gpu, moved, to = SimpleNamespace(type="cuda"), [], torch.Tensor.to

    def noted(x, where, *rest, **options):
        if where is not gpu:
            return to(x, where, *rest, **options)
        moved.append(x)
        return x

    kernel = Kernel()
    given = inputs_of(kernel, "float32")
    monkeypatch.setattr(inputs, "_device_of", lambda _: gpu)
    monkeypatch.setattr(torch.Tensor, "to", noted)
    verdict = verify(function(kernel), *given, like=ScaledDotProductAttention())
    assert verdict.ok, str(verdict)
    assert len(moved) >= 3 * verdict.evaluations
