"""Square matrices, and stacks of them: inverses, systems, determinants, and the exponential.

Giles, An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation, 2008.
"""

from dataclasses import dataclass

from handgrad.arrays import (
    array_namespace,
    device_of,
    outline,
    outlined,
    products_before,
    unbroadcast,
)

__all__ = ["Det", "Expm", "Inverse", "LogDet", "Solve", "TriangularSolve"]


@dataclass(frozen=True)
class Inverse:
    """Y = A⁻¹

        A : (..., D, D) invertible
        Y = inv(A)

    A Y is 1 and stays 1, so that δA Y + A δY is 0:

        A @ δY = -δA @ Y
        δY = -Y @ δA @ Y

    In ⟨dY, δY⟩ each factor beside δA goes over to dY as its transpose:

        dA = -matrix_transpose(Y) @ dY @ matrix_transpose(Y)

    Keeps Y.
    """

    def forward(self, A):
        Y = array_namespace(A).linalg.inv(A)
        return Y, (Y,)

    def backward(self, residuals, dY):
        (Y,) = residuals
        T = _transposed(Y)
        return (-(T @ dY @ T),)


@dataclass(frozen=True)
class Solve:
    """Y = A⁻¹ B    the solution of A Y = B

        A : (..., D, D) invertible
        B : (..., D, K)
        Y = solve(A, B)

    All three move, and the equation A Y = B still holds:

        δA @ Y + A @ δY = δB
        δY = solve(A, δB - δA @ Y)

    B moves Y through A⁻¹, so that its gradient solves the transposed system. A moves Y as a change
    of B by −δA Y would:

        dB = solve(matrix_transpose(A), dY)
        dA = -dB @ matrix_transpose(Y)

    No inverse is formed.

    Keeps A, Y and the shape of B.
    """

    def forward(self, A, B):
        Y = array_namespace(A, B).linalg.solve(A, B)
        return Y, (A, Y, outline(B))

    def backward(self, residuals, dY):
        A, Y, B = residuals
        dB = array_namespace(A).linalg.solve(_transposed(A), dY)
        return unbroadcast(-(dB @ _transposed(Y)), A.shape), unbroadcast(dB, outlined(B))


@dataclass(frozen=True)
class TriangularSolve:
    """Y = L⁻¹ B    with the lower triangle L of a matrix

        L : (..., D, D) lower
        B : (..., D, K)
        A = where(transposed == 1, matrix_transpose(tril(L)), tril(L))
        Y = solve(A, B)

    As in Solve:

        dB = solve(matrix_transpose(A), dY)
        dA = -dB @ matrix_transpose(Y)

    What stands above the diagonal of L is not read, and so gets the gradient 0:

        dL = tril(where(transposed == 1, matrix_transpose(dA), dA))
           = tril(-where(transposed == 1, Y @ matrix_transpose(dB), dB @ matrix_transpose(Y)))

    transposed=True solves Lᵀ Y = B. After a Cholesky factorization L Lᵀ, one after the other solves
    L Lᵀ Y = B.

    Keeps L, Y and the shape of B.
    """

    transposed: bool = False

    def forward(self, L, B):
        xp = array_namespace(L, B)
        L = xp.tril(L)
        Y = xp.linalg.solve(_transposed(L) if self.transposed else L, B)
        return Y, (L, Y, outline(B))

    def backward(self, residuals, dY):
        L, Y, B = residuals
        xp = array_namespace(L)
        dB = xp.linalg.solve(L if self.transposed else _transposed(L), dY)
        dL = Y @ _transposed(dB) if self.transposed else dB @ _transposed(Y)
        return unbroadcast(xp.tril(-dL), L.shape), unbroadcast(dB, outlined(B))


@dataclass(frozen=True)
class Det:
    """y = det A

        A : (..., D, D) invertible
        U, S, V = svd(A)
        y = det(A) = det(U) * prod(S, axis=-1) * det(V)

    det A is linear in each entry, with its cofactor for a slope (Jacobi). By Cramer's rule the
    matrix of the cofactors is det(A) A⁻¹, transposed:

        dA = (dy * y)[..., None, None] * matrix_transpose(inv(A))

    A singular matrix has cofactors too. Matrices of cofactors C multiply as the matrices do, so
    that A = U diag(S) V gives C from its three factors. For U it is det(U) U, as U⁻¹ is Uᵀ, and so
    for V; for a diagonal matrix it has P, the products of all numbers but one:

        P = prod(where(eye(D) == 1, 1, S[..., None, :]), axis=-1)
        C = (det(U) * det(V))[..., None, None] * (U * P[..., None, :]) @ V
        dA = dy[..., None, None] * C

    Keeps A.
    """

    def forward(self, A):
        return array_namespace(A).linalg.det(A), (A,)

    def backward(self, residuals, dy):
        (A,) = residuals
        xp = array_namespace(A)
        finite = xp.all(xp.isfinite(A), axis=(-2, -1), keepdims=True)
        # LAPACK may never return where a number is infinite
        U, S, V = xp.linalg.svd(xp.where(finite, A, 0), full_matrices=False)
        others = products_before(S, -1) * xp.flip(products_before(xp.flip(S, axis=-1), -1), axis=-1)
        signs = xp.sign(xp.linalg.det(U) * xp.linalg.det(V))
        C = (U * (signs[..., None] * others)[..., None, :]) @ V
        return (dy[..., None, None] * xp.where(finite, C, xp.nan),)


