"""Blocks of language models, each as one rule: norms with what stands around them, and an MLP.

A row lies along the last axis.
"""

import math
from dataclasses import dataclass
from typing import Literal

from handgrad.arrays import (
    array_namespace,
    chunks,
    fresh,
    kept,
    norm,
    outline,
    outlined,
    unbroadcast,
)
from handgrad.rules.gates import SwiGLU
from handgrad.rules.normalization import RMSNorm, Standardize

__all__ = ["AdaLayerNorm", "DoRA", "FusedAddRMSNorm", "GatedRMSNorm", "QKNorm", "SwiGLUMLP"]


@dataclass(frozen=True)
class FusedAddRMSNorm:
    """y, s = γ s / √(mean(s²) + ε), x + h    with the mean over each row

        x : (N, D)
        h : (N, D)
        γ : (D)
        u = x + h
        r = 1 / sqrt(mean(u**2, axis=-1, keepdims=True) + eps)
        û = u * r
        y, s = γ * û, u

    h is what a layer adds to the stream x. The sum is normalized for the next layer, and goes on
    itself. So u reaches both outputs. It gets what RMSNorm sends back, and ds besides:

        dγ = sum(dy * û, axis=0)
        dû = γ * dy
        du = r * (dû - û * mean(dû * û, axis=-1, keepdims=True)) + ds
        dx = du
        dh = du

    Without ds the stream would get the gradient of the next layer alone.

    Keeps û, r, γ, and the shapes of x and h.

    Zhang and Sennrich, Root Mean Square Layer Normalization, 2019, arXiv:1910.07467, section 3.
    """

    eps: float = 1e-6

    def forward(self, x, h, gamma):
        u = x + h
        y, residuals = RMSNorm(self.eps).forward(u, gamma)
        return (y, u), (*residuals, outline(x), outline(h))

    def backward(self, residuals, dy):
        *of_norm, x, h = residuals
        dy, ds = dy
        du, d_gamma = RMSNorm(self.eps).backward(of_norm, dy)
        du = du + ds
        return unbroadcast(du, outlined(x)), fresh(unbroadcast(du, outlined(h))), d_gamma


@dataclass(frozen=True)
class GatedRMSNorm:
    """y = γ u / √(mean(u²) + ε)    with u = x silu(z), and the mean over each row

        x : (N, D)
        z : (N, D)
        γ : (D)
        s = sigmoid(z)
        f = z * s
        u = where(gate == "before", x * f, x)
        r = 1 / sqrt(mean(u**2, axis=-1, keepdims=True) + eps)
        û = u * r
        v = γ * û
        y = where(gate == "before", v, v * f)

    SwiGLU and then RMSNorm, as in Mamba 2. With `gate="after"`, as in gated delta nets, the norm is
    that of x alone, and SwiGLU comes after it. Their gradients come in the opposite order, those of
    RMSNorm as derived there, and silu has the slope s + z s (1 − s):

        dv = where(gate == "before", dy, dy * f)
        dγ = sum(dv * û, axis=0)
        dû = γ * dv
        du = r * (dû - û * mean(dû * û, axis=-1, keepdims=True))
        dx = where(gate == "before", du * f, du)
        df = where(gate == "before", du * x, dy * v)
        dz = df * (s + z * s * (1 - s))

    Keeps x, z, r and γ. The gate is formed again.

    Dao and Gu, Transformers are SSMs, 2024, arXiv:2405.21060, section 7.1.
    """

    gate: Literal["before", "after"] = "before"
    eps: float = 1e-5

    def forward(self, x, z, gamma):
        u = x if self._is_after else SwiGLU().forward(z, x)[0]
        y, (_, r, _) = RMSNorm(self.eps).forward(u, gamma)
        y = SwiGLU().forward(z, y)[0] if self._is_after else y
        return y, (x, z, r, gamma)

    def backward(self, residuals, dy):
        x, z, r, gamma = residuals
        if self._is_after:
            x_hat = x * r
            dz, dy = SwiGLU().backward((z, gamma * x_hat), dy)
            dx, d_gamma = RMSNorm().backward((x_hat, r, gamma), dy)
            return unbroadcast(dx, x.shape), dz, d_gamma
        u, of_gate = SwiGLU().forward(z, x)
        du, d_gamma = RMSNorm().backward((u * r, r, gamma), dy)
        dz, dx = SwiGLU().backward(of_gate, du)
        return dx, dz, d_gamma

    @property
    def _is_after(self):
        if self.gate not in {"before", "after"}:
            raise ValueError(f"gate is {self.gate!r}; it may be 'before' or 'after'")
        return self.gate == "after"


