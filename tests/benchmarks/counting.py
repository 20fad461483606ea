"""How often a subject's forward and backward are called, and on how many numbers."""

from dataclasses import dataclass, field

import numpy as np

FORWARD, BACKWARD = 0, 1


@dataclass
class Count:
    """The calls, and the numbers in their inputs: [forward, backward] of each."""

    calls: list[int] = field(default_factory=lambda: [0, 0])
    numbers: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, part, numbers):
        self.calls[part] += 1
        self.numbers[part] += numbers

    def __deepcopy__(self, memo):
        """A copy of a subject counts on in the same place."""
        return self

    def watch(self, subject):
        """The pair or the layer, counted."""
        if not isinstance(subject, tuple):
            return Watched(subject, self)
        f, vjp = subject

        def forward(*inputs):
            self.add(FORWARD, size(inputs))
            return f(*inputs)

        def backward(dy, *inputs):
            self.add(BACKWARD, size(inputs))
            return vjp(dy, *inputs)

        return forward, backward


class Watched:
    """A layer with a memory, counted. It keeps no array: that would change which are alive."""

    def __init__(self, layer, count):
        self.layer, self.count, self.size = layer, count, 0

    def forward(self, *inputs):
        self.size = size(inputs)
        self.count.add(FORWARD, self.size)
        return self.layer.forward(*inputs)

    def backward(self, dy):
        self.count.add(BACKWARD, self.size)
        return self.layer.backward(dy)


def size(arrays):
    return sum(map(np.size, arrays))
