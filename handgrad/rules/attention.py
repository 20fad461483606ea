"""Attention: each query takes the mean of the values, weighted by how well their keys match it.

Queries are (B, heads, N, D), keys (B, heads, M, D) and values (B, heads, M, E). `Scoring` has the
options that all share; the arrays that a variant needs besides are inputs of a rule of its own.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, log, outline, outlined, unbroadcast
from handgrad.rules.regularization import Dropout
from handgrad.rules.shared.scores import Scoring, exponentials, masked, through_weights, weights

__all__ = [
    "AttentionWithLogSumExp",
    "BiasedAttention",
    "DropoutAttention",
    "MaskedAttention",
    "MergeAttention",
    "ScaledDotProductAttention",
    "SinkAttention",
]


@dataclass(frozen=True)
class ScaledDotProductAttention(Scoring):
    """y = softmax(q kᵀ / √D) v

        q : (B, groups * H, N, D)
        k : (B, H, M, D)
        v : (B, H, M, E)
        λ = where(scale == None, 1 / sqrt(D), scale)
        z[b, h, i, j] = λ * sum[d](q[b, h, i, d] * k[b, h // groups, j, d])
        cap = where(softcap > 0, softcap, 1)
        s = where(softcap > 0, cap * tanh(z / cap), z)

    s[b, h, i, j] is the score of key j for query i; `softcap` bounds it, if it is not 0. A query
    sees the keys up to its own place, if causal, and those less than `window` places away, if there
    is a window. `bottom_right` counts places so that the last query is at the last key:

        a = arange(M)[None, :] - arange(N)[:, None] - bottom_right * (M - N)
        seen = where(causal == 0, 1, a <= 0) * where(window == 0, 1, abs(a) < window)
        e = exp(s) * seen
        Z = sum(e, axis=-1, keepdims=True)
        p = e / where(Z > 0, Z, 1)
        y[b, h, i, m] = sum[j](p[b, h, i, j] * v[b, h // groups, j, m])

    y is a product, and each factor gets dy times the other. `groups` heads of queries share one
    head of keys and values, whose gradient sums over them:

        dp[b, h, i, j] = sum[m](dy[b, h, i, m] * v[b, h // groups, j, m])
        dv[b, g, j, m] = sum[h, i](where(h // groups == g, p[b, h, i, j] * dy[b, h, i, m], 0))

    Through softmax as in Softmax, where a key that is not seen has p = 0, and so ds = 0. Δ is the
    mean of dp by the weights, and y that of v, so that Δ is a product of dy and y, too. As the
    weights sum to 1, a number taken from all dp of a row changes nothing. We take the dp of the
    largest weight: where that is near 1, dp − Δ would lose its digits, and r has them all:

        Δ = sum(p * dp, axis=-1, keepdims=True)
          = sum(dy * y, axis=-1, keepdims=True)
        r = dp - take_along_axis(dp, argmax(p, axis=-1)[..., None], axis=-1)
        ds = p * (dp - Δ)
           = p * (r - sum(p * r, axis=-1, keepdims=True))

    The cap has the slope 1 − tanh², and the scores are a product again:

        dz = ds * where(softcap > 0, 1 - (s / cap)**2, 1)
        dq[b, h, i, d] = λ * sum[j](dz[b, h, i, j] * k[b, h // groups, j, d])
        dk[b, g, j, d] = λ * sum[h, i](where(h // groups == g, dz[b, h, i, j] * q[b, h, i, d], 0))

    A query that sees no key gives 0, and its gradient is 0: torch gives NaN or 0, depending on the
    kernel that it chooses.

    Keeps q, k, v, p, and the slope of the cap. TiledAttention does not keep p.

    Vaswani et al., Attention Is All You Need, 2017, arXiv:1706.03762, section 3.2.1.
    """

    def forward(self, q, k, v):
        s, slope = self.scores(q, k)
        p, _ = weights(masked(s, self.seen(q, k)))
        return self.averages(p, v), (q, k, v, p, *slope)

    def backward(self, residuals, dy):
        q, k, v, p, *slope = residuals
        dp, dv = self.through_averages(p, v, dy)
        return *self.through_scores(q, k, through_weights(p, dp), slope), dv


@dataclass(frozen=True)
class AttentionWithLogSumExp(Scoring):
    """y = softmax(q kᵀ / √D) v    and L = log Σ exp(q kᵀ / √D), by which parts can be merged

        q : (B, groups * H, N, D)
        k : (B, H, M, D)
        v : (B, H, M, E)
        λ = where(scale == None, 1 / sqrt(D), scale)
        z[b, h, i, j] = λ * sum[d](q[b, h, i, d] * k[b, h // groups, j, d])
        cap = where(softcap > 0, softcap, 1)
        s = where(softcap > 0, cap * tanh(z / cap), z)
        a = arange(M)[None, :] - arange(N)[:, None] - bottom_right * (M - N)
        seen = where(causal == 0, 1, a <= 0) * where(window == 0, 1, abs(a) < window)
        Z = sum(exp(s) * seen, axis=-1)
        p = exp(s) * seen / where(Z > 0, Z, 1)[..., None]
        o[b, h, i, m] = sum[j](p[b, h, i, j] * v[b, h // groups, j, m])
        y, L = o, log(Z)

    L has the slope p, so that its gradient joins Δ. Without it ds is wrong wherever L is used, as
    in MergeAttention:

        dp[b, h, i, j] = sum[m](dy[b, h, i, m] * v[b, h // groups, j, m])
        Δ = sum(dy * y, axis=-1) - dL
        ds = p * (dp - Δ[..., None])
           = p * (dp - sum(p * dp, axis=-1, keepdims=True)) + p * dL[..., None]

    The first term, and all that follows, is that of ScaledDotProductAttention:

        dz = ds * where(softcap > 0, 1 - (s / cap)**2, 1)
        dq[b, h, i, d] = λ * sum[j](dz[b, h, i, j] * k[b, h // groups, j, d])
        dk[b, g, j, d] = λ * sum[h, i](where(h // groups == g, dz[b, h, i, j] * q[b, h, i, d], 0))
        dv[b, g, j, m] = sum[h, i](where(h // groups == g, p[b, h, i, j] * dy[b, h, i, m], 0))

    A query that sees no key has y = 0 and L = −∞.

    Keeps q, k, v, p, and the slope of the cap.
    """

    def forward(self, q, k, v):
        s, slope = self.scores(q, k)
        p, L = weights(masked(s, self.seen(q, k)))
        return (self.averages(p, v), L[..., 0]), (q, k, v, p, *slope)

    def backward(self, residuals, dy):
        q, k, v, p, *slope = residuals
        dy, dL = dy
        dp, dv = self.through_averages(p, v, dy)
        ds = through_weights(p, dp) + p * dL[..., None]
        return *self.through_scores(q, k, ds, slope), dv


@dataclass(frozen=True)
class MaskedAttention(Scoring):
    """y = softmax(q kᵀ / √D) v    over the keys that a mask lets through

        q : (B, groups * H, N, D)
        k : (B, H, M, D)
        v : (B, H, M, E)
        mask : (B, 1, N, M) mask
        s[b, h, i, j] = sum[d](q[b, h, i, d] * k[b, h // groups, j, d]) / sqrt(D)
        e = where(mask, exp(s), 0)
        Z = sum(e, axis=-1, keepdims=True)
        p = where(Z > 0, e / where(Z > 0, Z, 1), 0)
        y[b, h, i, c] = sum[j](p[b, h, i, j] * v[b, h // groups, j, c])

    The mask is in p, so that the gradient is that of ScaledDotProductAttention:

        dp[b, h, i, j] = sum[c](dy[b, h, i, c] * v[b, h // groups, j, c])
        ds = p * (dp - sum(p * dp, axis=-1, keepdims=True))
        dq[b, h, i, d] = sum[j](ds[b, h, i, j] * k[b, h // groups, j, d]) / sqrt(D)
        dk[b, g, j, d] = sum[h, i](where(h // groups == g, ds[b, h, i, j] * q[b, h, i, d], 0)) / sqrt(D)
        dv[b, g, j, c] = sum[h, i](where(h // groups == g, p[b, h, i, j] * dy[b, h, i, c], 0))

    A kernel that forms p again in backward has to apply the mask again. A row of the mask that is
    false throughout gives 0, with the gradient 0: one padded sequence must not make NaN of the
    parameters that all share. The mask broadcasts to (B, heads, N, M), and has no gradient.

    Keeps q, k, v, p, and the slope of the cap.
    """

    def forward(self, q, k, v, mask):
        s, slope = self.scores(q, k)
        p, _ = weights(masked(s, mask & self.seen(q, k)))
        return self.averages(p, v), (q, k, v, p, *slope)

    def backward(self, residuals, dy):
        q, k, v, p, *slope = residuals
        dp, dv = self.through_averages(p, v, dy)
        return *self.through_scores(q, k, through_weights(p, dp), slope), dv, None


@dataclass(frozen=True)
class BiasedAttention(Scoring):
    """y = softmax(q kᵀ / √D + c) v    with a bias c for each pair of places

        q : (B, groups * H, N, D)
        k : (B, H, M, D)
        v : (B, H, M, E)
        c : (groups * H, N, M)
        s[b, h, i, j] = c[h, i, j] + sum[d](q[b, h, i, d] * k[b, h // groups, j, d]) / sqrt(D)
        p = softmax(s)
        y[b, h, i, m] = sum[j](p[b, h, i, j] * v[b, h // groups, j, m])

    Scores and bias are the terms of a sum. All examples share the bias, which sums over them:

        dp[b, h, i, j] = sum[m](dy[b, h, i, m] * v[b, h // groups, j, m])
        ds = p * (dp - sum(p * dp, axis=-1, keepdims=True))
        dc = sum(ds, axis=0)

    The rest is ScaledDotProductAttention:

        dq[b, h, i, d] = sum[j](ds[b, h, i, j] * k[b, h // groups, j, d]) / sqrt(D)
        dk[b, g, j, d] = sum[h, i](where(h // groups == g, ds[b, h, i, j] * q[b, h, i, d], 0)) / sqrt(D)
        dv[b, g, j, m] = sum[h, i](where(h // groups == g, p[b, h, i, j] * dy[b, h, i, m], 0))

    The bias broadcasts to (B, heads, N, M), and sums over the axes along which it was stretched. It
    is added after the cap. ALiBi and RelativeBias make such biases.

    Keeps q, k, v, p, the shape of the bias, and the slope of the cap.
    """

    def forward(self, q, k, v, c):
        s, slope = self.scores(q, k)
        p, _ = weights(masked(s + c, self.seen(q, k)))
        return self.averages(p, v), (q, k, v, p, outline(c), *slope)

    def backward(self, residuals, dy):
        q, k, v, p, c_outline, *slope = residuals
        dp, dv = self.through_averages(p, v, dy)
        ds = through_weights(p, dp)
        return *self.through_scores(q, k, ds, slope), dv, unbroadcast(ds, outlined(c_outline))


@dataclass(frozen=True)
class DropoutAttention(Scoring):
    """y = dropout(softmax(q kᵀ / √D)) v

        q : (B, groups * H, N, D)
        k : (B, H, M, D)
        v : (B, H, M, E)
        keep : (B, groups * H, N, M) mask
        s[b, h, i, j] = sum[d](q[b, h, i, d] * k[b, h // groups, j, d]) / sqrt(D)
        p = softmax(s)
        r = where(keep, p, 0) / (1 - rate)
        y[b, h, i, c] = sum[j](r[b, h, i, j] * v[b, h // groups, j, c])

    `rate` is the share of the weights that are dropped, where `keep` is false. Those that are left
    do not sum to 1. Backward applies the same mask and factor, and softmax's gradient has the
    weights p from before dropout:

        dr[b, h, i, j] = sum[c](dy[b, h, i, c] * v[b, h // groups, j, c])
        dp = where(keep, dr, 0) / (1 - rate)
        ds = p * (dp - sum(dy * y, axis=-1, keepdims=True))
           = p * (dp - sum(p * dp, axis=-1, keepdims=True))
        dq[b, h, i, d] = sum[j](ds[b, h, i, j] * k[b, h // groups, j, d]) / sqrt(D)
        dk[b, g, j, d] = sum[h, i](where(h // groups == g, ds[b, h, i, j] * q[b, h, i, d], 0)) / sqrt(D)
        dv[b, g, j, c] = sum[h, i](where(h // groups == g, r[b, h, i, j] * dy[b, h, i, c], 0))

    The mask has no gradient.

    Keeps q, k, v, p, the mask, and the slope of the cap.

    Srivastava et al., Dropout, 2014; on the weights as in torch's scaled_dot_product_attention.
    """

    rate: float = 0.1

    def forward(self, q, k, v, keep):
        s, slope = self.scores(q, k)
        p, _ = weights(masked(s, self.seen(q, k)))
        r, _ = Dropout(self.rate).forward(p, keep)
        return self.averages(r, v), (q, k, v, p, keep, *slope)

    def backward(self, residuals, dy):
        q, k, v, p, keep, *slope = residuals
        r, mask = Dropout(self.rate).forward(p, keep)
        dr, dv = self.through_averages(r, v, dy)
        dp, _ = Dropout(self.rate).backward(mask, dr)
        return *self.through_scores(q, k, through_weights(p, dp), slope), dv, None


@dataclass(frozen=True)
class SinkAttention(Scoring):
    """y = Σⱼ pⱼ vⱼ    with pⱼ = exp(sⱼ) / (exp(c) + Σᵢ exp(sᵢ)): a query may look at nothing

        q : (B, groups * H, N, D)
        k : (B, H, M, D)
        v : (B, H, M, E)
        c : (groups * H)
        s[b, h, i, j] = sum[d](q[b, h, i, d] * k[b, h // groups, j, d]) / sqrt(D)
        Z = sum(exp(s), axis=-1, keepdims=True) + exp(c)[:, None, None]
        p = exp(s) / Z
        y[b, h, i, m] = sum[j](p[b, h, i, j] * v[b, h // groups, j, m])

    The sink c of a head is the score of one more key, whose value is 0. Its weight is what the
    others leave, exp(c) / Z, and it gets its part of softmax's gradient, p (dp − Δ), with dp = 0:

        dp[b, h, i, j] = sum[m](dy[b, h, i, m] * v[b, h // groups, j, m])
        Δ = sum(p * dp, axis=-1, keepdims=True)
        ds = p * (dp - Δ)
        dc = -sum(exp(c)[:, None, None] / Z * Δ, axis=(0, 2, 3))

    The rest is ScaledDotProductAttention:

        dq[b, h, i, d] = sum[j](ds[b, h, i, j] * k[b, h // groups, j, d]) / sqrt(D)
        dk[b, g, j, d] = sum[h, i](where(h // groups == g, ds[b, h, i, j] * q[b, h, i, d], 0)) / sqrt(D)
        dv[b, g, j, m] = sum[h, i](where(h // groups == g, p[b, h, i, j] * dy[b, h, i, m], 0))

    Keeps q, k, v, p with the sink's weight after it, and the slope of the cap.

    Xiao et al., Efficient Streaming Language Models, 2023, arXiv:2309.17453; gpt-oss, 2025.
    """

    def forward(self, q, k, v, c):
        xp = array_namespace(q, k, v)
        s, slope = self.scores(q, k)
        s = masked(s, self.seen(q, k))
        column = xp.broadcast_to(c[:, None, None], (*s.shape[:-1], 1))
        e, Z, _ = exponentials(xp.concat([s, column], axis=-1))
        p = e / Z
        return self.averages(p[..., :-1], v), (q, k, v, p, *slope)

    def backward(self, residuals, dy):
        q, k, v, p, *slope = residuals
        xp = array_namespace(q, k, v)
        dp, dv = self.through_averages(p[..., :-1], v, dy)
        ds = through_weights(p, xp.concat([dp, xp.zeros_like(p[..., -1:])], axis=-1))
        dc = xp.sum(ds[..., -1], axis=(*range(p.ndim - 3), -1))
        return *self.through_scores(q, k, ds[..., :-1], slope), dv, dc


@dataclass(frozen=True)
class MergeAttention:
    """y, T = u a + w b, log(eᴷ + eᴹ)    with u = exp(K − T) and w = exp(M − T): merged parts

        a : (B, H, N, E)
        K : (B, H, N)
        b : (B, H, N, E)
        M : (B, H, N)
        T = logaddexp(K, M)
        u = exp(K - T)
        w = exp(M - T)
        o = u[..., None] * a + w[..., None] * b
        y, L = o, T

    a and b are the means that AttentionWithLogSumExp gives for two parts of the keys, and K and M
    its logarithms; y and T are those for all of them. The means are terms of a sum:

        da = u[..., None] * dy
        db = w[..., None] * dy

    By K the logarithm T has the slope u, u has u (1 − u), and w has −w u. As 1 − u is w, y moves by
    u w (a − b), which is u (a − y). By M it is the same with the parts exchanged:

        dK = u * (dL + sum((a - y) * dy, axis=-1))
           = u * (dL + w * sum((a - b) * dy, axis=-1))
        dM = w * (dL + sum((b - y) * dy, axis=-1))
           = w * (dL - u * sum((a - b) * dy, axis=-1))

    A logarithm of −∞ says that no key of that part was seen: it has the weight 0. Where both are
    −∞, y is 0 and all gradients are 0.

    Keeps a, b, u and w.

    Dao et al., FlashAttention, 2022, arXiv:2205.14135; Liu et al., 2023, arXiv:2310.01889.
    """

    def forward(self, a, K, b, M):
        xp = array_namespace(a, K)
        top = xp.maximum(K, M)
        top = xp.where(top == -xp.inf, 0, top)
        e, f = xp.exp(K - top), xp.exp(M - top)
        Z = e + f
        share = 1 / xp.where(Z > 0, Z, 1)
        u, w = e * share, f * share
        return (u[..., None] * a + w[..., None] * b, top + log(Z)), (a, b, u, w)

    def backward(self, residuals, dy):
        a, b, u, w = residuals
        dy, dL = dy
        apart = array_namespace(a).sum((a - b) * dy, axis=-1)
        dK, dM = u * (dL + w * apart), w * (dL - u * apart)
        return u[..., None] * dy, dK, w[..., None] * dy, dM


VARIANTS = (
    ScaledDotProductAttention(True, bottom_right=True, window=2, scale=0.3, softcap=2.0, groups=2),
    AttentionWithLogSumExp(causal=True, softcap=1.5, groups=2),
)
