"""Facts of rearrangement: each movement is undone, and a number gets all gradients of its copies."""

import numpy as np
import pytest

from handgrad import Diagonal, Flip, Pad, Repeat, Roll, Stack, Tile, Tril
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

MODES = ["constant", "reflect", "edge", "circular"]


@pytest.mark.parametrize("rule", [Flip(1), Flip(-1), Roll(3, 0), Roll(-2, 1)], ids=repr)
def test_what_only_moves_is_undone_by_its_gradient(rule):
    (x,) = normals(1, (4, 5))
    assert np.array_equal(gradients(rule, x, dy=value(rule, x))[0], x)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Flip(), [3, 2, 1]),
        (Roll(1), [3, 1, 2]),
        (Repeat(2), [1, 1, 2, 2, 3, 3]),
        (Tile((2,)), [1, 2, 3, 1, 2, 3]),
        (Pad(((2, 1),), value=9.0), [9, 9, 1, 2, 3, 9]),
        (Pad(((2, 1),), "reflect"), [3, 2, 1, 2, 3, 2]),
        (Pad(((2, 1),), "edge"), [1, 1, 1, 2, 3, 3]),
        (Pad(((2, 1),), "circular"), [2, 3, 1, 2, 3, 1]),
    ],
    ids=repr,
)
def test_three_numbers_stand_where_they_should(rule, expected):
    assert np.array_equal(value(rule, np.array([1.0, 2, 3])), expected)


@pytest.mark.parametrize("mode", MODES)
def test_a_number_gets_the_gradient_of_every_place_at_which_padding_repeats_it(mode):
    x = np.arange(1.0, 13).reshape(3, 4)
    rule = Pad(((2, 1), (1, 3)), mode)
    y, residuals = rule.forward(x)
    (dy,) = normals(2, y.shape)
    (dx,) = rule.backward(residuals, dy)
    assert_close(dx, [[np.sum(dy[y == number]) for number in row] for row in x])


@pytest.mark.parametrize(
    ("mode", "name"), [("reflect", "reflect"), ("edge", "replicate"), ("circular", "circular")]
)
def test_padding_is_that_of_torch(mode, name):
    (x,) = normals(3, (2, 3, 4, 5))
    rule = Pad(((2, 1), (0, 3)), mode)
    assert_like_torch(rule, lambda f: lambda x: f.pad(x, (0, 3, 2, 1), mode=name), x)


@pytest.mark.parametrize(("mode", "width", "most"), [("reflect", 3, 2), ("circular", 4, 3)])
def test_padding_that_is_wider_than_its_source_is_refused(mode, width, most):
    message = (
        f"a {mode} padding of {width} is wider than an axis of 3 allows: it has at most {most}"
    )
    with pytest.raises(ValueError, match=message):
        Pad(((width, 0),), mode).forward(np.zeros(3))


def test_an_edge_may_be_wider_than_the_array():
    (dy,) = normals(4, (8,))
    (dx,) = gradients(Pad(((5, 1),), "edge"), np.zeros(2), dy=dy)
    assert_close(dx, [np.sum(dy[:6]), np.sum(dy[6:])])


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (2, 3, 4)])
@pytest.mark.parametrize("offset", [-2, 0, 1, 7])
def test_a_diagonal_is_taken_and_put_back_where_it_stood(shape, offset):
    x, square = normals(5, shape, shape)
    y, residuals = Diagonal(offset).forward(x)
    assert np.array_equal(y, np.diagonal(x, offset, axis1=-2, axis2=-1))
    (dx,) = Diagonal(offset).backward(residuals, np.diagonal(square, offset, axis1=-2, axis2=-1))
    rows, columns = np.indices(shape[-2:])
    assert np.array_equal(dx, np.where(columns - rows == offset, square, 0))


@pytest.mark.parametrize("k", [-1, 0, 2])
def test_the_upper_triangle_has_gradient_0(k):
    x, dy = normals(6, (3, 4), (3, 4))
    assert np.array_equal(gradients(Tril(k), x, dy=dy)[0], np.tril(dy, k))
    assert np.array_equal(value(Tril(k), x), np.tril(x, k))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_every_part_of_a_stack_gets_back_its_own_slice(axis):
    *parts, dy = normals(7, (2, 3), (2, 3), (2, 3), (3, 2, 3))
    assert np.array_equal(value(Stack(axis), *parts), np.stack(parts, axis))
    grads = gradients(Stack(axis), *parts, dy=np.moveaxis(dy, 0, axis))
    assert all(map(np.array_equal, grads, dy))


@pytest.mark.parametrize("times", [(2,), (3, 2), (1, 4)])
def test_a_tile_gets_the_sum_over_its_copies(times):
    (x,) = normals(8, (2, 3, 4))
    y, residuals = Tile(times).forward(x)
    assert np.array_equal(y, np.tile(x, times))
    assert_close(Tile(times).backward(residuals, y)[0], np.prod(times) * x)
