"""One code for every array library: an array's namespace, and what the array API standard lacks."""

import operator
from functools import reduce

import numpy as np

INTEGERS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}  # of the same size


def array_namespace(*arrays):
    """The array API namespace of the arrays: the first that is not NumPy's, else NumPy's.

    Python numbers have NumPy's. torch needs array-api-compat, which the extra `torch` installs.
    """
    for array in arrays:
        if isinstance(array, np.ndarray | float | int):
            continue
        if type(array).__module__.partition(".")[0] == "torch":
            import array_api_compat

            return array_api_compat.array_namespace(array)
        if hasattr(array, "__array_namespace__"):
            xp = array.__array_namespace__()
            if xp is not np:
                return xp
    return np


def shape_of(x):
    """The shape of an array, or () for a Python number."""
    return getattr(x, "shape", ())


def device_of(x):
    """Where an array lives, or None while JAX traces it, when that is not yet known."""
    return getattr(x, "device", None)


def outline(x):
    """An array of shape (0, *x.shape): it holds no element, and remembers x's shape.

    A backward that needs only a shape keeps this: it is an array, so it may cross any jit.
    """
    return array_namespace(x).empty((0, *shape_of(x)))


def outlined(residual):
    """The shape that an outline remembers."""
    return residual.shape[1:]


def kept(mask, x):
    """x where the mask is true, else 0: also where x is infinite, of which a product makes NaN."""
    xp = array_namespace(mask, x)
    bits = INTEGERS.get(getattr(x, "dtype", None)) if xp is np else None
    if bits is None:
        return xp.where(mask, x, 0)
    every_bit_or_none = -np.asarray(mask, bool).astype(bits)  # np.where takes 10 times as long
    return (x.view(bits) & every_bit_or_none).view(x.dtype)


def log(x):
    """log x: −∞ at 0 and NaN below, without NumPy's warning."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return array_namespace(x).log(x)


def fresh(x):
    """x in memory of its own: a gradient never shares memory with dy."""
    return x * 1


def unbroadcast(dy, shape):
    """dy summed over the axes along which an array of this shape was stretched to dy's."""
    stretched = shape_of(dy)
    if stretched == shape:
        return dy
    xp = array_namespace(dy)
    extra = len(stretched) - len(shape)
    ones = (extra + axis for axis, size in enumerate(shape) if size == 1)
    return xp.reshape(xp.sum(dy, axis=(*range(extra), *ones)), shape)


def pad(x, widths, value=0.0):
    """x with `widths[i]` copies of value on both sides of axis i, counted from the last axes."""
    xp = array_namespace(x)
    for axis, width in enumerate(widths, x.ndim - len(widths)):
        if width:
            shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
            edge = xp.full(shape, value, dtype=x.dtype, device=device_of(x))
            x = xp.concat([edge, x, edge], axis=axis)
    return x


def scatter_add(shape, pieces):
    """Zeros of this shape, plus the values of every piece (index, values) at its index.

    An index is one slice per axis, its start and stop given and its step positive.
    """
    pieces = list(pieces)
    xp = array_namespace(*(values for _, values in pieces))
    if xp.__name__ == "jax.numpy":
        return reduce(operator.add, (_padded(shape, *piece) for piece in pieces))
    total = xp.zeros(shape, dtype=pieces[0][1].dtype, device=device_of(pieces[0][1]))
    for index, values in pieces:
        total[index] += values
    return total


def _padded(shape, index, values):
    """The values with zeros before, between and behind them: what XLA fuses, unlike a scatter."""
    from jax import lax

    spots = [range(*s.indices(n)) for s, n in zip(index, shape, strict=True)]
    config = [
        (r.start, n - r[-1] - 1, r.step - 1) if r else (0, n, 0)
        for r, n in zip(spots, shape, strict=True)
    ]
    return lax.pad(values, values.dtype.type(0), config)