@dataclass(frozen=True)
class AdaLayerNorm:
    """y = (1 + s) (x − μ) / √(v + ε) + b    with μ and v of each row, s and b of each example

        x : (B, T, K + 2)
        s : (B, K + 2)
        b : (B, K + 2)
        c = x - mean(x, axis=-1, keepdims=True)
        r = 1 / sqrt(mean(c**2, axis=-1, keepdims=True) + eps)
        x̂ = c * r
        y = (1 + s[:, None, :]) * x̂ + b[:, None, :]

    LayerNorm whose scale and shift come from elsewhere: in a diffusion transformer, from the time
    and the class. The T rows of an example share them, so that s and b gather from all of these;
    the rest is LayerNorm with the scale 1 + s:

        ds = sum(dy * x̂, axis=1)
        db = sum(dy, axis=1)
        dx̂ = (1 + s[:, None, :]) * dy
        dx = r * (dx̂ - x̂ * mean(dx̂ * x̂, axis=-1, keepdims=True) - mean(dx̂, axis=-1, keepdims=True))

    The 1 makes s = 0 the plain norm.

    Keeps x̂, r, s and the shape of b.

    Peebles and Xie, Scalable Diffusion Models with Transformers, 2022, arXiv:2212.09748, section 3.2.
    """

    eps: float = 1e-6

    def forward(self, x, s, b):
        x_hat, (_, r) = Standardize(self.eps).forward(x)
        return (1 + _to_rows(s, x)) * x_hat + _to_rows(b, x), (x_hat, r, s, outline(b))

    def backward(self, residuals, dy):
        x_hat, r, s, b = *residuals[:3], outlined(residuals[3])
        d_x_hat = unbroadcast((1 + _to_rows(s, x_hat)) * dy, x_hat.shape)
        (dx,) = Standardize().backward((x_hat, r), d_x_hat)
        return dx, _over_rows(dy * x_hat, s.shape), _over_rows(dy, b)


@dataclass(frozen=True)
class QKNorm:
    """y, z = γ q / √(mean(q²) + ε), κ k / √(mean(k²) + ε)    with the means over each head

        q : (T, H, D)
        k : (T, G, D)
        γ : (D)
        κ : (D)
        r = 1 / sqrt(mean(q**2, axis=-1, keepdims=True) + eps)
        p = 1 / sqrt(mean(k**2, axis=-1, keepdims=True) + eps)
        q̂ = q * r
        k̂ = k * p
        y, z = γ * q̂, κ * k̂

    RMSNorm of queries and of keys: the lengths of the vectors cannot make their products large. All
    H heads of queries use the same γ, and all G heads of keys, which may be fewer, the same κ:

        dγ = sum(dy * q̂, axis=(0, 1))
        dκ = sum(dz * k̂, axis=(0, 1))
        dq̂ = γ * dy
        dk̂ = κ * dz
        dq = r * (dq̂ - q̂ * mean(dq̂ * q̂, axis=-1, keepdims=True))
        dk = p * (dk̂ - k̂ * mean(dk̂ * k̂, axis=-1, keepdims=True))

    Keeps q̂, r, γ, k̂, p and κ.

    Dehghani et al., Scaling Vision Transformers to 22 Billion Parameters, 2023, arXiv:2302.05442,
    section 2, with LayerNorm; RMSNorm in Qwen 3, 2025, arXiv:2505.09388, section 2.
    """

    eps: float = 1e-6

    def forward(self, q, k, gamma, kappa):
        y, of_q = RMSNorm(self.eps).forward(q, gamma)
        z, of_k = RMSNorm(self.eps).forward(k, kappa)
        return (y, z), (*of_q, *of_k)

    def backward(self, residuals, dy):
        dq, d_gamma = RMSNorm().backward(residuals[:3], dy[0])
        dk, d_kappa = RMSNorm().backward(residuals[3:], dy[1])
        return dq, dk, d_gamma, d_kappa


