"""The same inputs in other sizes: axes of one size stay of one size."""

import numpy as np

ENOUGH = 64  # numbers: inputs with no more are small already
SIZES = ((3, 4, 5, 6, 7, 8), (5, 6, 7, 8, 9, 10), (2, 3, 4, 6, 8, 12))


def sizes_of(inputs):
    """The sizes of all axes, each once, from the smallest."""
    return sorted({size for x in inputs for size in x.shape})


def resized(inputs, sizes):
    """The inputs with every axis of size s made sizes[s] long, cut or repeated from its start.

    Integers stay below the smallest of the new sizes, for they may be labels or indices.
    """
    smallest = min((new for old, new in sizes.items() if 0 < new < old), default=None)
    return tuple(_bounded(_resized(x, sizes), smallest) for x in inputs)


def are_probabilities(x):
    """Whether the rows of an array are probabilities that sum to 1."""
    if x.ndim == 0 or x.shape[-1] < 2 or x.dtype.kind != "f" or not np.all(x >= 0):
        return False
    return bool(np.all(np.abs(np.sum(x, axis=-1) - 1) < 1e-6)) and x.size > 0


def smaller(inputs):
    """Inputs of at most a few numbers an axis; several, for a subject need not take them all."""
    large = [size for size in sizes_of(inputs) if size > 4]
    if sum(x.size for x in inputs) <= ENOUGH or not large:
        return
    for small in SIZES:
        if len(large) <= len(small):
            yield resized(inputs, dict(zip(large, small, strict=False)))


def free_sizes(inputs, takes):
    """The sizes that may be chosen: the subject `takes` the inputs with one more of each."""
    sizes = [size for size in sizes_of(inputs) if size > 1]
    return [size for size in sizes if takes(resized(inputs, {size: size + 1}))]


def reversed_axes(inputs):
    """The same numbers in the same order, and the sizes of the axes in reverse."""
    return tuple(x.reshape(x.shape[::-1]) for x in inputs)


def other_shapes(inputs):
    """The same numbers with axes in reverse; one size, or all sizes, larger or smaller by one."""
    yield reversed_axes(inputs)
    sizes = [size for size in sizes_of(inputs) if size > 1]
    for step in (1, -1):
        for size in sizes:
            yield resized(inputs, {size: size + step})
        if len(sizes) > 1:
            yield resized(inputs, {size: size + step for size in sizes})


def _resized(x, sizes):
    probabilities = are_probabilities(x)
    for axis, size in enumerate(x.shape):
        if size in sizes:
            x = np.take(x, np.arange(sizes[size]) % max(size, 1), axis=axis)
    return x / np.sum(x, axis=-1, keepdims=True) if probabilities else x


def _bounded(x, smallest):
    if smallest is None or not x.size or not np.issubdtype(x.dtype, np.integer):
        return x
    return x if np.max(x) < smallest else x % smallest
