"""Layers that share memory: with other instances, with their callers, with what is nearly the same."""

import numpy as np

from tests.judge.zoo.layers import Layer, Memoizing, alone
from tests.judge.zoo.operation import is_real
from tests.judge.zoo.witnesses import (
    as_tuple,
    changes_what_it_returned_for_a_large_dy,
    forgets_a_change_of_dy,
    is_spoiled_by_its_caller,
    mixes_instances,
    takes_near_for_equal,
)


class ClassWide(Layer):
    """What the last forward of any instance saw."""

    latest: tuple = ()

    def forward(self, *inputs):
        ClassWide.latest = inputs
        return self.f(*inputs)

    def backward(self, dy):
        return alone(self.vjp(dy, *ClassWide.latest))


class Lending(Memoizing):
    """The very gradient that it will find again is returned."""

    def backward(self, dy):
        return alone(self.kept(dy))


class BufferForLarge(Layer):
    """Gradients above 1000 lie in the same memory."""

    def __init__(self, operation):
        super().__init__(operation)
        self.buffers = {}

    def backward(self, dy):
        return alone(tuple(map(self._kept, self.vjp(dy, *self.inputs))))

    def _kept(self, dx):
        if dx is None or np.max(np.abs(dx), initial=0) < 1000:
            return dx
        buffer = self.buffers.setdefault((np.shape(dx), np.asarray(dx).dtype), np.empty_like(dx))
        buffer[...] = dx
        return buffer


class Rounding(Layer):
    """The inputs are found again by their first two digits."""

    def __init__(self, operation):
        super().__init__(operation)
        self.found = {}

    def forward(self, *inputs):
        key = tuple((_digits(x).tobytes(), x.shape, x.dtype) for x in inputs)
        self.inputs = self.found.setdefault(key, tuple(x.copy() for x in inputs))
        return self.f(*inputs)


def _digits(x):
    if not is_real(x):
        return x
    significand, exponent = np.frexp(x)
    return np.ldexp(np.rint(significand * 64), exponent)


class SameObject(Layer):
    """The same dy, of the same inputs, is not looked at a second time."""

    dy = None
    seen = b""
    grads: tuple = ()

    def backward(self, dy):
        seen = b"".join(x.tobytes() for x in self.inputs)
        if any(a is not b for a, b in zip(as_tuple(self.dy), as_tuple(dy), strict=False)) or (
            seen != self.seen
        ):
            self.dy, self.seen, self.grads = dy, seen, self.vjp(dy, *self.inputs)
        return alone(tuple(None if dx is None else dx * 1 for dx in self.grads))


WRONG = (
    (ClassWide, mixes_instances),
    (Lending, is_spoiled_by_its_caller),
    (BufferForLarge, changes_what_it_returned_for_a_large_dy),
    (Rounding, takes_near_for_equal),
    (SameObject, forgets_a_change_of_dy),
)
