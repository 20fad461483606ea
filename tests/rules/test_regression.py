"""Facts of regression: how hard outliers pull, and what happens where nothing is wrong."""

import numpy as np
import pytest

from handgrad import (
    L1,
    Charbonnier,
    GaussianNLL,
    Huber,
    LogCosh,
    MeanSquaredError,
    PoissonNLL,
    QuantileLoss,
    SmoothL1,
    SumSquaredError,
)
from tests.rules.running import assert_close, gradients, normals, value

OUTLIERS = np.array([-1e30, -2.0, 0.0, 0.5, 1e30], np.float32)
NOTHING = np.zeros(5, np.float32)


def slopes(rule, u, dy=1.0):
    """The gradient of each loss with respect to x = u, with targets of 0."""
    return gradients(rule, u, np.zeros_like(u), dy=dy)[0]


def test_the_mean_squared_error_is_divided_by_every_number_and_has_no_half():
    x, t, dy = normals(10, (3, 4), (3, 4), ())
    assert_close(value(MeanSquaredError(), x, t), 2 * value(SumSquaredError(), x, t) / 12)
    whole, share = (gradients(r(), x, t, dy=dy) for r in (SumSquaredError, MeanSquaredError))
    assert_close(share[0], whole[0] / 6)
    assert_close(share[1], -share[0])


@pytest.mark.parametrize("rule", [L1("sum"), QuantileLoss("sum")], ids=repr)
def test_at_the_kink_the_slope_is_0(rule):
    assert np.array_equal(slopes(rule, np.zeros(3), dy=1.7), np.zeros(3))


@pytest.mark.parametrize(
    ("rule", "steepest"),
    [(L1("none"), 1), (Huber("none", 0.3), 0.3), (SmoothL1("none", 0.3), 1), (LogCosh("none"), 1)],
    ids=repr,
)
def test_outliers_pull_no_harder_than_the_steepest_slope_and_overflow_nothing(rule, steepest):
    assert np.all(np.isfinite(value(rule, OUTLIERS, NOTHING)))
    dx = slopes(rule, OUTLIERS, dy=np.ones_like(OUTLIERS))
    assert dx.dtype == np.float32
    assert_close(dx[[0, -1]], np.array([-steepest, steepest], np.float32), 1e-7)


def test_charbonnier_does_not_square_what_would_overflow():
    y = value(Charbonnier("none"), OUTLIERS, NOTHING)
    assert_close(y, np.array([1e30, 2, 1e-3, 0.5, 1e30], np.float32), 1e-6)
    assert_close(slopes(Charbonnier("sum"), OUTLIERS)[[0, 2, 4]], np.array([-1, 0, 1]))


def test_huber_with_a_far_threshold_is_half_the_squared_error():
    x, t, dy = normals(1, (3, 4), (3, 4), ())
    assert_close(value(Huber("sum", 100.0), x, t), value(SumSquaredError(), x, t))
    assert_close(gradients(Huber("sum", 100.0), x, t, dy=dy)[0], dy * (x - t))


def test_smooth_l1_is_huber_divided_by_its_threshold():
    x, t, dy = normals(2, (3, 4), (3, 4), (3, 4))
    huber, smooth = Huber("none", 0.4), SmoothL1("none", 0.4)
    assert_close(value(smooth, x, t), value(huber, x, t) / 0.4)
    assert_close(gradients(smooth, x, t, dy=dy)[0], gradients(huber, x, t, dy=dy / 0.4)[0])


def test_huber_has_no_kink_at_its_threshold():
    below, at, above = slopes(Huber("sum"), np.array([1 - 1e-15, 1.0, 1 + 1e-15]))
    assert below <= at == above == 1


def test_log_cosh_keeps_its_digits_near_0():
    u = np.array([1e-3, 0.999, 1.001, 30.0])
    single = value(LogCosh("none"), u.astype(np.float32), np.zeros(4, np.float32))
    assert np.all(np.abs(single / np.log(np.cosh(u)) - 1) < 3e-7)


def test_the_quantile_of_the_targets_balances_the_quantile_loss():
    (t,) = normals(3, (9,))
    middle = np.sort(t)[6]  # 6 below, 2 above, and 0.75 lies between 6/9 and 7/9
    step = 1e-9
    rule = QuantileLoss("sum", q=0.75)
    left, right = (gradients(rule, np.full(9, middle + s), t, dy=1.0)[0] for s in (-step, step))
    assert np.sum(left) < 0 < np.sum(right)


def test_the_quantile_loss_at_one_half_is_half_of_l1():
    x, t, dy = normals(4, (3, 4), (3, 4), ())
    assert_close(value(QuantileLoss(q=0.5), x, t), value(L1(), x, t) / 2)
    assert_close(
        gradients(QuantileLoss(q=0.5), x, t, dy=dy)[0], gradients(L1(), x, t, dy=dy / 2)[0]
    )


def test_the_likeliest_variance_is_the_squared_error():
    x, t, dy = normals(5, (3, 4), (3, 4), ())
    dv = gradients(GaussianNLL(), x, t, (x - t) ** 2, dy=dy)[2]
    assert np.max(np.abs(dv * (x - t) ** 2)) < 1e-15


def test_a_variance_below_eps_counts_as_eps_and_does_not_move_the_loss():
    x, t = np.array([1.0, 2.0]), np.array([0.5, 0.0])
    v = np.array([0.0, 0.1])
    rule = GaussianNLL("none", eps=0.1)
    assert_close(value(rule, x, t, v), (np.log(0.1) + (x - t) ** 2 / 0.1) / 2)
    assert np.array_equal(gradients(rule, x, t, v, dy=np.array([1.3, 0.7]))[2], np.zeros(2))


def test_the_likeliest_rate_is_the_count():
    count = np.array([1.0, 3.0, 7.0])
    dx, _ = gradients(PoissonNLL(), np.log(count), count, dy=1.7)
    assert np.max(np.abs(dx)) < 1e-14
