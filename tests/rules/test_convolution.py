"""Facts of convolution: windows that overlap or do not, borders, groups, and the past."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from handgrad import Affine, CausalConv1d, Conv1d, Conv2d, Conv3d
from tests.rules.images import IMAGE, WINDOWS, each_window
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)


@pytest.mark.parametrize("window", WINDOWS[1:3], ids=repr)
def test_windows_of_any_kind_are_judged_right(window):
    kernel, *rest = window
    x, W, b = normals(6, IMAGE, (4, 3, *kernel), (4,))
    assert_verified(Conv2d(*rest), x, W, b)


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


def test_a_filter_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="a window of 3 does not fit into 2 with padding 0"):
        Conv2d().forward(np.zeros((1, 1, 2, 4)), np.zeros((1, 1, 3, 3)), np.zeros(1))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_convolution_along_one_axis_is_that_of_an_image_of_one_row(groups):
    x, W, b, dy = normals(15, (2, 4, 9), (4, 4 // groups, 3), (4,), (2, 4, 5))
    along_one = gradients(Conv1d(2, 1, 1, groups), x, W, b, dy=dy)
    image = Conv2d((1, 2), (0, 1), (1, 1), groups)
    of_row = gradients(image, x[:, :, None], W[:, :, None], b, dy=dy[:, :, None])
    assert_close(along_one[0], of_row[0][:, :, 0])
    assert_close(along_one[1], of_row[1][:, :, 0])
    assert_close(along_one[2], of_row[2])


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_every_convolution_is_that_of_torch(groups):
    options = {"stride": 2, "padding": 1, "dilation": 2, "groups": groups}
    for axes, rule in enumerate((Conv1d, Conv2d, Conv3d), 1):
        inputs = normals(16, (2, 4, *(7, 6, 5)[:axes]), (4, 4 // groups, *(3, 2, 2)[:axes]), (4,))
        fields = {k: v if axes == 1 or k == "groups" else (v,) * axes for k, v in options.items()}
        name = f"conv{axes}d"
        assert_like_torch(
            rule(**fields), lambda f, n=name: partial(getattr(f, n), **options), *inputs
        )


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_causal_convolution_is_a_depthwise_one_after_zeros(dilation):
    x, W, b, dy = normals(17, (2, 3, 7), (3, 4), (3,), (2, 3, 7))
    late = np.pad(x, ((0, 0), (0, 0), (3 * dilation, 0)))
    depthwise = Conv1d(dilation=dilation, groups=3)
    expected = gradients(depthwise, late, W[:, None], b, dy=dy)
    dx, dW, db = gradients(CausalConv1d(dilation), x, W, b, dy=dy)
    assert_close(value(CausalConv1d(dilation), x, W, b), value(depthwise, late, W[:, None], b))
    assert_close(dx, expected[0][..., 3 * dilation :])
    assert_close(dW, expected[1][:, 0])
    assert_close(db, expected[2])


def test_the_future_moves_nothing_of_a_causal_convolution():
    x, W, b, dy = normals(18, (1, 2, 6), (2, 3), (2,), (1, 2, 6))
    changed = x + np.array([0, 0, 0, 0, 1.5, -2.5])
    rule = CausalConv1d()
    assert np.array_equal(value(rule, x, W, b)[..., :4], value(rule, changed, W, b)[..., :4])
    dy[..., 4:] = 0
    assert not gradients(rule, x, W, b, dy=dy)[0][..., 4:].any()


def test_a_causal_filter_may_be_longer_than_the_past():
    x, W, b = normals(19, (1, 2, 3), (2, 5), (2,))
    assert_verified(CausalConv1d(), x, W, b)
