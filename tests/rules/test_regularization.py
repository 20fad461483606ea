"""Facts of regularization: dropout keeps the mean, and penalties pull to where they are 0."""

from itertools import product

import numpy as np
import pytest

from handgrad import Dropout, DropPath, L1Penalty, L2Penalty, OrthogonalPenalty
from tests.rules.running import assert_close, assert_verified, gradients, normals, value

RATES = [0.0, 0.2, 0.5, 0.9]
MASKS = [np.array(mask) for mask in product([False, True], repeat=4)]


def likelihood(mask, rate):
    return np.prod(np.where(mask, 1 - rate, rate))


@pytest.mark.parametrize("rate", RATES)
def test_dropout_keeps_the_mean_over_all_masks_forward_and_backward(rate):
    x, dy = normals(1, (4,), (4,))
    weights = [likelihood(mask, rate) for mask in MASKS]
    ys = [value(Dropout(rate), x, mask) for mask in MASKS]
    dxs = [gradients(Dropout(rate), x, mask, dy=dy)[0] for mask in MASKS]
    assert_close(np.average(ys, axis=0, weights=weights), x)
    assert_close(np.average(dxs, axis=0, weights=weights), dy)


def test_what_is_dropped_is_0_forward_and_backward_even_if_it_was_nan():
    x, dy = np.array([np.nan, np.inf, 3.0]), np.array([np.nan, np.inf, -0.6])
    keep = np.array([False, False, True])
    assert_close(value(Dropout(0.25), x, keep), [0, 0, 4])
    assert_close(gradients(Dropout(0.25), x, keep, dy=dy)[0], [0, 0, -0.8])


def test_dropout_does_to_the_gradient_what_it_did_to_the_numbers():
    x, dy = normals(2, (5, 3), (5, 3))
    keep = normals(3, (5, 3))[0] > 0
    dx, d_keep = gradients(Dropout(0.2), x, keep, dy=dy)
    assert np.array_equal(dx, value(Dropout(0.2), dy, keep))
    assert d_keep is None


def test_to_keep_everything_at_rate_0_changes_nothing():
    (x,) = normals(4, (5, 3))
    assert np.array_equal(value(Dropout(0), x, np.ones((5, 3), bool)), x)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4), (2, 3, 4, 5)], ids=repr)
def test_dropout_and_decay_take_arrays_of_any_shape(shape):
    x, draws = normals(5, shape, shape)
    assert_verified(L2Penalty(0.3), x)
    assert_verified(Dropout(0.2), x, draws > -3)


def test_a_mask_of_whole_channels_drops_whole_channels():
    x, dy = normals(6, (2, 3, 2, 2), (2, 3, 2, 2))
    keep = np.array([True, False, True])[:, None, None]
    (dx, _) = gradients(Dropout(0.5), x, keep, dy=dy)
    assert not value(Dropout(0.5), x, keep)[:, 1].any()
    assert_close(dx, 2 * dy * keep)


def test_python_numbers_will_do():
    assert value(Dropout(0.5), 3.0, True) == 6
    assert gradients(Dropout(0.5), 3.0, True, dy=1.1) == (2.2, None)
    assert_close(value(L2Penalty(0.1), 2.0), 0.2)
    assert_close(gradients(L2Penalty(0.1), 2.0, dy=1.1)[0], 0.22)


def test_a_step_down_the_penalty_shrinks_every_weight_by_the_same_share():
    (W,) = normals(7, (4, 3))
    (dW,) = gradients(L2Penalty(0.1), W, dy=1.0)
    assert_close(W - 0.5 * dW, 0.95 * W)


def test_the_penalty_is_a_quadratic_form_so_its_gradient_points_along_the_weights():
    W, dy = normals(8, (4, 3), ())
    (dW,) = gradients(L2Penalty(0.3), W, dy=dy)
    assert_close(np.sum(dW * W), 2 * dy * value(L2Penalty(0.3), W))


def test_no_numbers_are_dropped_and_cost_nothing():
    empty = np.empty((0, 3))
    assert value(L2Penalty(), empty) == 0
    assert gradients(L2Penalty(), empty, dy=1.7)[0].shape == (0, 3)
    assert gradients(Dropout(), empty, empty > 0, dy=empty)[0].shape == (0, 3)


@pytest.mark.parametrize(("rule", "keep"), [(Dropout(1.0), (3, 2)), (DropPath(1.0), (3,))])
def test_at_the_rate_1_everything_is_dropped_and_nothing_is_infinite(rule, keep):
    x, dy = normals(9, (3, 2), (3, 2))
    assert not np.any(value(rule, x, np.zeros(keep, bool)))
    assert not np.any(gradients(rule, x, np.zeros(keep, bool), dy=dy)[0])
    assert not np.any(value(rule, x, np.ones(keep, bool)))


def test_drop_path_is_dropout_of_whole_examples():
    x, dy = normals(10, (3, 2, 2), (3, 2, 2))
    keep = np.array([True, False, True])
    each = np.broadcast_to(keep[:, None, None], x.shape)
    assert_close(value(DropPath(0.2), x, keep), value(Dropout(0.2), x, each))
    dx, d_keep = gradients(DropPath(0.2), x, keep, dy=dy)
    assert_close(dx, gradients(Dropout(0.2), x, each, dy=dy)[0])
    assert d_keep is None


def test_the_l1_penalty_pulls_every_weight_with_the_same_force_and_lets_0_rest():
    W = np.array([[-3.0, 1e-9], [0.0, 2.0]])
    assert_close(value(L1Penalty(0.1), W), 0.1 * (5 + 1e-9))
    assert_close(gradients(L1Penalty(0.1), W, dy=1.7)[0], 0.17 * np.array([[-1, 1], [0, 1]]))


def test_orthonormal_columns_cost_nothing_and_stay():
    (A,) = normals(11, (5, 3))
    Q, _ = np.linalg.qr(A)
    assert value(OrthogonalPenalty(), Q) < 1e-30
    assert np.max(np.abs(gradients(OrthogonalPenalty(), Q, dy=1.7)[0])) < 1e-16
    steps = [Q + 0.1 * A]
    for _ in range(200):
        steps.append(steps[-1] - gradients(OrthogonalPenalty(), steps[-1], dy=10.0)[0])
    assert_close(steps[-1].T @ steps[-1], np.eye(3))
