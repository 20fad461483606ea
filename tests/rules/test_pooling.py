"""Facts of pooling: one number of each window, or all in equal parts."""

import math

import numpy as np
import pytest

from handgrad import (
    AdaptiveAvgPool2d,
    AvgPool1d,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool,
    LpPool,
    Max,
    MaxPool1d,
    MaxPool2d,
    Mean,
)
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)

POOLS = [MaxPool2d, AvgPool2d]
WINDOWS = [  # kernel, stride, padding
    ((2, 2), (1, 1), (0, 0)),
    ((2, 3), (3, 4), (0, 0)),
    ((3, 3), (2, 2), (1, 1)),
    ((2, 4), (1, 2), (1, 2)),
    ((5, 6), (1, 1), (0, 0)),
    ((1, 1), (1, 1), (0, 0)),
]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("window", WINDOWS[2:4], ids=repr)
def test_windows_of_any_kind_are_judged_right(pool, window):
    assert_verified(pool(*window), *normals(1, (2, 3, 5, 6)))


@pytest.mark.parametrize(("pool", "reduction"), [(MaxPool2d, Max), (AvgPool2d, Mean)])
def test_one_window_over_the_whole_image_is_a_reduction(pool, reduction):
    x, dy = normals(2, (2, 3, 4, 5), (2, 3, 1, 1))
    whole = reduction(axis=(2, 3), keepdims=True)
    assert_close(value(pool((4, 5)), x), value(whole, x))
    assert_close(gradients(pool((4, 5)), x, dy=dy)[0], gradients(whole, x, dy=dy)[0])


@pytest.mark.parametrize("pool", POOLS)
def test_a_window_of_one_pixel_changes_nothing(pool):
    x, dy = normals(3, (2, 3, 4, 5), (2, 3, 4, 5))
    assert np.array_equal(value(pool((1, 1), (1, 1)), x), x)
    assert np.array_equal(gradients(pool((1, 1), (1, 1)), x, dy=dy)[0], dy)


@pytest.mark.parametrize("pool", POOLS)
def test_without_padding_all_of_the_gradient_comes_back(pool):
    x, dy = normals(4, (2, 3, 5, 6), (2, 3, 4, 3))
    (dx,) = gradients(pool((2, 2), (1, 2)), x, dy=dy)
    assert_close(np.sum(dx, axis=(2, 3)), np.sum(dy, axis=(2, 3)))


@pytest.mark.parametrize("shift", [-5.0, 0.0])
def test_max_pool_never_takes_the_padding_nor_sends_a_gradient_there(shift):
    x = -np.exp(normals(5, (2, 3, 4, 4))[0]) + shift
    rule = MaxPool2d((3, 3), (1, 1), (1, 1))
    y, residuals = rule.forward(x)
    (dy,) = normals(6, y.shape)
    assert np.all(y < shift)
    assert_close(np.sum(rule.backward(residuals, dy)[0]), np.sum(dy))


def test_ties_go_to_the_first_number_of_the_window_row_by_row():
    x = np.array([[1.0, 5, 2, 2], [5, 5, 2, 2], [0, -1, -3, -4], [-0.0, 0, -3, -3]])
    dy = np.array([[1.7, -0.6], [0.4, 0.9]])
    (dx,) = gradients(MaxPool2d(), x[None, None], dy=dy[None, None])
    expected = np.zeros((4, 4))
    expected[0, 1], expected[0, 2], expected[2, 0], expected[2, 2] = 1.7, -0.6, 0.4, 0.9
    assert np.array_equal(dx[0, 0], expected)


@pytest.mark.parametrize("place", range(4))
def test_a_nan_counts_as_the_largest_and_gets_the_gradient(place):
    x = np.array([3.0, 1.0, np.inf, 2.0])
    x[place] = np.nan
    y, residuals = MaxPool2d().forward(x.reshape(1, 1, 2, 2))
    (dx,) = MaxPool2d().backward(residuals, np.full((1, 1, 1, 1), 1.7))
    assert np.isnan(y).all()
    assert np.array_equal(dx.ravel(), 1.7 * (np.arange(4) == place))


def test_of_several_nans_the_first_gets_the_gradient():
    x = np.array([[[[1.0, np.nan], [np.nan, 3.0]]]])
    (dx,) = gradients(MaxPool2d(), x, dy=np.full((1, 1, 1, 1), 1.7))
    assert np.array_equal(dx.ravel(), [0, 1.7, 0, 0])


def test_a_number_that_wins_several_windows_gets_the_sum_of_their_gradients():
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 1.0
    (dy,) = normals(7, (1, 1, 2, 2))
    (dx,) = gradients(MaxPool2d((2, 2), (1, 1)), x, dy=dy)
    assert_close(dx[0, 0, 1, 1], np.sum(dy))
    assert np.sum(dx != 0) == 1


def test_the_average_is_a_convolution_with_a_filter_of_equal_weights():
    x, dy = normals(8, (2, 1, 5, 6), (2, 1, 3, 7))
    window = (2, 1), (1, 1)
    W = np.full((1, 1, 3, 2), 1 / 6)
    conv = Conv2d(*window)
    assert_close(value(AvgPool2d((3, 2), *window), x), value(conv, x, W, np.zeros(1)))
    (dx,) = gradients(AvgPool2d((3, 2), *window), x, dy=dy)
    assert_close(dx, gradients(conv, x, W, np.zeros(1), dy=dy)[0])


def test_the_padding_counts_as_zeros_in_the_average():
    y = value(AvgPool2d((2, 2), (1, 1), (1, 1)), np.full((1, 1, 2, 2), 8.0))
    assert_close(y[0, 0], [[2, 4, 2], [4, 8, 4], [2, 4, 2]])


