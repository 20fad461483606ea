"""Facts of linear maps: vectors, stacks, rows of any batch, and sizes of 0."""

import numpy as np
import pytest

from handgrad import Add, Affine, MatMul
from tests.rules.running import assert_close, assert_verified, gradients, normals, value


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 2)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (4, 3, 2)),
        ((1, 2, 3), (5, 3, 1)),
        ((1,), (1,)),
    ],
    ids=repr,
)
def test_vectors_and_broadcast_stacks_are_multiplied_as_in_numpy(a, b):
    a, b = normals(1, a, b)
    assert_close(value(MatMul(), a, b), np.matmul(a, b))
    assert_verified(MatMul(), a, b)


def test_the_inner_product_gives_each_vector_the_other():
    a, b = normals(2, (4,), (4,))
    da, db = gradients(MatMul(), a, b, dy=np.float64(-1.3))
    assert_close(da, -1.3 * b)
    assert_close(db, -1.3 * a)


def test_a_matrix_shared_by_a_stack_gets_the_sum_over_the_stack():
    a, b, dy = normals(3, (5, 2, 3), (3, 4), (5, 2, 4))
    _, db = gradients(MatMul(), a, b, dy=dy)
    assert_close(db, sum(x.T @ d for x, d in zip(a, dy, strict=True)))


def test_the_product_turned_over_has_the_gradients_turned_over():
    a, b, dy = normals(4, (2, 3), (3, 4), (2, 4))
    da, db = gradients(MatMul(), a, b, dy=dy)
    turned = gradients(MatMul(), b.T, a.T, dy=dy.T)
    assert_close(turned[0].T, db)
    assert_close(turned[1].T, da)


def test_a_matrix_product_pairs_with_both_of_its_gradients_alike():
    a, b, dy = normals(5, (2, 3), (3, 4), (2, 4))
    da, db = gradients(MatMul(), a, b, dy=dy)
    paired = np.sum(dy * (a @ b))
    assert_close(np.sum(da * a), paired)
    assert_close(np.sum(db * b), paired)


@pytest.mark.parametrize("x", [(3,), (1, 3), (5, 3), (4, 5, 3), (2, 4, 5, 3)], ids=repr)
def test_the_rows_of_any_batch_go_through_an_affine_map(x):
    x, W, b = normals(6, x, (3, 2), (2,))
    assert value(Affine(), x, W, b).shape == (*x.shape[:-1], 2)
    assert_verified(Affine(), x, W, b)


def test_an_affine_map_is_a_matrix_product_and_a_sum():
    x, W, b, dy = normals(7, (4, 5, 3), (3, 2), (2,), (4, 5, 2))
    dxW, db = gradients(Add(), value(MatMul(), x, W), b, dy=dy)
    expected = (*gradients(MatMul(), x, W, dy=dxW), db)
    for actual, wanted in zip(gradients(Affine(), x, W, b, dy=dy), expected, strict=True):
        assert_close(actual, wanted)


def test_the_gradient_of_the_weights_is_the_sum_of_the_samples_outer_products():
    x, W, b, dy = normals(8, (5, 3), (3, 2), (2,), (5, 2))
    _, dW, db = gradients(Affine(), x, W, b, dy=dy)
    assert_close(dW, sum(np.outer(row, d) for row, d in zip(x, dy, strict=True)))
    assert_close(db, sum(dy))


def test_one_sample_is_a_batch_of_one():
    x, W, b, dy = normals(9, (3,), (3, 2), (2,), (2,))
    batch = gradients(Affine(), x[None], W, b, dy=dy[None])
    sample = gradients(Affine(), x, W, b, dy=dy)
    assert_close(sample[0], batch[0][0])
    assert_close(sample[1], batch[1])
    assert_close(sample[2], batch[2])


def test_no_samples_give_gradients_of_0():
    W, b = normals(10, (3, 2), (2,))
    dx, dW, db = gradients(Affine(), np.empty((0, 3)), W, b, dy=np.empty((0, 2)))
    assert dx.shape == (0, 3)
    assert np.array_equal(dW, np.zeros((3, 2)))
    assert np.array_equal(db, np.zeros(2))


@pytest.mark.parametrize(("inputs", "outputs"), [(0, 2), (3, 0), (0, 0)])
def test_an_affine_map_may_have_no_inputs_or_no_outputs(inputs, outputs):
    x, W, b, dy = normals(11, (4, inputs), (inputs, outputs), (outputs,), (4, outputs))
    dx, dW, db = gradients(Affine(), x, W, b, dy=dy)
    assert np.array_equal(dx, np.zeros((4, inputs)))
    assert dW.shape == (inputs, outputs)
    assert_close(db, np.sum(dy, axis=0))


def test_a_product_over_no_numbers_is_0_and_so_are_its_gradients():
    a, b, dy = np.empty((2, 0)), np.empty((0, 3)), normals(12, (2, 3))[0]
    assert np.array_equal(value(MatMul(), a, b), np.zeros((2, 3)))
    da, db = gradients(MatMul(), a, b, dy=dy)
    assert da.shape == (2, 0)
    assert db.shape == (0, 3)


@pytest.mark.parametrize("rule", [MatMul(), Affine()], ids=repr)
def test_sizes_that_do_not_fit_are_refused(rule):
    inputs = (np.ones((2, 3)), np.ones((4, 2)), np.ones(2))
    with pytest.raises(ValueError, match="size 4 is different from 3"):
        rule.forward(*inputs[: 3 if rule == Affine() else 2])
