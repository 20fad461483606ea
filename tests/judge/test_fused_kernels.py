"""Kernels of fused cross-entropy, judged as the rules that they are: slips are named, twins pass."""

import re
from dataclasses import replace

import numpy as np
import pytest

from handgrad import (
    DPO,
    GRPO,
    FusedLinearCrossEntropy,
    VocabularyParallelCrossEntropy,
    verify,
)
from handgrad.judge import explain

torch = pytest.importorskip("torch", "2.3", reason="torch is an extra")
fused = pytest.importorskip("tests.judge.fused")
Kernel = fused.Kernel

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SLIPS = [
    (Kernel("no p − 1"), "lack a term: the path through the lookup .* is dropped"),
    (
        Kernel("after the sum", "none"),
        "what arrives at .* is averaged over axis 0: a mean too many",
    ),
    (Kernel("mean over all"), "the share of those that are not negative in input 2 .* too large"),
    (Kernel("twice"), "the number of those that are not negative in input 2 .* too many"),
    (Kernel("not zeroed"), "the mask of the choice .* is missing"),
    (Kernel("overwritten"), r"input 1 .* the last 2 of 6 .* assigned, and not added"),
    (Kernel("no slope of the cap", softcap=2.0), "the derivative of `tanh` .* is taken as 1"),
    (Kernel("no scale", scale=0.5), "are 2 times the right one: .* ½ missing"),
    (Kernel("transposed"), r"input 1 has the shape \(3, 4\).* it is transposed"),
]


def inputs_of(precision, words=4):
    """Six tokens, of which one is ignored, and so many words."""
    draw = torch.Generator().manual_seed(1)
    drawn = [torch.randn(shape, generator=draw) for shape in ((6, 3), (words, 3))]
    t = torch.tensor([1, fused.IGNORED, 3, 0, 2, 1]).clamp(max=words - 1)
    return *(x.to(PRECISIONS[precision]) for x in drawn), t


def judged(kernel, precision, words=4):
    """The verdict on a kernel as the rule with the same options."""
    like = FusedLinearCrossEntropy(kernel.reduction, fused.IGNORED, kernel.scale, kernel.softcap)
    return verify(fused.function(kernel), *inputs_of(precision, words), like=like)


@pytest.fixture(autouse=True)
def without_scripts(monkeypatch):
    """No counterexample is written: only diagnoses are read here."""
    monkeypatch.setattr(explain, "_script", lambda *_: "")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("kernel", "says"), SLIPS, ids=[kernel.slip for kernel, _ in SLIPS])
def test_a_slip_is_rejected_and_named(kernel, says, precision):
    verdict = judged(kernel, precision)
    assert verdict.status in {"WRONG", "CONTRACT"}
    assert verdict.dtype == precision
    assert re.search(says, verdict.diagnosis), verdict.diagnosis


def test_a_square_gradient_that_is_transposed_is_named():
    verdict = judged(Kernel("transposed"), "bfloat16", words=3)
    assert "input 1 is transposed" in verdict.diagnosis


TWINS = list({replace(kernel, slip="", chunk=3): None for kernel, _ in SLIPS})


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kernel", [*TWINS, Kernel(reduction="sum", chunk=1)], ids=repr)
def test_its_right_twin_passes_in_other_chunks(kernel, precision):
    verdict = judged(kernel, precision)
    assert verdict.status == "PASS", str(verdict)
    assert verdict.dtype == precision


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_label_of_another_shard_is_no_word_of_this_one(precision):
    draw = torch.Generator().manual_seed(2)
    x = torch.randn((3, 5, 4), generator=draw).to(PRECISIONS[precision])
    t, like = torch.tensor([3, 0, 11, 7, 6]), VocabularyParallelCrossEntropy()
    right, wrong = (
        verify(fused.function(fused.Shards(slip)), x, t, like=like) for slip in ("", "no mask")
    )
    assert right.status == "PASS", str(right)
    assert wrong.status == "WRONG"
    assert "is taken as 1: a factor is missing" in wrong.diagnosis  # the mask of the labels


def log_probabilities(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [torch.tensor(rng.normal(size=shape) - 2) for shape in shapes]


def dpo(slip=""):
    """DPO by torch's autograd, with nothing detached: the reference gets a gradient too."""

    def loss(a, b, a0, b0):
        u = 0.1 * ((a - a0) - (b - b0))
        return -torch.nn.functional.logsigmoid(u.detach() if slip else u).mean() + 0 * a.sum()

    return loss


def test_autograd_may_give_a_gradient_to_what_the_rule_holds():
    inputs = log_probabilities(3, *[(4,)] * 4)
    verdict = verify(dpo(), *inputs, like=DPO())
    assert verdict.status == "PASS", str(verdict)
    assert verdict.judged == ["a", "b"]
    assert not verify(dpo("detached"), *inputs, like=DPO()).ok


def grpo(slip=""):
    """GRPO by torch's autograd."""

    def loss(p, q, p0, A, m):
        r, d = (p - q).exp(), p0 - p
        k = d.exp() - (d if slip == "no − 1" else d + 1)
        tokens = 0.04 * k - (r * A[:, None]).minimum(r.clamp(0.8, 1.2) * A[:, None])
        count = m.numel() if slip == "all places" else m.sum(-1, keepdim=True) * len(m)
        return (torch.where(m, tokens, 0) / count).sum()

    return loss


@pytest.mark.parametrize("slip", ["", "no − 1", "all places"])
def test_a_policy_loss_of_another_normalizer_is_not_the_rule(slip):
    inputs = [*log_probabilities(4, (3, 4), (3, 4), (3, 4), (3,))]
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True] * 3 + [False]])
    verdict = verify(grpo(slip), *inputs, mask, like=GRPO())
    assert verdict.status == ("WRONG" if slip else "PASS"), str(verdict)
