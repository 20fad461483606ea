"""Facts of windows: to take them out and to put them back are adjoint."""

import numpy as np
import pytest

from handgrad import Col2im, Im2col
from tests.rules.images import IMAGE, WINDOWS, each_window
from tests.rules.running import assert_close, assert_verified, gradients, normals, value


@each_window
def test_im2col_and_col2im_are_adjoint(window):
    (a,) = normals(1, IMAGE)
    u = value(Im2col(*window), a)
    (b,) = normals(2, u.shape)
    assert_close(np.sum(u * b), np.sum(a * value(Col2im(IMAGE[2:], *window), b)))


@each_window
def test_each_of_im2col_and_col2im_is_the_others_gradient(window):
    (a,) = normals(3, IMAGE)
    u = value(Im2col(*window), a)
    (b,) = normals(4, u.shape)
    col2im = Col2im(IMAGE[2:], *window)
    assert_close(gradients(Im2col(*window), a, dy=b)[0], value(col2im, b))
    assert_close(gradients(col2im, b, dy=a)[0], u)


@each_window
def test_col2im_of_im2col_multiplies_each_number_by_its_windows(window):
    (a,) = normals(5, IMAGE)
    col2im, im2col = Col2im(IMAGE[2:], *window), Im2col(*window)
    visits = value(col2im, np.ones_like(value(im2col, a)))
    assert_close(value(col2im, value(im2col, a)), visits * a)


def test_a_column_is_a_window_channel_by_channel_and_row_by_row():
    x = np.arange(2 * 3 * 3.0).reshape(1, 2, 3, 3)
    u = value(Im2col((2, 2)), x)
    assert np.array_equal(u[0, :, 0], [0, 1, 3, 4, 9, 10, 12, 13])
    assert np.array_equal(u[0, :, 3], [4, 5, 7, 8, 13, 14, 16, 17])


def test_windows_side_by_side_only_reorder_the_image():
    (x,) = normals(7, (2, 3, 4, 6))
    window = (2, 3), (2, 3)
    assert np.array_equal(value(Col2im((4, 6), *window), value(Im2col(*window), x)), x)


def test_columns_of_an_empty_batch_are_empty():
    u, residuals = Im2col((2, 2)).forward(np.empty((0, 2, 4, 5)))
    assert u.shape == (0, 8, 12)
    assert Im2col((2, 2)).backward(residuals, u)[0].shape == (0, 2, 4, 5)
    assert value(Col2im((4, 5)), u).shape == (0, 2, 4, 5)


@pytest.mark.parametrize(
    ("rule", "reach", "size", "padding"),
    [(Im2col((5, 2)), 5, 4, 0), (Im2col((2, 3), (1, 1), (0, 1), (1, 4)), 9, 5, 1)],
    ids=repr,
)
def test_a_window_larger_than_the_image_is_refused(rule, reach, size, padding):
    message = f"a window of {reach} does not fit into {size} with padding {padding}"
    with pytest.raises(ValueError, match=message):
        rule.forward(np.zeros((1, 1, 4, 5)))


@pytest.mark.parametrize("window", WINDOWS[1:3], ids=repr)
def test_columns_of_any_window_are_judged_right(window):
    assert_verified(Im2col(*window), *normals(6, IMAGE))
