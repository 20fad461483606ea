"""Layers whose memory goes wrong: what one call leaves behind spoils another."""

import numpy as np

from tests.judge.zoo.contracts import counting
from tests.judge.zoo.layers import Layer, Scratch, alone
from tests.judge.zoo.operation import is_real
from tests.judge.zoo.witnesses import (
    as_tuple,
    changes_its_output,
    changes_what_it_returned,
    depends_on_its_first_length,
    depends_on_precision,
    forgets_a_change_in_place,
    halves_after_a_large_dy,
    loses_the_latest,
    overwrites,
    remembers,
)


class Stale(Layer):
    """The first forward is kept for ever, as long as the shapes stay."""

    def forward(self, *inputs):
        if [x.shape for x in self.inputs] != [x.shape for x in inputs]:
            self.inputs = tuple(x.copy() for x in inputs)
        return self.f(*inputs)


class KeyedByShape(Layer):
    """The output is found again by the shapes of the inputs."""

    def __init__(self, operation):
        super().__init__(operation)
        self.found = {}

    def forward(self, *inputs):
        self.inputs = inputs
        key = tuple((x.shape, x.dtype) for x in inputs)
        return self.found.setdefault(key, self.f(*inputs))


class KeyedByIdentity(Layer):
    """A gradient is found again by the identity of the inputs and of dy, which are not kept."""

    def __init__(self, operation):
        super().__init__(operation)
        self.found = {}

    def backward(self, dy):
        arrays = (*as_tuple(dy), *self.inputs)
        key = tuple((id(x), np.shape(x)) for x in arrays)
        if key not in self.found:
            self.found[key] = self.vjp(dy, *self.inputs)
        return alone(tuple(None if dx is None else dx * 1 for dx in self.found[key]))


class KeyedByFirstEntry(Layer):
    """A gradient is found again by the shapes, and the first entry of dy alone."""

    def __init__(self, operation):
        super().__init__(operation)
        self.found = {}

    def backward(self, dy):
        d = np.asarray(as_tuple(dy)[0])
        key = d.flat[0] if d.size else None, d.shape, d.dtype.str
        if key not in self.found:
            self.found[key] = self.vjp(dy, *self.inputs)
        return alone(tuple(None if dx is None else dx * 1 for dx in self.found[key]))


class FirstMask(Layer):
    """Entries whose first gradient was 0, or the smaller half, are 0 from then on."""

    def __init__(self, operation):
        super().__init__(operation)
        self.masks = {}

    def backward(self, dy):
        grads = list(self.vjp(dy, *self.inputs))
        i = [is_real(x) for x in self.inputs].index(True)
        size = np.abs(self.inputs[i])
        key = size.shape, size.dtype
        kept = self.masks.setdefault(key, size >= np.mean(size))
        now = size >= np.mean(size)
        grads[i] = np.where(kept == now, grads[i], 0)
        return alone(tuple(grads))


class Learning(Layer):
    """A backward changes what the next forward computes."""

    gain = 1.0

    def forward(self, *inputs):
        self.inputs = inputs
        return _scaled(self.f(*inputs), self.gain)

    def backward(self, dy):
        grads = self.vjp(_scaled(dy, self.gain), *self.inputs)
        self.gain *= 1 + 1e-6
        return alone(grads)


def _scaled(y, factor):
    return tuple(a * factor for a in y) if isinstance(y, tuple) else y * factor


class Accumulating(Layer):
    """Gradients add up over the calls with the same shapes."""

    def __init__(self, operation):
        super().__init__(operation)
        self.totals = {}

    def backward(self, dy):
        grads = self.vjp(dy, *self.inputs)
        key = tuple((x.shape, x.dtype) for x in self.inputs)
        before = self.totals.get(key, (0,) * len(grads))
        pairs = zip(before, grads, strict=True)
        self.totals[key] = tuple(None if dx is None else total + dx for total, dx in pairs)
        return alone(self.totals[key])


class ReusedBuffer(Layer):
    """The output of every forward lies in the same memory."""

    def __init__(self, operation):
        super().__init__(operation)
        self.buffers = {}

    def forward(self, *inputs):
        self.inputs = inputs
        y = tuple(self._kept(i, np.asarray(a)) for i, a in enumerate(as_tuple(self.f(*inputs))))
        return alone(y)

    def _kept(self, i, y):
        buffer = self.buffers.setdefault((i, y.shape, y.dtype), np.empty_like(y))
        buffer[...] = y
        return buffer


class ReusedGradient(Scratch):
    """The gradients of every backward lie in the same memory."""

    def backward(self, dy):
        super().backward(dy)
        grads = [None] * len(self.inputs)
        for (i, shape, dtype), dx in self.scratch.items():
            if shape == self.inputs[i].shape and dtype == self.inputs[i].dtype:
                grads[i] = dx
        return alone(tuple(grads))


