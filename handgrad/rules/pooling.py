"""Pooling: each window of an image becomes one number. Images are (N, C) and then their axes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.arrays import array_namespace, constant, fresh, kept, largest, outline, outlined
from handgrad.rules.windows import gathered, summed, views, window_of, windows_of

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "GlobalAvgPool",
    "LpPool",
    "MaxPool1d",
    "MaxPool2d",
]


class _MaxPool:
    """What MaxPool1d and MaxPool2d share: the place of each window's largest number."""

    kernel: Any
    stride: Any
    padding: Any

    def forward(self, x):
        xp = array_namespace(x)
        y, *others = views(x, self._window(), -math.inf)
        small = xp.int8 if len(others) < 128 else xp.int32
        place = xp.zeros_like(y, dtype=small)
        for i, other in enumerate(others, 1):
            found = xp.maximum(y, other)
            moved = (found != y) & ~xp.isnan(y)  # the first NaN stays
            y, place = found, xp.maximum(place, i * xp.astype(moved, small))
        return fresh(y), (place, outline(x))

    def backward(self, residuals, dy):
        place, x = residuals
        window = self._window()
        pieces = [kept(place == i, dy) for i in range(math.prod(window.kernel))]
        return (gathered(pieces, outlined(x), window),)

    def _window(self):
        return window_of(self.kernel, self.stride, self.padding)


