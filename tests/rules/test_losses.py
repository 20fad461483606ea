"""What all losses have in common: what becomes of the losses of a batch, and of targets."""

from dataclasses import replace
from inspect import signature

import numpy as np
import pytest

import handgrad
from handgrad import (
    CrossEntropy,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SoftmaxCrossEntropyWithLabels,
    SumSquaredError,
)
from handgrad.judge.oracles.jax import Automatic, registered_reference
from handgrad.rules.catalog import instances
from tests.rules.running import assert_close, assert_verified, gradients, normals, value
from tests.rules_and_cases import CLASSES, trial_of

LOSSES = [cls for cls in CLASSES if "reduction" in cls.__dataclass_fields__]
APART = [replace(instances(cls)[-1], reduction="none") for cls in LOSSES]
WITH_TARGETS = [cls for cls in LOSSES if "t" in signature(cls.forward).parameters]
DENSE = [
    CrossEntropy(),
    SoftmaxCrossEntropy(),
    SigmoidCrossEntropy(),
    MeanSquaredError(),
    SumSquaredError(),
]
SHAPES = [(4,), (3, 4), (2, 3, 4)]
LABELS = [np.array(2), np.array([1, 0, 3]), np.array([[0, 3, 1], [2, 2, 0]])]


def draw(shape):
    """Outputs and targets, both rows of probabilities, so that every loss accepts them."""
    x, t = (np.exp(a) for a in normals(1, shape, shape))
    return x / np.sum(x, axis=-1, keepdims=True), t / np.sum(t, axis=-1, keepdims=True)


@pytest.mark.parametrize("rule", DENSE, ids=repr)
@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_one_row_or_a_block_of_rows_will_do(rule, shape):
    assert_verified(rule, *draw(shape))


@pytest.mark.parametrize("rule", DENSE, ids=repr)
@pytest.mark.parametrize("target", [(4,), (1, 4), (3, 1), ()], ids=repr)
def test_a_target_is_stretched_to_the_outputs(rule, target):
    x, _ = draw((3, 4))
    (t,) = np.exp(normals(2, target))
    assert_verified(rule, x, t)


@pytest.mark.parametrize("rule", DENSE, ids=repr)
@pytest.mark.parametrize(
    ("x", "t"), [((3, 1), (3,)), ((3,), (3, 1)), ((1, 4), (3, 4)), ((4,), (3, 4))], ids=repr
)
def test_outputs_are_never_stretched_to_a_target(rule, x, t):
    with pytest.raises(ValueError, match=r"broadcast|dimensions"):
        rule.forward(*(np.full(shape, 0.5) for shape in (x, t)))


@pytest.mark.parametrize("cls", LOSSES)
def test_the_sum_is_that_of_the_losses_and_the_mean_their_share(cls):
    inputs = trial_of(cls()).inputs
    losses, total, share = (value(cls(r), *inputs) for r in ("none", "sum", "mean"))
    assert_close(total, np.sum(losses))
    kept, whole, part = (
        gradients(cls(r), *inputs, dy=dy)[0]
        for r, dy in (("none", np.full_like(losses, -1.3)), ("sum", -1.3), ("mean", -1.3))
    )
    assert_close(kept, whole)
    if cls is not handgrad.WeightedCrossEntropy:  # its mean divides by the weights
        assert_close(share, np.mean(losses))
        assert_close(part, whole / losses.size)


@pytest.mark.parametrize("rule", APART, ids=repr)
def test_losses_that_are_kept_apart_take_a_gradient_each(rule):
    trial = trial_of(rule)
    (dy,) = normals(12, trial.y[0].shape)
    oracle = Automatic(registered_reference(rule), trial.subject, own=False)
    (y,), expected = oracle(trial.inputs, (dy,))
    ours = gradients(rule, *trial.inputs, dy=dy)
    assert_close(trial.y[0], y)
    for i, gradient in expected.items():
        if ours[i] is not None:  # what is held has no gradient
            assert_close(ours[i], gradient)


@pytest.mark.parametrize("cls", WITH_TARGETS)
def test_whole_numbers_as_targets_leave_float32_what_it_is(cls):
    names = list(signature(cls().forward).parameters)
    inputs = [x.astype(np.float32) if x.dtype == float else x for x in trial_of(cls()).inputs]
    inputs[names.index("t")] = np.ones_like(inputs[names.index("t")], dtype=int)
    y, residuals = cls().forward(*inputs)
    assert y.dtype == np.float32
    for gradient in cls().backward(residuals, np.float32(1.3)):
        assert gradient is None or gradient.dtype == np.float32


def test_softmax_cross_entropy_of_no_information_costs_the_logarithm_of_the_number_of_classes():
    x, t = np.full((3, 4), 7.0), draw((3, 4))[1]
    assert_close(value(SoftmaxCrossEntropy(), x, t), np.log(4))
    assert_close(value(SoftmaxCrossEntropyWithLabels(), x, LABELS[1]), np.log(4))
    assert_close(value(SigmoidCrossEntropy(), 0 * x, t), np.log(2))
