"""Mixture of experts: routers, their losses, and rows in the order of the experts."""

import jax
import jax.numpy as jnp

from .batch import REDUCE

__all__ = [
    "grouped_matmul",
    "load_balance",
    "permute_tokens",
    "router_z",
    "sigmoid_router",
    "softmax_router",
    "unpermute_tokens",
]


def softmax_router(z, *, k=2, renormalize=True, capacity=None):
    """Softmax's largest numbers by top_k, perhaps over their sum"""
    return _routed(jax.nn.softmax(z), z, k, renormalize, 0.0, capacity)


def sigmoid_router(z, b, *, k=2, renormalize=True, scale=1.0, eps=1e-20, capacity=None):
    """The same of σ(z), chosen by σ(z) + b"""
    s = jax.nn.sigmoid(z)
    return scale * _routed(s, s + b, k, renormalize, eps, capacity)


def load_balance(z, c):
    """E times the shares of the choices, with the mean probabilities"""
    choices = jnp.broadcast_to(c, z.shape).astype(z.dtype).reshape(-1, z.shape[-1])
    shares = jnp.mean(choices, axis=0) / jnp.maximum(jnp.mean(choices) * z.shape[-1], 1e-300)
    p = jnp.mean(jax.nn.softmax(z).reshape(choices.shape), axis=0)
    return z.shape[-1] * jnp.vdot(shares, p)


def router_z(z, *, reduction="mean"):
    """The square of the log-sum-exp of each row"""
    return REDUCE[reduction](jnp.square(jax.nn.logsumexp(z, axis=-1)))


def permute_tokens(x, e):
    """A product with a matrix that has a 1 for each choice, its rows sorted"""
    return _sorting(e).astype(x.dtype) @ jnp.repeat(x, e.shape[-1], axis=0)


def unpermute_tokens(u, e, w):
    """The product with its transpose, weighed and added up for each token"""
    back = _sorting(e).astype(u.dtype).T @ u
    return jnp.einsum("nk,nkd->nd", w, back.reshape(*e.shape, u.shape[-1]))


def grouped_matmul(x, W, s, *, block=64):
    """Every row with every matrix, of which a mask takes one"""
    del block  # how the products are cut, and no number of the result
    mine = jax.nn.one_hot(s, W.shape[0], dtype=x.dtype)
    return jnp.einsum("me,mi,eio->mo", mine, x, W)


def _routed(p, z, k, renormalize, eps, capacity):
    """The probabilities of the chosen, set at their places by one-hot rows."""
    _, places = jax.lax.top_k(jnp.where(z == 0, 0, z), k)  # it puts 0 before −0
    chosen = jnp.sum(jax.nn.one_hot(places, z.shape[-1], dtype=p.dtype), axis=-2)
    weights = p * chosen
    if renormalize:
        weights = weights / (jnp.sum(weights, axis=-1, keepdims=True) + eps)
    if capacity is not None:
        before = jnp.cumsum(chosen.reshape(-1, z.shape[-1]), axis=0).reshape(chosen.shape)
        weights = jnp.where(before <= capacity, weights, 0)
    return weights


def _sorting(e):
    """The permutation matrix that sorts all choices by their experts, ties by their place."""
    flat = e.reshape(-1)
    earlier = (flat[:, None] > flat) | ((flat[:, None] == flat) & (jnp.tri(flat.size, k=-1) > 0))
    return jax.nn.one_hot(jnp.sum(earlier, axis=1), flat.size).T
