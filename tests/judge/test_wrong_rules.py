"""The judge, tried on rules that are wrong on purpose: at least one for each law and family."""

import itertools

import numpy as np
import pytest

import handgrad as hg
from handgrad.judge import laws
from handgrad.judge.oracles.jax import registered_reference
from handgrad.judge.verify import verify
from handgrad.rules import catalog
from tests.rules_and_cases import trial_of


class Wrong:
    """A rule whose gradients, or outputs, are spoiled after they were computed rightly."""

    def __init__(self, rule, backward=None, forward=None):
        self.rule, self.spoil_backward, self.spoil_forward = rule, backward, forward

    def forward(self, *inputs):
        y, residuals = self.rule.forward(*inputs)
        if self.spoil_forward:
            y = self.spoil_forward(y, *inputs)
        return y, (inputs, residuals)

    def backward(self, kept, dy):
        inputs, residuals = kept
        if self.spoil_backward is None:
            return self.rule.backward(residuals, dy)
        return self.spoil_backward(lambda d: self.rule.backward(residuals, d), dy, *inputs)


def judged(rule, backward=None, forward=None, reference="its own"):
    if reference == "its own":
        reference = registered_reference(rule)
    return verify(Wrong(rule, backward, forward), *trial_of(rule).inputs, reference=reference)


def each(change):
    """A backward that changes every gradient of the right one."""
    return lambda right, dy, *inputs: tuple(change(dx) for dx in right(dy))


def upstream(change):
    """A backward that changes dy first."""
    return lambda right, dy, *inputs: right(change(dy))


def overwrites_dy(right, dy, *_):
    dy *= 1
    return right(dy)


def overwrites_x(right, dy, x, *_):
    x += 0
    return right(dy)


def counting(limit):
    """A backward that goes wrong after this many calls."""
    calls = itertools.count()
    return lambda right, dy, *inputs: tuple(dx * (1 + (next(calls) > limit)) for dx in right(dy))


def lagging():
    """A backward that returns the gradients of the call before."""
    last = []

    def backward(right, dy, *_):
        last.append(right(dy))
        return last[-2] if len(last) > 1 else last[-1]

    return backward


def jittering():
    """A backward whose gradients change by a billionth from call to call."""
    calls = itertools.count()
    return lambda right, dy, *inputs: tuple(dx * (1 + 1e-9 * next(calls)) for dx in right(dy))


def mixing():
    """A forward that leaves its input in one place, and a backward that takes it from there."""
    latest = {}

    def forward(y, a, b):
        latest["a"] = a
        return y

    def backward(right, dy, a, b):
        return right(dy)[0], dy * latest["a"]

    return backward, forward


def remembering():
    """A backward that computes in single precision once it has seen it."""
    seen = set()

    def backward(right, dy, *_):
        seen.add(dy.dtype)
        through = np.float32 if np.dtype(np.float32) in seen else dy.dtype
        return tuple(dx.astype(through).astype(dx.dtype) for dx in right(dy))

    return backward


def keyed_by_identity():
    """A backward that finds its gradients again by the identity of dy, which it keeps."""
    found = {}

    def backward(right, dy, *_):
        _, grads = found.setdefault(id(dy), (dy, right(dy)))
        return tuple(dx * 1 for dx in grads)

    return backward


def buffering():
    """A backward that keeps gradients above a thousand in one place."""
    buffers = {}

    def kept(i, dx):
        if np.max(np.abs(dx), initial=0) < 1000:
            return dx
        buffer = buffers.setdefault((i, dx.shape, dx.dtype), np.empty_like(dx))
        buffer[...] = dx
        return buffer

    return lambda right, dy, *inputs: tuple(kept(i, dx) for i, dx in enumerate(right(dy)))


def lending():
    """A backward that returns the very gradients that it finds again."""
    found = {}

    def backward(right, dy, *inputs):
        key = tuple((x.tobytes(), x.shape, x.dtype) for x in (dy, *inputs))
        return found.setdefault(key, right(dy))

    return backward


