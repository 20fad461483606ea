"""Bounds: no value of a derivation is larger than a derivation needs.

An axis of size 0 counts as one of size 1, for the next operation may remove it.
"""

import math

from handgrad.derivation.errors import DerivationError

MAX_ELEMENTS = 100_000
MAX_AXES = 32
MAX_TUPLE = 64
MAX_NUMBER = 2.0**53


def bounded(value):
    """The value, if it is a number, an array or a tuple of them that is small enough."""
    if isinstance(value, tuple):
        if leaves(value) > MAX_TUPLE:
            raise DerivationError(f"a tuple has at most {MAX_TUPLE} elements in all")
    elif hasattr(value, "shape"):
        bound_elements(value.shape)
    elif isinstance(value, complex):
        raise DerivationError("this is not a real number")
    elif isinstance(value, int | float) and abs(value) > MAX_NUMBER and abs(value) != math.inf:
        raise DerivationError(f"numbers go up to 2**53, and this one is {value:.3g}")
    return value


def leaves(value):
    """How many elements a tuple has, those of the tuples in it counted one by one."""
    return sum(map(leaves, value)) if isinstance(value, tuple) else 1


def bound_elements(shape):
    """Refuse an array of this shape if it is too large."""
    if len(shape) <= MAX_AXES and 0 < math.prod(shape) <= MAX_ELEMENTS:
        return
    if len(shape) > MAX_AXES:
        raise DerivationError(f"an array has at most {MAX_AXES} axes, not {len(shape)}")
    if math.prod(max(1, size) for size in shape) > MAX_ELEMENTS:
        raise DerivationError(f"an array has at most {MAX_ELEMENTS} elements, not {tuple(shape)}")


def bound_broadcast(*values):
    """Refuse a broadcast to more elements than a derivation needs, before it is made."""
    shapes = {v.shape for v in values if hasattr(v, "shape")}
    bound_elements(shapes.pop() if len(shapes) == 1 else broadcast_shape(*shapes))


def broadcast_shape(*shapes):
    """The largest size along each axis: what shapes broadcast to, if they do."""
    axes = max(map(len, shapes), default=0)
    padded = [(1,) * (axes - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(max(sizes) for sizes in zip(*padded, strict=True))


def bound_product(a, b):
    """Refuse a matrix product that is too large, before it is made."""
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[max(0, b.ndim - 2)]:
        message = f"a matrix product needs matrices that fit, not {a.shape} and {b.shape}"
        raise DerivationError(message)
    rows = a.shape[-2] if a.ndim > 1 else 1
    columns = b.shape[-1] if b.ndim > 1 else 1
    bound_elements((*broadcast_shape(a.shape[:-2], b.shape[:-2]), rows, columns))
