"""Facts of square matrices: what their inverses, determinants and exponentials have in common."""

import numpy as np
import pytest

from handgrad import Cholesky, Det, Expm, Inverse, LogDet, MatMul, Solve, TriangularSolve
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value


def regular(seed, *shape):
    """Random matrices, far from singular."""
    return normals(seed, shape)[0] + 3 * np.sqrt(shape[-1]) * np.eye(shape[-1])


TORCHS = {
    Inverse(): lambda linalg: linalg.inv,
    Solve(): lambda linalg: linalg.solve,
    TriangularSolve(): lambda linalg: (
        lambda L, B: linalg.solve_triangular(L.tril(), B, upper=False)
    ),
    TriangularSolve(transposed=True): lambda linalg: (
        lambda L, B: linalg.solve_triangular(L.tril().mT, B, upper=True)
    ),
    Det(): lambda linalg: linalg.det,
    LogDet(): lambda linalg: lambda A: linalg.slogdet(A)[1],
    Expm(): lambda linalg: linalg.matrix_exp,
}


@pytest.mark.parametrize("rule", TORCHS, ids=repr)
def test_torch_has_the_same_value_and_gradients_of_a_stack(rule):
    torch = pytest.importorskip("torch", reason="torch is an extra")
    B = normals(1, (2, 4, 3)) if "Solve" in repr(rule) else ()
    assert_like_torch(rule, lambda _: TORCHS[rule](torch.linalg), regular(2, 2, 4, 4), *B)


@pytest.mark.parametrize("rule", [Solve(), TriangularSolve(), TriangularSolve(transposed=True)])
def test_one_matrix_solves_for_a_stack_of_right_sides_and_gathers_from_all(rule):
    A = regular(3, 4, 4)
    B, dY = normals(4, (5, 4, 2), (5, 4, 2))
    dA, dB = gradients(rule, A, B, dy=dY)
    apart = [gradients(rule, A, b, dy=d) for b, d in zip(B, dY, strict=True)]
    assert_close(dA, sum(grads[0] for grads in apart))
    assert_close(dB, np.stack([grads[1] for grads in apart]))


def test_a_solution_is_a_product_with_the_inverse_and_so_are_its_gradients():
    A = regular(5, 4, 4)
    B, dY = normals(6, (4, 3), (4, 3))
    Y = value(Inverse(), A)
    assert_close(value(Solve(), A, B), Y @ B)
    dA, dB = gradients(Solve(), A, B, dy=dY)
    d_inverse, expected = gradients(MatMul(), Y, B, dy=dY)
    assert_close(dB, expected)
    assert_close(dA, gradients(Inverse(), A, dy=d_inverse)[0])


def test_what_stands_above_the_diagonal_is_not_read_and_gets_nothing():
    L, B, dY = regular(7, 4, 4), *normals(8, (4, 3), (4, 3))
    dL, _ = gradients(TriangularSolve(), L, B, dy=dY)
    assert np.array_equal(value(TriangularSolve(), L, B), value(TriangularSolve(), np.tril(L), B))
    assert not np.triu(dL, 1).any()
    assert dL[np.tril_indices(4)].all()


def test_two_triangular_systems_behind_a_cholesky_factorization_solve_a_system():
    X, B, dY = normals(9, (4, 4), (4, 2), (4, 2))
    A = X @ X.T + 4 * np.eye(4)
    L = value(Cholesky(), A)
    half = value(TriangularSolve(), L, B)
    assert_close(value(TriangularSolve(transposed=True), L, half), value(Solve(), A, B))
    dL, dhalf = gradients(TriangularSolve(transposed=True), L, half, dy=dY)
    more, dB = gradients(TriangularSolve(), L, B, dy=dhalf)
    dA, expected = gradients(Solve(), A, B, dy=dY)
    assert_close(dB, expected)
    assert_close(gradients(Cholesky(), A, dy=dL + more)[0], (dA + dA.T) / 2)


def cofactors(A):
    """The determinant of what is left without the row and the column of each entry, with its sign."""
    n = len(A)
    rest = [[np.delete(np.delete(A, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array(
        [[(-1) ** (i + j) * np.linalg.det(rest[i][j]) for j in range(n)] for i in range(n)]
    )


@pytest.mark.parametrize("rank", [4, 3, 2, 0])
def test_the_gradient_of_a_determinant_is_the_cofactors_also_where_it_is_0(rank):
    left, right = normals(10, (4, rank), (rank, 4))
    A, dy = left @ right, np.array(1.7)
    expected = dy * cofactors(A) if rank > 2 else np.zeros((4, 4))
    (dA,) = gradients(Det(), A, dy=dy)
    scale = np.max(np.abs(A)) ** 3 + 1
    assert np.max(np.abs(dA - expected)) <= 1e-13 * scale


def test_det_and_log_det_tell_a_matrix_from_its_mirror_image_by_the_sign_alone():
    A, dy = regular(11, 4, 4), np.array(1.3)
    mirror = A[[1, 0, 2, 3]]
    assert_close(value(Det(), mirror), -value(Det(), A))
    assert_close(value(LogDet(), mirror), value(LogDet(), A))
    assert_close(gradients(Det(), mirror, dy=dy)[0], -gradients(Det(), A, dy=dy)[0][[1, 0, 2, 3]])
    assert_close(
        gradients(LogDet(), mirror, dy=dy)[0], gradients(LogDet(), A, dy=dy)[0][[1, 0, 2, 3]]
    )


def test_the_logarithm_of_a_determinant_is_finite_where_that_overflows():
    A = 100 * regular(12, 200, 200)
    assert np.isfinite(value(LogDet(), A))
    assert_close(gradients(LogDet(), A, dy=np.array(1.1))[0], 1.1 * np.linalg.inv(A).T)


def test_the_gradient_of_log_det_along_the_matrix_itself_is_its_size():
    A = regular(13, 5, 5)
    (dA,) = gradients(LogDet(), A, dy=np.array(1.0))
    assert_close(np.sum(dA * A), 5)


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_the_exponential_has_the_gradient_of_its_eigenvalues(size):
    """Daleckii and Krein: in the eigenvectors, dY times divided differences of exp."""
    X, dY = normals(14, (4, 4), (4, 4))
    A = size * (X + X.T) / np.linalg.norm(X + X.T)
    w, V = np.linalg.eigh(A)
    gaps = w[:, None] - w + np.eye(4)
    slopes = np.where(np.eye(4) == 1, np.exp(w), np.exp(w) * np.expm1(w[:, None] - w) / gaps)
    assert_close(value(Expm(), A), V * np.exp(w) @ V.T, 1e-11)
    assert_close(gradients(Expm(), A, dy=dY)[0], V @ (slopes * (V.T @ dY @ V)) @ V.T, 1e-11)


def test_the_exponential_of_a_nilpotent_matrix_is_a_polynomial():
    (A,) = normals(15, (2, 4, 4))
    A = np.triu(A, 1)
    assert_close(value(Expm(), A), np.eye(4) + A + A @ A / 2 + A @ A @ A / 6)


def test_the_exponential_of_an_antisymmetric_matrix_is_a_rotation():
    (A,) = normals(16, (4, 4))
    Y = value(Expm(), A - A.T)
    assert_close(Y @ Y.T, np.eye(4))
    assert_close(np.linalg.det(Y), 1)
