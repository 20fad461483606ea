"""Facts of convolution: adjoints, windows that overlap or do not, borders, and single pixels."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from handgrad import Affine, Col2im, Conv2d, Im2col
from tests.rules.running import assert_close, assert_verified, gradients, normals, value

WINDOWS = [  # kernel, stride, padding, dilation
    ((2, 2), (1, 1), (0, 0), (1, 1)),
    ((3, 2), (2, 1), (1, 0), (1, 2)),
    ((2, 3), (1, 3), (2, 1), (2, 1)),
    ((1, 1), (1, 1), (0, 0), (1, 1)),
    ((1, 1), (2, 3), (0, 0), (1, 1)),
    ((2, 2), (4, 3), (0, 0), (1, 1)),
    ((7, 6), (1, 1), (0, 0), (1, 1)),
]
each_window = pytest.mark.parametrize("window", WINDOWS, ids=repr)
IMAGE = (2, 3, 7, 6)


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


@each_window
def test_windows_of_any_kind_are_judged_right(window):
    kernel, *rest = window
    x, W, b = normals(6, IMAGE, (4, 3, *kernel), (4,))
    assert_verified(Im2col(*window), x)
    assert_verified(Conv2d(*rest), x, W, b)


def test_a_column_is_a_window_channel_by_channel_and_row_by_row():
    x = np.arange(2 * 3 * 3.0).reshape(1, 2, 3, 3)
    u = value(Im2col((2, 2)), x)
    assert np.array_equal(u[0, :, 0], [0, 1, 3, 4, 9, 10, 12, 13])
    assert np.array_equal(u[0, :, 3], [4, 5, 7, 8, 13, 14, 16, 17])


def test_windows_side_by_side_only_reorder_the_image():
    (x,) = normals(7, (2, 3, 4, 6))
    window = (2, 3), (2, 3)
    assert np.array_equal(value(Col2im((4, 6), *window), value(Im2col(*window), x)), x)


@each_window
@pytest.mark.parametrize("groups", [1, 2])
def test_conv2d_is_the_convolution_of_jax(window, groups):
    kernel, stride, padding, dilation = window
    x, W, b = normals(8, (2, 4, 7, 6), (6, 4 // groups, *kernel), (6,))
    expected = lax.conv_general_dilated(
        jnp.asarray(x),
        jnp.asarray(W),
        stride,
        [(p, p) for p in padding],
        rhs_dilation=dilation,
        feature_group_count=groups,
    )
    y = value(Conv2d(stride, padding, dilation, groups), x, W, b)
    assert_close(y, np.asarray(expected) + b[:, None, None])


def test_a_filter_is_not_flipped():
    x = np.array([[[[1.0, 10, 100]]]])
    assert np.array_equal(
        value(Conv2d(), x, np.array([[[[1.0, 2]]]]), np.zeros(1))[0, 0, 0], [21, 210]
    )


def test_a_filter_of_one_pixel_is_an_affine_map_of_the_channels():
    x, W, b, dy = normals(9, (2, 3, 4, 5), (6, 3, 1, 1), (6,), (2, 6, 4, 5))
    conv = gradients(Conv2d(), x, W, b, dy=dy)
    pixels, upstream = (np.moveaxis(a, 1, -1) for a in (x, dy))
    affine = gradients(Affine(), pixels, W[:, :, 0, 0].T, b, dy=upstream)
    assert_close(conv[0], np.moveaxis(affine[0], -1, 1))
    assert_close(conv[1][:, :, 0, 0], affine[1].T)
    assert_close(conv[2], affine[2])


def test_a_filter_of_the_whole_image_is_an_affine_map_of_its_pixels():
    x, W, b, dy = normals(10, (2, 3, 4, 5), (6, 3, 4, 5), (6,), (2, 6, 1, 1))
    conv = gradients(Conv2d(), x, W, b, dy=dy)
    affine = gradients(Affine(), x.reshape(2, -1), W.reshape(6, -1).T, b, dy=dy[:, :, 0, 0])
    assert_close(conv[0], affine[0].reshape(x.shape))
    assert_close(conv[1], affine[1].T.reshape(W.shape))


def test_groups_are_convolutions_side_by_side():
    x, W, b, dy = normals(11, (2, 4, 5, 5), (6, 2, 2, 2), (6,), (2, 6, 4, 4))
    halves = [
        gradients(Conv2d(), x[:, i : i + 2], W[j : j + 3], b[j : j + 3], dy=dy[:, j : j + 3])
        for i, j in ((0, 0), (2, 3))
    ]
    whole = gradients(Conv2d(groups=2), x, W, b, dy=dy)
    for actual, parts, axis in zip(whole, zip(*halves, strict=True), (1, 0, 0), strict=True):
        assert_close(actual, np.concatenate(parts, axis))


def test_a_group_for_every_channel_filters_each_by_itself():
    x, W, b = normals(12, (2, 3, 4, 5), (6, 1, 2, 2), (6,))
    assert_verified(Conv2d(groups=3), x, W, b)


def test_rows_and_columns_that_no_window_reaches_have_gradient_0():
    x, W, b, dy = normals(13, (1, 1, 5, 6), (1, 1, 2, 2), (1,), (1, 1, 2, 2))
    dx, _, _ = gradients(Conv2d(stride=(2, 3)), x, W, b, dy=dy)
    assert not dx[..., 4, :].any()
    assert not dx[..., [2, 5]].any()
    assert np.all(dx[..., :4, [0, 1, 3, 4]] != 0)


def test_an_empty_batch_of_images_gives_filters_gradient_0():
    W, b = normals(14, (3, 2, 2, 2), (3,))
    y, residuals = Conv2d().forward(np.empty((0, 2, 4, 5)), W, b)
    assert y.shape == (0, 3, 3, 4)
    dx, dW, db = Conv2d().backward(residuals, y)
    assert dx.shape == (0, 2, 4, 5)
    assert np.array_equal(dW, np.zeros(W.shape))
    assert np.array_equal(db, np.zeros(3))


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


def test_a_filter_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="a window of 3 does not fit into 2 with padding 0"):
        Conv2d().forward(np.zeros((1, 1, 2, 4)), np.zeros((1, 1, 3, 3)), np.zeros(1))