class _AvgPool:
    """What AvgPool1d and AvgPool2d share: every number of a window counts alike."""

    kernel: Any
    stride: Any
    padding: Any

    def forward(self, x):
        window = self._window()
        return sum(views(x, window)) / math.prod(window.kernel), (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        window = self._window()
        n = math.prod(window.kernel)
        return (gathered([dy / n] * n, x, window),)

    def _window(self):
        return window_of(self.kernel, self.stride, self.padding)


@dataclass(frozen=True)
class MaxPool1d(_MaxPool):
    """y = the largest number in each window, along one axis

        x : (N, C, L + kernel)
        P = (L + 2 * padding) // stride + 1
        z = pad(x, widths=((padding, padding),), value=-inf)
        y[n, c, p : P] = max[k : kernel](z[n, c, p * stride + k])

    Only the largest number moves the maximum, so it gets the gradient, from every window that
    it wins:

        dz[n, c, m] = sum[k : kernel, p : P](where((p * stride + k == m) * (z[n, c, m] == y[n, c, p]), dy[n, c, p], 0))
        dx = dz[:, :, padding : padding + x.shape[2]]

    The padding is −∞. Ties go to the first one of the window, and a NaN counts as the largest, as
    for MaxPool2d.

    Keeps the place of each window's largest number, and the shape of x.
    """

    kernel: int = 2
    stride: int = 2
    padding: int = 0


@dataclass(frozen=True)
class MaxPool2d(_MaxPool):
    """y = the largest number in each window

        x : (N, C, H + kernel[0], W + kernel[1])
        P = (H + 2 * padding[0]) // stride[0] + 1
        Q = (W + 2 * padding[1]) // stride[1] + 1
        z = pad(x, widths=((padding[0], padding[0]), (padding[1], padding[1])), value=-inf)
        u[n, c, k : kernel[0], l : kernel[1], p : P, q : Q] = z[n, c, p * stride[0] + k, q * stride[1] + l]
        y[n, c, p, q] = max[k, l](u[n, c, k, l, p, q])

    A window's gradient goes to its largest number, and to no other. Then the windows go back where
    they came from, added where they overlap, by Col2im:

        du[n, c, k, l, p, q] = where(u[n, c, k, l, p, q] == y[n, c, p, q], dy[n, c, p, q], 0)
        dx = col2im(reshape(du, (N, -1, P * Q)), size=x.shape[2:], kernel=kernel, stride=stride, padding=padding)

    The padding is −∞, below every finite number. Of numbers that tie, the first one of the window, row by
    row, gets the gradient, as in JAX and torch. A NaN counts as the largest.

    Keeps the place of each window's largest number, and the shape of x.
    """

    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class AvgPool1d(_AvgPool):
    """y = the mean of each window, along one axis

        x : (N, C, L + kernel)
        P = (L + 2 * padding) // stride + 1
        z = pad(x, widths=((padding, padding),))
        y[n, c, p : P] = mean[k : kernel](z[n, c, p * stride + k])

    Each number gets its part from every window in which it stands:

        dz[n, c, m] = sum[k : kernel, p : P](where(p * stride + k == m, dy[n, c, p] / kernel, 0))
        dx = dz[:, :, padding : padding + x.shape[2]]

    The padding counts as zeros, as in torch.

    Keeps the shape of x.
    """

    kernel: int = 2
    stride: int = 2
    padding: int = 0


@dataclass(frozen=True)
class AvgPool2d(_AvgPool):
    """y = the mean of each window

        x : (N, C, H + kernel[0], W + kernel[1])
        P = (H + 2 * padding[0]) // stride[0] + 1
        Q = (W + 2 * padding[1]) // stride[1] + 1
        z = pad(x, widths=((padding[0], padding[0]), (padding[1], padding[1])))
        u[n, c, k : kernel[0], l : kernel[1], p : P, q : Q] = z[n, c, p * stride[0] + k, q * stride[1] + l]
        y[n, c, p, q] = mean[k, l](u[n, c, k, l, p, q])

    z is x in its padding, and u holds number (k, l) of the window at (p, q). All numbers of a
    window count alike, and each gets the same part of its gradient:

        du[n, c, k, l, p, q] = dy[n, c, p, q] / (kernel[0] * kernel[1])

    Col2im puts the windows back where they came from, and adds where they overlap:

        dx = col2im(reshape(du, (N, -1, P * Q)), size=x.shape[2:], kernel=kernel, stride=stride, padding=padding)

    The padding counts as zeros, as in torch; Keras leaves it out of the mean. The mean over
    whole images is GlobalAvgPool.

    Keeps the shape of x.
    """

    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class GlobalAvgPool:
    """y = the mean of each channel over the whole image

        x : (N, C, H, W)
        y = mean(x, axis=(2, 3), keepdims=keepdims)

    Every pixel of a channel moves the mean by the same part:

        dx = broadcast_to(reshape(dy, (N, C, 1, 1)) / (H * W), x.shape)

    The image may have any number of axes, and one of them at least.

    Keeps the shape of x.
    """

    keepdims: bool = False

    def forward(self, x):
        axes = tuple(range(2, x.ndim))
        y = array_namespace(x).mean(x, axis=axes, keepdims=self.keepdims)
        return y, (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        xp = array_namespace(dy)
        part = xp.reshape(dy, (*x[:2], *(1,) * len(x[2:]))) / math.prod(x[2:])
        return (fresh(xp.broadcast_to(part, x)),)


@dataclass(frozen=True)
class AdaptiveAvgPool2d:
    """y = the mean of each of size[0] × size[1] bins that cover the image

        x : (N, C, H + size[0], W + size[1])
        h, w = x.shape[2], x.shape[3]

    Bin p covers the rows from ⌊p h / P⌋ to ⌈(p + 1) h / P⌉, so bins overlap where P does not
    divide h. Each is a row of the matrix R that sums to 1, and likewise for the columns in S:

        r[p : size[0], i : h] = where((i >= p * h // size[0]) * (i * size[0] < (p + 1) * h), 1, 0)
        s[q : size[1], j : w] = where((j >= q * w // size[1]) * (j * size[1] < (q + 1) * w), 1, 0)
        R = r / sum(r, axis=1, keepdims=True)
        S = s / sum(s, axis=1, keepdims=True)
        y = R @ x @ S.T

    A product with constant matrices on both sides, so their transposes take the gradient back:

        dx = R.T @ dy @ S

    Keeps the shape of x.
    """

    size: tuple[int, int]

    def forward(self, x):
        R, S = self._bins(x, x.shape)
        return R @ x @ array_namespace(x).matrix_transpose(S), (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        R, S = self._bins(dy, x)
        return (array_namespace(dy).matrix_transpose(R) @ dy @ S,)

    def _bins(self, like, shape):
        """R and S, with the dtype of an array."""
        sizes = zip(shape[2:], self.size, strict=True)
        return [constant(_means(n, bins), like) for n, bins in sizes]


@dataclass(frozen=True)
class LpPool:
    """y = (Σ |x|ᵖ)^(1/p) over each window

        x : (N, C, H + kernel[0], W + kernel[1]) nonzero
        P = H // stride[0] + 1
        Q = W // stride[1] + 1
        u[n, c, k : kernel[0], l : kernel[1], i : P, j : Q] = x[n, c, i * stride[0] + k, j * stride[1] + l]
        s = sum(abs(u)**p, axis=(2, 3))
        m = max(abs(u), axis=(2, 3))
        y = s**(1 / p)
          = m * sum(abs(u / m[:, :, None, None])**p, axis=(2, 3))**(1 / p)

    Divided by the largest of the window, m, no power overflows. The power 1/p has the slope s^(1/p − 1) / p, and |u|ᵖ the slope p |u|ᵖ⁻¹ sign u:

        ds = dy * s**(1 / p - 1) / p
        du = ds[:, :, None, None] * p * abs(u)**(p - 1) * sign(u)
           = dy[:, :, None, None] * sign(u) * (abs(u) / y[:, :, None, None])**(p - 1)

    u is never above y, so the last form does not overflow. The windows go back by Col2im:

        dx = col2im(reshape(du, (N, -1, P * Q)), size=x.shape[2:], kernel=kernel, stride=stride)

    A window of zeros has gradient 0. For odd p torch's lp_pool2d sums xᵖ and not |x|ᵖ.

    Keeps x and y.
    """

    p: float = 2.0
    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)

    def forward(self, x):
        xp = array_namespace(x)
        u = windows_of(x, self._window(), axis=0)
        m = largest(u, 0)
        y = m * xp.sum(xp.abs(u / m) ** self.p, axis=0, keepdims=True) ** (1 / self.p)
        return y[0, ...], (x, y[0, ...])

    def backward(self, residuals, dy):
        x, y = residuals
        xp = array_namespace(x)
        u = windows_of(x, self._window(), axis=0)
        du = dy * xp.sign(u) * (xp.abs(u) / xp.where(y == 0, 1, y)) ** (self.p - 1)
        return (summed(du, x.shape, self._window(), axis=0),)

    def _window(self):
        return window_of(self.kernel, self.stride)


VARIANTS = (
    MaxPool1d(3, stride=2, padding=1),
    MaxPool2d((3, 2), stride=(2, 1), padding=(1, 1)),
    AvgPool1d(3, stride=2, padding=1),
    AvgPool2d((3, 2), stride=(2, 1), padding=(1, 1)),
    GlobalAvgPool(keepdims=True),
    AdaptiveAvgPool2d((2, 3)),
    LpPool(3.0, (3, 2), (2, 1)),
)


def _means(n, bins):
    """A matrix whose row p takes the mean of bin p of n numbers."""
    i, p = np.arange(n), np.arange(bins)[:, None]
    inside = (i >= p * n // bins) & (i * bins < (p + 1) * n)
    return inside / np.sum(inside, axis=1, keepdims=True)
