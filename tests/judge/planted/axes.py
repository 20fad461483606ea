"""Planted axes: transposed, permuted, flipped, shifted; sums missing, and sums too many."""

from dataclasses import dataclass

import numpy as np

from tests.judge.planted.factors import affine, affine_vjp
from tests.judge.planted.planted import Planted, pair, real, softmax


def product(x, W):
    return x @ W


def product_vjp(dy, x, W):
    return dy @ W.T, x.T @ dy


def product_vjp_with_weight_transposed(dy, x, W):
    return dy @ W.T, dy.T @ x


def product_vjp_of_the_last_chunk(dy, x, W):
    return dy @ W.T, x[5:].T @ dy[5:]


def product_vjp_through_weight_itself(dy, x, W):
    return dy @ W, x.T @ dy


@dataclass(frozen=True)
class Moved:
    """y = transpose(x, (1, 2, 0)), and the order in which its backward puts the axes."""

    back: tuple[int, ...] = (2, 0, 1)

    def forward(self, x):
        return np.transpose(x, (1, 2, 0)).copy(), ()

    def backward(self, residuals, dy):
        return (np.transpose(dy, self.back).copy(),)


def heads(x):
    """Features as two heads: (B, T, 2D) becomes (B, 2, T, D)."""
    b, t, d = x.shape
    return np.transpose(x.reshape(b, t, 2, d // 2), (0, 2, 1, 3)).copy()


def heads_vjp(dy, x):
    return (np.transpose(dy, (0, 2, 1, 3)).reshape(x.shape),)


def heads_vjp_without_transpose(dy, x):
    return (dy.reshape(x.shape).copy(),)


def running_sum(x):
    return np.cumsum(x, axis=-1)


def running_sum_vjp(dy, x):
    return (np.cumsum(dy[:, ::-1], axis=-1)[:, ::-1].copy(),)


def running_sum_vjp_forwards(dy, x):
    return (np.cumsum(dy, axis=-1),)


def windows(x, k):
    return np.lib.stride_tricks.sliding_window_view(x, k, axis=-1)


def convolve(x, w):
    """Of every row with a kernel, as neural nets do: the kernel is not flipped."""
    return windows(x, len(w)) @ w


def _spread(dy, kernel):
    """dx: dy padded on both sides, and a kernel that runs over it."""
    k = len(kernel)
    return windows(np.pad(dy, ((0, 0), (k - 1, k - 1))), k) @ kernel


def convolve_vjp(dy, x, w):
    return _spread(dy, w[::-1]), np.einsum("nik,ni->k", windows(x, len(w)), dy)


def convolve_vjp_kernel_unflipped(dy, x, w):
    return _spread(dy, w), np.einsum("nik,ni->k", windows(x, len(w)), dy)


def convolve_vjp_dw_flipped(dy, x, w):
    return _spread(dy, w[::-1]), np.einsum("nik,ni->k", windows(x, len(w)), dy)[::-1].copy()


def cropped(x):
    return x[:, 1:-1].copy()


def cropped_vjp(dy, x):
    dx = np.zeros_like(x)
    dx[:, 1:-1] = dy
    return (dx,)


def cropped_vjp_to_the_left(dy, x):
    dx = np.zeros_like(x)
    dx[:, :-2] = dy
    return (dx,)


def token_shift(x, mu):
    """A mix of every token with the one before."""
    before = np.pad(x, ((1, 0), (0, 0)))[:-1]
    return mu * x + (1 - mu) * before


def token_shift_vjp(dy, x, mu):
    after = np.pad((1 - mu) * dy, ((0, 1), (0, 0)))[1:]
    before = np.pad(x, ((1, 0), (0, 0)))[:-1]
    return mu * dy + after, np.sum(dy * (x - before), axis=0)


def token_shift_vjp_backwards(dy, x, mu):
    before = np.pad((1 - mu) * dy, ((1, 0), (0, 0)))[:-1]
    return mu * dy + before, token_shift_vjp(dy, x, mu)[1]


def affine_vjp_with_wide_bias(dy, x, W, b):
    return dy @ W.T, x.T @ dy, dy.copy()


def modulated(x, gamma):
    """One scale a row."""
    return x * gamma


def modulated_vjp(dy, x, gamma):
    return dy * gamma, np.sum(dy * x, axis=1, keepdims=True)


def modulated_vjp_of_first_column(dy, x, gamma):
    return dy * gamma, (dy * x)[:, :1].copy()


def gained(x, g):
    """A gain for every number."""
    return x * g


def gained_vjp(dy, x, g):
    return dy * g, dy * x


def gained_vjp_summed(dy, x, g):
    dg = np.empty_like(g)
    dg[:] = np.sum(dy * x, axis=0)
    return dy * g, dg


def log_softmax(x):
    return np.log(softmax(x))


def log_softmax_vjp(dy, x):
    return (dy - softmax(x) * np.sum(dy, axis=-1, keepdims=True),)


def log_softmax_vjp_over_all(dy, x):
    return (dy - softmax(x) * np.sum(dy),)


PLANTED = [
    Planted(
        "dW = dyᵀ x",
        "transposed",
        r"input 1 .*transposed",
        real((8, 5), (5, 5)),
        pair(product, product_vjp),
        pair(product, product_vjp_with_weight_transposed),
    ),
    Planted(
        "dW = the part of the last chunk of rows",
        "sum missing",
        r"input 1 .*the last 3 of 8 .*assigned, and not added",
        real((8, 5), (5, 4)),
        pair(product, product_vjp),
        pair(product, product_vjp_of_the_last_chunk),
    ),
    Planted(
        "dx = dy W",
        "transposed",
        r"input 0 .*(input 1|W\b).*transposed",
        real((8, 5), (5, 5)),
        pair(product, product_vjp),
        pair(product, product_vjp_through_weight_itself),
    ),
    Planted(
        "transpose by the same order",
        "permuted",
        r"axes are permuted",
        real((4, 4, 4)),
        Moved,
        lambda: Moved((1, 2, 0)),
    ),
    Planted(
        "heads merged without a transpose",
        "permuted",
        r"reshaped where it should be transposed",
        real((2, 3, 8)),
        pair(heads, heads_vjp),
        pair(heads, heads_vjp_without_transpose),
    ),
    Planted(
        "cumulative sum run forwards",
        "flipped",
        r"flip|revers|backwards|wrong direction",
        real((8, 5)),
        pair(running_sum, running_sum_vjp),
        pair(running_sum, running_sum_vjp_forwards),
    ),
    Planted(
        "kernel's gradient flipped",
        "flipped",
        r"input 1 .*flipped",
        real((4, 9), (3,)),
        pair(convolve, convolve_vjp),
        pair(convolve, convolve_vjp_dw_flipped),
    ),
    Planted(
        "kernel not flipped",
        "flipped",
        r"input 0 .*(input 1|\bw\b).*flipped",
        real((4, 9), (3,)),
        pair(convolve, convolve_vjp),
        pair(convolve, convolve_vjp_kernel_unflipped),
    ),
    Planted(
        "crop put back one to the left",
        "shifted",
        r"shifted by -1 along axis 1",
        real((8, 6)),
        pair(cropped, cropped_vjp),
        pair(cropped, cropped_vjp_to_the_left),
    ),
    Planted(
        "token shift the same way",
        "shifted",
        r"input 0 .*shifted",
        real((6, 4), (4,)),
        pair(token_shift, token_shift_vjp),
        pair(token_shift, token_shift_vjp_backwards),
    ),
    Planted(
        "bias not summed",
        "sum missing",
        r"input 2 .*sum over axis 0 is missing",
        real((8, 5), (5, 3), (3,)),
        pair(affine, affine_vjp),
        pair(affine, affine_vjp_with_wide_bias),
    ),
    Planted(
        "scale takes the first column",
        "sum missing",
        r"input 1 .*sum over axis 1 is missing",
        real((8, 5), (8, 1)),
        pair(modulated, modulated_vjp),
        pair(modulated, modulated_vjp_of_first_column),
    ),
    Planted(
        "gain summed over the batch",
        "sum extra",
        r"input 1 .*summed over axis 0.*too many",
        real((8, 5), (8, 5)),
        pair(gained, gained_vjp),
        pair(gained, gained_vjp_summed),
    ),
    Planted(
        "log-softmax sums over the batch",
        "sum extra",
        r"summed over axis 0.*too many",
        real((8, 5)),
        pair(log_softmax, log_softmax_vjp),
        pair(log_softmax, log_softmax_vjp_over_all),
    ),
]
