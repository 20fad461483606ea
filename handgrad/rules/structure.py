"""Structure: numbers are copied, moved and put together, never changed.

Each rule is linear, and its backward is the same movement run the other way.
"""

from dataclasses import dataclass

from handgrad.arrays import (
    along,
    array_namespace,
    fresh,
    outline,
    outlined,
    scatter_add,
    unbroadcast,
)

__all__ = ["Broadcast", "Concatenate", "Copy", "Reshape", "Slice", "Split", "Transpose"]


@dataclass(frozen=True)
class Copy:
    """y₁ = y₂ = … = x: one number goes several ways

        x : (...)
        y, z = x, x

    Here are two copies. A move of x moves each of them as far, so their gradients add up:

        dx = dy + dz

    Keeps nothing.
    """

    copies: int = 2

    def forward(self, x):
        return (x,) * self.copies, ()

    def backward(self, residuals, dy):
        () = residuals
        return (sum(dy[1:], start=fresh(dy[0])),)


@dataclass(frozen=True)
class Broadcast:
    """y = x, stretched to a shape

        x : (shape[1], 1)
        y = broadcast_to(x, shape)

    Each number of x stands several times in y, so it gets the sum of their gradients.
    Here the first axis is new and the last one was stretched:

        dx = sum(dy, axis=(0, 2))[:, None]

    Keeps the shape of x.
    """

    shape: tuple[int, ...]

    def forward(self, x):
        return array_namespace(x).broadcast_to(x, self.shape), (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        return (unbroadcast(fresh(dy), x),)


@dataclass(frozen=True)
class Reshape:
    """y = x, the same numbers in another shape

        x : (2, 3, N)
        y = reshape(x, shape)

    Every number of x stands once in y, in the same order. So its gradient stands in dy:

        dx = reshape(dy, x.shape)

    Keeps the shape of x.
    """

    shape: tuple[int, ...]

    def forward(self, x):
        return array_namespace(x).reshape(x, self.shape), (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        return (fresh(array_namespace(dy).reshape(dy, x)),)


@dataclass(frozen=True)
class Transpose:
    """y = x, with its axes in another order

        x : (L, M, N)
        y = permute_dims(x, axes)

    Axis i of y is axis axes[i] of x. The inverse order takes dy back:

        dx = permute_dims(dy, argsort(axes))

    Keeps nothing.
    """

    axes: tuple[int, ...]

    def forward(self, x):
        return array_namespace(x).permute_dims(x, self._counted()), ()

    def backward(self, residuals, dy):
        () = residuals
        inverse = tuple(self._counted().index(i) for i in range(dy.ndim))
        return (fresh(array_namespace(dy).permute_dims(dy, inverse)),)

    def _counted(self):
        """The axes, counted from the first one: not every library counts from the last."""
        return tuple(axis % len(self.axes) for axis in self.axes)


@dataclass(frozen=True)
class Slice:
    """y = x[start:stop:step] along one axis

        x : (M, N)
        n = x.shape[axis]
        S = one_hot(arange(n)[start:stop:step], n)
        y = swapaxes(S @ swapaxes(x, 0, axis), 0, axis)

    To slice is to multiply by a matrix S of zeros and ones, so Sᵀ puts the gradient back
    where it came from, and zeros where nothing was taken:

        dx = swapaxes(S.T @ swapaxes(dy, 0, axis), 0, axis)

    Keeps the shape of x.
    """

    start: int | None = None
    stop: int | None = None
    step: int | None = None
    axis: int = 0

    def forward(self, x):
        taken, backwards = self._taken(x.shape)
        y = x[along(x.ndim, self.axis, taken)]
        return array_namespace(x).flip(y, axis=self.axis) if backwards else y, (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        taken, backwards = self._taken(x)
        if backwards:
            dy = array_namespace(dy).flip(dy, axis=self.axis)
        index = [slice(0, n, 1) for n in x]
        index[self.axis] = taken
        return (scatter_add(x, [(tuple(index), dy)]),)

    def _taken(self, shape):
        """The slice with a positive step, and whether it is then read backwards."""
        spots = range(shape[self.axis])[self.start : self.stop : self.step]
        if not spots:
            return slice(0, 0, 1), False
        low, high = sorted((spots[0], spots[-1]))
        return slice(low, high + 1, abs(spots.step)), spots.step < 0


@dataclass(frozen=True)
class Concatenate:
    """y = [a, b, …] along one axis

        a : (M, D)
        b : (N, D)
        y = concat((a, b), axis=axis)

    Each part gets back the piece of dy that stands in its place:

        da = dy[:M]
        db = dy[M:]

    Keeps the shapes.
    """

    axis: int = 0

    def forward(self, *parts):
        return array_namespace(*parts).concat(parts, axis=self.axis), tuple(map(outline, parts))

    def backward(self, residuals, dy):
        return tuple(
            map(fresh, _pieces(dy, [outlined(r)[self.axis] for r in residuals], self.axis))
        )


@dataclass(frozen=True)
class Split:
    """y₁, y₂, … = x, cut into equal sections along one axis

        x : (2 * N, D)
        y, z = x[:N], x[N:]

    The gradients of the sections, put together, are the gradient of the whole:

        dx = concat((dy, dz), axis=axis)

    Keeps nothing.
    """

    sections: int = 2
    axis: int = 0

    def forward(self, x):
        size, rest = divmod(x.shape[self.axis], self.sections)
        if rest:
            raise ValueError(
                f"axis {self.axis} has size {x.shape[self.axis]}, "
                f"which {self.sections} equal sections do not fill"
            )
        return _pieces(x, [size] * self.sections, self.axis), ()

    def backward(self, residuals, dy):
        () = residuals
        return (array_namespace(*dy).concat(dy, axis=self.axis),)


VARIANTS = (
    Copy(3),
    Broadcast((4, 3, 5)),
    Reshape((-1,)),
    Reshape((3, 2, -1)),
    Transpose((1, 0, 2)),
    Transpose((2, 0, 1)),
    Slice(1),
    Slice(1, None, 2, axis=1),
    Slice(None, None, -1),
    Slice(-1, None, -2, axis=-1),
    Concatenate(-2),
)


def _pieces(x, sizes, axis):
    """x cut along one axis into pieces of these sizes."""
    stops = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    cuts = zip(stops, sizes, strict=True)
    return tuple(x[along(x.ndim, axis, slice(stop - size, stop))] for stop, size in cuts)
