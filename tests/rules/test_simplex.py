"""Facts of maps onto the simplex: sums, symmetries, and numbers far from 0."""

import numpy as np
import pytest

from handgrad import Sigmoid, Softmax
from tests.rules.running import assert_close, assert_verified, gradients, normals, value


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
def test_softmax_takes_any_one_axis(axis):
    (x,) = normals(6, (2, 3, 4))
    assert_close(np.sum(value(Softmax(axis), x), axis=axis), np.ones(np.delete(x.shape, axis)))
    assert_verified(Softmax(axis), x)


def test_softmax_takes_a_single_row():
    (x,) = normals(7, (5,))
    assert_verified(Softmax(), x)


def test_softmax_gradient_sums_to_zero_over_each_row():
    x, dy = normals(8, (4, 5), (4, 5))
    (dx,) = gradients(Softmax(), x, dy=dy)
    assert np.max(np.abs(np.sum(dx, axis=-1))) < 1e-15
    assert np.max(np.abs(dx)) > 0.01


def test_softmax_does_not_see_a_number_added_to_a_whole_row():
    x, dy, shift = normals(9, (4, 5), (4, 5), (4, 1))
    assert_close(value(Softmax(), x + shift), value(Softmax(), x))
    assert_close(gradients(Softmax(), x + shift, dy=dy)[0], gradients(Softmax(), x, dy=dy)[0])


def test_softmax_has_a_symmetric_jacobian():
    x, u, v = normals(10, (5,), (5,), (5,))
    forth = np.sum(gradients(Softmax(), x, dy=u)[0] * v)
    back = np.sum(gradients(Softmax(), x, dy=v)[0] * u)
    assert_close(forth, back)


def test_the_same_upstream_gradient_for_a_whole_row_moves_softmax_nowhere():
    x, dy = normals(11, (4, 5), (4, 1))
    (dx,) = gradients(Softmax(), x, dy=np.repeat(dy, 5, axis=1))
    assert np.max(np.abs(dx)) < 1e-15


def test_softmax_of_two_numbers_is_the_sigmoid_of_their_difference():
    x, dy = normals(12, (6, 2), (6,))
    (dx,) = gradients(Softmax(), x, dy=np.stack([dy, 0 * dy], axis=1))
    (slope,) = gradients(Sigmoid(), x[:, 0] - x[:, 1], dy=dy)
    assert_close(value(Softmax(), x)[:, 0], value(Sigmoid(), x[:, 0] - x[:, 1]))
    assert_close(dx, np.stack([slope, -slope], axis=1))


def test_softmax_of_equal_numbers_is_uniform():
    assert_close(value(Softmax(), np.full((2, 4), -7.0)), np.full((2, 4), 0.25))


def test_softmax_far_out_is_one_hot_without_a_warning():
    x, dy = np.array([[1000.0, 0, -1000], [-1e300, -np.inf, 5]]), normals(13, (2, 3))[0]
    assert np.array_equal(value(Softmax(), x), [[1, 0, 0], [0, 0, 1]])
    assert np.array_equal(gradients(Softmax(), x, dy=dy)[0], np.zeros((2, 3)))


def test_rows_of_softmax_do_not_see_each_other():
    x, dy = normals(14, (4, 5), (4, 5))
    rows = [gradients(Softmax(), x[i], dy=dy[i])[0] for i in range(4)]
    assert_close(gradients(Softmax(), x, dy=dy)[0], np.stack(rows))
