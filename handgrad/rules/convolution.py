"""Convolution: a filter slides over the image, and each window's products with it are summed.

It is a correlation, as everywhere in deep learning: the filter is not flipped. W is (channels out,
channels in / groups, size of a window). Each of the groups of channels has filters of its own; with
as many groups as channels the convolution is depthwise.
"""

import math
from dataclasses import dataclass
from typing import Any

from handgrad.arrays import array_namespace, pad
from handgrad.rules.windows import grouped, summed, swapped, window_of, windows_of

__all__ = ["CausalConv1d", "Conv1d", "Conv2d", "Conv3d"]


class _Convolution:
    """What the convolutions along one, two and three axes share: one matrix product."""

    stride: Any
    padding: Any
    dilation: Any
    groups: Any

    def forward(self, x, W, b):
        xp = array_namespace(x, W)
        u = windows_of(swapped(x), self._window(W), axis=1)
        Y = grouped(W, self.groups, 1) @ grouped(u, self.groups, 2)
        y = xp.reshape(Y, (W.shape[0], *u.shape[2:])) + xp.reshape(b, (-1, *(1,) * (x.ndim - 1)))
        return swapped(y), (x, W)

    def backward(self, residuals, dy, *, needs=(True, True, True)):
        x, W = residuals
        xp = array_namespace(x, W)
        dx = dW = db = None
        images, window = swapped(x), self._window(W)
        F, dY = grouped(W, self.groups, 1), grouped(swapped(dy), self.groups, 1)
        if needs[0]:
            shape = (x.shape[1], math.prod(window.kernel), x.shape[0], *dy.shape[2:])
            du = xp.reshape(xp.matrix_transpose(F) @ dY, shape)
            dx = swapped(summed(du, images.shape, window, axis=1))
        if needs[1]:
            X = grouped(windows_of(images, window, axis=1), self.groups, 2)
            dW = xp.reshape(dY @ xp.matrix_transpose(X), W.shape)
        if needs[2]:
            db = xp.sum(dy, axis=(0, *range(2, dy.ndim)))
        return dx, dW, db

    def _window(self, W):
        return window_of(W.shape[2:], self.stride, self.padding, self.dilation)


@dataclass(frozen=True)
class Conv1d(_Convolution):
    """y = W ∗ x + b, along one axis

        x : (N, groups * C, L + dilation * K)
        W : (groups * O, C, K)
        b : (groups * O)
        P = (L + dilation + 2 * padding - 1) // stride + 1
        z = pad(x, widths=((padding, padding),))
        u[n, i, k : K, p : P] = z[n, i, p * stride + k * dilation]
        y[n, o, p] = b[o] + sum[c, k](W[o, c, k] * u[n, o // O * C + c, k, p])

    u[n, i, k, p] is what weight k sees in window p. Filter o belongs to the group o // O, which has
    the C channels from o // O * C on. In a product each factor gets the other one, from all the
    places at which it stands:

        db[o] = sum[n, p](dy[n, o, p])
        dW[o, c, k] = sum[n, p](dy[n, o, p] * u[n, o // O * C + c, k, p])
        du[n, i, k, p] = sum[o](where(o // O == i // C, dy[n, o, p] * W[o, i % C, k], 0))

    and a number of the image gets the sum over the windows in which it stands:

        dz[n, i, m] = sum[k, p](where(p * stride + k * dilation == m, du[n, i, k, p], 0))
        dx = dz[:, :, padding : padding + x.shape[2]]

    As matrices, with the windows as columns, this is Conv2d's derivation.

    Keeps x and W: the windows are taken again, for they are K times as large.
    """

    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1


