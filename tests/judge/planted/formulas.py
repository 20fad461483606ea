"""Planted inside formulas: sums over other axes, other operands, other masks, other orders."""

import numpy as np

from tests.judge.planted.planted import Planted, pair, real, softmax

EPS = 1e-5
ORDER = np.array([2, 0, 3, 1, 4])


def softmax_vjp(dy, x):
    p = softmax(x)
    return p * (dy - np.sum(dy * p, axis=-1, keepdims=True))


def softmax_vjp_without_sum(dy, x):
    p = softmax(x)
    return p * (dy - dy * p)


def layer_norm(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + EPS)


def _layer_norm_vjp(mean, mean_of_product):
    def vjp(dy, x):
        scale = 1 / np.sqrt(np.var(x, axis=-1, keepdims=True) + EPS)
        u = (x - np.mean(x, axis=-1, keepdims=True)) * scale
        return scale * (dy - mean(dy) - u * mean_of_product(dy * u))

    return vjp


def _over(axis):
    return lambda a: np.mean(a, axis=axis, keepdims=True)


layer_norm_vjp = _layer_norm_vjp(_over(-1), _over(-1))
layer_norm_vjp_mean_over_rows = _layer_norm_vjp(_over(0), _over(-1))
layer_norm_vjp_without_mean = _layer_norm_vjp(_over(-1), lambda a: a)


def net(x, W1, W2):
    return np.tanh(x @ W1) @ W2


def _net_vjp(dy, arrays, used, W1_back):
    """`used` multiplies dy for dW2."""
    x, W1, W2 = arrays
    h = np.tanh(x @ W1)
    dz = dy @ W2.T * (1 - h * h)
    return dz @ W1_back, x.T @ dz, used(x @ W1).T @ dy


def net_vjp(dy, x, W1, W2):
    return _net_vjp(dy, (x, W1, W2), np.tanh, W1.T)


def net_vjp_before_activation(dy, x, W1, W2):
    return _net_vjp(dy, (x, W1, W2), lambda z: z, W1.T)


def net_vjp_not_transposed(dy, x, W1, W2):
    return _net_vjp(dy, (x, W1, W2), np.tanh, W1)


def residual(x, W):
    return np.maximum(x + x @ W, 0)


def _residual_vjp(dy, x, W, mask):
    d = dy * mask
    return d + d @ W.T, x.T @ d


def residual_vjp(dy, x, W):
    return _residual_vjp(dy, x, W, x + x @ W > 0)


def residual_vjp_mask_of_x(dy, x, W):
    return _residual_vjp(dy, x, W, x > 0)


def shuffled(x):
    return x[:, ORDER]


def shuffled_vjp(dy, x):
    return dy[:, np.argsort(ORDER)]


def shuffled_vjp_again(dy, x):
    return dy[:, ORDER]


def ranked(x):
    """The sorted rows, weighted by their rank."""
    return np.sort(x, axis=1) * np.arange(1, x.shape[1] + 1)


def ranked_vjp(dy, x):
    dx = np.empty_like(x)
    np.put_along_axis(dx, np.argsort(x, axis=1), dy * np.arange(1, x.shape[1] + 1), axis=1)
    return dx


def ranked_vjp_not_inverted(dy, x):
    return np.take_along_axis(dy * np.arange(1, x.shape[1] + 1), np.argsort(x, axis=1), axis=1)


def lagged(x):
    """x two steps ago."""
    return np.pad(x, ((0, 0), (2, 0)))[:, : x.shape[1]]


def lagged_vjp(dy, x):
    return np.pad(dy, ((0, 0), (0, 2)))[:, 2:]


def lagged_vjp_by_one(dy, x):
    return np.pad(dy, ((0, 0), (0, 1)))[:, 1:]


def cut_above(dy, x):
    return np.minimum(dy, 0.7) * np.cos(x)


PLANTED = [
    Planted(
        "softmax without its sum",
        "sum missing",
        r"not summed over axis 1",
        real((4, 6)),
        pair(softmax, softmax_vjp),
        pair(softmax, softmax_vjp_without_sum),
    ),
    Planted(
        "layer norm's mean over the rows",
        "sum extra",
        r"mean.*summed over axis 0, and not axis 1",
        real((5, 7)),
        pair(layer_norm, layer_norm_vjp),
        pair(layer_norm, layer_norm_vjp_mean_over_rows),
    ),
    Planted(
        "layer norm without the mean of its product",
        "sum missing",
        r"not summed over axis 1",
        real((5, 7)),
        pair(layer_norm, layer_norm_vjp),
        pair(layer_norm, layer_norm_vjp_without_mean),
    ),
    Planted(
        "dW from before the activation",
        "operand",
        r"input 2 .*matrix product.*stands for `tanh`",
        real((4, 3), (3, 6), (6, 5)),
        pair(net, net_vjp),
        pair(net, net_vjp_before_activation),
    ),
    Planted(
        "dx through W and not its transpose",
        "operand",
        r"input 0 .*input 1 \(W1\) is not transposed",
        real((4, 3), (3, 3), (3, 5)),
        pair(net, net_vjp),
        pair(net, net_vjp_not_transposed),
    ),
    Planted(
        "the mask of the input for that of the sum",
        "x > 0",
        r"mask of the maximum.*taken as input 0 \(x\) > 0",
        real((6, 4), (4, 4)),
        pair(residual, residual_vjp),
        pair(residual, residual_vjp_mask_of_x),
    ),
    Planted(
        "channels shuffled again",
        "permuted",
        r"permuted along axis 1",
        real((3, 5)),
        pair(shuffled, shuffled_vjp),
        pair(shuffled, shuffled_vjp_again),
    ),
    Planted(
        "the order of sorting not inverted",
        "permuted",
        r"permuted along axis 1.*not its inverse",
        real((3, 5)),
        pair(ranked, ranked_vjp),
        pair(ranked, ranked_vjp_not_inverted),
    ),
    Planted(
        "moved back by one of two steps",
        "shifted",
        r"shifted by 1 along axis 1",
        real((3, 8)),
        pair(lagged, lagged_vjp),
        pair(lagged, lagged_vjp_by_one),
    ),
    Planted(
        "dy cut off above",
        "dy clipped",
        r"clipped to at most 0\.7",
        real((3, 4)),
        pair(np.sin, lambda dy, x: dy * np.cos(x)),
        pair(np.sin, cut_above),
    ),
]
