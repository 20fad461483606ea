"""Resampling: each number of y is a weighted sum over the whole image."""

import jax
import jax.numpy as jnp

__all__ = ["grid_sample", "pixel_shuffle", "upsample"]


def pixel_shuffle(x, *, factor=2):
    """The pixel (i, j) of y from its channel of x"""
    rows, columns = jnp.arange(x.shape[2] * factor), jnp.arange(x.shape[3] * factor)
    i, j = rows[:, None], columns[None, :]
    c = jnp.arange(x.shape[1] // factor**2)[:, None, None]
    channel = (c * factor + i % factor) * factor + j % factor
    return x[:, channel, i // factor, j // factor]


def upsample(x, *, factor=(2, 2), mode="bilinear"):
    """What jax.image makes of it"""
    size = x.shape[2] * factor[0], x.shape[3] * factor[1]
    return jax.image.resize(x, (*x.shape[:2], *size), mode)


def grid_sample(x, grid, *, padding="zeros", align_corners=False):
    """x summed with a hat around each place, along rows and columns"""
    rows = _hats(grid[..., 1], x.shape[2], padding, align_corners)
    columns = _hats(grid[..., 0], x.shape[3], padding, align_corners)
    return jnp.einsum("nchw,npqh,npqw->ncpq", x, rows, columns)


def _hats(g, n, padding, align_corners):
    first, last = (0, n - 1) if align_corners else (-0.5, n - 0.5)
    place = first + (g + 1) / 2 * (last - first)
    if padding == "reflection" and last > first:
        span = last - first
        place = first + span - jnp.abs((place - first) % (2 * span) - span)
    if padding != "zeros":
        place = jnp.clip(place, 0, n - 1)
    return jax.nn.relu(1 - jnp.abs(place[..., None] - jnp.arange(n)))
