"""Rearrangement: numbers are mirrored, shifted, repeated, padded, or put along a new axis.

Each rule is linear, and its backward takes every number back to where it came from. An axis may
be counted from the last one.
"""

import math
from dataclasses import dataclass
from typing import Literal

from handgrad.arrays import along, array_namespace, device_of, fresh, outline, outlined, scatter_add

__all__ = ["Diagonal", "Flip", "Pad", "Repeat", "Roll", "Stack", "Tile", "Tril"]


@dataclass(frozen=True)
class Flip:
    """y = x, read backwards along an axis

        x : (M, N)
        y = flip(x, axis=axis)

    What was read backwards is put back by reading backwards once more:

        dx = flip(dy, axis=axis)

    Keeps nothing.
    """

    axis: int = 0

    def forward(self, x):
        return array_namespace(x).flip(x, axis=self.axis), ()

    def backward(self, residuals, dy):
        () = residuals
        return (fresh(array_namespace(dy).flip(dy, axis=self.axis)),)


@dataclass(frozen=True)
class Roll:
    """yᵢ = xᵢ₋ₛ, shifted by s along an axis; what leaves at one end comes in at the other

        x : (M, N)
        y = roll(x, shift, axis=axis)

    The shift is undone by the shift back:

        dx = roll(dy, -shift, axis=axis)

    Keeps nothing.
    """

    shift: int = 1
    axis: int = 0

    def forward(self, x):
        return array_namespace(x).roll(x, self.shift, axis=self.axis), ()

    def backward(self, residuals, dy):
        () = residuals
        return (fresh(array_namespace(dy).roll(dy, -self.shift, axis=self.axis)),)


@dataclass(frozen=True)
class Repeat:
    """y = x, each number of an axis several times in a row: a a b b

        x : (M, N)
        u = swapaxes(x, 0, axis)
        v[i : u.shape[0] * times, j : u.shape[1]] = u[i // times, j]
        y = swapaxes(v, 0, axis)

    A number is copied to the places i with i // times = its own, and their gradients add up:

        dv = swapaxes(dy, 0, axis)
        du = sum(reshape(dv, (u.shape[0], times, u.shape[1])), axis=1)
        dx = swapaxes(du, 0, axis)

    numpy.repeat, which torch calls repeat_interleave.

    Keeps nothing.
    """

    times: int = 2
    axis: int = 0

    def forward(self, x):
        return array_namespace(x).repeat(x, self.times, axis=self.axis), ()

    def backward(self, residuals, dy):
        () = residuals
        axis = self.axis % dy.ndim
        n = dy.shape[axis] // self.times
        shape = (*dy.shape[:axis], n, self.times, *dy.shape[axis + 1 :])
        xp = array_namespace(dy)
        return (xp.sum(xp.reshape(dy, shape), axis=axis + 1),)