@dataclass(frozen=True)
class SwiGLUMLP:
    """y = (silu(x W) · x V) U    with an elementwise product in the middle

        x : (N, D)
        W : (D, F)
        V : (D, F)
        U : (F, D)
        a = x @ W
        b = x @ V
        s = sigmoid(a)
        f = a * s
        h = f * b
        y = h @ U

    Three matrix products with SwiGLU in between, from right to left. In each, a factor gets the
    gradient times the other, transposed, as in Affine:

        dh = dy @ U.T
        dU = h.T @ dy
        df = dh * b
        db = dh * f
        da = df * (s + a * s * (1 - s))
        dx = da @ W.T + db @ V.T
        dW = x.T @ da
        dV = x.T @ db

    s, f and h, each as large as a, are formed again from a and b. With `chunk`, a and b are too, from
    so many rows at a time: a row needs no other, and the gradients of the weights add up over rows.
    That costs two more matrix products, 11 in place of 9.

    Keeps x, W, V, U, a and b; with `chunk`, x and the weights alone.

    Shazeer, GLU variants improve transformer, 2020, arXiv:2002.05202, equation 6.
    """

    chunk: int | None = None

    def forward(self, x, W, V, U):
        if self.chunk is None:
            a, b = x @ W, x @ V
            return SwiGLU().forward(a, b)[0] @ U, (x, W, V, U, a, b)
        rows = _rows(x)
        y = [SwiGLU().forward(rows[i] @ W, rows[i] @ V)[0] @ U for i in self._chunks(rows)]
        xp = array_namespace(x)
        return xp.reshape(xp.concat(y, axis=0), (*x.shape[:-1], U.shape[1])), (x, W, V, U)

    def backward(self, residuals, dy, *, needs=(True,) * 4):
        x, W, V, U, *gates = residuals
        rows, dy_rows, gates = _rows(x), _rows(dy), [_rows(g) for g in gates]
        parts = [
            self._gradients(rows[i], W, V, U, [g[i] for g in gates], dy_rows[i], needs)
            for i in self._chunks(rows)
        ]
        xp = array_namespace(x)
        dxs, *of_weights = zip(*parts, strict=True)
        dx = xp.reshape(xp.concat(dxs, axis=0), x.shape) if needs[0] else None
        return dx, *(
            sum(d[1:], d[0]) if n else None for d, n in zip(of_weights, needs[1:], strict=True)
        )

    def _chunks(self, rows):
        """The rows that are treated at once, as indices."""
        n = rows.shape[0]
        return chunks(n, self.chunk or max(1, n))

    def _gradients(self, x, W, V, U, gates, dy, needs):
        """The gradients of some rows, and their share in those of the weights."""
        a, b = gates or (x @ W, x @ V)
        dx = dW = dV = dU = None
        if needs[3]:
            dU = SwiGLU().forward(a, b)[0].T @ dy
        if any(needs[:3]):
            da, db = SwiGLU().backward((a, b), dy @ U.T)
            dx = da @ W.T + db @ V.T if needs[0] else None
            dW = x.T @ da if needs[1] else None
            dV = x.T @ db if needs[2] else None
        return dx, dW, dV, dU


@dataclass(frozen=True)
class DoRA:
    """y = m · x V / ‖V‖ + b    with V = W + scale A B, and ‖V‖ the length of each column

        x : (N, I)
        W : (I, O)
        b : (O)
        A : (I, R)
        B : (R, O)
        m : (O)
        V = W + scale * (A @ B)
        n = norm(V, axis=0)
        g = m / n
        h = x @ V
        y = h * g + b

    LowRankAffine moves W by A B. Here that only turns the columns, and m is how long they are. As
    in Affine:

        db = sum(dy, axis=0)
        dg = sum(dy * h, axis=0)
        dm = dg / n
        dh = dy * g
        dx = dh @ V.T

    V stands in h and in n. g = m / n has the slope −g / n by n, and n = ‖V‖ the slope V / n:

        dn = -dg * g / n
        dV = x.T @ dh + V * dn / n
        dW = dV
        dA = scale * (dV @ B.T)
        dB = scale * (A.T @ dV)

    So a column of dV is orthogonal to that of V. The paper and its implementations hold n constant to
    save memory, and leave out the second term of dV: that is not the gradient of this function. A
    column of zeros has no direction. By convention its y is b, and only b gets a gradient.

    Keeps x, W, A, B, m and n. V is formed again.

    Liu et al., DoRA: Weight-Decomposed Low-Rank Adaptation, 2024, arXiv:2402.09353, section 4.
    """

    scale: float = 1.0

    def forward(self, x, W, b, A, B, m):
        V = W + self.scale * (A @ B)
        n = norm(V, 0)[0, :]
        return (x @ V) * _quotient(m, n) + b, (x, W, A, B, m, n)

    def backward(self, residuals, dy, *, needs=(True,) * 6):
        x, W, A, B, m, n = residuals
        rows, dy_rows, V = _rows(x), _rows(dy), W + self.scale * (A @ B)
        xp = array_namespace(x)
        g = _quotient(m, n)
        dh = dy_rows * g
        dg = xp.sum(dy_rows * (rows @ V), axis=0)
        dx = dW = dA = dB = None
        if needs[0]:
            dx = xp.reshape(dh @ V.T, x.shape)
        if needs[1] or needs[3] or needs[4]:
            dW = rows.T @ dh - V * _quotient(_quotient(dg * g, n), n)
            dA = self.scale * (dW @ B.T) if needs[3] else None
            dB = self.scale * (A.T @ dW) if needs[4] else None
        db = xp.sum(dy_rows, axis=0) if needs[2] else None
        return dx, dW if needs[1] else None, db, dA, dB, _quotient(dg, n) if needs[5] else None


VARIANTS = (GatedRMSNorm("after"), SwiGLUMLP(chunk=4), DoRA(scale=0.5))


def _to_rows(s, x):
    """What each example has, in a shape that broadcasts to its rows."""
    shape = (*s.shape[:-1], *(1,) * (x.ndim - s.ndim), s.shape[-1])
    return array_namespace(s).reshape(s, shape)


def _over_rows(a, shape):
    """The sum over the rows of each example; `shape` is that of what these share."""
    between = tuple(range(len(shape) - 1, a.ndim - 1))
    return unbroadcast(array_namespace(a).sum(a, axis=between), shape)


def _rows(x):
    """The leading axes as one."""
    return array_namespace(x).reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _quotient(m, n):
    """m / n, and 0 where n is."""
    return kept(n > 0, m / array_namespace(n).where(n > 0, n, 1))
