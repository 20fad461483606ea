"""Factorizations of matrices, and of stacks of them. Where a sign is free, it is fixed here.

Murray, Differentiation of the Cholesky decomposition, 2016, arXiv:1602.07527; Townsend,
Differentiating the singular value decomposition, 2016; Walter and Lehmann, Algorithmic
differentiation of linear algebra functions, 2010, arXiv:1001.1654.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, device_of

__all__ = ["QR", "Cholesky", "Eigh", "SingularValues"]


@dataclass(frozen=True)
class Cholesky:
    """L = the lower triangular matrix with L Lᵀ = A and a positive diagonal

        A : (..., D, D) spd
        half = tril(ones((D, D))) - eye(D) / 2
        L = cholesky(A)

    A moves by δL Lᵀ + L δLᵀ. Between L⁻¹ and L⁻ᵀ that is a lower triangular matrix and its
    transpose, and so the lower half of it, with half of the diagonal, is the first of them:

        δA = δL @ matrix_transpose(L) + L @ matrix_transpose(δL)
        K = inv(L)
        δL = L @ (half * (K @ δA @ matrix_transpose(K)))

    Paired with dL, the factors go over to the other side, and so does the mask. A is symmetric, and
    stays it, so that its gradient is the symmetric part of what is found:

        S = matrix_transpose(K) @ (half * (matrix_transpose(L) @ dL)) @ K
        dA = (S + matrix_transpose(S)) / 2

    The convention: A is read as (A + Aᵀ) / 2, as in JAX and torch, and an entry off the diagonal
    and its mirror each get half. Where one triangle alone is read, the entries in it get the whole
    and the others 0.

    Keeps L.
    """

    def forward(self, A):
        L = array_namespace(A).linalg.cholesky((A + _transposed(A)) / 2)
        return L, (L,)

    def backward(self, residuals, dL):
        (L,) = residuals
        xp, T = array_namespace(L), _transposed(L)
        M = xp.tril(T @ dL)
        M = M - M * _identity(L) / 2
        S = xp.linalg.solve(T, _transposed(xp.linalg.solve(T, _transposed(M))))
        return ((S + _transposed(S)) / 2,)


@dataclass(frozen=True)
class Eigh:
    """λ, V = the eigenvalues of A, from the smallest, and its eigenvectors, as columns

        A : (..., D, D) symmetric
        w, U = eigh(A)
        u = take_along_axis(U, argmax(abs(U), axis=-2)[..., None, :], axis=-2)
        λ, V = w, U * sign(u)

    A vector of length 1 moves at a right angle to itself: Vᵀ δV is antisymmetric. In these
    coordinates V is 1 and A is diagonal, so that A V = V λ says how λ moves, on the diagonal, and
    how the vectors turn towards each other, beside it:

        Ω = matrix_transpose(V) @ δV
        Ω + matrix_transpose(Ω) = zeros_like(Ω)
        G = λ[..., None, :] - λ[..., :, None]
        matrix_transpose(V) @ δA @ V = eye(D) * δλ[..., None, :] + G * Ω

    Two vectors turn the faster, the nearer their eigenvalues. Paired with dλ and dV:

        F = where(eye(D) == 1, 0, 1 / (G + eye(D)))
        M = F * (matrix_transpose(V) @ dV)
        dA = V @ (eye(D) * dλ[..., None, :] + (M + matrix_transpose(M)) / 2) @ matrix_transpose(V)

    The sign of a vector is free, and libraries differ: here its largest entry is positive. A is
    read as (A + Aᵀ) / 2, as for Cholesky. Where eigenvalues are equal, their vectors may be any
    basis of a plane, and neither they nor each λ alone have a derivative. F is taken as 0 there,
    which is right for what depends on the sum of equal λ and on their plane alone.

    Keeps λ and V.
    """

    def forward(self, A):
        xp = array_namespace(A)
        finite = xp.all(xp.isfinite(A), axis=(-2, -1), keepdims=True)
        # LAPACK does not come back from an infinity
        w, V = xp.linalg.eigh(xp.where(finite, (A + _transposed(A)) / 2, 0))
        first = xp.argmax(xp.abs(V), axis=-2, keepdims=True)
        V = V * xp.sign(xp.take_along_axis(V, first, axis=-2))
        w, V = xp.where(finite[..., 0], w, xp.nan), xp.where(finite, V, xp.nan)
        return (w, V), (w, V)

    def backward(self, residuals, dy):
        (w, V), (dw, dV) = residuals, dy
        xp, T, one = array_namespace(V), _transposed(V), _identity(V)
        gaps = w[..., None, :] - w[..., :, None]
        M = xp.where(gaps == 0, 0, T @ dV) / xp.where(gaps == 0, 1, gaps)
        return (V @ (one * dw[..., None, :] + (M + _transposed(M)) / 2) @ T,)


@dataclass(frozen=True)
class QR:
    """Q, R = orthonormal columns and an upper triangle with A = Q R and a positive diagonal of R

        A : (D, D) invertible
        U, S = qr(A)
        s = sign(diag(S))
        Q, R = U * s, s[:, None] * S

    The columns of Q stay orthonormal: Qᵀ δQ = Ω is antisymmetric. A R⁻¹ moves by δQ + Q δR R⁻¹,
    where the last factor is upper triangular, so that what is below the diagonal in Qᵀ δA R⁻¹ is Ω:

        X = Q.T @ δA @ inv(R)
        Ω = tril(X, k=-1) - tril(X, k=-1).T
        δR = (X - Ω) @ R
        δQ = (δA - Q @ δR) @ inv(R)

    Paired with dQ and dR, M is what would turn Q and R against each other. Its lower half and the
    mirror of that come back:

        M = R @ dR.T - dQ.T @ Q
        dA = (dQ + Q @ (tril(M) + tril(M, k=-1).T)) @ inv(R).T

    A tall matrix has the same gradient. A wide one is (A₁ A₂) with a square A₁ = Q R₁, and
    R₂ = Qᵀ A₂: then dA₂ = Q dR₂, and Q gets A₂ dR₂ᵀ as well.

    The sign of a column is free, and libraries differ: here the diagonal of R is positive. Where
    the first columns of A depend on each other, Q has no derivative, and we take 0.

    Keeps Q and R.
    """

    def forward(self, A):
        xp = array_namespace(A)
        Q, R = xp.linalg.qr(A)
        d = xp.linalg.diagonal(R)
        s = xp.where(d < 0, -xp.ones_like(d), 1)
        Q, R = Q * s[..., None, :], R * s[..., :, None]
        return (Q, R), (Q, R)

    def backward(self, residuals, dy):
        (Q, R), (dQ, dR) = residuals, dy
        xp, n = array_namespace(Q), R.shape[-2]
        behind, d_behind, R, dR = R[..., n:], dR[..., n:], R[..., :n], dR[..., :n]
        dQ = dQ + Q @ (behind @ _transposed(d_behind))
        M = R @ _transposed(dR) - _transposed(dQ) @ Q
        X = dQ + Q @ (xp.tril(M) + _transposed(xp.tril(M, k=-1)))
        full = xp.all(xp.linalg.diagonal(R) != 0, axis=-1)[..., None, None]
        R, X = xp.where(full, R, _identity(R)), xp.where(full, X, 0)
        front = _transposed(xp.linalg.solve(R, _transposed(X)))
        return (xp.concat([front, Q @ d_behind], axis=-1),)


@dataclass(frozen=True)
class SingularValues:
    """y = the singular values of A, from the largest

        A : (..., N, M)
        U, S, V = svd(A)
        y = S

    The vectors have length 1 and move at right angles to themselves, so that in δy = δ(uᵀ A v) the
    move of A alone is left:

        δy = sum(U * (δA @ matrix_transpose(V)), axis=-2)
        dA = (U * dy[..., None, :]) @ V

    Where several are equal, a sum of them is smooth, and its gradient right, and one alone is not:
    the gradient is that of the vectors that the SVD took. The same holds at 0, the kink of |x|.

    Keeps the vectors.
    """

    def forward(self, A):
        xp = array_namespace(A)
        finite = xp.all(xp.isfinite(A), axis=(-2, -1), keepdims=True)
        # LAPACK does not come back from an infinity
        U, S, V = xp.linalg.svd(xp.where(finite, A, 0), full_matrices=False)
        return xp.where(finite[..., 0], S, xp.nan), (xp.where(finite, U, xp.nan), V)

    def backward(self, residuals, dy):
        U, V = residuals
        return ((U * dy[..., None, :]) @ V,)


def _transposed(A):
    return array_namespace(A).matrix_transpose(A)


def _identity(A):
    """The identity of the size of A's rows."""
    return array_namespace(A).eye(A.shape[-1], dtype=A.dtype, device=device_of(A))