@dataclass(frozen=True)
class Tile:
    """y = x, the whole array several times along each axis: a b a b

        x : (M, N)
        y[i : M * times[0], j : N * times[1]] = x[i % M, j % N]

    A number is copied once into every tile, so it gets the sum over the tiles:

        dx = sum(reshape(dy, (times[0], M, times[1], N)), axis=(0, 2))

    `times` has one number for each of the last axes.

    Keeps the shape of x.
    """

    times: tuple[int, ...] = (2, 3)

    def forward(self, x):
        return array_namespace(x).tile(x, self._all(x.shape)), (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        xp = array_namespace(dy)
        shape = tuple(n for axis in zip(self._all(x), x, strict=True) for n in axis)
        return (xp.sum(xp.reshape(dy, shape), axis=tuple(range(0, 2 * len(x), 2))),)

    def _all(self, shape):
        """How often, for every axis."""
        return (1,) * (len(shape) - len(self.times)) + self.times


@dataclass(frozen=True)
class Stack:
    """y = the inputs, side by side along a new axis

        a : (M, N)
        b : (M, N)
        y = stack((a, b), axis=axis)

    Each input gets back the slice of dy that stands in its place:

        da = take(dy, 0, axis=axis)
        db = take(dy, 1, axis=axis)

    So it is for any number of inputs, which all have the same shape.

    Keeps nothing.
    """

    axis: int = 0

    def forward(self, *parts):
        return array_namespace(*parts).stack(parts, axis=self.axis), ()

    def backward(self, residuals, dy):
        () = residuals
        xp = array_namespace(dy)
        slices = xp.moveaxis(dy, self.axis, 0)
        return tuple(fresh(slices[i, ...]) for i in range(slices.shape[0]))


@dataclass(frozen=True)
class Pad:
    """y = x with numbers around it

        x : (M + 2, N + 3)
        H, W = M + 2 + widths[0][0] + widths[0][1], N + 3 + widths[1][0] + widths[1][1]
        a[i : H] = i - widths[0][0]
        b[j : W] = j - widths[1][0]

    a and b are the places in x, some of which lie beyond it. There the numbers are the `value`, if
    the mode is "constant", or they come from the places p and q of x itself:

    edge: a a | a b c | c c;
    reflect: c b | a b c | b a, the edge is not repeated;
    circular: b c | a b c | a b.

        p[i : H] = where(mode == "reflect", M + 1 - abs(M + 1 - abs(a[i])), where(mode == "circular", a[i] % (M + 2), clip(a[i], 0, M + 1)))
        q[j : W] = where(mode == "reflect", N + 2 - abs(N + 2 - abs(b[j])), where(mode == "circular", b[j] % (N + 3), clip(b[j], 0, N + 2)))
        own[i, j] = where(mode == "constant", (p[i] == a[i]) * (q[j] == b[j]), 1)
        y[i, j] = where(own[i, j] == 1, x[p[i], q[j]], value)

    A number of x gets the sum of the gradients at all places where it stands:

        dx[k, l] = sum[i, j](where((p[i] == k) * (q[j] == l) * own[i, j] == 1, dy[i, j], 0))

    `widths` has a pair for each of the last axes: how many numbers before x, and how many behind.

    Keeps the shape of x.
    """

    widths: tuple[tuple[int, int], ...]
    mode: Literal["constant", "reflect", "edge", "circular"] = "constant"
    value: float = 0.0

    def forward(self, x):
        y = x
        for axis, widths in self._axes(x.shape):
            y = self._padded(y, axis, *widths)
        return y, (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        for axis, widths in reversed(self._axes(x)):
            dy = self._folded(dy, axis, *widths)
        return (fresh(dy),)

    def _axes(self, shape):
        """The axes that are padded, with the widths of each."""
        counted = enumerate(self.widths, len(shape) - len(self.widths))
        return [(axis, widths) for axis, widths in counted if any(widths)]

    def _padded(self, x, axis, before, after):
        """x with its edges along one axis."""
        xp = array_namespace(x)
        shapes = [(*x.shape[:axis], n, *x.shape[axis + 1 :]) for n in (before, after)]
        if self.mode == "constant":
            ends = [xp.full(n, self.value, dtype=x.dtype, device=device_of(x)) for n in shapes]
        else:
            sources = self._sources(x.shape[axis], before, after)
            ends = [x[along(x.ndim, axis, source)] for source in sources]
        if self.mode == "reflect":
            ends = [xp.flip(end, axis=axis) for end in ends]
        if self.mode == "edge":
            ends = [xp.broadcast_to(end, n) for end, n in zip(ends, shapes, strict=True)]
        return xp.concat([ends[0], x, ends[1]], axis=axis)

    def _folded(self, dy, axis, before, after):
        """The gradient of what was padded: each end goes back to where it was taken from."""
        xp = array_namespace(dy)
        n = dy.shape[axis] - before - after
        middle = dy[along(dy.ndim, axis, slice(before, before + n))]
        if self.mode == "constant":
            return middle
        ends = [dy[along(dy.ndim, axis, s)] for s in (slice(before), slice(before + n, None))]
        if self.mode == "reflect":
            ends = [xp.flip(end, axis=axis) for end in ends]
        if self.mode == "edge":
            ends = [xp.sum(end, axis=axis, keepdims=True) for end in ends]
        whole = [slice(0, size, 1) for size in middle.shape]
        places = (slice(0, n, 1), *self._sources(n, before, after))
        index = [(*whole[:axis], place, *whole[axis + 1 :]) for place in places]
        return scatter_add(middle.shape, zip(index, (middle, *ends), strict=True))

    def _sources(self, n, before, after):
        """The parts of an axis of n numbers that are repeated before and behind it."""
        most = {"reflect": n - 1, "circular": n, "edge": math.inf}[self.mode]
        if max(before, after) > most:
            raise ValueError(
                f"a {self.mode} padding of {max(before, after)} is wider than an axis of {n} "
                f"allows: it has at most {most}"
            )
        return {
            "reflect": (slice(1, before + 1, 1), slice(n - 1 - after, n - 1, 1)),
            "edge": (slice(0, 1, 1), slice(n - 1, n, 1)),
            "circular": (slice(n - before, n, 1), slice(0, after, 1)),
        }[self.mode]


@dataclass(frozen=True)
class Diagonal:
    """yᵢ = xᵢᵢ, the diagonal of each matrix

        x : (M + 2, M + 4)
        r = -offset * (offset < 0)
        c = offset * (offset > 0)
        y[i : M + 2 - r] = x[i + r, i + c]

    Above the main diagonal the offset is positive, and the first c columns are left out; below it
    is negative, and the first r rows are. What does not stand on the diagonal has gradient 0:

        dx[i, j] = where(j - i == offset, dy[i - r], 0)

    Keeps the shape of x.
    """

    offset: int = 0

    def forward(self, x):
        xp = array_namespace(x)
        numbers = xp.reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))
        return numbers[..., self._places(*x.shape[-2:])], (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        shape = (*x[:-2], x[-2] * x[-1])
        whole = (slice(0, size, 1) for size in x[:-2])
        dx = scatter_add(shape, [((*whole, self._places(*x[-2:])), dy)])
        return (array_namespace(dy).reshape(dx, x),)

    def _places(self, rows, columns):
        """The diagonal in the matrix, its rows one after the other."""
        r, c = max(0, -self.offset), max(0, self.offset)
        size = max(0, min(rows - r, columns - c))
        start = r * columns + c
        return (
            slice(start, start + size * (columns + 1) - columns, columns + 1)
            if size
            else slice(0, 0, 1)
        )


@dataclass(frozen=True)
class Tril:
    """yᵢⱼ = xᵢⱼ where j − i ≤ k, else 0: the lower triangle of each matrix

        x : (M, N)
        y[i, j] = where(j - i <= k, x[i, j], 0)

    The triangle passes it on, and the rest does not move y:

        dx = tril(dy, k=k)

    The upper triangle is the transposed of the lower one of the transposed matrix.

    Keeps nothing.
    """

    k: int = 0

    def forward(self, x):
        return array_namespace(x).tril(x, k=self.k), ()

    def backward(self, residuals, dy):
        () = residuals
        return (array_namespace(dy).tril(dy, k=self.k),)


VARIANTS = (
    Flip(axis=-1),
    Roll(-2, axis=-1),
    Repeat(3, axis=-1),
    Stack(axis=-1),
    Pad(((1, 2), (0, 3)), value=1.5),
    Pad(((1, 0), (2, 1)), "reflect"),
    Pad(((2, 1), (0, 3)), "edge"),
    Pad(((2, 1), (0, 3)), "circular"),
    Diagonal(-1),
    Diagonal(2),
    Tril(-1),
)