@pytest.mark.parametrize("pool", POOLS)
def test_rows_and_columns_that_no_window_reaches_have_gradient_0(pool):
    x, dy = normals(9, (1, 1, 5, 7), (1, 1, 2, 3))
    (dx,) = gradients(pool(), x, dy=dy)
    assert not dx[0, 0, 4].any()
    assert not dx[0, 0, :, 6].any()
    assert_close(np.sum(dx), np.sum(dy))


@pytest.mark.parametrize("pool", POOLS)
def test_an_empty_batch_has_an_empty_gradient(pool):
    y, residuals = pool().forward(np.empty((0, 2, 4, 6)))
    assert y.shape == (0, 2, 2, 3)
    assert pool().backward(residuals, y)[0].shape == (0, 2, 4, 6)


@pytest.mark.parametrize("pool", POOLS)
def test_a_window_larger_than_the_image_is_refused(pool):
    with pytest.raises(ValueError, match="a window of 5 does not fit into 4 with padding 0"):
        pool((5, 5)).forward(np.zeros((1, 1, 4, 4)))


def test_numbers_of_any_size_keep_their_order():
    x = np.array([[[[-1e300, -1e-300], [-math.inf, -1e308]]]])
    assert value(MaxPool2d(), x)[0, 0, 0, 0] == -1e-300


@pytest.mark.parametrize(("one", "two"), [(MaxPool1d, MaxPool2d), (AvgPool1d, AvgPool2d)])
def test_a_pool_along_one_axis_is_that_of_an_image_of_one_row(one, two):
    x, dy = normals(10, (2, 3, 9), (2, 3, 5))
    row = two((1, 3), (1, 2), (0, 1))
    assert_close(value(one(3, 2, 1), x), value(row, x[:, :, None])[:, :, 0])
    (dx,) = gradients(row, x[:, :, None], dy=dy[:, :, None])
    assert_close(gradients(one(3, 2, 1), x, dy=dy)[0], dx[:, :, 0])


@pytest.mark.parametrize(
    ("rule", "function", "axes"),
    [
        (MaxPool1d(3, 2, 1), lambda f: lambda x: f.max_pool1d(x, 3, 2, 1), 1),
        (AvgPool1d(3, 2, 1), lambda f: lambda x: f.avg_pool1d(x, 3, 2, 1), 1),
        (
            MaxPool2d((3, 2), (2, 1), (1, 1)),
            lambda f: lambda x: f.max_pool2d(x, (3, 2), (2, 1), 1),
            2,
        ),
        (
            AvgPool2d((3, 2), (2, 1), (1, 1)),
            lambda f: lambda x: f.avg_pool2d(x, (3, 2), (2, 1), 1),
            2,
        ),
        (GlobalAvgPool(keepdims=True), lambda f: lambda x: f.adaptive_avg_pool2d(x, 1), 2),
        (AdaptiveAvgPool2d((3, 5)), lambda f: lambda x: f.adaptive_avg_pool2d(x, (3, 5)), 2),
        (LpPool(4.0, (3, 2), (2, 1)), lambda f: lambda x: f.lp_pool2d(x, 4.0, (3, 2), (2, 1)), 2),
    ],
    ids=lambda value: repr(value) if hasattr(value, "forward") else "",
)
def test_every_pool_is_that_of_torch(rule, function, axes):
    (x,) = normals(11, (2, 3, *(7, 6)[:axes]))
    assert_like_torch(rule, function, x)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_mean_of_an_image_is_taken_over_all_its_axes(axes):
    x, dy = normals(12, (2, 3, *(4, 5, 6)[:axes]), (2, 3))
    reduction = Mean(axis=tuple(range(2, 2 + axes)))
    assert_close(value(GlobalAvgPool(), x), value(reduction, x))
    assert_close(gradients(GlobalAvgPool(), x, dy=dy)[0], gradients(reduction, x, dy=dy)[0])


def test_bins_that_divide_the_image_are_an_ordinary_average():
    x, dy = normals(13, (2, 3, 6, 8), (2, 3, 3, 2))
    ordinary = AvgPool2d((2, 4), (2, 4))
    assert_close(value(AdaptiveAvgPool2d((3, 2)), x), value(ordinary, x))
    (dx,) = gradients(AdaptiveAvgPool2d((3, 2)), x, dy=dy)
    assert_close(dx, gradients(ordinary, x, dy=dy)[0])


def test_more_bins_than_pixels_repeat_them():
    x = np.array([[[[1.5, -0.5]]]])
    assert np.array_equal(value(AdaptiveAvgPool2d((1, 4)), x)[0, 0, 0], [1.5, 1.5, -0.5, -0.5])


def test_a_large_power_takes_the_largest_of_each_window():
    x = np.array([[[[3.0, -7], [2, 1]]]])
    assert_close(value(LpPool(200.0), x), [[[[7.0]]]])


def test_a_window_of_zeros_has_gradient_0():
    (dy,) = normals(14, (1, 2, 1, 1))
    assert not gradients(LpPool(), np.zeros((1, 2, 2, 2)), dy=dy)[0].any()


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_no_power_overflows_in_single_precision(size):
    x = np.array([[[[3.0, 4], [0, 0]]]], np.float32) * np.float32(size)
    dy = np.full((1, 1, 1, 1), 2, np.float32)
    assert_close(value(LpPool(), x), [[[[np.float32(5 * size)]]]], 1e-6)
    assert_close(gradients(LpPool(), x, dy=dy)[0], [[[[1.2, 1.6], [0, 0]]]], 1e-6)
