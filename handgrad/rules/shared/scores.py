"""Scores of queries against keys, and the weights that they make: what all attention shares.

Arrays are (..., heads, places, size of a head). The scores of a query are a row, and softmax makes
weights of it. A key that a query does not see has the weight 0, and a query that sees no key has
nothing but zeros: the mean of nothing is 0 here, and never NaN.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, device_of, log
from handgrad.rules.activations import Softcap


@dataclass(frozen=True)
class Scoring:
    """Which keys a query sees, and how it scores them: the options of attention.

    causal        no key after the query's own place
    bottom_right  places are counted so that the last query is at the last key, as FlashAttention
                  does; else the first is at the first, as in torch's is_causal. The same if N = M
    window        only keys that are less than so many places away; 0 for all
    scale         what the products are multiplied by; None for 1/√D
    softcap       a bound that tanh puts on the scores; 0 for none
    groups        how many neighbouring heads of queries share one head of keys and values
    """

    causal: bool = False
    bottom_right: bool = False
    window: int = 0
    scale: float | None = None
    softcap: float = 0.0
    groups: int = 1

    def seen(self, q, k, rows=None):
        """A mask (N, M) of the keys that each query sees, or True; `rows` is a range of keys."""
        if not (self.causal or self.window):
            return True
        xp = array_namespace(q, k)
        n, m = q.shape[-2], k.shape[-2]
        start = m - n if self.bottom_right else 0
        first, last = rows or (0, m)
        here = xp.arange(n, device=device_of(q))[:, None] + start
        ahead = xp.arange(first, last, device=device_of(q)) - here
        near = xp.abs(ahead) < (self.window or n + m)
        return near & (ahead <= 0) if self.causal else near

    def scores(self, q, k):
        """The score of each key for each query, and in a tuple the slope of the cap, if any."""
        products = self.by_head(self.by_group(q) @ array_namespace(k).matrix_transpose(k))
        s = products * self._scale(q)
        return Softcap(self.softcap).forward(s) if self.softcap else (s, ())

    def through_scores(self, q, k, ds, slope):
        """The gradients of queries and keys by that of their scores.

        The queries that share a key are rows of one matrix, so that its product sums over them.
        """
        xp = array_namespace(q, k)
        for factor in slope:
            ds = ds * factor
        ds = self.by_group(ds * self._scale(q))
        return self.by_head(ds @ k), xp.matrix_transpose(ds) @ self.by_group(q)

    def averages(self, p, v):
        """The mean of the values for each query, by its weights."""
        return self.by_head(self.by_group(p) @ v)

    def through_averages(self, p, v, dy):
        """The gradients of weights and values by that of their means."""
        xp = array_namespace(p, v)
        dy = self.by_group(dy)
        dp = self.by_head(dy @ xp.matrix_transpose(v))
        return dp, xp.matrix_transpose(self.by_group(p)) @ dy

    def by_group(self, x):
        """The rows of all heads that share a head of keys, as the rows of one matrix."""
        *lead, heads, n, d = x.shape
        shape = (*lead, heads // self.groups, self.groups * n, d)
        return x if self.groups == 1 else array_namespace(x).reshape(x, shape)

    def by_head(self, x):
        """The rows of each head again."""
        *lead, heads, n, d = x.shape
        shape = (*lead, heads * self.groups, n // self.groups, d)
        return x if self.groups == 1 else array_namespace(x).reshape(x, shape)

    def _scale(self, q):
        return q.shape[-1] ** -0.5 if self.scale is None else self.scale


def masked(s, seen):
    """The scores, with −∞ for those that are not seen: the mask is put on the exponent."""
    if seen is True:
        return s
    xp = array_namespace(s)
    return xp.where(seen, s, -xp.inf)


def exponentials(s):
    """exp(s − m), their sums, and m, the largest of each row; 0 where it is −∞."""
    xp = array_namespace(s)
    m = xp.max(s, axis=-1, keepdims=True)
    m = xp.where(m == -xp.inf, 0, m)
    e = xp.exp(s - m)
    return e, xp.sum(e, axis=-1, keepdims=True), m


def weights(s):
    """The softmax of each row, and the logarithm of its sum in a column; 0 and −∞ for none seen."""
    e, Z, m = exponentials(s)
    return e / array_namespace(s).where(Z > 0, Z, 1), m + log(Z)


def through_weights(p, dp):
    """The gradient of the scores by that of their weights, which sum to 1.

    A number that is taken from all dp of a row does not change p (dp − Σ p dp). We take the dp of
    the largest weight: where that is near 1, the two terms are nearly equal, and would cancel.
    """
    xp = array_namespace(p, dp)
    first = xp.expand_dims(xp.argmax(p, axis=-1), axis=-1)
    r = dp - xp.take_along_axis(dp, first, axis=-1)
    return p * (r - xp.sum(p * r, axis=-1, keepdims=True))


def weights_again(s, L):
    """The weights, exp(s − L), by a column L of the logarithms of sums; 0 where s is −∞."""
    xp = array_namespace(s)
    return xp.exp(s - xp.where(xp.isfinite(L), L, 0))
