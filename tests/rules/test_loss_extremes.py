"""Losses at their extremes: near certainty, far from 0, and of no rows at all."""

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
from tests.rules.running import assert_close, gradients, value

NO_ROWS = [np.empty((0, 3)), np.empty((0, 3))]
NO_LABELS = [np.empty((0, 3)), np.empty(0, int)]
SURE = np.array([[9.0, -9.0, -10.0], [-9.0, 10.0, -8.5]])


@pytest.mark.parametrize(
    ("rule", "t"),
    [
        (SoftmaxCrossEntropyWithLabels(), np.array([0, 1])),
        (SoftmaxCrossEntropy(), np.eye(3)[:2]),
        (SigmoidCrossEntropy(), (SURE > 0).astype(float)),
    ],
    ids=repr,
)
def test_p_minus_1_keeps_its_digits_in_float32(rule, t):
    single = t if t.dtype.kind == "i" else t.astype(np.float32)
    (dx, _) = gradients(rule, SURE.astype(np.float32), single, dy=np.float32(1.5))
    (exact, _) = gradients(rule, SURE, t, dy=1.5)
    assert dx.dtype == np.float32
    assert np.all(np.abs(dx / exact - 1) < 2e-6)  # float32 rounds log p near −20 to 1e-6


def test_p_minus_1_keeps_its_digits_in_float64():
    x, gap = np.array([40.0, 0.0]), np.exp(-40)
    for rule, t in (
        (SoftmaxCrossEntropy(), np.array([1.0, 0.0])),
        (SoftmaxCrossEntropyWithLabels(), np.array(0)),
    ):
        assert_close(gradients(rule, x, t, dy=1.7)[0], [-1.7 * gap, 1.7 * gap])
    dx, _ = gradients(SigmoidCrossEntropy(), x[:1], np.ones(1), dy=1.7)
    assert_close(dx, [-1.7 * gap])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_a_thousand_overflow_nothing(dtype):
    x, t = np.array([[1000.0, -1000, 0]], dtype), np.array([[0, 1, 0]], dtype)
    assert_close(value(SoftmaxCrossEntropy(), x, t), 2000.0)
    assert_close(gradients(SoftmaxCrossEntropy(), x, t, dy=dtype(1.5))[0], [[1.5, -1.5, 0]])
    assert_close(value(SigmoidCrossEntropy("sum"), x[:, :2], t[:, :2]), 2000.0)
    dx, _ = gradients(SigmoidCrossEntropy("sum"), x[:, :2], t[:, :2], dy=dtype(1.5))
    assert_close(dx, [[1.5, -1.5]])


def test_the_cross_entropy_of_a_sure_answer_is_not_rounded_to_0():
    x = np.array([40.0, 0.0])
    assert_close(value(SigmoidCrossEntropy(), x[:1], np.ones(1)), np.exp(-40), 1e-10)


@pytest.mark.parametrize(
    ("rule", "inputs"),
    [
        (CrossEntropy(), NO_ROWS),
        (SoftmaxCrossEntropy(), NO_ROWS),
        (SoftmaxCrossEntropyWithLabels(), NO_LABELS),
        (SigmoidCrossEntropy(), NO_ROWS),
        (MeanSquaredError(), NO_ROWS),
    ],
    ids=repr,
)
def test_the_mean_of_no_losses_is_nan_and_its_gradient_empty(rule, inputs):
    with pytest.warns(RuntimeWarning) as seen:
        y, residuals = rule.forward(*inputs)
    assert "Mean of empty slice" in str(seen[0].message)
    assert np.isnan(y)
    assert rule.backward(residuals, 1.7)[0].shape == (0, 3)


@pytest.mark.parametrize(
    ("rule", "inputs"),
    [
        (CrossEntropy("sum"), NO_ROWS),
        (SoftmaxCrossEntropy("sum"), NO_ROWS),
        (SoftmaxCrossEntropyWithLabels("sum"), NO_LABELS),
        (SigmoidCrossEntropy("sum"), NO_ROWS),
        (SumSquaredError(), NO_ROWS),
    ],
    ids=repr,
)
def test_the_sum_of_no_losses_is_0_and_its_gradient_empty(rule, inputs):
    y, residuals = rule.forward(*inputs)
    assert y == 0
    assert rule.backward(residuals, 1.7)[0].shape == (0, 3)


@pytest.mark.parametrize("cls", [CrossEntropy, SoftmaxCrossEntropy])
def test_no_rows_have_no_losses(cls):
    y, residuals = cls("none").forward(*NO_ROWS)
    assert y.shape == (0,)
    assert cls("none").backward(residuals, y)[0].shape == (0, 3)


def test_a_shared_target_of_no_rows_gets_gradient_0():
    _, dt = gradients(SumSquaredError(), np.empty((0, 3)), np.ones(3), dy=1.7)
    assert np.array_equal(dt, np.zeros(3))
