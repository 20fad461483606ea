"""Losses over all alignments, by dense tables of what follows what; −10³⁰ stands for log 0."""

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["ctc", "rnn_transducer", "soft_dtw"]

NEVER = -1e30


def ctc(x, labels, n, m, *, reduction="mean", blank=0, zero_infinity=True):
    """−log of the sum over all paths that spell the labels, by a table of moves between the places"""
    size = 2 * labels.shape[1] + 1
    s = jnp.arange(size)
    lengths = jnp.asarray(m).astype(int)[:, None]
    counted = jnp.arange(labels.shape[1]) < lengths
    labels = jnp.where(counted, jnp.asarray(labels).astype(int), blank)
    z = jnp.full((labels.shape[0], size), blank).at[:, 1::2].set(labels)
    by = s[None, :] - s[:, None]
    differ = (z[:, :, None] != z[:, None, :]) & (z[:, None, :] != blank)
    moves = jnp.where((by == 0) | (by == 1) | ((by == 2) & differ), 0, NEVER)
    score = jnp.einsum(
        "tnc,nsc->tns", jax.nn.log_softmax(x), jax.nn.one_hot(z, x.shape[-1], dtype=x.dtype)
    )

    def step(log_alpha, given):
        score, t = given
        new = jax.nn.logsumexp(log_alpha[:, :, None] + moves, axis=1) + score
        return jnp.where((t < jnp.asarray(n).astype(int))[:, None], new, log_alpha), None

    first = jnp.broadcast_to(jnp.where(s == 0, 0.0, NEVER).astype(x.dtype), z.shape)
    last, _ = lax.scan(step, first, (score, jnp.arange(x.shape[0])))
    ends = (s == 2 * lengths) | (s == 2 * lengths - 1)
    return _reduced(
        jax.nn.logsumexp(jnp.where(ends, last, NEVER), axis=1), reduction, zero_infinity
    )


def rnn_transducer(x, labels, n, m, *, reduction="mean", blank=0, zero_infinity=True):
    """−log of the sum over all paths, one step of x after the other: blanks, then any labels"""
    log_p = jax.nn.log_softmax(x)
    steps, places = x.shape[1:3]
    u = jnp.arange(places)
    ends = jnp.minimum(jnp.asarray(n).astype(int), steps)
    lengths = jnp.asarray(m).astype(int)[:, None]
    following = jnp.zeros((x.shape[0], places), int).at[:, :-1].set(jnp.asarray(labels).astype(int))
    hot = jax.nn.one_hot(following, x.shape[-1], dtype=x.dtype)
    label = jnp.einsum("ntuc,nuc->tnu", log_p, hot)
    label = jnp.where(u < lengths, label, NEVER)
    between = (u[:, None, None] <= u) & (u < u[:, None])  # from v to w, the labels u

    def step(log_alpha, given):
        blank, label, t = given
        some = jnp.sum(jnp.where(between, label[:, None, None, :], 0), axis=-1)
        moves = jnp.where(u[:, None] <= u, some, NEVER)
        emitted = jax.nn.logsumexp(log_alpha[:, :, None] + moves, axis=1)
        return jnp.where((t < ends)[:, None], emitted + blank, log_alpha), None

    first = jnp.broadcast_to(jnp.where(u == 0, 0.0, NEVER).astype(x.dtype), following.shape)
    rows = jnp.moveaxis(log_p[..., blank], 1, 0), label, jnp.arange(steps)
    last, _ = lax.scan(step, first, rows)
    log_p = jax.nn.logsumexp(jnp.where(u == lengths, last, NEVER), axis=1)
    return _reduced(log_p, reduction, zero_infinity)


def soft_dtw(D, *, gamma=1.0):
    """The soft minimum of what leads to each cell, row by row, and in each from left to right"""
    scores = jnp.moveaxis(-D / gamma, 0, -1)
    never = jnp.full(D.shape[:1], NEVER, D.dtype)

    def cell(left, given):
        score, above, corner = given
        new = score + jax.nn.logsumexp(jnp.stack([left, above, corner]), axis=0)
        return new, new

    def row(state, scores):
        above, corner = state
        corners = jnp.concatenate([corner[None], above[:-1]])
        _, new = lax.scan(cell, never, (scores, above, corners))
        return (new, never), None

    above = jnp.broadcast_to(never, scores.shape[1:])
    (last, _), _ = lax.scan(row, (above, jnp.zeros_like(never)), scores)
    return -gamma * last[-1]


def _reduced(log_p, reduction, zero_infinity):
    there = log_p > NEVER / 2
    losses = jnp.where(there, -log_p, 0 if zero_infinity else jnp.inf)
    return {"none": lambda x: x, "sum": jnp.sum, "mean": jnp.mean}[reduction](losses)
