"""Positions: attention does not see where a key stands, so its place is put into it.

RoPE turns queries and keys by their places. The others add a number for how far key j is from query
i to the scores s, which are (B, heads, N, M). For s = 0 they give the bias that BiasedAttention
takes.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from handgrad.arrays import add_at, array_namespace, constant, device_of, fresh, outline, outlined

__all__ = ["ALiBi", "RelativeBias", "RoPE", "T5Bias"]


@dataclass(frozen=True)
class RoPE:
    """y = x, each pair turned by an angle θ: (a, b) ↦ (a cos θ − b sin θ, a sin θ + b cos θ)

        x : (..., T, 4 * K)
        R = where(part == 1, 2 * K, K)
        n = 2 * R

    There are R pairs, in the first n numbers of a row; the others stay. n is the share `part` of all,
    written here for 1 and ½. The angle is the place of the row times the frequency of the pair:

        θ = (arange(T)[:, None] + start) * base ** (-arange(R) / R)
        a = where(style == "half", x[..., :R], x[..., 0:n:2])
        b = where(style == "half", x[..., R:n], x[..., 1:n:2])
        p = a * cos(θ) - b * sin(θ)
        q = a * sin(θ) + b * cos(θ)
        z = where(style == "half", concat((p, q), axis=-1), reshape(stack((p, q), axis=-1), x[..., :n].shape))
        y = concat((z, x[..., n:]), axis=-1)

    Numbers that only move have gradients that move back, and a turn by θ is undone by one by −θ,
    which is its transpose as well:

        dz = dy[..., :n]
        dp = where(style == "half", dz[..., :R], dz[..., 0:n:2])
        dq = where(style == "half", dz[..., R:n], dz[..., 1:n:2])
        da = dp * cos(θ) + dq * sin(θ)
        db = dq * cos(θ) - dp * sin(θ)
        u = where(style == "half", concat((da, db), axis=-1), reshape(stack((da, db), axis=-1), dz.shape))
        dx = concat((u, dy[..., n:]), axis=-1)

    The product of a turned query and a turned key sees only how far apart they are. With the style
    "half", number i and number R + i are a pair, as in GPT-NeoX and in Transformers' Llama; with
    "interleaved", 2 i and 2 i + 1 are, as in the paper, GPT-J, and Llama's own code. Weights that
    were trained with one give nonsense with the other, and no shape tells them apart. `start` is the
    place of the first row.

    Keeps nothing: the turn is linear, and its angles do not depend on x.

    Su et al., RoFormer, 2021, arXiv:2104.09864, section 3.2.
    """

    style: Literal["half", "interleaved"] = "half"
    part: float = 1.0
    base: float = 10000.0
    start: int = 0

    def forward(self, x):
        return self._turned(x, 1), ()

    def backward(self, residuals, dy):
        () = residuals
        return (self._turned(dy, -1),)

    def _turned(self, x, sign):
        """The rows turned by their angles, or back."""
        xp = array_namespace(x)
        pairs = round(self.part * x.shape[-1]) // 2
        cos, sin = self._turns(x, pairs)
        a, b = self._pair(x, pairs)
        turned = [a * cos - sign * b * sin, sign * a * sin + b * cos]
        rest = x[..., 2 * pairs :]
        if self.style == "interleaved":
            both = xp.reshape(xp.stack(turned, axis=-1), (*x.shape[:-1], 2 * pairs))
            return xp.concat([both, rest], axis=-1)
        return xp.concat([*turned, rest], axis=-1)

    def _pair(self, x, pairs):
        """The first and the second number of each pair."""
        if self.style == "interleaved":
            return x[..., 0 : 2 * pairs : 2], x[..., 1 : 2 * pairs : 2]
        return x[..., :pairs], x[..., pairs : 2 * pairs]

    def _turns(self, x, pairs):
        """cos θ and sin θ of each place and pair, formed in float64."""
        places = np.arange(self.start, self.start + x.shape[-2])[:, None]
        angles = places * self.base ** (-np.arange(pairs) / max(1, pairs))
        return constant(np.cos(angles), x), constant(np.sin(angles), x)


@dataclass(frozen=True)
class ALiBi:
    """y = s − m |i − j|    with a slope m for each head

        s : (B, H, N, M)
        m : (H)
        far = abs(arange(N)[:, None] + start - arange(M))
        y = s - m[:, None, None] * far

    All examples and all pairs of places share the slope of a head:

        ds = dy
        dm = -sum(dy * far, axis=(0, 2, 3))

    In the paper the slopes of H heads are 2^(−8 h / H) for h = 1 … H, and are not learned. `start`
    is the place of the first query among the keys.

    Keeps nothing.

    Press, Smith and Lewis, Train Short, Test Long, 2021, arXiv:2108.12409, section 3.
    """

    start: int = 0

    def forward(self, s, m):
        return s - m[:, None, None] * constant(self._far(s), s), ()

    def backward(self, residuals, dy):
        () = residuals
        xp = array_namespace(dy)
        by_head = -xp.sum(dy * constant(self._far(dy), dy), axis=(-2, -1))
        return fresh(dy), xp.sum(by_head, axis=tuple(range(dy.ndim - 3)))

    def _far(self, s):
        return np.abs(_ahead(s, self.start))


class _Biased:
    """y = s + b[t], with a row of b for each pair of places, as a table t says."""

    def _table(self, s):
        """The row of b for each pair of places."""
        raise NotImplementedError

    def forward(self, s, b):
        return s + _of_places(self._table(s), b), (outline(b),)

    def backward(self, residuals, dy):
        (b,) = map(outlined, residuals)
        return fresh(dy), _gathered(b[0], self._table(dy), dy)


@dataclass(frozen=True)
class RelativeBias(_Biased):
    """y = s + b[j − i]    with a number b for each distance and head, up to a reach

        s : (B, H, N, M)
        b : (2 * reach + 1, H)
        ahead = arange(M) - arange(N)[:, None] - start
        t = minimum(maximum(ahead, -reach), reach) + reach
        y[n, h, i, j] = s[n, h, i, j] + b[t[i, j], h]

    t says which row of b a pair of places has; all that are further apart than `reach` share the
    row of the reach. A row is added to the scores of all pairs at its distance, and gathers their
    gradients. `start` is the place of the first query among the keys.

        ds = dy
        db[r, h] = sum[n, i, j](where(t[i, j] == r, dy[n, h, i, j], 0))

    Keeps the shape of b.

    Shaw, Uszkoreit and Vaswani, Self-Attention with Relative Position Representations, 2018,
    arXiv:1803.02155, with vectors; numbers as in Liu et al., Swin Transformer, 2021,
    arXiv:2103.14030.
    """

    reach: int = 2
    start: int = 0

    def _table(self, s):
        """The row of b for each pair of places."""
        return np.clip(_ahead(s, self.start), -self.reach, self.reach) + self.reach


@dataclass(frozen=True)
class T5Bias(_Biased):
    """y = s + b[bucket of j − i]    small distances have buckets of their own, large ones share

        s : (B, H, N, M)
        b : (buckets, H)
        ahead = arange(M) - arange(N)[:, None] - start
        r = where(bidirectional == 1, abs(ahead), maximum(-ahead, 0))
        n = buckets // (1 + bidirectional)
        few = n // 2
        far = few + floor(log(maximum(r, few) / few) / log(distance / few) * (n - few))
        t = where(r < few, r, minimum(far, n - 1)) + bidirectional * n * (ahead > 0)
        y[c, h, i, j] = s[c, h, i, j] + sum[k](where(t[i, j] == k, b[k, h], 0))

    t is the bucket of a pair of places. Up to `few` places apart each distance r has its own; then
    they grow as the logarithm up to `distance`, and the last one has all that is further. If
    bidirectional, keys after the query have the second half of the buckets; else they count as
    r = 0. A bucket gathers the gradients of all pairs in it:

        ds = dy
        db[k, h] = sum[c, i, j](where(t[i, j] == k, dy[c, h, i, j], 0))

    T5's encoder has both directions, its decoder one. Neither divides its scores by √D. There are at
    least four buckets, or two in one direction, and `distance` is above `few`.

    Keeps the shape of b.

    Raffel et al., Exploring the Limits of Transfer Learning, 2019, arXiv:1910.10683, section 2.1.
    """

    buckets: int = 32
    distance: float = 128.0
    bidirectional: bool = True
    start: int = 0

    def _table(self, s):
        """The row of b for each pair of places."""
        ahead = _ahead(s, self.start)
        r = np.abs(ahead) if self.bidirectional else np.maximum(-ahead, 0)
        n = self.buckets // (1 + self.bidirectional)
        few = n // 2
        growth = np.log(np.maximum(r, few) / few) / math.log(self.distance / few)
        far = few + np.floor(growth * (n - few)).astype(int)
        near = np.where(r < few, r, np.minimum(far, n - 1))
        return near + self.bidirectional * n * (ahead > 0)


VARIANTS = (
    RoPE("interleaved", base=100.0, start=3),
    RoPE(part=0.5),
    T5Bias(6, 5.0, bidirectional=False, start=1),
)


def _ahead(s, start):
    """How far each key stands ahead of each query."""
    n, m = s.shape[-2:]
    return np.arange(m) - np.arange(n)[:, None] - start


def _of_places(table, b):
    """The numbers of a table's rows, (H, N, M)."""
    xp = array_namespace(b)
    rows = xp.asarray(np.reshape(table, (-1,)), device=device_of(b))
    bias = xp.reshape(xp.take(b, rows, axis=0), (*table.shape, b.shape[-1]))
    return xp.moveaxis(bias, -1, 0)


def _gathered(count, table, dy):
    """The sum of the gradients at each row of a table, over all examples."""
    xp = array_namespace(dy)
    of_all = xp.sum(dy, axis=tuple(range(dy.ndim - 3)))
    rows = xp.asarray(np.reshape(table, (-1,)), device=device_of(dy))
    return add_at(count, rows, xp.reshape(xp.moveaxis(of_all, 0, -1), (-1, of_all.shape[0])))
