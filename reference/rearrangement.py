"""Rearrangement, from index arithmetic: which number of x stands where."""

import jax.numpy as jnp

__all__ = ["diagonal", "flip", "pad", "repeat", "roll", "stack", "tile", "tril"]


def flip(x, *, axis=0):
    """x from the last number of an axis to the first"""
    return jnp.take(x, jnp.arange(x.shape[axis])[::-1], axis=axis)


def roll(x, *, shift=1, axis=0):
    """x with place i from place i − shift, counted around"""
    n = x.shape[axis]
    return jnp.take(x, (jnp.arange(n) - shift) % n, axis=axis)


def repeat(x, *, times=2, axis=0):
    """x with place i from place i // times"""
    return jnp.take(x, jnp.arange(x.shape[axis] * times) // times, axis=axis)


def tile(x, *, times=(2, 3)):
    """x with place i from place i mod the size of its axis"""
    for axis, count in enumerate(times, x.ndim - len(times)):
        x = jnp.take(x, jnp.arange(x.shape[axis] * count) % x.shape[axis], axis=axis)
    return x


def stack(*parts, axis=0):
    """The parts, side by side along a new axis"""
    return jnp.concatenate([jnp.expand_dims(part, axis) for part in parts], axis=axis)


def pad(x, *, widths, mode="constant", value=0.0):
    """x with numbers around it"""
    edges = [(0, 0)] * (x.ndim - len(widths)) + list(widths)
    if mode == "constant":
        return jnp.pad(x, edges, constant_values=value)
    return jnp.pad(x, edges, mode={"circular": "wrap"}.get(mode, mode))


def diagonal(x, *, offset=0):
    """The numbers at (i, i + offset)"""
    return jnp.diagonal(x, offset, axis1=-2, axis2=-1)


def tril(x, *, k=0):
    """x times a mask"""
    rows, columns = x.shape[-2:]
    return jnp.where(jnp.arange(columns) <= jnp.arange(rows)[:, None] + k, x, 0)