def capping(right, dy, *_):
    grads = right(dy)
    if dy.flags.writeable and np.any(dy > 1000):
        dy.flat[np.argmax(dy)] = 1000
    return grads


def short_circuited(right, dy, *_):
    return right(dy) if np.any(dy[0]) else (np.zeros_like(dy[0]),)


def flat_buffer(dy):
    return dy.ravel(order="K").reshape(dy.shape)


def one_entry(dx):
    dx = np.array(dx)
    dx.flat[0] *= 1 + 1e-9
    return dx


# a backward, or a backward and the forward that it needs
LAW_BREAKERS = [
    (laws.gradients_fit_their_inputs, each(lambda dx: dx.sum(axis=0))),
    (laws.gradients_fit_their_inputs, each(lambda dx: dx.astype(np.float32))),
    (laws.gradients_fit_their_inputs, each(lambda dx: dx * np.nan)),
    (laws.gradients_fit_their_inputs, each(lambda dx: None)),
    (laws.gradients_fit_their_inputs, lambda right, dy, *_: list(right(dy))),
    (laws.gradients_fit_their_inputs, lambda right, dy, *_: right(dy)[:1]),
    (laws.gradients_own_their_memory, lambda right, dy, a, b: (b, a)),
    (laws.scaling_passes_through, each(lambda dx: dx + 1e-12)),
    (laws.scaling_passes_through, lagging()),
    (laws.scaling_passes_through, upstream(np.abs)),
    (laws.scaling_passes_through, upstream(lambda dy: np.maximum(dy, 0))),
    (laws.scaling_passes_through, upstream(lambda dy: np.clip(dy, -1, 1))),
    (laws.scaling_passes_through, upstream(np.ones_like)),
    (laws.scaling_passes_through_far_away, upstream(lambda dy: dy * (np.abs(dy) > 1e-40))),
    (laws.sums_pass_through, upstream(lambda dy: dy * np.abs(dy) / (np.abs(dy).max() or 1))),
    (laws.calls_do_not_matter, counting(60)),
    (laws.deterministic, jittering()),
    (laws.changes_in_place_are_seen, keyed_by_identity()),
    (laws.forwards_do_not_mix, mixing()),
    (laws.the_past_does_not_matter, remembering()),
    (laws.nothing_is_overwritten, overwrites_dy),
    (laws.nothing_is_overwritten, overwrites_x),
    (laws.nothing_is_overwritten_at_any_scale, capping),
    (laws.results_last, buffering()),
    (laws.results_are_the_callers, lending()),
    (laws.instances_do_not_mix, mixing()),
    (laws.layout_does_not_matter, upstream(flat_buffer)),
    (laws.precision_is_kept, each(lambda dx: dx * np.float64(1))),
    (laws.outputs_add_up, short_circuited),
]
OF_TWO_OUTPUTS = {laws.outputs_add_up}
OF_TORCH = {laws.each_gradient_can_be_asked_for, laws.tangents_agree}  # in test_unseen.py


@pytest.mark.parametrize(("law", "spoiled"), LAW_BREAKERS)
def test_a_broken_law_is_named(law, spoiled):
    rule = hg.Copy() if law in OF_TWO_OUTPUTS else hg.Multiply()
    verdict = judged(rule, *(spoiled if isinstance(spoiled, tuple) else (spoiled,)))
    assert verdict.ok == (law is laws.precision_is_kept)  # a note
    assert law.__name__.replace("_", " ") in {finding.check for finding in verdict.findings}


def test_every_law_has_been_broken():
    broken = {law for law, _ in LAW_BREAKERS} | OF_TORCH
    assert broken == {*laws.LAWS, *laws.LONG_LAWS}