@dataclass(frozen=True)
class Conv2d(_Convolution):
    """y = W ∗ x + b, along rows and columns

        x : (N, groups * C, H + dilation[0] * K, V + dilation[1] * L)
        W : (groups * O, C, K, L)
        b : (groups * O)
        P = (H + dilation[0] + 2 * padding[0] - 1) // stride[0] + 1
        Q = (V + dilation[1] + 2 * padding[1] - 1) // stride[1] + 1
        z = pad(x, widths=((padding[0], padding[0]), (padding[1], padding[1])))
        u[n, i, k : K, l : L, p : P, q : Q] = z[n, i, p * stride[0] + k * dilation[0], q * stride[1] + l * dilation[1]]

    With the windows of all images as columns a convolution is one matrix product: each row of F
    is a filter.

        X = reshape(permute_dims(u, (1, 2, 3, 0, 4, 5)), (groups, C * K * L, N * P * Q))
        F = reshape(W, (groups, O, C * K * L))
        Y = F @ X
        y = swapaxes(reshape(Y, (groups * O, N, P, Q)), 0, 1) + b[:, None, None]
        y[n, o, p, q] = b[o] + sum[c, k, l](W[o, c, k, l] * u[n, o // O * C + c, k, l, p, q])

    The gradients of a product are products:

        dY = reshape(swapaxes(dy, 0, 1), Y.shape)
        dF = dY @ swapaxes(X, -1, -2)
        dX = swapaxes(F, -1, -2) @ dY

    and the windows go back where they came from, added where they overlap, by Col2im:

        du = permute_dims(reshape(dX, (groups * C, K, L, N, P, Q)), (3, 0, 1, 2, 4, 5))
        dx = col2im(reshape(du, (N, -1, P * Q)), size=x.shape[2:], kernel=(K, L), stride=stride, padding=padding, dilation=dilation)
        dW = reshape(dF, W.shape)
        db = sum(dy, axis=(0, 2, 3))

    Keeps x and W: the windows are taken again, for they are K L times as large.
    """

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True)
class Conv3d(_Convolution):
    """y = W ∗ x + b, along three axes

        N = 2
        x : (N, groups * C, H + dilation[0] * 2, V + dilation[1] * 2, T + dilation[2])
        W : (groups * 2, C, 2, 2, 1)
        b : (groups * 2)
        P = (H + dilation[0] + 2 * padding[0] - 1) // stride[0] + 1
        Q = (V + dilation[1] + 2 * padding[1] - 1) // stride[1] + 1
        R = (T + dilation[2] + 2 * padding[2] - 1) // stride[2] + 1

    Conv2d with one more axis. Row k of window p is row p stride + k dilation − padding of x: a row
    of zeros and one 1 in the matrix A, and likewise in B and D for the other axes.

        A = one_hot(arange(P) * stride[0] + arange(2)[:, None] * dilation[0] - padding[0], x.shape[2])
        B = one_hot(arange(Q) * stride[1] + arange(2)[:, None] * dilation[1] - padding[1], x.shape[3])
        D = one_hot(arange(R) * stride[2] + arange(1)[:, None] * dilation[2] - padding[2], x.shape[4])
        u = einsum('kph,nchvt->nckpvt', A, x)
        v = einsum('lqv,nckpvt->ncklpqt', B, u)
        w = einsum('mrt,ncklpqt->cklmnpqr', D, v)
        X = reshape(w, (groups, C * 4, N * P * Q * R))
        F = reshape(W, (groups, 2, C * 4))
        Y = F @ X
        y = swapaxes(reshape(Y, (groups * 2, N, P, Q, R)), 0, 1) + b[:, None, None, None]

    The same matrices put the windows' gradients back:

        dY = reshape(swapaxes(dy, 0, 1), Y.shape)
        dW = reshape(dY @ swapaxes(X, -1, -2), W.shape)
        dX = swapaxes(F, -1, -2) @ dY
        dw = reshape(dX, w.shape)
        dv = einsum('mrt,cklmnpqr->ncklpqt', D, dw)
        du = einsum('lqv,ncklpqt->nckpvt', B, dv)
        dx = einsum('kph,nckpvt->nchvt', A, du)
        db = sum(dy, axis=(0, 2, 3, 4))

    Keeps x and W: the windows are taken again.
    """

    stride: tuple[int, int, int] = (1, 1, 1)
    padding: tuple[int, int, int] = (0, 0, 0)
    dilation: tuple[int, int, int] = (1, 1, 1)
    groups: int = 1


@dataclass(frozen=True)
class CausalConv1d:
    """yₜ = b + Σₖ wₖ xₜ₋ₖ, each channel with its own filter, and nothing from the future

        x : (N, C, T)
        W : (C, K)
        b : (C)
        z = pad(x, widths=(((K - 1) * dilation, 0),))
        y[n, c, t : T] = b[c] + sum[k](W[c, k] * z[n, c, t + k * dilation])

    z is x after (K − 1) dilation zeros: the last weight meets the present. A depthwise
    convolution is K products of whole rows:

        dW[c, k] = sum[n, t : T](dy[n, c, t] * z[n, c, t + k * dilation])
        db[c] = sum[n, t : T](dy[n, c, t])
        dz[n, c, m] = sum[k](W[c, k] * where((m - k * dilation >= 0) * (m - k * dilation < T), dy[n, c, m - k * dilation], 0))
        dx = dz[:, :, (K - 1) * dilation :]

    So dx is the same convolution of dy, run backwards in time.

    Keeps x and W.
    """

    dilation: int = 1

    def forward(self, x, W, b):
        xp = array_namespace(x, W)
        y = xp.zeros_like(x) + b[:, None]
        for k, past in enumerate(self._pasts(x, W)):
            y = y + W[:, k, None] * past
        return y, (x, W)

    def backward(self, residuals, dy, *, needs=(True, True, True)):
        x, W = residuals
        xp = array_namespace(x, W)
        dx = dW = db = None
        if needs[0]:
            flipped = xp.flip(dy, axis=-1)
            futures = enumerate(self._pasts(flipped, W))
            dx = xp.flip(sum(W[:, k, None] * future for k, future in futures), axis=-1)
        if needs[1]:
            products = [xp.sum(dy * past, axis=(0, 2)) for past in self._pasts(x, W)]
            dW = xp.stack(products, axis=-1)
        if needs[2]:
            db = xp.sum(dy, axis=(0, 2))
        return dx, dW, db

    def _pasts(self, x, W):
        """For each weight, x as late as the weight sees it."""
        T, before = x.shape[-1], (W.shape[1] - 1) * self.dilation
        z = pad(x, (before,))
        return [z[..., k * self.dilation : k * self.dilation + T] for k in range(W.shape[1])]


VARIANTS = (
    Conv1d(stride=2, padding=1, dilation=2, groups=2),
    Conv2d(stride=(2, 3), padding=(2, 1), dilation=(2, 1), groups=2),
    Conv3d((2, 1, 1), (1, 0, 1), (1, 2, 1), groups=2),
    CausalConv1d(dilation=2),
)
