"""Normalization of weights: a length of its own for each row, or a largest stretch of 1."""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept, norm

__all__ = ["SpectralNorm", "WeightNorm"]


@dataclass(frozen=True)
class WeightNorm:
    """W = g v / ‖v‖    row by row: a direction v, and a length g of its own

        v : (K, D)
        g : (K)
        s = max(abs(v), axis=1, keepdims=True)
        n = norm(v, axis=1, keepdims=True)
          = s * norm(v / s, axis=1, keepdims=True)
        u = v / n
        y = g[:, None] * u

    The largest number, s, is taken out, so that no square overflows. The length first:

        dg = sum(dy * u, axis=1)
        du = g[:, None] * dy

    v is used twice, in u = v / n and in n, which has the slope v / n = u:

        dn = -sum(du * v, axis=1, keepdims=True) / n**2
           = -sum(du * u, axis=1, keepdims=True) / n
        dv = du / n + dn * u
           = (du - u * sum(du * u, axis=1, keepdims=True)) / n
           = g[:, None] / n * (dy - u * dg[:, None])

    So dv is orthogonal to v, which can only grow under gradient descent. A row of zeros has no
    direction: its W and its gradients are 0 here, and NaN in torch and JAX.

    A row is what one output is made of: the first axis, as in torch and in `Conv2d`. The axes
    behind it are taken as one. The columns of `Affine` are rows of its Wᵀ.

    Keeps u, n and g.

    Salimans and Kingma, Weight Normalization, 2016, arXiv:1602.07868, section 2.
    """

    def forward(self, v, g):
        n = norm(v, tuple(range(1, v.ndim)))
        u = v / array_namespace(v).where(n > 0, n, 1)
        return _along(g, v) * u, (u, n, g)

    def backward(self, residuals, dy):
        u, n, g = residuals
        xp = array_namespace(u)
        dg = xp.sum(dy * u, axis=tuple(range(1, u.ndim)))
        scale = kept(n > 0, _along(g, u) / xp.where(n > 0, n, 1))
        return scale * (dy - u * _along(dg, u)), dg


@dataclass(frozen=True)
class SpectralNorm:
    """y = W / σ    with σ the largest singular value of W

        W : (K, D)
        U, S, V = svd(W)
        u = U[:, 0]
        v = V[0]
        σ = S[0]
        y = W / σ

    σ = uᵀ W v, and u and v have length 1. Moving all three, δσ = δuᵀ W v + uᵀ δW v + uᵀ W δv. There
    W v = σ u and uᵀ W = σ vᵀ, and a vector of fixed length moves at a right angle to itself, so
    that two terms vanish:

        δσ = inner(u, δW @ v)

    W is used twice, in W / σ and in σ:

        dσ = -inner(dy, W) / σ**2
           = -inner(dy, y) / σ
        dW = dy / σ + dσ * outer(u, v)
           = (dy - inner(dy, y) * outer(u, v)) / σ

    This is the exact σ. The usual power iteration keeps its u and v constant in the backward, which
    is right only once they have converged. Where two singular values tie for the largest, σ has a
    kink, and u and v are those that the SVD puts first. A W of zeros, and its gradient, stay 0.

    The axes behind the first are taken as one, as in torch.

    Keeps y, u, v and σ.

    Miyato et al., Spectral Normalization, 2018, arXiv:1802.05957, section 2.
    """

    def forward(self, W):
        xp = array_namespace(W)
        finite = xp.isfinite(W)  # LAPACK does not come back from an infinity
        U, S, V = xp.linalg.svd(_matrix(xp.where(finite, W, 0)), full_matrices=False)
        sigma = xp.where(xp.all(finite), S[0], xp.nan)
        y = W / xp.where(sigma == 0, 1, sigma)
        return y, (y, U[:, 0], V[0, :], sigma)

    def backward(self, residuals, dy):
        y, u, v, sigma = residuals
        xp = array_namespace(y)
        along = xp.sum(dy * y) * u[:, None] * v[None, :]
        dW = (dy - xp.reshape(along, dy.shape)) / xp.where(sigma == 0, 1, sigma)
        return (kept(sigma != 0, dW),)


def _along(a, v):
    """a, one number for each row, in a shape that broadcasts against v."""
    return array_namespace(a).reshape(a, (-1,) + (1,) * (v.ndim - 1))


def _matrix(W):
    """W with the axes behind the first as one."""
    return array_namespace(W).reshape(W, (W.shape[0], math.prod(W.shape[1:])))
