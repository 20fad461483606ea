"""Transposed convolution: each number of x lays a filter onto y, and where they overlap they add up.

It is what a convolution's backward does to dy, so its own backward is a convolution. W is (channels
in, channels out / groups, size of a window).
"""

import math
from dataclasses import dataclass
from typing import Any

from handgrad.arrays import array_namespace
from handgrad.rules.windows import grouped, summed, swapped, window_of, windows_of

__all__ = ["ConvTranspose1d", "ConvTranspose2d"]


class _Transposed:
    """What the transposed convolutions along one and two axes share: one matrix product."""

    stride: Any
    padding: Any
    output_padding: Any
    dilation: Any
    groups: Any

    def forward(self, x, W, b):
        xp = array_namespace(x, W)
        window, channels = self._window(W), W.shape[1] * self.groups
        F, X = grouped(W, self.groups, 1), grouped(swapped(x), self.groups, 1)
        shape = (channels, math.prod(window.kernel), x.shape[0], *x.shape[2:])
        u = xp.reshape(xp.matrix_transpose(F) @ X, shape)
        z = summed(u, (channels, x.shape[0], *self._size(x.shape[2:], window)), window, axis=1)
        return swapped(z) + xp.reshape(b, (-1, *(1,) * (x.ndim - 2))), (x, W)

    def backward(self, residuals, dy, *, needs=(True, True, True)):
        x, W = residuals
        xp = array_namespace(x, W)
        dx = dW = db = None
        dU = grouped(windows_of(swapped(dy), self._window(W), axis=1), self.groups, 2)
        if needs[0]:
            dX = grouped(W, self.groups, 1) @ dU
            dx = swapped(xp.reshape(dX, (x.shape[1], x.shape[0], *x.shape[2:])))
        if needs[1]:
            X = grouped(swapped(x), self.groups, 1)
            dW = xp.reshape(X @ xp.matrix_transpose(dU), W.shape)
        if needs[2]:
            db = xp.sum(dy, axis=(0, *range(2, dy.ndim)))
        return dx, dW, db

    def _window(self, W):
        return window_of(W.shape[2:], self.stride, self.padding, self.dilation)

    def _size(self, size, window):
        """The size of y: the last filter ends there, or output_padding behind it."""
        extra = self.output_padding
        extra = extra if isinstance(extra, tuple) else (extra,)
        for more, step in zip(extra, window.stride, strict=True):
            if more >= step:
                raise ValueError(f"output_padding is {more}: it must be below the stride, {step}")
        axes = zip(size, *window, extra, strict=True)
        return tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 + e for n, k, s, p, d, e in axes)


@dataclass(frozen=True)
class ConvTranspose1d(_Transposed):
    """y = the transpose of Conv1d, applied to x, + b

        N = 2
        x : (N, groups * C, P + padding)
        W : (groups * C, O, K + 1)
        b : (groups * O)
        L = (P + padding - 1) * stride - 2 * padding + dilation * K + 1 + output_padding

    Number p of x lays its filter, times x, onto y from p stride on. Output channel o belongs to
    the group o // O, which has the C input channels from o // O * C on:

        u[n, o : groups * O, k, p] = sum[c : C](W[o // O * C + c, o % O, k] * x[n, o // O * C + c, p])
        z[n, o, m : L + 2 * padding] = sum[k, p](where(p * stride + k * dilation == m, u[n, o, k, p], 0))
        y = z[:, :, padding : padding + L] + b[:, None]

    Backward is a convolution: the windows of dy are taken, and meet the filters.

        dz = pad(dy, widths=((padding, padding),))
        du[n, o, k, p] = dz[n, o, p * stride + k * dilation]
        dx[n, i, p] = sum[o, k](W[i, o, k] * du[n, i // C * O + o, k, p])
        dW[i, o, k] = sum[n, p](x[n, i, p] * du[n, i // C * O + o, k, p])
        db = sum(dy, axis=(0, 2))

    `padding` is that of the convolution: it cuts y. Convolutions with a stride give sizes that
    differ by less than it the same number of windows; `output_padding` says which size y has.

    Keeps x and W.
    """

    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    dilation: int = 1
    groups: int = 1


@dataclass(frozen=True)
class ConvTranspose2d(_Transposed):
    """y = the transpose of Conv2d, applied to x, + b

        x : (N, groups * C, P + padding[0], Q + padding[1])
        W : (groups * C, O, K + 1, L + 1)
        b : (groups * O)
        H = (P + padding[0] - 1) * stride[0] - 2 * padding[0] + dilation[0] * K + 1 + output_padding[0]
        V = (Q + padding[1] - 1) * stride[1] - 2 * padding[1] + dilation[1] * L + 1 + output_padding[1]

    As matrices: the columns of X are the pixels of x, and F has a filter in each row. Their product
    holds every number times every filter, and Col2im lays them onto y:

        X = reshape(swapaxes(x, 0, 1), (groups, C, -1))
        F = reshape(W, (groups, C, -1))
        U = swapaxes(F, -1, -2) @ X
        u = swapaxes(reshape(U, (groups * O * (K + 1) * (L + 1), N, -1)), 0, 1)
        z = col2im(u, size=(H, V), kernel=(K + 1, L + 1), stride=stride, padding=padding, dilation=dilation)
        y = z + b[:, None, None]

    Im2col is the transpose of Col2im, and the gradients of a product are products:

        du = im2col(dy, kernel=(K + 1, L + 1), stride=stride, padding=padding, dilation=dilation)
        dU = reshape(swapaxes(du, 0, 1), U.shape)
        dX = F @ dU
        dF = X @ swapaxes(dU, -1, -2)
        dx = swapaxes(reshape(dX, (groups * C, N, P + padding[0], Q + padding[1])), 0, 1)
        dW = reshape(dF, W.shape)
        db = sum(dy, axis=(0, 2, 3))

    By entries this is ConvTranspose1d, with one more axis.

    Keeps x and W.
    """

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    output_padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


VARIANTS = (
    ConvTranspose1d(3, padding=1, output_padding=1, dilation=2, groups=2),
    ConvTranspose2d((2, 3), (1, 0), (0, 2), (1, 2), groups=2),
)
