"""Facts of factorizations: the product has the gradient of the whole, and signs are fixed."""

import numpy as np
import pytest
from handgrad.reference.factorizations import qr

from handgrad import QR, Cholesky, Eigh, MatMul, SingularValues
from tests.rules.running import assert_close, assert_like_torch, by_jax, gradients, normals, value


def spd(seed, *shape):
    """Symmetric matrices with eigenvalues above 1."""
    (X,) = normals(seed, shape)
    return X @ np.swapaxes(X, -1, -2) + np.eye(shape[-1])


def symmetric(A):
    return (A + np.swapaxes(A, -1, -2)) / 2


def test_torch_has_the_same_values_and_gradients_of_a_stack():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    assert_like_torch(Cholesky(), lambda _: torch.linalg.cholesky, spd(1, 2, 4, 4))
    assert_like_torch(SingularValues(), lambda _: torch.linalg.svdvals, *normals(2, (2, 4, 3)))


def test_the_product_of_the_cholesky_factors_gives_back_the_gradient_of_a():
    A, dY = spd(3, 4, 4), normals(4, (4, 4))[0]
    L = value(Cholesky(), A)
    left, right = gradients(MatMul(), L, L.T, dy=dY)
    assert_close(L @ L.T, A)
    assert_close(gradients(Cholesky(), A, dy=left + right.T)[0], symmetric(dY))


def test_what_comes_to_the_zeros_above_the_diagonal_of_l_moves_nothing():
    A, dL = spd(5, 4, 4), normals(6, (4, 4))[0]
    lower = gradients(Cholesky(), A, dy=np.tril(dL))[0]
    assert_close(gradients(Cholesky(), A, dy=dL)[0], lower)
    assert np.array_equal(lower, lower.T)


def test_an_unsymmetric_matrix_is_read_as_its_symmetric_part():
    A, shift, dw, dV = spd(7, 4, 4), *normals(8, (4, 4), (4,), (4, 4))
    shift = shift - shift.T
    assert_close(value(Cholesky(), A + shift), value(Cholesky(), A))
    for moved, right in zip(value(Eigh(), A + shift), value(Eigh(), A), strict=True):
        assert_close(moved, right, 1e-11)
    (dA,) = gradients(Eigh(), A, dy=(dw, dV))
    assert_close(dA, dA.T)


def test_eigenvectors_times_eigenvalues_give_back_the_gradient_of_a():
    A, dY = symmetric(normals(9, (2, 5, 5))[0]), normals(10, (2, 5, 5))[0]
    w, V = value(Eigh(), A)
    Y = (V * w[:, None, :]) @ np.swapaxes(V, -1, -2)
    dV = 2 * symmetric(dY) @ V * w[:, None, :]
    dw = np.sum(V * (dY @ V), axis=-2)
    assert_close(Y, A)
    assert_close(gradients(Eigh(), A, dy=(dw, dV))[0], symmetric(dY), 1e-11)


def test_the_largest_entry_of_each_eigenvector_is_positive():
    _, V = value(Eigh(), symmetric(normals(11, (6, 5, 5))[0]))
    assert np.all(np.max(V, axis=-2) == np.max(np.abs(V), axis=-2))


def test_what_depends_on_equal_eigenvalues_as_one_has_a_gradient():
    """The projection on the plane of two equal eigenvalues, between two others."""
    (X, dY) = normals(12, (4, 4), (4, 4))
    Q = np.linalg.qr(X)[0]
    A = symmetric(Q * np.array([1.0, 2.0, 2.0, 4.0]) @ Q.T)
    w, V = value(Eigh(), A)
    w[1:3] = 2  # but for rounding
    plane = np.array([0, 1, 1, 0])
    dV = 2 * symmetric(dY) @ V * plane
    (dA,) = Eigh().backward((w, V), (0 * w, dV))
    P, rest = V * plane @ V.T, np.array([1.0, 0, 0, 1 / -2])
    through = V * rest @ V.T  # the inverse of 2 − A, off the plane
    expected = P @ symmetric(dY) @ through + through @ symmetric(dY) @ P
    assert_close(dA, expected, 1e-11)


SHAPES = [(4, 4), (6, 3), (3, 6), (5, 1), (1, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_orthonormal_columns_and_triangles_have_the_gradients_of_gram_and_schmidt(shape):
    (A,) = normals(13, (2, *shape))
    ours = value(QR(), A)
    dy = tuple(normals(14, *(y.shape for y in ours)))
    theirs, (expected,) = by_jax(qr, [A], *dy)
    for mine, other in zip(ours, theirs, strict=True):
        assert_close(mine, other)
    assert_close(gradients(QR(), A, dy=dy)[0], expected, 1e-11)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_product_of_q_and_r_gives_back_the_gradient_of_a(shape):
    A, dY = normals(15, shape, shape)
    Q, R = value(QR(), A)
    assert_close(Q @ R, A)
    assert np.all(np.diagonal(R) > 0)
    assert_close(gradients(QR(), A, dy=tuple(gradients(MatMul(), Q, R, dy=dY)))[0], dY, 1e-11)


def test_columns_that_depend_on_each_other_have_the_gradient_0():
    A = np.zeros((3, 2))
    Q, R = value(QR(), A)
    dQ, dR = normals(16, Q.shape, R.shape)
    assert not gradients(QR(), A, dy=(dQ, dR))[0].any()


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_the_sum_of_the_singular_values_grows_fastest_along_the_nearest_rotation(shape):
    (A,) = normals(17, shape)
    U, _, V = np.linalg.svd(A, full_matrices=False)
    (dA,) = gradients(SingularValues(), A, dy=1.3 * np.ones(min(shape)))
    assert_close(dA, 1.3 * U @ V)


def test_a_sum_of_equal_singular_values_has_a_gradient():
    Q = np.linalg.qr(normals(18, (4, 4))[0])[0]
    assert_close(gradients(SingularValues(), 3 * Q, dy=1.3 * np.ones(4))[0], 1.3 * Q)


@pytest.mark.parametrize("rule", [Eigh(), SingularValues()], ids=repr)
def test_an_infinite_entry_gives_nan_and_comes_back(rule):
    A = np.eye(3)
    A[0, 0] = np.inf
    outputs = value(rule, A)
    assert all(np.all(np.isnan(y)) for y in (outputs if isinstance(outputs, tuple) else [outputs]))
