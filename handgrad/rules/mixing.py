"""Mixing: several streams in place of one residual, and matrices whose rows and columns sum to 1.

Zhu et al., Hyper-connections, 2024, arXiv:2409.19606: a layer reads a mixture of S streams, and
writes to all of them. Xie et al., mHC, 2025, arXiv:2512.24880, mixes them by Sinkhorn's matrices.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, einsum, fresh, log

__all__ = ["DepthConnection", "Sinkhorn", "WidthConnection"]


@dataclass(frozen=True)
class Sinkhorn:
    """y = eˣ, its rows divided by their sums and then its columns, round after round

        x : (..., N, M)
        z[0] = x
        r[t : rounds] = z[t] - logsumexp(z[t], axis=-1, keepdims=True)
        z[t+1] = r[t] - logsumexp(r[t], axis=-2, keepdims=True)
        y = exp(z[rounds])

    A division of exponentials is a subtraction of their logarithms, and nothing overflows. Each
    step is LogSoftmax along an axis, where a gradient loses its sum along that axis, in shares of
    the exponentials. So it goes back through one step after the other:

        dz[rounds] = dy * y
        dr[t] = dz[t+1] - exp(z[t+1]) * sum(dz[t+1], axis=-2, keepdims=True)
        dz[t] = dr[t] - exp(r[t]) * sum(dr[t], axis=-1, keepdims=True)
        dx = dz[0]

    What all steps so far have subtracted from x is one number for each row, f, and one for each
    column, g. They are kept, and the matrices formed again. At the end the columns sum to 1, and
    the rows nearly, if N = M.

    Keeps x, and f and g of each round.

    Sinkhorn and Knopp, Concerning nonnegative matrices and doubly stochastic matrices, 1967.
    """

    rounds: int

    def forward(self, x):
        xp = array_namespace(x)
        f, g = [], [xp.zeros_like(x[..., :1, :])]
        for _ in range(self.rounds):
            f.append(_log_sum_exp(x - g[-1], -1))
            g.append(_log_sum_exp(x - f[-1], -2))
        return xp.exp(x - f[-1] - g[-1]), (x, xp.stack(f), xp.stack(g[1:]))

    def backward(self, residuals, dy):
        x, f, g = residuals
        xp = array_namespace(x)
        dz = dy * xp.exp(x - f[-1, ...] - g[-1, ...])
        for t in reversed(range(self.rounds)):
            r = x - f[t, ...]
            dr = dz - xp.exp(r - g[t, ...]) * xp.sum(dz, axis=-2, keepdims=True)
            r = r - g[t - 1, ...] if t else r
            dz = dr - xp.exp(r) * xp.sum(dr, axis=-1, keepdims=True)
        return (dz,)


@dataclass(frozen=True)
class WidthConnection:
    """z, r = the first and the other rows of aᵀ x: what a layer reads of S streams, and what they become

        x : (N, S, D)
        a : (N, S, S + 1)
        m[n, i, d] = sum[j](a[n, j, i] * x[n, j, d])
        z, r = m[:, 0], m[:, 1:]

    m is a product of matrices for each of N places, and both outputs are rows of it:

        dm = concat((dz[:, None], dr), axis=1)
        dx[n, j, d] = sum[i](a[n, j, i] * dm[n, i, d])
        da[n, j, i] = sum[d](x[n, j, d] * dm[n, i, d])

    Keeps x and a.

    Zhu et al., Hyper-connections, 2024, arXiv:2409.19606, section 2.
    """

    def forward(self, x, a):
        m = einsum("nji,njd->nid", a, x)
        return (m[:, 0, :], m[:, 1:, :]), (x, a)

    def backward(self, residuals, dy):
        x, a = residuals
        dz, dr = dy
        dm = array_namespace(dz).concat([dz[:, None, :], dr], axis=1)
        return einsum("nji,nid->njd", a, dm), einsum("njd,nid->nji", x, dm)


@dataclass(frozen=True)
class DepthConnection:
    """y = r + b fᵀ    the output f of a layer, written to each of S streams with its own weight

        r : (N, S, D)
        f : (N, D)
        b : (N, S)
        y[n, i, d] = r[n, i, d] + b[n, i] * f[n, d]

    f goes to all streams, and gathers from all:

        dr = dy
        df[n, d] = sum[i](b[n, i] * dy[n, i, d])
        db[n, i] = sum[d](dy[n, i, d] * f[n, d])

    Keeps f and b.

    Zhu et al., Hyper-connections, 2024, arXiv:2409.19606, section 2.
    """

    def forward(self, r, f, b):
        return r + b[:, :, None] * f[:, None, :], (f, b)

    def backward(self, residuals, dy):
        f, b = residuals
        return fresh(dy), einsum("ni,nid->nd", b, dy), einsum("nid,nd->ni", dy, f)


VARIANTS = (Sinkhorn(3),)


def _log_sum_exp(x, axis):
    """log Σ eˣ along an axis, which stays with size 1."""
    xp = array_namespace(x)
    largest = xp.max(x, axis=axis, keepdims=True)
    return largest + log(xp.sum(xp.exp(x - largest), axis=axis, keepdims=True))
