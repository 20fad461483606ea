"""State spaces, step by step."""

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["selective_scan", "ssd", "stateful_conv1d"]


def selective_scan(u, delta, A, B, C, D, *, chunk=64):
    """One step after the other, with the whole state; chunks change nothing"""
    del chunk

    def step(h, row):
        u, delta, B, C = row
        fading = jnp.exp(jnp.einsum("...e,en->...en", delta, A))
        h = fading * h + jnp.einsum("...e,...e,...n->...en", delta, u, B)
        return h, jnp.einsum("...en,...n->...e", h, C) + D * u

    first = jnp.zeros((*u.shape[:-2], *A.shape), u.dtype)
    rows = [jnp.moveaxis(x, -2, 0) for x in (u, delta, B, C)]
    return jnp.moveaxis(lax.scan(step, first, rows)[1], 0, -2)


def ssd(x, delta, A, B, C, D, *, chunk=64):
    """One step after the other, with the whole state; chunks change nothing"""
    del chunk

    def step(h, row):
        x, delta, B, C = row
        h = jnp.exp(delta * A)[..., None, None] * h + jnp.einsum("mh,mn,mhp->mhnp", delta, B, x)
        return h, jnp.einsum("mhnp,mn->mhp", h, C) + D[:, None] * x

    first = jnp.zeros((x.shape[0], *x.shape[2:3], B.shape[-1], x.shape[-1]), x.dtype)
    rows = [jnp.moveaxis(array, 1, 0) for array in (x, delta, B, C)]
    return jnp.moveaxis(lax.scan(step, first, rows)[1], 0, 1)


def stateful_conv1d(x, w, b, s, *, silu=False):
    """A table of the windows of K rows, times the filters"""
    z = jnp.concatenate([s, x], axis=1)
    places = jnp.arange(z.shape[1] - w.shape[1] + 1)
    windows = z[:, places[:, None] + jnp.arange(w.shape[1])]
    a = jnp.einsum("ntkd,dk->ntd", windows, w) + b
    return jax.nn.silu(a) if silu else a, z[:, x.shape[1] :]
