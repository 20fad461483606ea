"""Facts of transposed convolution: it is a convolution's backward, and its backward a convolution."""

import numpy as np
import pytest

from handgrad import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    gradients,
    normals,
    value,
)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("size", [7, 8])
def test_it_is_the_gradient_of_a_convolution(groups, size):
    x, W = normals(1, (2, 4, size), (6, 4 // groups, 3))
    conv = Conv1d(2, 1, 1, groups)
    y, residuals = conv.forward(x, W, np.zeros(6))
    (dy,) = normals(2, y.shape)
    dx, *_ = conv.backward(residuals, dy)
    rule = ConvTranspose1d(2, 1, (size + 1) % 2, 1, groups)
    assert_close(value(rule, dy, W, np.zeros(4)), dx)


def test_its_gradient_is_a_convolution():
    x, W, b, dy = normals(3, (2, 4, 5, 4), (4, 3, 3, 2), (3,), (2, 3, 11, 5))
    dx, _, db = gradients(ConvTranspose2d((2, 1)), x, W, b, dy=dy)
    assert_close(dx, value(Conv2d((2, 1)), dy, W, np.zeros(4)))
    assert_close(db, dy.sum(axis=(0, 2, 3)))


@pytest.mark.parametrize("groups", [1, 2])
def test_it_is_that_of_torch(groups):
    options = {"padding": 1, "output_padding": 1, "groups": groups, "dilation": 2}
    one, two = normals(4, (2, 4, 5), (2, 4, 5, 3))
    W1, W2, b = normals(5, (4, 3, 4), (4, 3, 2, 3), (3 * groups,))
    rule = ConvTranspose1d(3, **options)
    assert_like_torch(
        rule, lambda f: lambda *a: f.conv_transpose1d(*a, stride=3, **options), one, W1, b
    )
    rule = ConvTranspose2d((2, 3), (1, 0), (1, 2), (1, 2), groups)
    assert_like_torch(
        rule,
        lambda f: lambda *a: f.conv_transpose2d(*a, (2, 3), (1, 0), (1, 2), groups, (1, 2)),
        two,
        W2,
        b,
    )


def test_one_number_lays_its_filter_onto_y():
    x = np.zeros((1, 1, 3))
    x[0, 0, 1] = 2.0
    W = np.array([[[1.0, -3.0]]])
    assert np.array_equal(value(ConvTranspose1d(2), x, W, np.zeros(1))[0, 0], [0, 0, 2, -6, 0, 0])


def test_filters_that_do_not_overlap_leave_gaps_with_the_bias_alone():
    (x,) = normals(6, (1, 1, 3))
    y = value(ConvTranspose1d(3), x, np.array([[[1.5]]]), np.array([0.25]))
    assert_close(
        y[0, 0],
        [
            1.5 * x[0, 0, 0] + 0.25,
            0.25,
            0.25,
            1.5 * x[0, 0, 1] + 0.25,
            0.25,
            0.25,
            1.5 * x[0, 0, 2] + 0.25,
        ],
    )


def test_an_output_padding_of_a_whole_stride_is_refused():
    with pytest.raises(ValueError, match="output_padding is 2: it must be below the stride, 2"):
        ConvTranspose1d(2, output_padding=2).forward(*map(np.ones, [(1, 1, 2), (1, 1, 2), (1,)]))
