"""Facts of structure: moving numbers keeps all of them, and moving them back restores them."""

import numpy as np
import pytest

from handgrad import Broadcast, Concatenate, Copy, Reshape, Slice, Split, Transpose
from tests.rules.running import assert_close, assert_verified, gradients, normals, value


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_the_gradients_of_copies_add_up(copies):
    x, *dy = normals(1, (2, 3), *[(2, 3)] * copies)
    assert_close(gradients(Copy(copies), x, dy=tuple(dy))[0], sum(dy))
    assert_verified(Copy(copies), x)


def test_a_python_number_may_be_copied():
    assert value(Copy(3), 4.0) == (4.0, 4.0, 4.0)
    assert gradients(Copy(3), 4.0, dy=(1.5, 2.0, -0.25)) == (3.25,)


@pytest.mark.parametrize(
    ("shape", "wide"),
    [
        ((), ()),
        ((), (2, 3)),
        ((1,), (4,)),
        ((1, 1), (2, 3)),
        ((3,), (2, 3)),
        ((2, 1), (2, 3)),
        ((1, 3, 1), (4, 2, 3, 5)),
        ((2, 3), (2, 3)),
    ],
    ids=repr,
)
def test_every_number_gets_the_sum_over_its_places(shape, wide):
    (x,) = normals(2, shape)
    assert_verified(Broadcast(wide), x)


def test_a_stretched_number_gets_the_whole_sum():
    (dy,) = normals(3, (2, 3))
    assert_close(gradients(Broadcast((2, 3)), 2.0, dy=dy)[0], np.sum(dy))
    assert_close(gradients(Broadcast((2, 3)), np.full((1, 1), 2.0), dy=dy)[0], [[np.sum(dy)]])


def test_broadcast_to_no_rows_gives_gradient_0():
    (dx,) = gradients(Broadcast((0, 3)), np.full(3, 2.0), dy=np.empty((0, 3)))
    assert np.array_equal(dx, np.zeros(3))


@pytest.mark.parametrize("shape", [(24,), (4, -1), (1, 2, 1, 12), (6, 4)], ids=repr)
def test_a_reshape_is_undone_by_the_reshape_back(shape):
    x, dy = normals(4, (2, 3, 4), (24,))
    assert np.array_equal(value(Reshape((2, 3, 4)), value(Reshape(shape), x)), x)
    (dx,) = gradients(Reshape(shape), x, dy=dy.reshape(shape))
    assert np.array_equal(dx, dy.reshape(2, 3, 4))


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (-1, 0, 1), (0, -1, -2)])
def test_a_transpose_is_undone_by_its_own_gradient(axes):
    (x,) = normals(5, (2, 3, 4))
    y = value(Transpose(axes), x)
    assert np.array_equal(gradients(Transpose(axes), x, dy=y)[0], x)
    assert np.array_equal(y, np.transpose(x, axes))


@pytest.mark.parametrize(
    "rule",
    [
        Slice(1, 3),
        Slice(-2, None),
        Slice(None, -1, 2),
        Slice(3, 0, -2),
        Slice(None, None, -3),
        Slice(1, 2, axis=1),
        Slice(None, None, -1, axis=-1),
        Slice(0, 100),
    ],
    ids=repr,
)
def test_a_slice_takes_what_numpy_takes(rule):
    (x,) = normals(6, (5, 4, 3))
    taken = slice(rule.start, rule.stop, rule.step)
    expected = np.moveaxis(np.moveaxis(x, rule.axis, 0)[taken], 0, rule.axis)
    assert np.array_equal(value(rule, x), expected)
    assert_verified(rule, x)


@pytest.mark.parametrize(
    "rule", [Slice(2, 2), Slice(9), Slice(3, 1), Slice(0, 3, -1), Slice(2, 2, axis=1)], ids=repr
)
def test_an_empty_slice_gives_gradient_0(rule):
    (x,) = normals(7, (5, 4))
    y, residuals = rule.forward(x)
    assert y.size == 0
    assert np.array_equal(rule.backward(residuals, y)[0], np.zeros((5, 4)))


def test_what_a_slice_leaves_out_has_gradient_0():
    x, dy = normals(8, (5,), (2,))
    (dx,) = gradients(Slice(1, 4, 2), x, dy=dy)
    assert np.array_equal(dx, [0, dy[0], 0, dy[1], 0])


@pytest.mark.parametrize(
    ("axis", "shapes"),
    [
        (0, [(2, 3), (1, 3), (4, 3)]),
        (1, [(2, 3), (2, 1), (2, 2)]),
        (-1, [(2, 3, 1), (2, 3, 4)]),
        (0, [(3,), (2,)]),
        (1, [(2, 3)]),
        (1, [(2, 0), (2, 3)]),
    ],
    ids=repr,
)
def test_parts_are_put_together_along_any_axis(axis, shapes):
    parts = normals(9, *shapes)
    assert np.array_equal(value(Concatenate(axis), *parts), np.concatenate(parts, axis))
    assert_verified(Concatenate(axis), *parts)


def test_every_part_gets_back_its_own_piece():
    parts = normals(10, (2, 3), (2, 1), (2, 2))
    (dy,) = normals(11, (2, 6))
    pieces = gradients(Concatenate(1), *parts, dy=dy)
    for piece, expected in zip(pieces, (dy[:, :3], dy[:, 3:4], dy[:, 4:]), strict=True):
        assert np.array_equal(piece, expected)


@pytest.mark.parametrize(
    ("sections", "axis"), [(3, 0), (2, 1), (4, 1), (1, 0), (6, 0), (2, -1)], ids=repr
)
def test_split_and_concatenate_undo_each_other(sections, axis):
    (x,) = normals(12, (6, 4))
    parts = value(Split(sections, axis), x)
    assert len(parts) == sections
    assert np.array_equal(value(Concatenate(axis), *parts), x)
    assert np.array_equal(gradients(Split(sections, axis), x, dy=parts)[0], x)
    assert_verified(Split(sections, axis), x)


def test_sections_that_do_not_fill_the_axis_are_refused():
    with pytest.raises(ValueError, match="axis 1 has size 4, which 3 equal sections do not fill"):
        Split(3, axis=1).forward(np.zeros((6, 4)))
