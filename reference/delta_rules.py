"""Delta rules, step by step."""

import jax.numpy as jnp
from jax import lax

__all__ = ["delta_rule", "gated_delta_rule"]


def delta_rule(q, k, v, beta, *, chunk=64):
    """The rule that forgets nothing; chunks change nothing"""
    return gated_delta_rule(q, k, v, beta, jnp.zeros_like(beta), chunk=chunk)


def gated_delta_rule(q, k, v, beta, g, *, chunk=64):
    """One step after the other, S = exp(g) (1 − β kᵀ k) S + β kᵀ v; chunks change nothing"""
    del chunk

    def step(S, row):
        q, k, v, beta, g = row
        along = jnp.einsum("m,mi,ml->mil", beta, k, k)
        kept = jnp.exp(g)[:, None, None] * (jnp.eye(k.shape[-1], dtype=k.dtype) - along)
        S = jnp.einsum("mil,mlj->mij", kept, S) + jnp.einsum("m,mi,mj->mij", beta, k, v)
        return S, jnp.einsum("mi,mij->mj", q, S)

    first = jnp.zeros((q.shape[0], k.shape[-1], v.shape[-1]), v.dtype)
    rows = [jnp.moveaxis(x, 1, 0) for x in (q, k, v, beta, g)]
    return jnp.moveaxis(lax.scan(step, first, rows)[1], 0, 1)
