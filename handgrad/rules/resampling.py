"""Resampling: an image on another grid. Images are (N, C, rows, columns)."""

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from handgrad.arrays import add_at, array_namespace, constant, device_of, fresh

__all__ = ["GridSample", "PixelShuffle", "Upsample"]


@dataclass(frozen=True)
class PixelShuffle:
    """y = x, r² channels of a pixel as one channel of r × r pixels

        r = factor
        x : (N, C * r * r, H, W)
        u = reshape(x, (N, C, r, r, H, W))
        y = reshape(permute_dims(u, (0, 1, 4, 2, 5, 3)), (N, C, H * r, W * r))
        y[n, c, i, j] = x[n, c * r * r + i % r * r + j % r, i // r, j // r]

    Numbers only move, so the gradient moves back:

        du = permute_dims(reshape(dy, (N, C, H, r, W, r)), (0, 1, 3, 5, 2, 4))
        dx = reshape(du, x.shape)

    Keeps nothing.
    """

    factor: int = 2

    def forward(self, x):
        xp, r = array_namespace(x), self.factor
        N, channels, H, W = x.shape
        C, rest = divmod(channels, r * r)
        if rest:
            raise ValueError(f"{channels} channels are not a multiple of {r} × {r}")
        u = xp.permute_dims(xp.reshape(x, (N, C, r, r, H, W)), (0, 1, 4, 2, 5, 3))
        return xp.reshape(u, (N, C, H * r, W * r)), ()

    def backward(self, residuals, dy):
        () = residuals
        xp, r = array_namespace(dy), self.factor
        N, C, H, W = dy.shape
        d = xp.reshape(dy, (N, C, H // r, r, W // r, r))
        du = xp.permute_dims(d, (0, 1, 3, 5, 2, 4))
        return (fresh(xp.reshape(du, (N, C * r * r, H // r, W // r))),)


@dataclass(frozen=True)
class Upsample:
    """y = x with `factor` times as many rows and columns, interpolated between pixels

        x : (N, C, H, W)

    Row i of y lies at the height a of x: pixels are squares, and their centres are half a pixel
    from the edge. Outside the centres of the first and the last row nothing changes any more.

        a[i : H * factor[0]] = clip((i + 0.5) / factor[0] - 0.5, 0, H - 1)
        b[j : W * factor[1]] = clip((j + 0.5) / factor[1] - 0.5, 0, W - 1)

    The two rows beside a count as much as they are near. These weights are a row of the matrix R,
    and likewise for the columns in S:

        R[i, h : H] = where(mode == "nearest", h == i // factor[0], relu(1 - abs(a[i] - h)))
        S[j, w : W] = where(mode == "nearest", w == j // factor[1], relu(1 - abs(b[j] - w)))
        y = R @ x @ S.T

    A product with constant matrices on both sides, so their transposes take the gradient back:

        dx = R.T @ dy @ S

    The mode "bilinear" has half pixels, as torch with align_corners=False. In the mode "nearest", each
    pixel is repeated.

    Keeps nothing.
    """

    factor: tuple[int, int] = (2, 2)
    mode: Literal["bilinear", "nearest"] = "bilinear"

    def forward(self, x):
        xp = array_namespace(x)
        if self.mode == "nearest":
            rows = xp.repeat(x, self.factor[0], axis=2)
            return xp.repeat(rows, self.factor[1], axis=3), ()
        R, S = self._weights(x, x.shape[2:])
        return R @ x @ S.T, ()

    def backward(self, residuals, dy):
        () = residuals
        xp = array_namespace(dy)
        (H, W), (r, s) = dy.shape[2:], self.factor
        if self.mode == "nearest":
            pixels = xp.reshape(dy, (*dy.shape[:2], H // r, r, W // s, s))
            return (xp.sum(pixels, axis=(3, 5)),)
        R, S = self._weights(dy, (H // r, W // s))
        return (R.T @ dy @ S,)

    def _weights(self, like, size):
        """R and S for an image of this size, with the dtype of an array."""
        return [constant(_hats(n, r), like) for n, r in zip(size, self.factor, strict=True)]


@dataclass(frozen=True)
class GridSample:
    """y = x at the places of a grid, interpolated between the four pixels around each

        x : (N, C, H + 1, W + 1)
        grid : (N, P, Q, 2) interval(-0.9, 0.9)

    The grid holds (column, row) from −1, the left or upper edge of the image, to 1; with
    align_corners, −1 and 1 are the centres of the outermost pixels. In pixels that is

        k = where(align_corners == 1, 0, 1)
        u = ((grid[..., 1] + 1) * (H + k) - k) / 2
        v = ((grid[..., 0] + 1) * (W + k) - k) / 2

    `padding` says what is beyond the outermost centres: "zeros"; "border", the nearest pixel; or
    "reflection", the image mirrored at its edge, which is the same inside of that edge:

        a = where(padding == "zeros", u, clip(u, 0, H))
        b = where(padding == "zeros", v, clip(v, 0, W))

    The four pixels around count as much as they are near:

        r[n, p, q, h : H + 1] = relu(1 - abs(a[n, p, q] - h))
        s[n, p, q, w : W + 1] = relu(1 - abs(b[n, p, q] - w))
        y[n, c, p, q] = sum[h, w](x[n, c, h, w] * r[n, p, q, h] * s[n, p, q, w])

    Each pixel gets its share of the gradients of the places around it, and a weight falls as fast
    as the place moves away:

        dx[n, c, h, w] = sum[p, q](dy[n, c, p, q] * r[n, p, q, h] * s[n, p, q, w])
        dr[n, p, q, h] = sum[c, w](dy[n, c, p, q] * x[n, c, h, w] * s[n, p, q, w])
        ds[n, p, q, w] = sum[c, h](dy[n, c, p, q] * x[n, c, h, w] * r[n, p, q, h])
        du[n, p, q] = sum[h](where((a[n, p, q] == u[n, p, q]) * (abs(a[n, p, q] - h) < 1), -sign(a[n, p, q] - h), 0) * dr[n, p, q, h])
        dv[n, p, q] = sum[w](where((b[n, p, q] == v[n, p, q]) * (abs(b[n, p, q] - w) < 1), -sign(b[n, p, q] - w), 0) * ds[n, p, q, w])
        dgrid = stack((dv * (W + k) / 2, du * (H + k) / 2), axis=-1)

    So du is the lower row minus the upper one, and 0 where the place was moved to the border. At a
    pixel's centre, where the slope jumps, it is that towards the next pixel, as in torch; at the
    centres of the outermost pixels it is 0, unless the padding is "zeros".

    Keeps x and the grid.
    """

    padding: Literal["zeros", "border", "reflection"] = "zeros"
    align_corners: bool = False

    def forward(self, x, grid):
        rows = _as_rows(x)
        y = sum(w[..., None] * _taken(rows, i) for i, w, *_ in self._corners(x.shape, grid))
        return array_namespace(x, grid).permute_dims(y, (0, 3, 1, 2)), (x, grid)

    def backward(self, residuals, dy):
        x, grid = residuals
        xp = array_namespace(x, grid)
        N, C, H, W = x.shape
        d, rows = xp.permute_dims(dy, (0, 2, 3, 1)), _as_rows(x)
        dx = da = db = 0
        for pixel, weight, slope_a, slope_b in self._corners(x.shape, grid):
            shares = xp.reshape(weight[..., None] * d, (math.prod(weight.shape), C))
            dx = dx + add_at(N * H * W, xp.reshape(pixel, (-1,)), shares)
            d_weight = xp.sum(d * _taken(rows, pixel), axis=-1)
            da, db = da + d_weight * slope_a, db + d_weight * slope_b
        dx = xp.permute_dims(xp.reshape(dx, (N, H, W, C)), (0, 3, 1, 2))
        return fresh(dx), xp.stack([db, da], axis=-1)

    def _corners(self, shape, grid):
        """Each of the four pixels around a place, its weight, and the weight's slopes in a and b."""
        xp = array_namespace(grid)
        N, _, H, W = shape
        image = xp.arange(N, device=device_of(grid))[:, None, None] * (H * W)
        rows = self._beside(grid[..., 1], H, image.dtype)
        columns = self._beside(grid[..., 0], W, image.dtype)
        return [
            (image + i * W + j, r * s, dr * s, r * ds)
            for (i, r, dr), (j, s, ds) in product(rows, columns)
        ]

    def _beside(self, g, n, kind):
        """The two pixels beside each place on an axis of n, their weights and these' slopes.

        The pixels are whole numbers of this kind.
        """
        xp = array_namespace(g)
        place, slope = self._place(g, n)
        low = xp.floor(place)
        found = []
        for at, weight, sign in ((low, 1 - (place - low), -1), (low + 1, place - low, 1)):
            inside = (at >= 0) & (at < n)
            pixel = xp.clip(at, 0, n - 1)
            found.append(
                (
                    xp.astype(pixel, kind),
                    xp.where(inside, weight, 0),
                    xp.where(inside, sign * slope, 0),
                )
            )
        return found

    def _place(self, g, n):
        """Where on an axis of n pixels the grid looks, and how fast this moves with the grid."""
        xp = array_namespace(g)
        first, span = (0, n - 1) if self.align_corners else (-0.5, n)
        place = (g + 1) * (span / 2) + first
        slope = xp.ones_like(g) * (span / 2)
        if self.padding == "reflection" and span:
            way = xp.abs(place - first)
            turns = xp.floor(way / span)
            back = turns % 2 == 1
            rest = way - turns * span
            slope = xp.where(back != (place < first), -slope, slope)
            place = xp.where(back, span - rest, rest) + first
        if self.padding != "zeros":
            slope = xp.where((place > 0) & (place < n - 1), slope, 0)
            place = xp.clip(place, 0, n - 1)
        return place, slope


VARIANTS = (
    PixelShuffle(3),
    Upsample((3, 2)),
    Upsample((3, 2), "nearest"),
    GridSample("reflection", align_corners=True),
)


def _hats(n, factor):
    """A row for each of n * factor pixels, with the weights of the n pixels that it lies between."""
    place = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(n)), 0)


def _as_rows(x):
    """The pixels of all images, one a row."""
    xp = array_namespace(x)
    N, C, H, W = x.shape
    return xp.reshape(xp.permute_dims(x, (0, 2, 3, 1)), (N * H * W, C))


def _taken(rows, index):
    """The rows at an index of any shape."""
    xp = array_namespace(rows)
    taken = xp.take(rows, xp.reshape(index, (-1,)), axis=0)
    return xp.reshape(taken, (*index.shape, rows.shape[1]))
