"""Functions of torch that move numbers: pooling, lookups, shuffles, distances."""

import torch
from torch.autograd import Function
from torch.nn import functional

from tests.judge.unseen.case import Case, Wrong


class MaxPool1d(Function):
    @staticmethod
    def forward(ctx, x):
        y, idx = functional.max_pool1d(x, 3, stride=2, return_indices=True)
        ctx.save_for_backward(idx)
        ctx.shape = x.shape
        return y

    @staticmethod
    def backward(ctx, dy):
        (idx,) = ctx.saved_tensors
        dx = dy.new_zeros(ctx.shape)
        return dx.scatter_add_(2, idx, dy)


class EmbeddingFn(Function):
    @staticmethod
    def forward(ctx, weight, idx):
        ctx.save_for_backward(idx)
        ctx.n = weight.shape[0]
        return weight[idx]

    @staticmethod
    def backward(ctx, dy):
        (idx,) = ctx.saved_tensors
        dw = dy.new_zeros(ctx.n, dy.shape[1])
        dw.index_add_(0, idx, dy)
        return dw, None


class ScatterMean(Function):
    @staticmethod
    def forward(ctx, x, idx):
        n = 4
        count = (
            torch.zeros(n, dtype=x.dtype)
            .index_add_(0, idx, torch.ones(len(idx), dtype=x.dtype))
            .clamp(min=1)
        )
        total = torch.zeros(n, x.shape[1], dtype=x.dtype).index_add_(0, idx, x)
        ctx.save_for_backward(idx, count)
        return total / count[:, None]

    @staticmethod
    def backward(ctx, dy):
        idx, count = ctx.saved_tensors
        return (dy / count[:, None])[idx], None


class PairwiseDistance(Function):
    @staticmethod
    def forward(ctx, x, y):
        d = (x[:, None] - y[None]).pow(2).sum(-1).sqrt()
        ctx.save_for_backward(x, y, d)
        return d

    @staticmethod
    def backward(ctx, dd):
        x, y, d = ctx.saved_tensors
        g = (dd / torch.where(d > 0, d, torch.ones_like(d)))[..., None] * (x[:, None] - y[None])
        return g.sum(1), -g.sum(0)


class Inverse(Function):
    @staticmethod
    def forward(ctx, A):
        B = torch.linalg.inv(A)
        ctx.save_for_backward(B)
        return B

    @staticmethod
    def backward(ctx, dB):
        (B,) = ctx.saved_tensors
        return -B.mT @ dB @ B.mT


class TemporalShift(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.zeros_like(x)
        y[:, :-1, 0] = x[:, 1:, 0]
        y[:, 1:, 1] = x[:, :-1, 1]
        y[:, :, 2:] = x[:, :, 2:]
        return y

    @staticmethod
    def backward(ctx, dy):
        dx = torch.zeros_like(dy)
        dx[:, 1:, 0] = dy[:, :-1, 0]
        dx[:, :-1, 1] = dy[:, 1:, 1]
        dx[:, :, 2:] = dy[:, :, 2:]
        return dx


class PixelShuffle(Function):
    @staticmethod
    def forward(ctx, x):
        n, c, h, w = x.shape
        return (
            x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)
        )

    @staticmethod
    def backward(ctx, dy):
        n, c, h, w = dy.shape
        return (
            dy.view(n, c, h // 2, 2, w // 2, 2)
            .permute(0, 1, 3, 5, 2, 4)
            .reshape(n, 4 * c, h // 2, w // 2)
        )


class MaskedMean(Function):
    @staticmethod
    def forward(ctx, x, mask):
        n = mask.sum(1, keepdim=True).clamp(min=1)
        ctx.save_for_backward(mask, n)
        return (x * mask[..., None]).sum(1) / n

    @staticmethod
    def backward(ctx, dy):
        mask, n = ctx.saved_tensors
        return (dy / n)[:, None] * mask[..., None], None


class Correlation(Function):
    """y[n, k] = sum over t of a[n, t] b[n, t + k]."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        K = b.shape[1] - a.shape[1] + 1
        return torch.stack([(a * b[:, k : k + a.shape[1]]).sum(1) for k in range(K)], 1)

    @staticmethod
    def backward(ctx, dy):
        a, b = ctx.saved_tensors
        da, db = torch.zeros_like(a), torch.zeros_like(b)
        T = a.shape[1]
        for k in range(dy.shape[1]):
            da += dy[:, k, None] * b[:, k : k + T]
            db[:, k : k + T] += dy[:, k, None] * a
        return da, db


RIGHT = [
    Case("MaxPool1d", lambda d: MaxPool1d.apply, lambda r: (r(2, 3, 9),)),
    Case("EmbeddingFn", lambda d: EmbeddingFn.apply, lambda r: (r(4, 3), r.labels(4, 6))),
    Case("ScatterMean", lambda d: ScatterMean.apply, lambda r: (r(6, 3), r.labels(4, 6))),
    Case("PairwiseDistance", lambda d: PairwiseDistance.apply, lambda r: (r(3, 2), r(4, 2))),
    Case("Inverse", lambda d: Inverse.apply, lambda r: (r.well_conditioned(3),)),
    Case("TemporalShift", lambda d: TemporalShift.apply, lambda r: (r(2, 4, 3),)),
    Case("PixelShuffle", lambda d: PixelShuffle.apply, lambda r: (r(2, 4, 2, 3),)),
    Case("MaskedMean", lambda d: MaskedMean.apply, lambda r: (r(3, 4, 2), r.mask(3, 4))),
    Case("Correlation", lambda d: Correlation.apply, lambda r: (r(3, 4), r(3, 6))),
]

WRONG = [
    Wrong("MaxPool1d", "dx.scatter_add_(2, idx, dy)", "dx.scatter_(2, idx, dy)"),
    Wrong(
        "EmbeddingFn", "dw.index_add_(0, idx, dy)", "dw[idx] = dy", says="assigned, and not added"
    ),
    Wrong("ScatterMean", "(dy / count[:, None])[idx]", "dy[idx]", says="tie"),
    Wrong(
        "PairwiseDistance", "torch.where(d > 0, d, torch.ones_like(d))", "d", says="not finite at"
    ),
    Wrong("Inverse", "-B.mT @ dB @ B.mT", "-B @ dB @ B"),
    Wrong(
        "TemporalShift",
        "dx[:, 1:, 0] = dy[:, :-1, 0]\n        dx[:, :-1, 1] = dy[:, 1:, 1]",
        "dx[:, :-1, 0] = dy[:, 1:, 0]\n        dx[:, 1:, 1] = dy[:, :-1, 1]",
    ),
    Wrong(
        "PixelShuffle",
        "permute(0, 1, 3, 5, 2, 4)",
        "permute(0, 1, 5, 3, 2, 4)",
        says="permuted along axis 1",
    ),
    Wrong("MaskedMean", "(dy / n)", "(dy / mask.shape[1])"),
    Wrong(
        "Correlation",
        "db[:, k : k + T] += dy[:, k, None] * a",
        "db[:, k : k + T] = dy[:, k, None] * a",
        says="assigned, and not added",
    ),
]
