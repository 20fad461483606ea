"""Segments: rows with the same label belong together, in any order. Graphs and sets use them.

The label s[n] of row n is a whole number below `segments`, and has no gradient.
"""

from dataclasses import dataclass

from handgrad.arrays import add_at, array_namespace, kept, max_at

__all__ = ["SegmentMax", "SegmentMean", "SegmentSoftmax", "SegmentSum"]


@dataclass(frozen=True)
class SegmentSum:
    """y = the sum of the rows of each segment

        K = segments
        x : (N, D)
        s : (N) label(K)
        y[k : K, d] = sum[n](where(s[n] == k, x[n, d], 0))

    A row moves the sum of its own segment and no other, so it gets that one's gradient:

        dx[n, d] = dy[s[n], d]

    An empty segment has the sum 0.

    Keeps s.
    """

    segments: int

    def forward(self, x, s):
        return add_at(self.segments, s, x), (s,)

    def backward(self, residuals, dy):
        (s,) = residuals
        return _of_each(s, dy), None


@dataclass(frozen=True)
class SegmentMean:
    """y = the mean of the rows of each segment

        K = segments
        x : (N, D)
        s : (N) label(K)
        c[k : K] = maximum(sum[n](where(s[n] == k, 1, 0)), 1)
        y[k, d] = sum[n](where(s[n] == k, x[n, d], 0)) / c[k]

    c rows share a segment. Each moves the mean by the c-th part of its own move, and so gets the
    c-th part of the segment's gradient:

        dx[n, d] = dy[s[n], d] / c[s[n]]

    An empty segment has c = 1 instead of 0, and so the mean 0, as in PyTorch Geometric.

    Keeps s and c.
    """

    segments: int

    def forward(self, x, s):
        xp = array_namespace(x, s)
        ones = xp.ones_like(s, dtype=x.dtype)
        c = xp.maximum(add_at(self.segments, s, ones), 1)
        c = xp.reshape(c, (-1, *(1,) * (x.ndim - 1)))
        return add_at(self.segments, s, x) / c, (s, c)

    def backward(self, residuals, dy):
        s, c = residuals
        return _of_each(s, dy / c), None


@dataclass(frozen=True)
class SegmentMax:
    """y = the largest of the rows of each segment, number by number

        K = segments
        x : (N, D)
        s : (N) label(K)
        m[k : K, d] = max[n](where(s[n] == k, x[n, d], -inf))
        y = where(m > -inf, m, 0)

    Only the largest number of a segment moves its maximum:

        dm[k, d] = where(m[k, d] > -inf, dy[k, d], 0)
        hit[n, d] = where(x[n, d] == m[s[n], d], 1, 0)
        c[k : K, d] = sum[n](where(s[n] == k, hit[n, d], 0))
        dx[n, d] = hit[n, d] * dm[s[n], d] / c[s[n], d]

    The c numbers that tie share the gradient equally, as for Max. An empty segment gives 0, as in
    PyTorch Geometric; jax.ops.segment_max gives −∞.

    Keeps x, s and y.
    """

    segments: int

    def forward(self, x, s):
        xp = array_namespace(x, s)
        m = max_at(self.segments, s, x)
        used = add_at(self.segments, s, xp.ones_like(s, dtype=x.dtype)) > 0
        y = xp.where(xp.reshape(used, (-1, *(1,) * (x.ndim - 1))), m, 0)
        return y, (x, s, y)

    def backward(self, residuals, dy):
        x, s, y = residuals
        xp = array_namespace(x, s)
        hit = x == _of_each(s, y)
        c = add_at(self.segments, s, xp.astype(hit, x.dtype))
        return kept(hit, _of_each(s, dy / xp.maximum(c, 1))), None


@dataclass(frozen=True)
class SegmentSoftmax:
    """yₙ = eˣⁿ / Σₘ eˣᵐ over the rows m of the segment of n

        K = segments
        x : (N, D)
        s : (N) label(K)
        e = exp(x)
        S[k : K, d] = sum[n](where(s[n] == k, e[n, d], 0))
        m[k : K, d] = max[n](where(s[n] == k, x[n, d], -inf))
        z[n, d] = exp(x[n, d] - m[s[n], d])
        y[n, d] = e[n, d] / S[s[n], d]
                = z[n, d] / sum[i](where(s[i] == s[n], z[i, d], 0))

    A number added to a whole segment cancels. Less its maximum m no exponent is above 0: none
    overflows.

    This is Softmax within each segment, and so is its derivation. Each e reaches y twice, by its
    own numerator and through the S that its segment shares. 1 / S has the slope −1 / S², and e / S
    is y, so that S gets −c / S from all rows of its segment, with

        c[k : K, d] = sum[n](where(s[n] == k, dy[n, d] * y[n, d], 0))
        de[n, d] = dy[n, d] / S[s[n], d] - c[s[n], d] / S[s[n], d]

    exp multiplies by its own output:

        dx[n, d] = de[n, d] * e[n, d]
                 = y[n, d] * (dy[n, d] - c[s[n], d])

    The attention of a graph network, over the edges into each node.

    Keeps y and s.
    """

    segments: int

    def forward(self, x, s):
        xp = array_namespace(x, s)
        m = max_at(self.segments, s, x)
        z = xp.exp(x - _of_each(s, m))
        y = z / _of_each(s, add_at(self.segments, s, z))
        return y, (y, s)

    def backward(self, residuals, dy):
        y, s = residuals
        c = add_at(self.segments, s, dy * y)
        return y * (dy - _of_each(s, c)), None


VARIANTS = (SegmentSum(4), SegmentMean(4), SegmentMax(4), SegmentSoftmax(3))


def _of_each(s, rows):
    """For each label the row of its segment."""
    return array_namespace(rows, s).take(rows, s, axis=0)