@dataclass(frozen=True)
class LogDet:
    """y = log |det A|

        A : (..., D, D) invertible
        a = det(A)
        y = log(abs(a))

    log |a| has the slope 1 / a on either side of 0, and the determinant the gradient of Det, in
    which a cancels:

        da = dy / a
        dA = (da * a)[..., None, None] * matrix_transpose(inv(A))
           = dy[..., None, None] * matrix_transpose(inv(A))

    a itself, which over- and underflows where matrices are large, is not formed.

    Keeps A.
    """

    def forward(self, A):
        return array_namespace(A).linalg.slogdet(A)[1], (A,)

    def backward(self, residuals, dy):
        (A,) = residuals
        return (dy[..., None, None] * _transposed(array_namespace(A).linalg.inv(A)),)


@dataclass(frozen=True)
class Expm:
    """Y = exp(A) = 1 + A + A²/2 + A³/6 + …

        A : (D, D) interval(-1, 1)
        P[0] = eye(D)
        P[n+1 : 40] = P[n] @ A / (n + 1)
        Y = sum(P, axis=0)

    P has the terms, of which 40 are enough here. Each goes into the sum and into the next term:

        dP[n] = dY + where(n < 40, dP[n+1] @ A.T / (n + 1), 0)
        dA = sum[n : 40](P[n].T @ dP[n+1] / (n + 1))

    That is a sum of products Aᵀ … dY … Aᵀ, with dY at each place. The powers of Z, which has the
    blocks Aᵀ on its diagonal and dY above it, have just these in their corner, so that one more
    exponential has the gradient there:

        Z = concat((concat((A.T, dY), axis=1), concat((zeros((D, D)), A.T), axis=1)), axis=0)
        E[0] = eye(2 * D)
        E[n+1 : 40] = E[n] @ Z / (n + 1)
        dA = sum(E, axis=0)[:D, D:]

    The code halves A until its norm is below ½, sums the series, and squares the sum as often.

    Keeps A.

    Van Loan, Computing integrals involving the matrix exponential, 1978; Higham, Functions of
    Matrices, 2008, chapter 10.
    """

    def forward(self, A):
        return _exponential(A, _halvings(A)), (A,)

    def backward(self, residuals, dY):
        (A,) = residuals
        xp, n = array_namespace(A), A.shape[-1]
        T = _transposed(A)
        upper, lower = xp.concat([T, dY], axis=-1), xp.concat([xp.zeros_like(T), T], axis=-1)
        whole = _exponential(xp.concat([upper, lower], axis=-2), _halvings(A))
        return (whole[..., :n, n:],)


VARIANTS = (TriangularSolve(transposed=True),)
TERMS = 14  # ½¹⁵ / 15! is below the rounding of float64
SQUARES = 12  # exp of a norm of 2¹¹ overflows


def _transposed(A):
    return array_namespace(A).matrix_transpose(A)


def _halvings(A):
    """How often A must be halved for its norm to be below ½, for each matrix of a stack."""
    xp = array_namespace(A)
    norm = xp.max(xp.sum(xp.abs(A), axis=-2, keepdims=True), axis=-1, keepdims=True)
    return xp.ceil(xp.log2(xp.clip(norm, 0.5, 2.0 ** (SQUARES - 1)))) + 1


def _exponential(A, halvings):
    """exp(A) by the series of A / 2ⁿ, which is squared n times."""
    xp = array_namespace(A)
    one = xp.eye(A.shape[-1], dtype=A.dtype, device=device_of(A))
    A = A * 2.0**-halvings
    Y = one
    for k in range(TERMS, 0, -1):
        Y = one + A @ Y / k
    for n in range(SQUARES):
        more = n < halvings
        root = xp.where(more, Y, one)
        Y = xp.where(more, root @ root, Y)
    return Y