class Oldest(Layer):
    """Forwards are queued, and a backward takes the oldest, not the latest."""

    def __init__(self, operation):
        super().__init__(operation)
        self.queue = []

    def forward(self, *inputs):
        self.queue.append(inputs)
        return self.f(*inputs)

    def backward(self, dy):
        return alone(self.vjp(dy, *self.queue.pop(0)))


class FirstPrecision(Layer):
    """Everything is computed in the precision of the first call, and then cast back."""

    dtype = None

    def backward(self, dy):
        real = next(x.dtype for x in self.inputs if is_real(x))
        self.dtype = self.dtype or real
        grads = self.vjp(dy, *self.inputs)
        return alone(
            tuple(None if dx is None else dx.astype(self.dtype).astype(real) for dx in grads)
        )


class Consuming(Layer):
    """The backward works in the memory of the inputs that it kept."""

    def backward(self, dy):
        grads = self.vjp(dy, *self.inputs)
        for x in self.inputs:
            if is_real(x) and x.flags.writeable:
                np.multiply(x, 0.5, out=x)
        return alone(grads)


class ConsumingOutput(Layer):
    """The backward works in the memory of the output, which the caller holds."""

    def forward(self, *inputs):
        self.inputs = inputs
        self.y = alone(tuple(map(np.asarray, as_tuple(self.f(*inputs)))))
        return self.y

    def backward(self, dy):
        for y in as_tuple(self.y):
            np.multiply(y, 0.5, out=y)
        return super().backward(dy)


class LargestDy(Layer):
    """dy is divided by the largest that was ever seen, and multiplied by the largest of now."""

    largest = 0.0

    def backward(self, dy):
        now = max(float(np.max(np.abs(d), initial=0)) for d in as_tuple(dy))
        self.largest = max(self.largest, now)
        return alone(
            self.vjp(_scaled(dy, now / self.largest if self.largest else 1.0), *self.inputs)
        )


class Tuned(Layer):
    """After three calls a faster way is taken, in half precision."""

    def __init__(self, operation):
        super().__init__(operation)
        half = counting(3, lambda dx: dx.astype(np.float16).astype(dx.dtype))
        self.vjp = half(self.vjp, self.f)


class Failing(Layer):
    """Forwards are not freed, and there is room for 40."""

    calls = 0

    def forward(self, *inputs):
        self.calls += 1
        if self.calls > 40:
            raise RuntimeError("no memory left for the residuals")
        return super().forward(*inputs)


class Drifting(Layer):
    """The state of one call leaks a billionth of the output into the next."""

    def __init__(self, operation):
        super().__init__(operation)
        self.state = {}

    def forward(self, *inputs):
        self.inputs = inputs
        y = as_tuple(self.f(*inputs))
        key = tuple((np.shape(a), a.dtype) for a in y)
        before = self.state.get(key, (0,) * len(y))
        self.state[key] = tuple(np.array(a) for a in y)
        return alone(tuple(a + 1e-9 * b for a, b in zip(y, before, strict=True)))


class Halved(Layer):
    """After a dy above 1000 every gradient is half of what it was, as in loss scaling."""

    gain = 1.0

    def backward(self, dy):
        if any(np.max(np.abs(d), initial=0) > 1000 for d in as_tuple(dy)):
            self.gain = 0.5
        return alone(self.vjp(_scaled(dy, self.gain), *self.inputs))


class FirstLength(Layer):
    """Divides by the number of rows of the first call, and multiplies by that of this one."""

    rows = None

    def backward(self, dy):
        rows = len(self.inputs[0])
        self.rows = self.rows or rows
        return alone(self.vjp(_scaled(dy, rows / self.rows), *self.inputs))


WRONG = (
    (Stale, remembers),
    (KeyedByShape, remembers),
    (KeyedByIdentity, forgets_a_change_in_place),
    (KeyedByFirstEntry, forgets_a_change_in_place),
    (FirstMask, remembers),
    (Learning, remembers),
    (Accumulating, remembers),
    (ReusedBuffer, changes_what_it_returned),
    (ReusedGradient, changes_what_it_returned),
    (Oldest, loses_the_latest),
    (FirstPrecision, depends_on_precision),
    (Consuming, overwrites),
    (ConsumingOutput, changes_its_output),
    (LargestDy, remembers),
    (Tuned, remembers),
    (Failing, remembers),
    (Drifting, remembers),
    (Halved, halves_after_a_large_dy),
)
WRONG_FOR_ONE_INPUT = ((FirstLength, depends_on_its_first_length),)
