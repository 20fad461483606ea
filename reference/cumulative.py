"""Running sums and products along one axis."""

import jax.numpy as jnp
from jax import lax

__all__ = ["cum_prod", "cum_sum", "log_cum_sum_exp"]


def cum_sum(x, *, axis=-1):
    """x times a triangle of ones"""
    n = x.shape[axis]
    triangle = jnp.tril(jnp.ones((n, n), x.dtype))
    return jnp.moveaxis(jnp.einsum("ts,...s->...t", triangle, jnp.moveaxis(x, axis, -1)), -1, axis)


def cum_prod(x, *, axis=-1):
    """The product of each row of a table that holds x up to the diagonal, and 1 above it"""
    n = x.shape[axis]
    upto = jnp.tril(jnp.ones((n, n), bool))
    table = jnp.where(upto, jnp.moveaxis(x, axis, -1)[..., None, :], 1)
    return jnp.moveaxis(jnp.prod(table, axis=-1), -1, axis)


def log_cum_sum_exp(x, *, axis=-1):
    """JAX's own running log-sum-exp"""
    return lax.cumlogsumexp(x, axis=axis % x.ndim)
