"""Gated units."""

import jax
import jax.numpy as jnp

__all__ = ["geglu", "glu", "maxout", "reglu", "swiglu"]


def glu(a, b):
    """σ(a) b, as jax.nn splits and gates it"""
    a, b = jnp.broadcast_arrays(a, b)
    return jax.nn.glu(jnp.stack([b, a]), axis=0)[0]


def swiglu(a, b):
    """silu(a) b, as jax.nn has silu"""
    return jax.nn.silu(a) * b


def geglu(a, b, *, approximate="none"):
    """gelu(a) b, as jax.nn has gelu"""
    return jax.nn.gelu(a, approximate=approximate == "tanh") * b


def reglu(a, b):
    """max(a, 0) b, as jax.nn has relu"""
    return jax.nn.relu(a) * b


def maxout(x, *, pieces=2):
    """The maximum of every piece-th column, column after column"""
    columns = [x[..., i::pieces] for i in range(pieces)]
    return jnp.max(jnp.stack(columns), axis=0)
