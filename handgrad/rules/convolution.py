"""Convolution and pooling: one window slides over the rows and columns of an image.

Pairs are (rows, columns). A window takes every `dilation`-th number, moves by `stride`, and may
reach `padding` beyond each edge. Rows and columns that no window reaches have gradient 0.
"""

import math
from dataclasses import dataclass
from itertools import product

from handgrad.arrays import array_namespace, fresh, kept, outline, outlined, pad, scatter_add

__all__ = ["AvgPool2d", "Col2im", "Conv2d", "Im2col", "MaxPool2d"]


@dataclass(frozen=True)
class Im2col:
    """y = the windows of x, each one a column

        x : (N, C, H + dilation[0] * kernel[0], W + dilation[1] * kernel[1])
        h, w = x.shape[2], x.shape[3]
        P = (h + 2 * padding[0] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
        Q = (w + 2 * padding[1] - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1

    Row k of window p is row p stride + k dilation − padding of x: a row of zeros and one 1 in
    the matrix R, and likewise for the columns in S.

        R = one_hot(arange(P) * stride[0] + arange(kernel[0])[:, None] * dilation[0] - padding[0], h)
        S = one_hot(arange(Q) * stride[1] + arange(kernel[1])[:, None] * dilation[1] - padding[1], w)
        u = einsum('kph,lqw,nchw->ncklpq', R, S, x)
        y = reshape(u, (N, -1, P * Q))

    The same matrices put the gradients back, and add where windows overlap:

        du = reshape(dy, u.shape)
        dx = einsum('kph,lqw,ncklpq->nchw', R, S, du)

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
        return self.kernel, self.stride, self.padding, self.dilation


@dataclass(frozen=True)
class Col2im:
    """y = the image whose every number is the sum of its copies in the columns of x

        h, w = size[0], size[1]
        P = (h + 2 * padding[0] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
        Q = (w + 2 * padding[1] - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
        x : (N, C * kernel[0] * kernel[1], P * Q)
        R = one_hot(arange(P) * stride[0] + arange(kernel[0])[:, None] * dilation[0] - padding[0], h)
        S = one_hot(arange(Q) * stride[1] + arange(kernel[1])[:, None] * dilation[1] - padding[1], w)
        u = reshape(x, (N, C, kernel[0], kernel[1], P, Q))
        y = einsum('kph,lqw,ncklpq->nchw', R, S, u)

    The transpose of Im2col, so its own transpose is Im2col:

        du = einsum('kph,lqw,nchw->ncklpq', R, S, dy)
        dx = reshape(du, x.shape)

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
        return self.kernel, self.stride, self.padding, self.dilation


@dataclass(frozen=True)
class Conv2d:
    """y = W ∗ x + b    (a correlation, as everywhere in deep learning: W is not flipped)

        x : (N, groups * C, H + dilation[0] * K, V + dilation[1] * L)
        W : (groups * O, C, K, L)
        b : (groups * O)
        P = (H + dilation[0] + 2 * padding[0] - 1) // stride[0] + 1
        Q = (V + dilation[1] + 2 * padding[1] - 1) // stride[1] + 1
        u = im2col(x, kernel=(K, L), stride=stride, padding=padding, dilation=dilation)
        X = reshape(swapaxes(u, 0, 1), (groups, C * K * L, N * P * Q))
        F = reshape(W, (groups, O, C * K * L))
        Y = F @ X
        y = swapaxes(reshape(Y, (groups * O, N, P, Q)), 0, 1) + b[:, None, None]

    With the windows of all images as columns a convolution is one matrix product: each row of F
    is a filter.

        dY = reshape(swapaxes(dy, 0, 1), Y.shape)
        dF = dY @ swapaxes(X, -1, -2)
        dX = swapaxes(F, -1, -2) @ dY
        du = swapaxes(reshape(dX, (groups * C * K * L, N, P * Q)), 0, 1)

    and the windows go back where they came from, added where they overlap:

        dx = col2im(du, size=x.shape[2:], kernel=(K, L), stride=stride, padding=padding, dilation=dilation)
        dW = reshape(dF, W.shape)
        db = sum(dy, axis=(0, 2, 3))

    Each of the groups of channels has filters of its own.

    Keeps x and W: the windows are taken again, for they are K L times as large.
    """

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def forward(self, x, W, b):
        xp = array_namespace(x, W)
        u = _windows(_swapped(x), self._window(W), axis=1)
        Y = self._filters(W) @ self._columns(u)
        y = xp.reshape(Y, (W.shape[0], *u.shape[2:])) + b[:, None, None, None]
        return _swapped(y), (x, W)

    def backward(self, residuals, dy):
        x, W = residuals
        xp = array_namespace(x, W)
        images, window = _swapped(x), self._window(W)
        u = _windows(images, window, axis=1)
        F, X = self._filters(W), self._columns(u)
        dY = xp.reshape(_swapped(dy), (self.groups, F.shape[1], X.shape[-1]))
        dF = dY @ xp.matrix_transpose(X)
        du = xp.reshape(xp.matrix_transpose(F) @ dY, u.shape)
        parts = [du[:, i, ...] for i in range(u.shape[1])]
        dx = _swapped(_gathered(parts, images.shape, window))
        return dx, xp.reshape(dF, W.shape), xp.sum(dy, axis=(0, 2, 3))

    def _window(self, W):
        return W.shape[2:], self.stride, self.padding, self.dilation

    def _filters(self, W):
        shape = (self.groups, W.shape[0] // self.groups, math.prod(W.shape[1:]))
        return array_namespace(W).reshape(W, shape)

    def _columns(self, u):
        shape = (self.groups, u.shape[0] // self.groups * u.shape[1], math.prod(u.shape[2:]))
        return array_namespace(u).reshape(u, shape)


@dataclass(frozen=True)
class MaxPool2d:
    """y = the largest number in each window

        x : (N, C, H + kernel[0], W + kernel[1])
        P = (H + 2 * padding[0]) // stride[0] + 1
        Q = (W + 2 * padding[1]) // stride[1] + 1
        n = kernel[0] * kernel[1]
        u = im2col(x, kernel=kernel, stride=stride, padding=padding)
        inside = im2col(ones_like(x), kernel=kernel, stride=stride, padding=padding)
        z = where(inside == 1, u, -inf)
        k = argmax(reshape(z, (N, C, n, P, Q)), axis=2)
        hit = one_hot(k, n, axis=2)
        y = sum(where(hit == 1, reshape(u, (N, C, n, P, Q)), 0), axis=2)

    A window's gradient goes back to its largest number, and to no other:

        dx = col2im(reshape(hit * dy[:, :, None], u.shape), size=x.shape[2:], kernel=kernel, stride=stride, padding=padding)

    The padding is −∞, below every finite number. Of numbers that tie, the first one of the window, row by
    row, gets the gradient, as in JAX and torch. A NaN counts as the largest.

    Keeps the place of each window's largest number, and the shape of x.
    """

    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int] = (0, 0)

    def forward(self, x):
        xp = array_namespace(x)
        padded = pad(x, self.padding, -math.inf)
        y, *others = (padded[:, :, r, c] for r, c in product(*_visits(x.shape, self._window())))
        place = xp.zeros_like(y, dtype=xp.int32)
        for i, other in enumerate(others, 1):
            larger = ~(other <= y) & ~xp.isnan(y)
            y = xp.maximum(y, other)
            place = xp.maximum(place, i * xp.astype(larger, xp.int32))
        return fresh(y), (place, outline(x))

    def backward(self, residuals, dy):
        place, x = residuals
        n = math.prod(self.kernel)
        pieces = [kept(place == i, dy) for i in range(n)]
        return (_gathered(pieces, outlined(x), self._window()),)

    def _window(self):
        return self.kernel, self.stride, self.padding, (1, 1)


@dataclass(frozen=True)
class AvgPool2d:
    """y = the mean of each window

        x : (N, C, H + kernel[0], W + kernel[1])
        P = (H + 2 * padding[0]) // stride[0] + 1
        Q = (W + 2 * padding[1]) // stride[1] + 1
        n = kernel[0] * kernel[1]
        u = im2col(x, kernel=kernel, stride=stride, padding=padding)
        y = mean(reshape(u, (N, C, n, P, Q)), axis=2)

    Each number of a window gets the n-th part of its gradient:

        du = reshape(broadcast_to(dy[:, :, None] / n, (N, C, n, P, Q)), u.shape)
        dx = col2im(du, size=x.shape[2:], kernel=kernel, stride=stride, padding=padding)

    The padding counts as zeros, as in torch; Keras leaves it out of the mean. The mean over
    whole images is Mean(axis=(2, 3)).

    Keeps the shape of x.
    """

    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int] = (0, 0)

    def forward(self, x):
        padded = pad(x, self.padding)
        visits = product(*_visits(x.shape, self._window()))
        return sum(padded[:, :, r, c] for r, c in visits) / math.prod(self.kernel), (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        n = math.prod(self.kernel)
        return (_gathered([dy / n] * n, x, self._window()),)

    def _window(self):
        return self.kernel, self.stride, self.padding, (1, 1)


VARIANTS = (
    Im2col((3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
    Col2im((4, 5)),
    Col2im((5, 4), (3, 2), stride=(2, 1), padding=(1, 1), dilation=(1, 2)),
    Conv2d(stride=(2, 3), padding=(1, 2)),
    Conv2d(padding=(2, 1), dilation=(2, 1), groups=2),
    MaxPool2d((3, 2), stride=(2, 1), padding=(1, 1)),
    AvgPool2d((3, 2), stride=(2, 1), padding=(1, 1)),
)


def _swapped(x):
    """x with images and channels in each other's place, its rows in one piece of memory."""
    xp = array_namespace(x)
    images, channels, *size = x.shape
    return xp.reshape(xp.permute_dims(x, (1, 0, 2, 3)), (channels, images, *size), copy=True)


def _visits(shape, window):
    """For each row of the window, the rows of the padded image that it visits; so the columns."""
    return [_slices(n, *w) for n, w in zip(shape[2:], zip(*window, strict=True), strict=True)]


def _slices(size, kernel, stride, padding, dilation):
    reach = dilation * (kernel - 1) + 1
    windows = (size + 2 * padding - reach) // stride + 1
    if windows < 1:
        raise ValueError(f"a window of {reach} does not fit into {size} with padding {padding}")
    starts = range(0, kernel * dilation, dilation)
    return [slice(start, start + (windows - 1) * stride + 1, stride) for start in starts]


def _count(slices):
    return len(range(slices[0].stop)[slices[0]])


def _im2col(x, window):
    """The windows of x as columns: (N, C × numbers in a window, windows)."""
    u = _windows(x, window, axis=2)
    shape = (x.shape[0], x.shape[1] * u.shape[2], u.shape[3] * u.shape[4])
    return array_namespace(u).reshape(u, shape)


def _windows(x, window, axis):
    """What each place of the window sees of x as it moves, one place after the other along axis."""
    visits = product(*_visits(x.shape, window))
    padded = pad(x, window[2])
    return array_namespace(x).stack([padded[:, :, r, c] for r, c in visits], axis=axis)


def _col2im(u, shape, window):
    """The image of this shape whose every number is the sum of its copies in the columns."""
    rows, columns = _visits(shape, window)
    n = len(rows) * len(columns)
    parts = array_namespace(u).reshape(u, (*shape[:2], n, _count(rows), _count(columns)))
    return _gathered([parts[:, :, i, ...] for i in range(n)], shape, window)


def _gathered(parts, shape, window):
    """The sum of the parts of all windows, one part for each place in a window."""
    padding = window[2]
    padded = (*shape[:2], *(n + 2 * p for n, p in zip(shape[2:], padding, strict=True)))
    places = product(*_visits(shape, window))
    batch = (slice(0, shape[0], 1), slice(0, shape[1], 1))
    image = scatter_add(
        padded, [((*batch, *place), part) for place, part in zip(places, parts, strict=True)]
    )
    rows, columns = (slice(p, p + n) for n, p in zip(shape[2:], padding, strict=True))
    return image[:, :, rows, columns]
