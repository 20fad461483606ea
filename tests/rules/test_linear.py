"""Facts of linear maps: vectors, stacks, rows of any batch, and sizes of 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Add, Affine, Bilinear, Einsum, LowRankAffine, MatMul, Outer, Trace
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)


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


def test_a_low_rank_change_is_an_affine_map_of_the_sum():
    x, W, b, A, B, dy = normals(20, (2, 5, 4), (4, 3), (3,), (4, 2), (2, 3), (2, 5, 3))
    rule = LowRankAffine(scale=0.5)
    whole = W + 0.5 * A @ B
    dx, dW, db, dA, dB = gradients(rule, x, W, b, A, B, dy=dy)
    affine = gradients(Affine(), x, whole, b, dy=dy)
    assert_close(value(rule, x, W, b, A, B), value(Affine(), x, whole, b))
    for found, expected in zip((dx, dW, db), affine, strict=True):
        assert_close(found, expected)
    assert_close(dA, 0.5 * dW @ B.T)
    assert_close(dB, 0.5 * A.T @ dW)


def test_a_low_rank_change_that_begins_at_0_trains_b_first():
    x, W, b, A, dy = normals(21, (5, 4), (4, 3), (3,), (4, 2), (5, 3))
    *_, dA, dB = gradients(LowRankAffine(), x, W, b, A, np.zeros((2, 3)), dy=dy)
    assert not dA.any()
    assert dB.any()


def test_frozen_weights_have_no_gradient():
    x, W, b, A, B, dy = normals(22, (5, 4), (4, 3), (3,), (4, 2), (2, 3), (5, 3))
    _, residuals = LowRankAffine().forward(x, W, b, A, B)
    needs = (True, False, False, True, True)
    grads = LowRankAffine().backward(residuals, dy, needs=needs)
    assert [dx is not None for dx in grads] == list(needs)


def test_a_bilinear_form_is_that_of_torch():
    a, b, W, c = normals(23, (5, 3), (5, 4), (2, 3, 4), (2,))
    assert_like_torch(Bilinear(), "bilinear", a, b, W, c)


def test_a_bilinear_form_of_one_output_has_the_outer_products_as_gradient():
    a, b, W, c, dy = normals(24, (1, 3), (1, 4), (1, 3, 4), (1,), (1, 1))
    _, _, dW, _ = gradients(Bilinear(), a, b, W, c, dy=dy)
    assert_close(dW[0], dy[0, 0] * value(Outer(), a[0], b[0]))


def test_the_trace_of_an_outer_product_is_the_inner_product():
    a, b = normals(25, (4,), (4,))
    y, residuals = Trace().forward(value(Outer(), a, b))
    (dx,) = Trace().backward(residuals, np.array(1.5))
    assert_close(y, a @ b)
    assert_close(gradients(Outer(), a, b, dy=dx)[0], 1.5 * b)


def test_infinite_gradients_of_a_trace_stay_on_the_diagonal():
    (dx,) = gradients(Trace(), np.zeros((3, 3)), dy=np.array(np.inf))
    assert np.array_equal(dx == 0, ~np.eye(3, dtype=bool))


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk->k", [(2, 3), (3, 4)]),
        ("ij->ji", [(2, 3)]),
        ("ij->i", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("ii->", [(3, 3)]),
        ("iij->ji", [(3, 3, 2)]),
        ("iii,i->i", [(3, 3, 3), (3,)]),
        ("i,j,k->kij", [(2,), (3,), (4,)]),
        ("bij, bjk, bk -> bi", [(2, 3, 4), (2, 4, 5), (2, 5)]),
        ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]),
        ("...ij,jk->ik...", [(6, 5, 2, 3), (3, 4)]),
        ("...i,...i->...", [(4, 1, 3), (5, 3)]),
    ],
)
def test_every_kind_of_subscripts_has_the_gradients_of_jax(subscripts, shapes):
    arrays = normals(26, *shapes)
    y, pull = jax.vjp(lambda *a: jnp.einsum(subscripts, *a), *arrays)
    (dy,) = normals(27, y.shape)
    rule = Einsum(subscripts)
    assert_close(value(rule, *arrays), y)
    grads = gradients(rule, *arrays, dy=np.asarray(dy))
    for found, expected in zip(grads, pull(dy), strict=True):
        assert_close(found, expected)


@pytest.mark.parametrize("subscripts", ["ij,jk", "ij->ij", "ij,jk,k->i"])
def test_subscripts_that_do_not_fit_the_arguments_are_refused(subscripts):
    with pytest.raises(ValueError, match=f"the subscripts '{subscripts}' are for . arguments"):
        Einsum(subscripts).forward(np.ones((2, 3)), np.ones((3, 4)))