FAMILY_ERRORS = {
    "minus forgotten": (hg.Divide(), lambda right, dy, *_: (right(dy)[0], -right(dy)[1])),
    "log forgotten": (hg.Power(), lambda right, dy, a, b: (right(dy)[0], dy * a**b)),
    "not divided by n": (hg.Mean(), each(lambda dx: dx * dx.size)),
    "given to the smallest": (hg.Max(), lambda right, dy, x: hg.Min().backward((x, x.min()), dy)),
    "transposed the same way": (
        hg.Transpose((1, 2, 0)),
        lambda right, dy, x: (np.ascontiguousarray(dy.transpose(1, 2, 0)).reshape(x.shape),),
    ),
    "one copy forgotten": (hg.Copy(), lambda right, dy, *_: (dy[0] * 1,)),
    "bias averaged": (
        hg.Affine(),
        lambda right, dy, *_: (*right(dy)[:2], right(dy)[2] / dy[..., 0].size),
    ),
    "operand not transposed": (
        hg.MatMul(),
        lambda right, dy, a, b: (right(dy)[0], right(dy)[1][..., ::-1, :].copy()),
    ),
    "shared sum forgotten": (hg.Softmax(), lambda right, dy, x: (dy * hg.Softmax().forward(x)[0],)),
    "passed below zero": (hg.ReLU(), lambda right, dy, x: (np.where(x < 0, dy, 0),)),
    "N forgotten": (
        hg.SoftmaxCrossEntropy(),
        lambda right, dy, x, t: (right(dy)[0] * len(x), right(dy)[1]),
    ),
    "half forgotten": (hg.SumSquaredError(), each(lambda dx: 2 * dx)),
    "scale forgotten": (
        hg.Dropout(),
        lambda right, dy, x, keep: (np.where(keep, dy, 0), None),
    ),
    "variance's path forgotten": (
        hg.BatchNorm(),
        lambda right, dy, *_: right((dy[0], dy[1], dy[2] * 0)),
    ),
    "filter flipped": (
        hg.Conv2d(),
        lambda right, dy, *_: (
            right(dy)[0],
            right(dy)[1][..., ::-1, ::-1].copy(),
            right(dy)[2],
        ),
    ),
    "overlap forgotten": (
        hg.AvgPool2d(),
        each(lambda dx: np.where(np.arange(dx.shape[-1]) % 2, dx, 0)),
    ),
}


@pytest.mark.parametrize("reference", ["its own", None], ids=["with JAX", "numbers alone"])
@pytest.mark.parametrize("error", FAMILY_ERRORS)
def test_a_wrong_derivation_is_wrong(error, reference):
    rule, backward = FAMILY_ERRORS[error]
    verdict = judged(rule, backward, reference=reference)
    assert verdict.status == "WRONG", str(verdict)


def test_many_families_have_a_wrong_rule():
    families = {
        name
        for name, classes in catalog.families().items()
        for cls in classes
        if any(type(rule) is cls for rule, _ in FAMILY_ERRORS.values())
    }
    assert len(families) >= 8


@pytest.mark.parametrize("rule", [rule for rule, _ in FAMILY_ERRORS.values()], ids=repr)
def test_what_is_not_spoiled_passes(rule):
    assert judged(rule).ok, str(judged(rule))


def test_one_entry_off_by_a_billionth_is_seen():
    verdict = judged(hg.Tanh(), each(one_entry))
    assert verdict.status == "WRONG"


def test_a_billionth_is_seen_by_numbers_alone():
    verdict = judged(hg.Tanh(), each(lambda dx: dx * (1 + 1e-9)), reference=None)
    assert verdict.status == "WRONG"


def test_a_wrong_value_is_seen_by_jax():
    verdict = judged(hg.Exp(), forward=lambda y, x: y + 0.5)
    assert {finding.check for finding in verdict.findings} == {"against JAX"}


def test_a_gradient_that_is_always_zero_is_vacuous():
    verdict = judged(hg.Multiply(), each(np.zeros_like), lambda y, *_: y * 0, reference=None)
    assert verdict.status == "VACUOUS"


def test_an_exception_is_a_finding():
    def refuse(right, dy, *inputs):
        raise RuntimeError("not today")

    verdict = judged(hg.Exp(), refuse)
    assert verdict.status == "CONTRACT"
    assert "not today" in str(verdict)
