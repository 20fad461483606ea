"""Attention by tiles: the keys pass in blocks, and no weight is kept."""

from dataclasses import dataclass
from functools import reduce

from handgrad.arrays import array_namespace
from handgrad.rules.attention import MergeAttention
from handgrad.rules.shared.scores import Scoring, masked, weights, weights_again

__all__ = ["TiledAttention"]


@dataclass(frozen=True)
class TiledAttention(Scoring):
    """y = softmax(q kᵀ / √D) v    and L = log Σ exp(q kᵀ / √D), one block of keys after the other

        q : (B, groups * H, N, D)
        k : (B, H, M, D)
        v : (B, H, M, E)
        λ = where(scale == None, 1 / sqrt(D), scale)
        cap = where(softcap > 0, softcap, 1)
        z[j, b, h, i] = λ * sum[d](q[b, h, i, d] * k[b, h // groups, j, d])
        far[j : M, i : N] = j - i - bottom_right * (M - N)
        seen[j : M, i : N] = where(causal == 0, 1, far[j, i] <= 0) * where(window == 0, 1, abs(far[j, i]) < window)
        s = where(seen[:, None, None] == 1, where(softcap > 0, cap * tanh(z / cap), z), -inf)
        u[j, b, h : groups * H, m] = v[b, h // groups, j, m]

    Attention to some keys merges with attention to more of them, as in MergeAttention. A part may
    be one key, with its value for a mean and its score for a logarithm, which is −∞ for a key that
    is not seen:

        K[0] = s[0]
        a[0] = where(s[0] > -inf, 1, 0)[..., None] * u[0][:, :, None]
        K[t+1] = logaddexp(K[t], s[t+1])
        top[t] = where(K[t+1] > -inf, K[t+1], 0)
        a[t+1] = a[t] * exp(K[t] - top[t])[..., None] + exp(s[t+1] - top[t])[..., None] * u[t+1][:, :, None]
        y, L = a[M-1], K[M-1]

    A block is several keys at once, and no step is kept. softmax's gradient needs Σ p dp over all
    keys, which is a product of dy and y. L has the slope p, so that its gradient joins:

        Δ = sum(dy * y, axis=-1) - dL

    L has the sum of all exponentials, and so gives the weights again, block by block. g is their
    gradient, and r that of the scores:

        p[b, h, i, j] = exp(s[j, b, h, i] - where(L[b, h, i] > -inf, L[b, h, i], 0))
        g[b, h, i, j] = sum[m](dy[b, h, i, m] * v[b, h // groups, j, m])
        r = p * (g - Δ[..., None])
        dz[j, b, h, i] = r[b, h, i, j] * where(softcap > 0, 1 - tanh(z[j, b, h, i] / cap)**2, 1)

    The products are those of ScaledDotProductAttention. Each block gives the gradients of its own
    keys and values, and a term of those of the queries:

        dq[b, h, i, d] = λ * sum[j](dz[j, b, h, i] * k[b, h // groups, j, d])
        dk[b, n, j, d] = λ * sum[h, i](where(h // groups == n, dz[j, b, h, i] * q[b, h, i, d], 0))
        dv[b, n, j, m] = sum[h, i](where(h // groups == n, p[b, h, i, j] * dy[b, h, i, m], 0))

    A mask has to be applied again, for exp(s − L) does not know it. Where the keys lie on several
    machines, y and L are those of all keys. A query that sees no key has y = 0 and L = −∞.

    Keeps q, k, v, y and L.

    Dao et al., FlashAttention, 2022, arXiv:2205.14135, appendix B.
    """

    block: int = 64

    def forward(self, q, k, v):
        parts = (self._part(q, k, v, rows) for rows in self._blocks(k))
        y, L = reduce(lambda a, b: MergeAttention().forward(*a, *b)[0], parts)
        return (y, L), (q, k, v, y, L)

    def backward(self, residuals, dy):
        q, k, v, y, L = residuals
        dy, dL = dy
        xp = array_namespace(q, k, v)
        delta = xp.sum(dy * y, axis=-1, keepdims=True) - dL[..., None]
        found = [
            self._of_block(q, k, v, rows, (dy, delta, L[..., None])) for rows in self._blocks(k)
        ]
        dqs, dks, dvs = zip(*found, strict=True)
        return sum(dqs[1:], start=dqs[0]), xp.concat(dks, axis=-2), xp.concat(dvs, axis=-2)

    def _part(self, q, k, v, rows):
        """The means of the values of a block, and the logarithms."""
        s, _ = self._seen_scores(q, k, rows)
        p, L = weights(s)
        return self.averages(p, v[..., slice(*rows), :]), L[..., 0]

    def _of_block(self, q, k, v, rows, known):
        """What a block gives to dq, and the gradients of its keys and values."""
        dy, delta, L = known
        s, slope = self._seen_scores(q, k, rows)
        p = weights_again(s, L)
        dp, dv = self.through_averages(p, v[..., slice(*rows), :], dy)
        keys = k[..., slice(*rows), :]
        return *self.through_scores(q, keys, p * (dp - delta), slope), dv

    def _seen_scores(self, q, k, rows):
        """The scores of a block's keys, −∞ where they are not seen, and the slope of the cap."""
        s, slope = self.scores(q, k[..., slice(*rows), :])
        return masked(s, self.seen(q, k, rows)), slope

    def _blocks(self, k):
        """The first key of each block, and the first after it."""
        starts = range(0, k.shape[-2], self.block)
        return [(start, min(start + self.block, k.shape[-2])) for start in starts]


VARIANTS = (TiledAttention(block=2, window=2, scale=0.4, softcap=2.0, groups=2),)
