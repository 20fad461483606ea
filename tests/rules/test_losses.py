"""Facts of losses: what they have in common, and what becomes of targets and of extremes."""

import numpy as np
import pytest

from handgrad import (
    CrossEntropy,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SoftmaxCrossEntropyWithLabels,
    SumSquaredError,
)
from tests.rules.running import assert_close, assert_verified, gradients, normals, value

REDUCED = [CrossEntropy, SoftmaxCrossEntropy, SigmoidCrossEntropy]
AVERAGED = [*(cls() for cls in REDUCED), MeanSquaredError()]
DENSE = [*AVERAGED, SumSquaredError()]
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


@pytest.mark.parametrize("cls", REDUCED)
@pytest.mark.parametrize("reduction", ["none", "sum"])
def test_a_block_of_rows_may_be_summed_or_kept_apart(cls, reduction):
    assert_verified(cls(reduction), *draw((2, 3, 4)))


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


@pytest.mark.parametrize("cls", [*REDUCED, SoftmaxCrossEntropyWithLabels])
def test_an_unknown_reduction_is_named(cls):
    t = np.array([1, 0]) if cls is SoftmaxCrossEntropyWithLabels else np.full((2, 2), 0.5)
    with pytest.raises(ValueError, match="reduction is 'avg'; it may be 'none', 'sum' or 'mean'"):
        cls("avg").forward(np.full((2, 2), 0.5), t)


@pytest.mark.parametrize("cls", REDUCED)
def test_the_sum_is_that_of_the_losses_and_the_mean_their_share(cls):
    losses = value(cls("none"), *draw((3, 4)))
    assert_close(value(cls("sum"), *draw((3, 4))), np.sum(losses))
    assert_close(value(cls("mean"), *draw((3, 4))), np.mean(losses))
    (whole, _), (share, _) = (gradients(cls(r), *draw((3, 4)), dy=-1.3) for r in ("sum", "mean"))
    assert_close(share, whole / losses.size)


def test_knowing_nothing_costs_the_logarithm_of_the_number_of_classes():
    x, t = np.full((3, 4), 7.0), draw((3, 4))[1]
    assert_close(value(SoftmaxCrossEntropy(), x, t), np.log(4))
    assert_close(value(SoftmaxCrossEntropyWithLabels(), x, LABELS[1]), np.log(4))
    assert_close(value(SigmoidCrossEntropy(), 0 * x, t), np.log(2))
