"""Facts of indexing: what is taken twice gets both gradients, and what nobody takes gets none."""

import tracemalloc

import numpy as np
import pytest

from handgrad import Affine, Embedding, EmbeddingBag, ScatterAdd, Take, TakeAlongAxis
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

T = np.array([[2, 0, 2], [4, 2, 1]])


def test_a_row_that_is_taken_several_times_gets_the_sum():
    E, dy = normals(1, (6, 3), (2, 3, 3))
    dE, dt = gradients(Embedding(), E, T, dy=dy)
    assert dt is None
    assert_close(dE[2], dy[0, 0] + dy[0, 2] + dy[1, 1])
    assert not dE[[3, 5]].any()


def test_an_embedding_is_a_product_with_one_hot_rows():
    E, dy = normals(2, (6, 3), (2, 3, 3))
    product = gradients(Affine(), np.eye(6)[T], E, np.zeros(3), dy=dy)
    assert_close(value(Embedding(), E, T), value(Affine(), np.eye(6)[T], E, np.zeros(3)))
    assert_close(gradients(Embedding(), E, T, dy=dy)[0], product[1])


def test_padding_is_0_and_has_gradient_0():
    E, dy = normals(3, (6, 3), (2, 3, 3))
    E[2] = np.inf
    rule = Embedding(padding_idx=2)
    assert not value(rule, E, T)[T == 2].any()
    assert not gradients(rule, E, T, dy=dy)[0][2].any()


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [-1, 2])
def test_bags_are_those_of_torch(mode, padding_idx):
    (E,) = normals(4, (6, 3))
    padding = None if padding_idx < 0 else padding_idx
    assert_like_torch(
        EmbeddingBag(mode, padding_idx),
        lambda f: lambda E, t: f.embedding_bag(t, E, mode=mode, padding_idx=padding),
        E,
        np.array([[2, 0, 3], [4, 5, 1]]),
    )


def test_an_embedding_is_that_of_torch():
    (E,) = normals(5, (6, 3))
    E[2] = 0
    for padding_idx in (-1, 2):
        padding = None if padding_idx < 0 else padding_idx
        assert_like_torch(
            Embedding(padding_idx), lambda f, p=padding: lambda E, t: f.embedding(t, E, p), E, T
        )


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_an_empty_bag_gives_0_and_has_gradient_0(mode):
    E, dy = normals(6, (3, 2), (2, 2))
    t = np.array([[1, 1], [0, 1]])
    rule = EmbeddingBag(mode, padding_idx=1)
    assert_close(value(rule, E, t), [[0, 0], E[0]])
    assert_close(gradients(rule, E, t, dy=dy)[0], [dy[1], [0, 0], [0, 0]])


def test_a_label_that_stands_twice_in_a_bag_counts_twice_in_the_mean_and_once_in_the_maximum():
    E, dy = np.array([[5.0], [1.0]]), np.array([[0.75]])
    t = np.array([[0, 0, 1]])
    assert_close(gradients(EmbeddingBag("mean"), E, t, dy=dy)[0], [[0.5], [0.25]])
    assert_close(gradients(EmbeddingBag("max"), E, t, dy=dy)[0], [[0.75], [0]])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)])
def test_places_of_any_shape_are_taken_as_in_numpy(axis, shape):
    rng = np.random.default_rng(7)
    x, i = rng.normal(size=(3, 4, 3)), rng.integers(3, size=shape)
    y, residuals = Take(axis).forward(x, i)
    assert np.array_equal(y, np.take(x, i, axis=axis))
    dy = rng.normal(size=y.shape)
    dx = np.zeros(x.shape)
    moved = np.moveaxis(dx, axis, 0)  # a view
    rest = dy.reshape(*x.shape[: axis % 3], i.size, *x.shape[axis % 3 + 1 :])
    np.add.at(moved, i.ravel(), np.moveaxis(rest, axis % 3, 0))
    assert_close(Take(axis).backward(residuals, dy)[0], dx)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_numbers_along_an_axis_go_back_to_their_places(axis):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(4, 5, 6))
    i = rng.integers(4, size=np.take(x, [0, 1, 2], axis=axis).shape)
    y, residuals = TakeAlongAxis(axis).forward(x, i)
    assert np.array_equal(y, np.take_along_axis(x, i, axis))
    dy = rng.normal(size=y.shape)
    dx = np.zeros(x.shape)
    grid = np.indices(i.shape)
    grid[axis % 3] = i
    np.add.at(dx, tuple(grid), dy)
    assert_close(TakeAlongAxis(axis).backward(residuals, dy)[0], dx)


def test_one_row_of_places_may_serve_all_rows_and_one_row_of_numbers_too():
    x, dy = normals(9, (3, 4), (3, 2))
    dx, _ = gradients(TakeAlongAxis(), x, np.array([[3, 3]]), dy=dy)
    assert_close(dx[:, 3], dy.sum(axis=1))
    (dx, _) = gradients(TakeAlongAxis(), x[:1], np.array([[0, 1], [1, 0], [0, 2]]), dy=dy)
    assert_close(dx, [[dy[0, 0] + dy[1, 1] + dy[2, 0], dy[0, 1] + dy[1, 0], dy[2, 1], 0]])


def test_scatter_add_is_the_transpose_of_take():
    x, v, dy = normals(10, (5, 3), (4, 3), (5, 3))
    i = np.array([4, 0, 4, 1])
    dx, di, dv = gradients(ScatterAdd(), x, i, v, dy=dy)
    assert di is None
    assert np.array_equal(dx, dy)
    assert np.array_equal(dv, value(Take(), dy, i))
    added = value(ScatterAdd(), np.zeros((5, 3)), i, v)
    assert_close(np.sum(added * dy), np.sum(v * value(Take(), dy, i)))


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32])
def test_small_integers_name_places_beyond_their_own_range(kind):
    E, dy = normals(11, (100, 9), (2, 9))
    dE, _ = gradients(Embedding(), E, np.array([99, 99], kind), dy=dy)
    assert_close(dE[99], dy.sum(axis=0))


def test_a_large_table_costs_no_product_with_it():
    E, dy = normals(12, (30_000, 8), (2_000, 8))
    tracemalloc.start()
    gradients(Embedding(), E, np.arange(2_000) * 7, dy=dy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * E.nbytes  # one-hot rows would take 30 times that
