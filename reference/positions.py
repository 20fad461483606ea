"""Positions: turns of queries and keys, and numbers that are added to scores."""

import jax.numpy as jnp
import numpy as np

__all__ = ["alibi", "relative_bias", "rope", "t5_bias"]


def rope(x, *, style="half", part=1.0, base=10000.0, start=0):
    """Pairs as complex numbers, times exp(i θ)"""
    turned = 2 * (round(part * x.shape[-1]) // 2)
    head, rest = x[..., :turned], x[..., turned:]
    if style == "interleaved":
        pairs = head.reshape(*head.shape[:-1], -1, 2)
    else:
        pairs = jnp.moveaxis(head.reshape(*head.shape[:-1], 2, -1), -2, -1)
    rates = np.exp(-np.log(base) * np.linspace(0, 2, turned // 2, endpoint=False) / 2)
    angles = np.outer(np.arange(start, start + x.shape[-2]), rates)
    turns = np.stack([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]])
    y = jnp.einsum("...tpc,cdtp->...tpd", pairs, jnp.asarray(turns, x.dtype))
    y = y if style == "interleaved" else jnp.moveaxis(y, -1, -2)
    return jnp.concatenate([y.reshape(head.shape), rest], axis=-1)


def alibi(s, m, *, start=0):
    """The scores less a multiple of a table of distances"""
    return s - jnp.einsum("h,ij->hij", m, jnp.asarray(np.abs(_ahead(s, start)), s.dtype))


def relative_bias(s, b, *, reach=2, start=0):
    """The scores and a product of the table with one-hot distances"""
    return _biased(s, b, np.clip(_ahead(s, start), -reach, reach)[..., None] == _from(-reach, b))


def t5_bias(s, b, *, buckets=32, distance=128.0, bidirectional=True, start=0):
    """The scores and a product of the table with one-hot buckets, found by their first distances"""
    ahead = _ahead(s, start)
    n = buckets // 2 if bidirectional else buckets
    few = n // 2
    firsts = few * (distance / few) ** (np.arange(1, n - few) / (n - few))
    firsts = np.concatenate([np.arange(1, few + 1), firsts])
    far = np.abs(ahead) if bidirectional else np.maximum(-ahead, 0)
    bucket = np.searchsorted(firsts, far, side="right")
    bucket += n * (bidirectional & (ahead > 0))
    return _biased(s, b, bucket[..., None] == _from(0, b))


def _biased(s, b, hit):
    return s + jnp.einsum("ijk,kh->hij", jnp.asarray(hit, s.dtype), b)


def _from(first, b):
    return np.arange(first, first + b.shape[0])


def _ahead(s, start):
    """How far each key stands ahead of each query"""
    n, m = s.shape[-2:]
    return np.arange(m)[None] - np.arange(start, start + n)[:, None]
