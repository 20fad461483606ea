"""Facts of mixing: whose sums are 1, what a shift changes, and where a layer's output goes."""

import numpy as np
import pytest

from handgrad import Add, DepthConnection, Layer, Sinkhorn, Softmax, WidthConnection
from tests.rules.running import assert_close, gradients, normals, value


@pytest.mark.parametrize("rounds", [1, 3])
def test_after_a_round_all_columns_sum_to_1(rounds):
    (x,) = normals(1, (2, 4, 5))
    assert_close(np.sum(value(Sinkhorn(rounds), x), axis=-2), np.ones((2, 5)))


def test_after_many_rounds_the_rows_of_a_square_do_so_as_well():
    (x,) = normals(2, (2, 4, 4))
    assert_close(np.sum(value(Sinkhorn(200), x), axis=-1), np.ones((2, 4)))


def test_one_round_is_a_softmax_of_rows_and_then_its_columns_over_their_sums():
    (x,) = normals(3, (4, 5))
    p = value(Softmax(axis=-1), x)
    assert_close(value(Sinkhorn(1), x), p / np.sum(p, axis=-2))


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_a_shift_of_a_row_changes_nothing_so_the_gradient_of_a_row_sums_to_0(rounds):
    x, shift, dy = normals(4, (4, 5), (4, 1), (4, 5))
    (dx,) = gradients(Sinkhorn(rounds), x, dy=dy)
    assert_close(value(Sinkhorn(rounds), x + shift), value(Sinkhorn(rounds), x))
    assert np.max(np.abs(np.sum(dx, axis=-1))) < 1e-15


def test_after_many_rounds_a_shift_of_a_column_changes_nothing_either():
    x, dy = normals(5, (4, 4), (4, 4))
    (dx,) = gradients(Sinkhorn(200), x, dy=dy)
    assert np.max(np.abs(np.sum(dx, axis=-2))) < 1e-13


def test_after_many_rounds_the_gradient_is_that_of_the_equations_that_y_solves():
    """y = exp(x − f − g) with sums 1: f and g move so that no sum does."""
    x, dy = normals(6, (4, 4), (4, 4))
    y = value(Sinkhorn(300), x)
    system = np.block([[np.diag(y.sum(1)), y], [y.T, np.diag(y.sum(0))]])
    sums = np.concatenate([np.sum(y * dy, axis=1), np.sum(y * dy, axis=0)])
    rows, columns = np.split(np.linalg.lstsq(system, sums)[0], 2)  # one shift of f and g is free
    expected = y * (dy - rows[:, None] - columns)
    assert_close(gradients(Sinkhorn(300), x, dy=dy)[0], expected)


def test_far_apart_numbers_overflow_nowhere():
    x = np.float32([[1e4, 0, -1e4], [3e4, 2e4, 0]])
    dy = np.float32(normals(7, (2, 3))[0])
    (dx,) = gradients(Sinkhorn(3), x, dy=dy)
    assert np.all(np.isfinite(value(Sinkhorn(3), x)))
    assert np.all(np.isfinite(dx))


def test_a_forbidden_pair_stays_forbidden_and_gets_no_gradient():
    x, dy = normals(8, (3, 4), (3, 4))
    x[1, 2] = -np.inf
    (dx,) = gradients(Sinkhorn(3), x, dy=dy)
    assert value(Sinkhorn(3), x)[1, 2] == dx[1, 2] == 0
    assert np.all(np.isfinite(dx))


def test_beside_x_two_vectors_a_round_are_kept():
    (x,) = normals(9, (6, 7))
    _, residuals = Sinkhorn(5).forward(x)
    assert residuals[0] is x
    assert [r.shape for r in residuals[1:]] == [(5, 6, 1), (5, 1, 7)]


def test_one_stream_with_weights_of_1_is_a_residual_connection():
    x, dy = normals(10, (5, 1, 3), (5, 1, 3))
    f = Layer(Softmax())
    z, r = value(WidthConnection(), x, np.ones((5, 1, 2)))
    f_of_z, weights = f.forward(z), np.ones((5, 1))
    assert_close(value(DepthConnection(), r, f_of_z, weights), value(Add(), x, f_of_z[:, None]))
    dr, df, _ = gradients(DepthConnection(), r, f_of_z, weights, dy=dy)
    dx, _ = gradients(WidthConnection(), x, np.ones((5, 1, 2)), dy=(f.backward(df), dr))
    assert_close(dx[:, 0], dy[:, 0] + gradients(Softmax(), x[:, 0], dy=dy[:, 0])[0])


def test_streams_that_are_mixed_by_sums_of_1_keep_their_sum():
    x, scores, dz, dy = normals(11, (5, 4, 3), (5, 4, 4), (5, 3), (5, 4, 3))
    mixer = value(Sinkhorn(300), scores)
    a = np.concatenate([np.zeros((5, 4, 1)), mixer], axis=-1)
    _, r = value(WidthConnection(), x, a)
    assert_close(np.sum(r, axis=1), np.sum(x, axis=1))
    dy[:] = dy[:, :1]
    assert_close(gradients(WidthConnection(), x, a, dy=(dz, dy))[0], dy)
