"""A window slides over an image: what it sees as columns, and what convolutions and pools share.

An image has its axes behind (N, C). A window takes every `dilation`-th number, moves by `stride`,
and may reach `padding` beyond each edge. Numbers that no window reaches have gradient 0.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from handgrad.arrays import array_namespace, outline, outlined, pad, scatter_add

__all__ = ["Col2im", "Im2col"]


@dataclass(frozen=True)
class Im2col:
    """y = the windows of x, each one a column

        x : (N, C, H + dilation[0] * kernel[0], V + dilation[1] * kernel[1])
        P = (H + dilation[0] + 2 * padding[0] - 1) // stride[0] + 1
        Q = (V + dilation[1] + 2 * padding[1] - 1) // stride[1] + 1

    P × Q windows fit into the image with its padding. Place (k, l) of window (p, q) is row
    p stride + k dilation of the padded image, and likewise for its column:

        z = pad(x, widths=((padding[0], padding[0]), (padding[1], padding[1])))
        u[n, c, k : kernel[0], l : kernel[1], p : P, q : Q] = z[n, c, p * stride[0] + k * dilation[0], q * stride[1] + l * dilation[1]]
        y = reshape(u, (N, -1, P * Q))

    A number of the image stands in several windows, so it gets the sum of their gradients, along
    the columns and then along the rows:

        du = reshape(dy, u.shape)
        e[n, c, k : kernel[0], p : P, w : z.shape[3]] = sum[l : kernel[1], q : Q](where(q * stride[1] + l * dilation[1] == w, du[n, c, k, l, p, q], 0))
        dz[n, c, h, w] = sum[k : kernel[0], p : P](where(p * stride[0] + k * dilation[0] == h, e[n, c, k, p, w], 0))
        dx = dz[:, :, padding[0] : padding[0] + x.shape[2], padding[1] : padding[1] + x.shape[3]]
           = col2im(dy, size=x.shape[2:], kernel=kernel, stride=stride, padding=padding, dilation=dilation)

    The shape of y is (N, C × numbers in a window, windows). Col2im is the transpose of this map.

    Keeps the shape of x.
    """

    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    def forward(self, x):
        return _im2col(x, self._window()), (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        return (_col2im(dy, x, self._window()),)

    def _window(self):
        return Window(self.kernel, self.stride, self.padding, self.dilation)


@dataclass(frozen=True)
class Col2im:
    """y = the image whose every number is the sum of its copies in the columns of x

        h, w = size[0], size[1]
        P = (h + 2 * padding[0] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
        Q = (w + 2 * padding[1] - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
        x : (N, C * kernel[0] * kernel[1], P * Q)

    Column (p, q) is a window. Its place (k, l) goes to row p stride + k dilation − padding of the
    image: a row of zeros and one 1 in the matrix R, and likewise for the columns in S.

        R = one_hot(arange(P) * stride[0] + arange(kernel[0])[:, None] * dilation[0] - padding[0], h)
        S = one_hot(arange(Q) * stride[1] + arange(kernel[1])[:, None] * dilation[1] - padding[1], w)
        u = reshape(x, (N, C, kernel[0], kernel[1], P, Q))
        y = einsum('kph,lqw,ncklpq->nchw', R, S, u)

    What went somewhere gets its gradient from there, read back by the same matrices:

        du = einsum('kph,lqw,nchw->ncklpq', R, S, dy)
        dx = reshape(du, x.shape)
           = im2col(dy, kernel=kernel, stride=stride, padding=padding, dilation=dilation)

    ⟨im2col a, b⟩ = ⟨a, col2im b⟩ for all a and b.

    Keeps nothing.
    """

    size: tuple[int, int]
    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    def forward(self, x):
        channels = x.shape[1] // math.prod(self.kernel)
        return _col2im(x, (x.shape[0], channels, *self.size), self._window()), ()

    def backward(self, residuals, dy):
        () = residuals
        return (_im2col(dy, self._window()),)

    def _window(self):
        return Window(self.kernel, self.stride, self.padding, self.dilation)


VARIANTS = (
    Im2col((3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
    Col2im((4, 5)),
    Col2im((5, 4), (3, 2), stride=(2, 1), padding=(1, 1), dilation=(1, 2)),
)


Axes = int | tuple[int, ...]


class Window(NamedTuple):
    """A window: each field has one whole number for each axis of the image."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


def window_of(kernel: Axes, stride: Axes, padding: Axes = 0, dilation: Axes = 1):
    """A window of tuples; a number stands for one axis, or for all."""
    kernel = kernel if isinstance(kernel, tuple) else (kernel,)
    rest = (stride, padding, dilation)
    return Window(kernel, *(v if isinstance(v, tuple) else (v,) * len(kernel) for v in rest))


def visits(size, window):
    """For each place of the window, row by row, the index of what it sees of the padded image."""
    axes = [_slices(n, *w) for n, w in zip(size, zip(*window, strict=True), strict=True)]
    return [(slice(None), slice(None), *place) for place in product(*axes)]


def _slices(size, kernel, stride, padding, dilation):
    reach = dilation * (kernel - 1) + 1
    windows = (size + 2 * padding - reach) // stride + 1
    if windows < 1:
        raise ValueError(f"a window of {reach} does not fit into {size} with padding {padding}")
    starts = range(0, kernel * dilation, dilation)
    return [slice(start, start + (windows - 1) * stride + 1, stride) for start in starts]


def counted(size, window):
    """How many windows there are along each axis of an image of this size."""
    axes = zip(size, *window, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)


def views(x, window, value=0.0):
    """What each place of the window sees of x as it moves; the padding is `value`."""
    padded = pad(x, window.padding, value)
    return [padded[place] for place in visits(x.shape[2:], window)]


def windows_of(x, window, axis):
    """The views of x, one after the other along an axis."""
    return array_namespace(x).stack(views(x, window), axis=axis)


def gathered(parts, shape, window):
    """The image of this shape that sums the parts of all windows, one part for each place."""
    size = tuple(n + 2 * p for n, p in zip(shape[2:], window.padding, strict=True))
    batch = (slice(0, shape[0], 1), slice(0, shape[1], 1))
    places = [(*batch, *place[2:]) for place in visits(shape[2:], window)]
    image = scatter_add((*shape[:2], *size), zip(places, parts, strict=True))
    inner = (slice(p, p + n) for n, p in zip(shape[2:], window.padding, strict=True))
    return image[(slice(None), slice(None), *inner)]


def summed(u, shape, window, axis):
    """The image whose every number is the sum of its copies in u, the transpose of windows_of."""
    before = (slice(None),) * axis
    return gathered([u[(*before, i, ...)] for i in range(u.shape[axis])], shape, window)


def grouped(x, groups, axes):
    """x as a matrix for each group: its rows are the first axes, its columns the others."""
    rows, columns = math.prod(x.shape[:axes]) // groups, math.prod(x.shape[axes:])
    return array_namespace(x).reshape(x, (groups, rows, columns))


def swapped(x):
    """x with images and channels in each other's place, its rows in one piece of memory."""
    xp = array_namespace(x)
    images, channels, *size = x.shape
    x = xp.permute_dims(x, (1, 0, *range(2, x.ndim)))
    return xp.reshape(x, (channels, images, *size), copy=True)


def _im2col(x, window):
    """The windows of x as columns: (N, C × numbers in a window, windows)."""
    u = windows_of(x, window, axis=2)
    shape = (x.shape[0], x.shape[1] * u.shape[2], u.shape[3] * u.shape[4])
    return array_namespace(u).reshape(u, shape)


def _col2im(u, shape, window):
    """The image of this shape whose every number is the sum of its copies in the columns."""
    n = math.prod(window.kernel)
    parts = array_namespace(u).reshape(u, (*shape[:2], n, *counted(shape[2:], window)))
    return summed(parts, shape, window, axis=2)
