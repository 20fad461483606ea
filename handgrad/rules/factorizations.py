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

    A moves by δL Lᵀ + L δLᵀ. Between L⁻¹ and L⁻ᵀ that is L⁻¹ δL, which is lower triangular, plus
    its transpose. So its lower half, with half of the diagonal, is L⁻¹ δL:

        δA = δL @ matrix_transpose(L) + L @ matrix_transpose(δL)
        K = inv(L)
        δL = L @ (half * (K @ δA @ matrix_transpose(K)))

    In ⟨dL, δL⟩ the factors beside δA go over to dL, and so does the mask `half`. A is symmetric and
    stays so, so that its gradient is the symmetric part of what is found:

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

    u has the largest entry of each vector, and so its sign. The vectors stay orthonormal, so that
    Ω = Vᵀ δV is antisymmetric: it says how they turn. In their own coordinates A is diagonal. There
    A V = V λ says how λ moves, on the diagonal, and how the vectors turn, beside it:

        Ω = matrix_transpose(V) @ δV
        Ω + matrix_transpose(Ω) = zeros_like(Ω)
        G = λ[..., None, :] - λ[..., :, None]
        matrix_transpose(V) @ δA @ V = eye(D) * δλ[..., None, :] + G * Ω

    Two vectors turn the faster, the nearer their eigenvalues: F divides by the differences G. From
    ⟨dλ, δλ⟩ + ⟨dV, δV⟩:

        F = where(eye(D) == 1, 0, 1 / (G + eye(D)))
        M = F * (matrix_transpose(V) @ dV)
        dA = V @ (eye(D) * dλ[..., None, :] + (M + matrix_transpose(M)) / 2) @ matrix_transpose(V)

    The sign of a vector is free, and libraries differ: here its largest entry is positive, at a tie
    the first. A is read as (A + Aᵀ) / 2, as in Cholesky. Where eigenvalues are equal, their vectors
    may be any basis of a plane, and neither they nor each λ alone have a derivative. F is taken as
    0 there, which is right for what depends on the sum of equal λ and on their plane alone.

    Keeps λ and V.
    """

    def forward(self, A):
        xp = array_namespace(A)
        finite = xp.all(xp.isfinite(A), axis=(-2, -1), keepdims=True)
        # LAPACK may never return where a number is infinite
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

    s makes the diagonal of R positive. The columns of Q stay orthonormal: Qᵀ δQ = Ω is
    antisymmetric. A = Q R moves by δQ R + Q δR. Between Qᵀ and R⁻¹ that is X = Ω + δR R⁻¹, where
    the last term is upper triangular, so that below the diagonal X is Ω:

        X = Q.T @ δA @ inv(R)
        Ω = tril(X, k=-1) - tril(X, k=-1).T
        δR = (X - Ω) @ R
        δQ = (δA - Q @ δR) @ inv(R)

    Put into ⟨dQ, δQ⟩ + ⟨dR, δR⟩, these leave δA R⁻¹ and X − Ω, which takes from X the upper half,
    and the mirror of the lower one. So of M the lower half comes back, and its mirror:

        M = R @ dR.T - dQ.T @ Q
        inner(dQ, δQ) + inner(dR, δR) = inner(dQ, δA @ inv(R)) + inner(M.T, X - Ω)
        X - Ω = triu(X) + tril(X, k=-1).T
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

    A number of y is uᵀ A v, with a column u of U and a row v of V. The vectors have length 1, and
    so move at right angles to themselves, and A takes them to each other: their moves add nothing,
    and in δ(uᵀ A v) that of A alone is left:

        δy = sum(U * (δA @ matrix_transpose(V)), axis=-2)
        dA = (U * dy[..., None, :]) @ V

    Where several are equal, their sum is smooth, and its gradient right. Each alone has a kink, and
    we take the gradient for the vectors that the library's SVD gives. The same holds at 0, as for
    |x|.

    Keeps U and V.
    """

    def forward(self, A):
        xp = array_namespace(A)
        finite = xp.all(xp.isfinite(A), axis=(-2, -1), keepdims=True)
        # LAPACK may never return where a number is infinite
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
