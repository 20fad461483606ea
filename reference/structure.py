"""Structure: numbers copied, moved and put together."""

import jax.numpy as jnp

__all__ = ["broadcast", "concatenate", "copy", "reshape", "slice", "split", "transpose"]


def copy(x, *, copies=2):
    """x, several times"""
    return tuple(jnp.copy(x) for _ in range(copies))


def broadcast(x, *, shape):
    """x stretched to a shape, as x + 0"""
    return x + jnp.zeros(shape, x.dtype)


def reshape(x, *, shape):
    """The numbers of x in another shape"""
    return jnp.reshape(jnp.ravel(x), shape)


def transpose(x, *, axes):
    """x with axis axes[i] as axis i"""
    return jnp.moveaxis(x, axes, range(x.ndim))


def slice(x, *, start=None, stop=None, step=None, axis=0):
    """x[start:stop:step] along one axis"""
    positions = range(x.shape[axis])[start:stop:step]
    return jnp.take(x, jnp.asarray(positions, dtype=int), axis=axis)


def concatenate(*parts, axis=0):
    """The parts, one after the other along an axis"""
    return jnp.concatenate(parts, axis=axis)


def split(x, *, sections=2, axis=0):
    """x in equal sections along an axis"""
    return tuple(jnp.split(x, sections, axis=axis))
