"""The same inputs in other sizes."""

import numpy as np

from handgrad.judge.domains import kept, recognized

ENOUGH = 64  # numbers: inputs with no more are small already
SIZES = ((3, 4, 5, 6, 7, 8), (5, 6, 7, 8, 9, 10), (2, 3, 4, 6, 8, 12))


def sizes_of(inputs):
    """The sizes of all axes, each once, from the smallest."""
    return sorted({size for x in inputs for size in x.shape})


def resized(inputs, sizes, domains=None):
    """The inputs with every axis of size s made sizes[s] long, cut or repeated from its start.

    Integers stay below the smallest of the new sizes, for they may be labels or indices.
    """
    shapes = [tuple(sizes.get(size, size) for size in x.shape) for x in inputs]
    return reshaped(inputs, shapes, domains)


def reshaped(inputs, shapes, domains=None):
    """The inputs in these shapes, cut or repeated from their starts, in the domains they were in."""
    pairs = list(zip(inputs, shapes, strict=True))
    less = [n for x, shape in pairs for s, n in zip(x.shape, shape, strict=True) if 0 < n < s]
    known = domains or [recognized(x) for x in inputs]
    return tuple(
        kept(domain, _bounded(_resized(x, shape), min(less, default=None)))
        for (x, shape), domain in zip(pairs, known, strict=True)
    )


def smaller(inputs):
    """Inputs of at most a few numbers an axis; several, for a subject need not take them all."""
    large = [size for size in sizes_of(inputs) if size > 4]
    if sum(x.size for x in inputs) <= ENOUGH or not large:
        return
    for small in SIZES:
        if len(large) <= len(small):
            yield resized(inputs, dict(zip(large, small, strict=False)))


def _resized(x, shape):
    """x in another shape: cut, or repeated, with real numbers that do not tie with those before."""
    before = x.shape
    for axis, (size, new) in enumerate(zip(before, shape, strict=True)):
        if size == 0 < new:
            x = np.zeros((*x.shape[:axis], new, *x.shape[axis + 1 :]), x.dtype)
        elif size != new:
            x = np.take(x, np.arange(new) % max(size, 1), axis=axis)
    marks = np.all((x == 0) | (x == 1))  # a mask, or labels
    if x.dtype.kind != "f" or marks or not any(n > m for m, n in zip(before, shape, strict=True)):
        return x
    apart = np.ones(x.shape)
    apart[tuple(map(slice, before))] = 0
    return (x * (1 + apart * np.random.default_rng(0).uniform(-0.3, 0.3, x.shape))).astype(x.dtype)


def _bounded(x, smallest):
    if smallest is None or not x.size or not np.issubdtype(x.dtype, np.integer):
        return x
    return x if np.max(x) < smallest else x % smallest
