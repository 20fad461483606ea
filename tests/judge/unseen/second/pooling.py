"""Pooling, upsampling and padding in NumPy."""

import numpy as np

from tests.judge.unseen.case import Case, Wrong


class MaxPool2x2:
    def forward(self, x):
        N, C, H, W = x.shape
        self.xr = x.reshape(N, C, H // 2, 2, W // 2, 2)
        self.y = self.xr.max(axis=(3, 5))
        return self.y

    def backward(self, dy):
        N, C, h, w = dy.shape
        mask = self.xr == self.y[:, :, :, None, :, None]
        mask = mask / mask.sum(axis=(3, 5), keepdims=True)
        dx = mask.astype(dy.dtype) * dy[:, :, :, None, :, None]
        return dx.reshape(N, C, 2 * h, 2 * w)


class MaxPoolArg:
    """Pooling by argmax over columns."""

    def __init__(self, ph, pw):
        self.ph, self.pw = ph, pw

    def forward(self, x):
        N, C, H, W = x.shape
        oh, ow = H // self.ph, W // self.pw
        col = x.reshape(N, C, oh, self.ph, ow, self.pw).transpose(0, 1, 2, 4, 3, 5)
        col = col.reshape(N, C, oh, ow, -1)
        self.arg, self.shape = col.argmax(-1), x.shape
        return col.max(-1)

    def backward(self, dy):
        N, C, H, W = self.shape
        oh, ow = H // self.ph, W // self.pw
        dcol = np.zeros((N, C, oh, ow, self.ph * self.pw), dy.dtype)
        np.put_along_axis(dcol, self.arg[..., None], dy[..., None], axis=-1)
        dcol = dcol.reshape(N, C, oh, ow, self.ph, self.pw).transpose(0, 1, 2, 4, 3, 5)
        return dcol.reshape(self.shape)


class AvgPool:
    def __init__(self, ph, pw):
        self.ph, self.pw = ph, pw

    def forward(self, x):
        N, C, H, W = x.shape
        self.shape = x.shape
        return x.reshape(N, C, H // self.ph, self.ph, W // self.pw, self.pw).mean(axis=(3, 5))

    def backward(self, dy):
        dx = np.repeat(np.repeat(dy, self.ph, axis=2), self.pw, axis=3)
        return dx / (self.ph * self.pw)


def global_avg_pool(x):
    return x.mean(axis=(2, 3)), x.shape


def global_avg_pool_backward(dy, shape):
    _N, _C, H, W = shape
    return np.broadcast_to(dy[:, :, None, None] / (H * W), shape).copy()


def upsample_nearest(x):
    return x.repeat(2, axis=2).repeat(2, axis=3), x.shape


def upsample_nearest_backward(dy, shape):
    N, C, H, W = shape
    return dy.reshape(N, C, H, 2, W, 2).sum(axis=(3, 5))


def interp_rows(x):
    """Linear interpolation along the last axis to twice the length, half-pixel centres."""
    n = x.shape[-1]
    src = np.clip((np.arange(2 * n) + 0.5) / 2 - 0.5, 0, n - 1)
    lo = np.floor(src).astype(int)
    hi = np.minimum(lo + 1, n - 1)
    w = (src - lo).astype(x.dtype)
    return x[..., lo] * (1 - w) + x[..., hi] * w, (lo, hi, w, x.shape)


def interp_rows_backward(dy, cache):
    lo, hi, w, shape = cache
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, (..., lo), dy * (1 - w))
    np.add.at(dx, (..., hi), dy * w)
    return dx


class SpatialPad:
    """Reflection of one column at each side."""

    def forward(self, x):
        if x.shape[-1] < 2:
            raise ValueError("one column has no other to reflect")
        return np.concatenate([x[..., 1:2], x, x[..., -2:-1]], axis=-1)

    def backward(self, dy):
        dx = dy[..., 1:-1].copy()
        dx[..., 1] += dy[..., 0]
        dx[..., -2] += dy[..., -1]
        return dx


RIGHT = [
    Case("MaxPool2x2", lambda d: MaxPool2x2(), lambda r: (r(2, 2, 4, 6),)),
    Case(
        "MaxPoolArg",
        lambda d: MaxPoolArg(2, 3),
        lambda r: (r(2, 2, 4, 6),),
        {
            "reference": lambda x: x.reshape(
                *x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 3, 3
            ).max((3, 5))
        },
    ),
    Case("AvgPool", lambda d: AvgPool(2, 3), lambda r: (r(2, 2, 4, 6),)),
    Case(
        "global_avg_pool",
        lambda d: (global_avg_pool, global_avg_pool_backward),
        lambda r: (r(2, 3, 4, 5),),
    ),
    Case(
        "upsample_nearest",
        lambda d: (upsample_nearest, upsample_nearest_backward),
        lambda r: (r(2, 2, 3, 4),),
    ),
    Case("interp_rows", lambda d: (interp_rows, interp_rows_backward), lambda r: (r(2, 5),)),
    Case("SpatialPad", lambda d: SpatialPad(), lambda r: (r(3, 6),)),
]

WRONG = [
    Wrong(
        "MaxPool2x2", "        mask = mask / mask.sum(axis=(3, 5), keepdims=True)\n", "", says="tie"
    ),
    Wrong(
        "MaxPoolArg",
        "oh, ow, self.ph, self.pw).transpose(0, 1, 2, 4, 3, 5)\n        return",
        "oh, ow, self.pw, self.ph).transpose(0, 1, 2, 5, 3, 4)\n        return",
    ),
    Wrong("AvgPool", "dx / (self.ph * self.pw)", "dx / (self.ph * self.ph)", says=r"1\.5 times"),
    Wrong(
        "global_avg_pool",
        "/ (H * W)",
        "/ H",
        within="global_avg_pool_backward",
        says="times too large",
    ),
    Wrong(
        "upsample_nearest",
        ".sum(axis=(3, 5))",
        ".mean(axis=(3, 5))",
        within="upsample_nearest_backward",
        says="¼ times",
    ),
    Wrong(
        "interp_rows",
        "np.add.at(dx, (..., hi), dy * w)",
        "dx[..., hi] += dy * w",
        within="interp_rows_backward",
        says="assigned, and not added",
    ),
    Wrong(
        "SpatialPad",
        "dx[..., -2] += dy[..., -1]",
        "dx[..., -1] += dy[..., -1]",
        says="last two columns",
    ),
]
