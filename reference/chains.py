"""Chains of states, by lax.scan over a table of what follows what; −10³⁰ stands for log 0."""

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["hmm_forward", "linear_chain_crf"]

NEVER = -1e30


def linear_chain_crf(x, tags, n, A, a, b, *, reduction="mean"):
    """log of the sum over all tags less the score of these, which is read off one-hot rows"""
    size = x.shape[-1]
    live = jnp.arange(x.shape[0])[:, None] < jnp.asarray(n).astype(int)
    hot = jax.nn.one_hot(jnp.where(live, jnp.asarray(tags).astype(int), -1), size, dtype=x.dtype)
    ends = live & ~jnp.concatenate([live[1:], jnp.zeros_like(live[:1])])[: x.shape[0]]
    rest = jnp.einsum("tnk,tnk->n", hot, jnp.where(live[..., None], x, 0))
    score = rest + jnp.einsum("tnj,tnk,jk->n", hot[:-1], hot[1:], A) + hot[:1].sum(0) @ a
    score = score + jnp.einsum("tnk,tn,k->n", hot, ends.astype(x.dtype), b)
    last = _all_chains(x, live, a, A)
    whole = jnp.where(live.any(0), jax.nn.logsumexp(last + b, axis=-1), 0)
    return {"none": lambda z: z, "sum": jnp.sum, "mean": jnp.mean}[reduction](whole - score)


def hmm_forward(x, n, A, pi):
    """log of the sum over all states"""
    live = jnp.arange(x.shape[0])[:, None] < jnp.asarray(n).astype(int)
    last = _all_chains(x, live, _log(pi), _log(A))
    return jnp.where(live.any(0), jax.nn.logsumexp(last, axis=-1), 0)


def _all_chains(x, live, first, moves):
    """For each state the log of the sum of all chains that end there"""

    def step(before, given):
        x, live, t = given
        through = jax.nn.logsumexp(before[:, :, None] + moves, axis=1)
        new = jnp.where(t == 0, first, through) + jnp.where(live[:, None], x, 0)
        return jnp.where(live[:, None], new, before), None

    start = jnp.zeros(x.shape[1:], x.dtype)
    return lax.scan(step, start, (x, live, jnp.arange(x.shape[0])))[0]


def _log(p):
    return jnp.where(p > 0, jnp.log(jnp.where(p > 0, p, 1)), NEVER)
