"""Segments, by a mask with a row for each segment."""

import jax.numpy as jnp

__all__ = ["segment_max", "segment_mean", "segment_softmax", "segment_sum"]


def segment_sum(x, s, *, segments):
    """The sum of the rows of each segment"""
    return jnp.einsum("kn,n...->k...", _members(s, segments).astype(x.dtype), x)


def segment_mean(x, s, *, segments):
    """The mean of the rows of each segment; 0 where there is none"""
    members = _members(s, segments).astype(x.dtype)
    shares = members / jnp.maximum(members.sum(axis=1, keepdims=True), 1)
    return jnp.einsum("kn,n...->k...", shares, x)


def segment_max(x, s, *, segments):
    """The largest of the rows of each segment; 0 where there is none"""
    members = _masks(s, segments, x.ndim)
    largest = jnp.max(jnp.where(members, x, -jnp.inf), axis=1, initial=-jnp.inf)
    return jnp.where(jnp.any(members, axis=1), largest, 0)


def segment_softmax(x, s, *, segments):
    """Softmax over the rows of each segment, by a table of all rows for each"""
    members = _masks(s, segments, x.ndim)
    e = jnp.where(members, jnp.exp(x - jnp.max(x, axis=0)), 0)
    return jnp.sum(e / jnp.where(members, jnp.sum(e, axis=1, keepdims=True), 1), axis=0)


def _members(s, segments):
    return jnp.arange(segments)[:, None] == s


def _masks(s, segments, ndim):
    return jnp.expand_dims(_members(s, segments), range(2, ndim + 1))
