"""Attention: each query takes the mean of the values, weighted by how well their keys match it."""

import jax.numpy as jnp
from jax import lax

__all__ = [
    "attention_with_log_sum_exp",
    "biased_attention",
    "dropout_attention",
    "masked_attention",
    "merge_attention",
    "scaled_dot_product_attention",
    "sink_attention",
]


def scaled_dot_product_attention(
    q, k, v, *, causal=False, bottom_right=False, window=0, scale=None, softcap=0.0, groups=1
):
    """Σⱼ exp(sⱼ) vⱼ / Σⱼ exp(sⱼ) over the keys that are seen"""
    s = scores(q, k, scale, softcap, groups)
    return averages(s, seen(s, causal, bottom_right, window), v, groups)[0]


def attention_with_log_sum_exp(
    q, k, v, *, causal=False, bottom_right=False, window=0, scale=None, softcap=0.0, groups=1
):
    """The same, and the logarithm of the denominator"""
    s = scores(q, k, scale, softcap, groups)
    return averages(s, seen(s, causal, bottom_right, window), v, groups)


def masked_attention(
    q, k, v, mask, *, causal=False, bottom_right=False, window=0, scale=None, softcap=0.0, groups=1
):
    """The same over the keys that the mask lets through, too"""
    s = scores(q, k, scale, softcap, groups)
    return averages(s, mask & seen(s, causal, bottom_right, window), v, groups)[0]


def biased_attention(
    q, k, v, c, *, causal=False, bottom_right=False, window=0, scale=None, softcap=0.0, groups=1
):
    """The same with c added to the scores"""
    s = scores(q, k, scale, softcap, groups) + c
    return averages(s, seen(s, causal, bottom_right, window), v, groups)[0]


def dropout_attention(
    q,
    k,
    v,
    keep,
    *,
    causal=False,
    bottom_right=False,
    window=0,
    scale=None,
    softcap=0.0,
    groups=1,
    rate=0.1,
):
    """The same with terms of the numerator left out, and the others divided by 1 − rate"""
    s = scores(q, k, scale, softcap, groups)
    e, Z, _ = exponentials(s, seen(s, causal, bottom_right, window))
    left = 0 if rate == 1 else 1 / (1 - rate)
    numerator = jnp.einsum("bhij,bhjc->bhic", jnp.where(keep, e, 0), shared(v, groups))
    return left * numerator / jnp.where(Z > 0, Z, 1)[..., None]


def sink_attention(
    q, k, v, c, *, causal=False, bottom_right=False, window=0, scale=None, softcap=0.0, groups=1
):
    """The same, but for exp(c) in the denominator: y σ(L − c)"""
    s = scores(q, k, scale, softcap, groups)
    y, L = averages(s, seen(s, causal, bottom_right, window), v, groups)
    gap = jnp.where(jnp.isfinite(L), L, 0) - c[:, None]
    return y * jnp.exp(-jnp.logaddexp(0, -gap))[..., None]


def merge_attention(a, K, b, M):
    """b + σ(K − M) (a − b), and log(exp(K) + exp(M))"""
    none = jnp.maximum(K, M) == -jnp.inf
    left, right = jnp.where(none, 0, K), jnp.where(none, 0, M)
    share = jnp.exp(left - jnp.logaddexp(left, right))[..., None]
    y = b + share * (a - b)
    return jnp.where(none[..., None], 0, y), jnp.where(none, -jnp.inf, jnp.logaddexp(left, right))


def scores(q, k, scale, softcap, groups):
    """The products of queries and keys, scaled and capped"""
    products = jnp.einsum("bhid,bhjd->bhij", q, shared(k, groups))
    s = products * (1 / jnp.sqrt(q.shape[-1]) if scale is None else scale)
    return softcap * jnp.tanh(s / softcap) if softcap else s


def shared(x, groups):
    """A copy of each head for each query's head that shares it"""
    return jnp.repeat(x, groups, axis=-3)


def seen(s, causal, bottom_right, window):
    """A table with a band of true"""
    n, m = s.shape[-2:]
    start = m - n if bottom_right else 0
    band = jnp.tri(n, m, start if causal else m, dtype=bool)
    if window:
        band &= ~jnp.tri(n, m, start - window, dtype=bool)
        band &= jnp.tri(n, m, start + window - 1, dtype=bool)
    return band


def exponentials(s, mask):
    """exp(s − m) where the mask is true, else 0; their sums, and m"""
    m = lax.stop_gradient(jnp.max(jnp.where(mask, s, -jnp.inf), axis=-1, keepdims=True))
    m = jnp.where(m > -jnp.inf, m, 0)
    e = jnp.where(mask, jnp.exp(jnp.where(mask, s, m) - m), 0)
    return e, jnp.sum(e, axis=-1), m[..., 0]


def averages(s, mask, v, groups):
    """The mean of the values by exp(s), and the logarithm of the sum of exp(s)"""
    e, Z, m = exponentials(s, mask)
    some = jnp.where(Z > 0, Z, 1)
    y = jnp.einsum("bhij,bhjc->bhic", e, shared(v, groups)) / some[..., None]
    return y, jnp.where(Z > 0, m + jnp.log(some), -jnp.inf)
