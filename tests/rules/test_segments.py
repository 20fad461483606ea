"""Facts of segments: rows in any order, segments that tie, and segments without rows."""

import numpy as np
import pytest

from handgrad import (
    Max,
    Mean,
    SegmentMax,
    SegmentMean,
    SegmentSoftmax,
    SegmentSum,
    Softmax,
    Sum,
)
from tests.rules.running import assert_close, gradients, normals, value

S = np.array([2, 0, 2, 3, 0, 2])  # segment 1 is empty
REDUCTIONS = [(SegmentSum, Sum), (SegmentMean, Mean), (SegmentMax, Max)]


@pytest.mark.parametrize(("segment", "reduction"), REDUCTIONS)
def test_each_segment_is_reduced_by_itself(segment, reduction):
    x, dy = normals(1, (6, 3), (4, 3))
    y = value(segment(4), x, S)
    dx, ds = gradients(segment(4), x, S, dy=dy)
    assert ds is None
    for k in (0, 2, 3):
        rows = x[k == S]
        assert_close(y[k], value(reduction(axis=0), rows))
        assert_close(dx[k == S], gradients(reduction(axis=0), rows, dy=dy[k])[0])


def test_softmax_is_taken_over_each_segment():
    x, dy = normals(2, (6, 3), (6, 3))
    rule = SegmentSoftmax(4)
    y, (dx, _) = value(rule, x, S), gradients(rule, x, S, dy=dy)
    for k in (0, 2, 3):
        assert_close(y[k == S], value(Softmax(axis=0), x[k == S]))
        expected = gradients(Softmax(axis=0), x[k == S], dy=dy[k == S])[0]
        assert np.max(np.abs(dx[k == S] - expected)) < 1e-15  # of one row it is 0


@pytest.mark.parametrize(("segment", "_"), REDUCTIONS)
def test_an_empty_segment_gives_0(segment, _):
    x, dy = normals(3, (6, 3), (4, 3))
    assert not value(segment(4), x, S)[1].any()
    dy[1] = np.inf
    assert np.all(np.isfinite(gradients(segment(4), x, S, dy=dy)[0]))


@pytest.mark.parametrize("rule", [SegmentSum(4), SegmentMean(4), SegmentMax(4), SegmentSoftmax(4)])
def test_the_order_of_the_rows_does_not_matter(rule):
    x, dy = normals(4, (6, 3), (6, 3))
    order = np.array([3, 5, 0, 4, 1, 2])
    y = value(rule, x, S)
    softmax = isinstance(rule, SegmentSoftmax)
    assert_close(value(rule, x[order], S[order]), y[order] if softmax else y)
    dy = dy if softmax else dy[:4]
    (dx, _) = gradients(rule, x, S, dy=dy)
    moved, _ = gradients(rule, x[order], S[order], dy=dy[order] if softmax else dy)
    assert_close(moved, dx[order])


def test_numbers_that_tie_share_the_gradient_equally():
    x = np.array([5.0, 1.0, 5.0, -2.0, 1.0, 3.0])
    dx, _ = gradients(SegmentMax(4), x, S, dy=np.array([0.5, 9, 3, 0.75]))
    assert_close(dx, [1.5, 0.25, 1.5, 0.75, 0.25, 0])


def test_the_largest_number_may_be_infinite():
    x = np.array([-np.inf, np.inf, -np.inf])
    assert np.array_equal(value(SegmentMax(2), x, np.array([0, 1, 0])), [-np.inf, np.inf])


def test_softmax_of_a_segment_overflows_nowhere():
    x = np.array([800.0, -800, 799, -801], np.float32)
    y = value(SegmentSoftmax(2), x, np.array([0, 1, 0, 1]))
    assert_close(y, [0.7310586, 0.7310586, 0.2689414, 0.2689414], 1e-6)


@pytest.mark.parametrize("rule", [SegmentSum(3), SegmentMean(3), SegmentMax(3), SegmentSoftmax(3)])
def test_no_rows_have_no_gradient(rule):
    y, residuals = rule.forward(np.empty((0, 2)), np.empty(0, int))
    assert y.shape in {(3, 2), (0, 2)}
    assert not y.any()
    assert rule.backward(residuals, y)[0].shape == (0, 2)
