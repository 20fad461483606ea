"""Layers of attention, with the products before and after it, and attention in linear time.

Inputs of the layers are (B, N, D): examples, places, numbers. Attention in linear time has heads as
well, (B, H, N, D), as in attention.py.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace
from handgrad.rules.attention import ScaledDotProductAttention
from handgrad.rules.linear import Affine
from handgrad.rules.shared.chunks import in_chunks, out_of_chunks

__all__ = ["CausalLinearAttention", "CrossAttention", "LinearAttention", "MultiHeadAttention"]


@dataclass(frozen=True)
class MultiHeadAttention:
    """y = attention(q, k, v) U + c    with q, k and v the thirds of x W + b, head by head

        x : (B, N, D)
        W : (D, 3 * heads * E)
        b : (3 * heads * E)
        U : (heads * E, F)
        c : (F)
        z = reshape(x @ W + b, (B, N, 3, heads, E))
        s[n, h, i, j] = sum[e](z[n, i, 0, h, e] * z[n, j, 1, h, e]) / sqrt(E)
        g[n, h, i, j] = where((j <= i) + (causal == 0) > 0, exp(s[n, h, i, j]), 0)
        p = g / sum(g, axis=-1, keepdims=True)
        o[n, i, h, e] = sum[j](p[n, h, i, j] * z[n, j, 2, h, e])
        a = reshape(o, (B, N, heads * E))
        y = a @ U + c

    Affine, attention and Affine, from right to left. All places use the same weights, whose
    gradients sum over them:

        da = dy @ U.T
        dU = einsum('nia,nif->af', a, dy)
        dc = sum(dy, axis=(0, 1))
        do = reshape(da, (B, N, heads, E))
        dp[n, h, i, j] = sum[e](do[n, i, h, e] * z[n, j, 2, h, e])
        ds = p * (dp - sum(p * dp, axis=-1, keepdims=True))

    A place is a query, a key and a value, each a third of its z. f, r and w are their gradients:

        f[n, i, h, e] = sum[j](ds[n, h, i, j] * z[n, j, 1, h, e]) / sqrt(E)
        r[n, j, h, e] = sum[i](ds[n, h, i, j] * z[n, i, 0, h, e]) / sqrt(E)
        w[n, j, h, e] = sum[i](p[n, h, i, j] * do[n, i, h, e])
        t = reshape(stack((f, r, w), axis=2), (B, N, 3 * heads * E))
        dx = t @ W.T
        dW = einsum('nid,nia->da', x, t)
        db = sum(t, axis=(0, 1))

    The columns of W are those of all queries, then of all keys, then of all values, as in GPT-2.
    torch's MultiheadAttention has the same with W and U transposed.

    Keeps x, W, U, q, k, v, p and a.

    Vaswani et al., Attention Is All You Need, 2017, arXiv:1706.03762, section 3.2.2.
    """

    heads: int
    causal: bool = False

    def forward(self, x, W, b, U, c):
        z, into = Affine().forward(x, W, b)
        thirds = _by_head(z, 3 * self.heads)
        q, k, v = (thirds[..., i * self.heads : (i + 1) * self.heads, :, :] for i in range(3))
        o, inside = self._attention.forward(q, k, v)
        y, out = Affine().forward(_side_by_side(o), U, c)
        return y, (*into, *inside, *out)

    def backward(self, residuals, dy):
        x, W, *inside, a, U = residuals
        da, dU, dc = Affine().backward((a, U), dy)
        dqkv = self._attention.backward(inside, _by_head(da, self.heads))
        t = _side_by_side(array_namespace(x, W).concat(dqkv, axis=-3))
        return *Affine().backward((x, W), t), dU, dc

    @property
    def _attention(self):
        return ScaledDotProductAttention(causal=self.causal)


@dataclass(frozen=True)
class CrossAttention:
    """y = attention(x Q, z K, z V) U + c    what the places of x take from those of z

        x : (B, N, D)
        z : (B, M, C)
        Q : (D, heads * E)
        K : (C, heads * E)
        V : (C, heads * E)
        U : (heads * E, F)
        c : (F)
        q = reshape(x @ Q, (B, N, heads, E))
        k = reshape(z @ K, (B, M, heads, E))
        v = reshape(z @ V, (B, M, heads, E))
        s[n, h, i, j] = sum[e](q[n, i, h, e] * k[n, j, h, e]) / sqrt(E)
        p = softmax(s)
        o[n, i, h, e] = sum[j](p[n, h, i, j] * v[n, j, h, e])
        a = reshape(o, (B, N, heads * E))
        y = a @ U + c

    From right to left, through Affine and attention:

        da = dy @ U.T
        dU = einsum('nia,nif->af', a, dy)
        dc = sum(dy, axis=(0, 1))
        do = reshape(da, (B, N, heads, E))
        dp[n, h, i, j] = sum[e](do[n, i, h, e] * v[n, j, h, e])
        ds = p * (dp - sum(p * dp, axis=-1, keepdims=True))
        dq[n, i, h, e] = sum[j](ds[n, h, i, j] * k[n, j, h, e]) / sqrt(E)
        dk[n, j, h, e] = sum[i](ds[n, h, i, j] * q[n, i, h, e]) / sqrt(E)
        dv[n, j, h, e] = sum[i](p[n, h, i, j] * do[n, i, h, e])

    and through the products before it. z is used twice, for keys and for values:

        f = reshape(dq, (B, N, heads * E))
        r = reshape(dk, (B, M, heads * E))
        w = reshape(dv, (B, M, heads * E))
        dx = f @ Q.T
        dz = r @ K.T + w @ V.T
        dQ = einsum('nid,nia->da', x, f)
        dK = einsum('njc,nja->ca', z, r)
        dV = einsum('njc,nja->ca', z, w)

    Keeps x, z, the weights, q, k, v, p and a.

    Rombach et al., Latent Diffusion Models, 2021, arXiv:2112.10752, section 3.3.
    """

    heads: int

    def forward(self, x, z, Q, K, V, U, c):
        q, k, v = (_by_head(rows @ W, self.heads) for rows, W in ((x, Q), (z, K), (z, V)))
        o, inside = ScaledDotProductAttention().forward(q, k, v)
        y, out = Affine().forward(_side_by_side(o), U, c)
        return y, (x, z, Q, K, V, *inside, *out)

    def backward(self, residuals, dy):
        x, z, Q, K, V, *inside, a, U = residuals
        da, dU, dc = Affine().backward((a, U), dy)
        dqkv = ScaledDotProductAttention().backward(inside, _by_head(da, self.heads))
        f, r, w = map(_side_by_side, dqkv)
        dQ, dK, dV = (_of_weights(rows, d) for rows, d in ((x, f), (z, r), (z, w)))
        return f @ Q.T, r @ K.T + w @ V.T, dQ, dK, dV, dU, dc


@dataclass(frozen=True)
class LinearAttention:
    """y = φ(q) Σⱼ φ(kⱼ)ᵀ vⱼ / (φ(q) Σⱼ φ(kⱼ)ᵀ + ε)    with φ(x) = elu(x) + 1, which is positive

        q : (B, H, N, D)
        k : (B, H, M, D)
        v : (B, H, M, E)
        f = where(q > 0, q + 1, exp(minimum(q, 0)))
        g = where(k > 0, k + 1, exp(minimum(k, 0)))
        w = concat((v, ones((B, H, M, 1))), axis=-1)
        S = matrix_transpose(g) @ w
        n = f @ S
        m = n[..., E:] + eps
        y = n[..., :E] / m

    The product φ(q) φ(k)ᵀ stands in the place of exp(q kᵀ). So the sum over the keys can be formed
    without the query: all keys and values come to one matrix S, which costs M + N steps in place of
    M N. A column of ones beside the values makes the denominators one more column of n.

    From right to left, a quotient and then products:

        dn = concat((dy, -sum(dy * y, axis=-1, keepdims=True)), axis=-1) / m
        df = dn @ matrix_transpose(S)
        dS = matrix_transpose(f) @ dn
        dg = w @ matrix_transpose(dS)
        dv = g @ dS[..., :E]

    φ has the slope 1 above 0, where it is above 1, and its own value up to there:

        dq = df * minimum(f, 1)
        dk = dg * minimum(g, 1)

    Keeps q, k, v, S, m and y.

    Katharopoulos et al., Transformers are RNNs, 2020, arXiv:2006.16236, section 3.2.
    """

    eps: float = 1e-6

    def forward(self, q, k, v):
        S = array_namespace(k).matrix_transpose(_positive(k)) @ _with_ones(v)
        n = _positive(q) @ S
        m = n[..., -1:] + self.eps
        y = n[..., :-1] / m
        return y, (q, k, v, S, m, y)

    def backward(self, residuals, dy):
        q, k, v, S, m, y = residuals
        xp = array_namespace(q, k, v)
        f, g, dn = _positive(q), _positive(k), _through_quotient(dy, y, m)
        df, dS = dn @ xp.matrix_transpose(S), xp.matrix_transpose(f) @ dn
        dg = _with_ones(v) @ xp.matrix_transpose(dS)
        return df * xp.minimum(f, 1), dg * xp.minimum(g, 1), g @ dS[..., :-1]


@dataclass(frozen=True)
class CausalLinearAttention:
    """yₜ = φ(qₜ) Sₜ / (φ(qₜ) rₜ + ε)    with Sₜ = Σₛ φ(kₛ)ᵀ vₛ and rₜ = Σₛ φ(kₛ)ᵀ over s ≤ t

        q : (B, H, T, D)
        k : (B, H, T, D)
        v : (B, H, T, E)
        f = moveaxis(where(q > 0, q + 1, exp(minimum(q, 0))), 2, 0)
        g = moveaxis(where(k > 0, k + 1, exp(minimum(k, 0))), 2, 0)
        w = moveaxis(concat((v, ones((B, H, T, 1))), axis=-1), 2, 0)
        S[0] = zeros((B, H, D, E + 1))
        S[t+1] = S[t] + g[t][..., None] * w[t][:, :, None]
        n[t] = sum(f[t][..., None] * S[t+1], axis=2)
        m = n[..., E:] + eps
        u = n[..., :E] / m
        y = moveaxis(u, 0, 2)

    LinearAttention as a recurrence over the T steps, which f, g and w have on their first axis. A
    query sees the keys up to its own, which are in a state that grows by one product at each step.
    f and g are φ(q) and φ(k). The column of ones makes r the last column of S. u moves with its
    numerator by 1 / m, and with m, which all its numbers share, by −u / m:

        du = moveaxis(dy, 2, 0)
        dn = concat((du, -sum(du * u, axis=-1, keepdims=True)), axis=-1) / m

    A state serves its own step and all that follow, so that its gradient is a sum from the end:

        dS[T] = f[T-1][..., None] * dn[T-1][:, :, None]
        dS[t] = where(t > 0, f[t-1][..., None] * dn[t-1][:, :, None], 0) + dS[t+1]
        df[t] = sum(S[t+1] * dn[t][:, :, None], axis=-1)
        dg[t] = sum(dS[t+1] * w[t][:, :, None], axis=-1)
        dw[t] = sum(dS[t+1] * g[t][..., None], axis=2)

    and the slope of φ is as in LinearAttention:

        dq = moveaxis(df * minimum(f, 1), 0, 2)
        dk = moveaxis(dg * minimum(g, 1), 0, 2)
        dv = moveaxis(dw[..., :E], 0, 2)

    `chunk` steps are computed at a time, as products of matrices: from any step r on, n is what the
    state had then, and what the steps have added since, with the weights A:

        A[t : T, s : T, b : B, h : H] = where(s <= t, sum[d](f[t, b, h, d] * g[s, b, h, d]), 0)
        J[r : T, t : T] = where(r <= t, 1, 0)
        J[r, t] * n[t, b, h, e] = J[r, t] * sum[d](f[t, b, h, d] * S[r, b, h, d, e]) + sum[s](where(s >= r, A[t, s, b, h] * w[s, b, h, e], 0))

    and so is the way back. Z is the gradient of A; the whole sequence is one chunk here:

        Z[t, s, b, h] = where(s <= t, sum[e](dn[t, b, h, e] * w[s, b, h, e]), 0)
        df[t, b, h, d] = sum[s](Z[t, s, b, h] * g[s, b, h, d])
        dg[s, b, h, d] = sum[t](Z[t, s, b, h] * f[t, b, h, d])
        dw[s, b, h, e] = sum[t](A[t, s, b, h] * dn[t, b, h, e])

    Keeps q, k, v, m and y. The states with which the chunks begin are formed again.

    Katharopoulos et al., Transformers are RNNs, 2020, arXiv:2006.16236, section 3.3.
    """

    eps: float = 1e-6
    chunk: int = 64

    def forward(self, q, k, v):
        xp = array_namespace(q, k, v)
        f, g, w = map(self._cut, (_positive(q), _positive(k), _with_ones(v)))
        S = _of_earlier(xp.matrix_transpose(g) @ w)
        n = self._joined(f @ S + _up_to_now(f, g) @ w, q.shape[-2])
        m = n[..., -1:] + self.eps
        y = n[..., :-1] / m
        return y, (q, k, v, m, y)

    def backward(self, residuals, dy):
        q, k, v, m, y = residuals
        xp = array_namespace(q, k, v)
        f, g, w = map(self._cut, (_positive(q), _positive(k), _with_ones(v)))
        dn = self._cut(_through_quotient(dy, y, m))
        S = _of_earlier(xp.matrix_transpose(g) @ w)
        dS = xp.flip(_of_earlier(xp.flip(xp.matrix_transpose(f) @ dn, axis=0)), axis=0)
        A, Z = _up_to_now(f, g), _up_to_now(dn, w)
        df = dn @ xp.matrix_transpose(S) + Z @ g
        dg = w @ xp.matrix_transpose(dS) + xp.matrix_transpose(Z) @ f
        dw = g @ dS + xp.matrix_transpose(A) @ dn
        df, dg, dw = (self._joined(d, q.shape[-2]) for d in (df, dg, dw))
        return df * xp.minimum(_positive(q), 1), dg * xp.minimum(_positive(k), 1), dw[..., :-1]

    def _cut(self, x):
        """The rows of each chunk: (chunks, B, H, steps, D)."""
        return array_namespace(x).moveaxis(in_chunks(x, -2, self.chunk), 1, -2)

    def _joined(self, x, length):
        """The rows of all chunks, one after the other."""
        return out_of_chunks(array_namespace(x).moveaxis(x, -2, 1), -2, length)


VARIANTS = (
    MultiHeadAttention(heads=2, causal=True),
    CrossAttention(heads=2),
    CausalLinearAttention(chunk=2),
)


def _by_head(x, heads):
    """(B, N, heads · E) as (B, heads, N, E)."""
    xp = array_namespace(x)
    shape = (*x.shape[:-1], heads, x.shape[-1] // heads)
    return xp.moveaxis(xp.reshape(x, shape), -2, -3)


def _side_by_side(x):
    """(B, heads, N, E) as (B, N, heads · E)."""
    xp = array_namespace(x)
    x = xp.moveaxis(x, -3, -2)
    return xp.reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))


def _positive(x):
    """φ(x) = elu(x) + 1."""
    xp = array_namespace(x)
    return xp.where(x > 0, x + 1, xp.exp(xp.minimum(x, 0)))


def _of_weights(x, d):
    """The gradient of W by that of x W, which all places share."""
    return array_namespace(x, d).tensordot(x, d, axes=((0, 1), (0, 1)))


def _with_ones(v):
    """The values, and a column of ones."""
    xp = array_namespace(v)
    return xp.concat([v, xp.ones_like(v[..., :1])], axis=-1)


def _through_quotient(dy, y, m):
    """The gradients of numerators and denominators, side by side, where y is their quotient."""
    xp = array_namespace(y, dy)
    return xp.concat([dy, -xp.sum(dy * y, axis=-1, keepdims=True)], axis=-1) / m


def _up_to_now(a, b):
    """The products of each row of a with the rows of b up to its own."""
    xp = array_namespace(a, b)
    return xp.tril(a @ xp.matrix_transpose(b))


def _of_earlier(products):
    """For each chunk, the sum of what the chunks before it have."""
    xp = array_namespace(products)
    return xp.cumulative_sum(products, axis=0, include_initial=True)[:-1, ...]
