"""Planted masks: ties, padding, the last row, x > 0; and blocks that are wrong alone."""

import numpy as np

from tests.judge.planted.planted import Planted, integers, mask, pair, real, sigmoid


def larger(a, b):
    return np.maximum(a, b)


def larger_vjp(dy, a, b):
    return dy * ((a > b) + 0.5 * (a == b)), dy * ((b > a) + 0.5 * (a == b))


def larger_vjp_to_both(dy, a, b):
    return dy * (a >= b), dy * (b >= a)


def row_maximum(x):
    return np.max(x, axis=-1)


def _at_maximum(x):
    return (x == np.max(x, axis=-1, keepdims=True)) * 1.0


def row_maximum_vjp(dy, x):
    largest = _at_maximum(x)
    return (dy[:, None] * largest / np.sum(largest, axis=-1, keepdims=True),)


def row_maximum_vjp_to_all(dy, x):
    return (dy[:, None] * _at_maximum(x),)


def _patches(x):
    n, h, w = x.shape
    return np.transpose(x.reshape(n, h // 2, 2, w // 2, 2), (0, 1, 3, 2, 4)).reshape(n, -1, 4)


def max_pool(x):
    """Of patches of 2 × 2."""
    n, h, w = x.shape
    return np.max(_patches(x), axis=-1).reshape(n, h // 2, w // 2)


def _unpatched(patches, shape):
    n, h, w = shape
    return np.transpose(patches.reshape(n, h // 2, w // 2, 2, 2), (0, 1, 3, 2, 4)).reshape(shape)


def max_pool_vjp(dy, x):
    largest = _at_maximum(_patches(x))
    share = largest / np.sum(largest, axis=-1, keepdims=True)
    return (_unpatched(share * dy.reshape(len(x), -1, 1), x.shape),)


def max_pool_vjp_to_all(dy, x):
    return (_unpatched(_at_maximum(_patches(x)) * dy.reshape(len(x), -1, 1), x.shape),)


def masked_loss(x, t, keep):
    """The mean squared error of the tokens that are no padding."""
    off = np.where(keep[:, None], x - t, 0)
    return np.sum(off**2) / np.maximum(np.sum(keep), 1)


def masked_loss_vjp(dy, x, t, keep):
    dx = dy * 2 * np.where(keep[:, None], x - t, 0) / np.maximum(np.sum(keep), 1)
    return dx, -dx, None


def masked_loss_vjp_of_padding(dy, x, t, keep):
    dx = dy * 2 * (x - t) / np.maximum(np.sum(keep), 1)
    return dx, -dx, None


def same_average(x):
    """The mean of three neighbours in a row, with zeros around."""
    padded = np.pad(x, ((0, 0), (1, 1)))
    return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3


def same_average_vjp(dy, x):
    return (same_average(dy),)


def same_average_vjp_inside(dy, x):
    dx = np.zeros_like(x)
    dx[:, 1:-1] = (dy[:, :-2] + dy[:, 1:-1] + dy[:, 2:]) / 3
    return (dx,)


def steps(x):
    return x[1:] - x[:-1]


def steps_vjp(dy, x):
    dx = np.zeros_like(x)
    dx[1:] += dy
    dx[:-1] -= dy
    return (dx,)


def steps_vjp_without_the_end(dy, x):
    dx = steps_vjp(dy, x)[0]
    dx[-1] = 0
    return (dx,)


def product(x, W):
    return x @ W


def product_vjp(dy, x, W):
    return dy @ W.T, x.T @ dy


def product_vjp_one_row_short(dy, x, W):
    dW = np.zeros_like(W)
    for n in range(len(x) - 1):
        dW += np.outer(x[n], dy[n])
    return dy @ W.T, dW


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


def leaky_vjp(dy, x, slope):
    return np.where(x > 0, dy, slope * dy), np.sum(np.where(x > 0, 0, x * dy), axis=0)


def leaky_vjp_without_mask(dy, x, slope):
    return np.where(x > 0, dy, slope * dy), np.sum(x * dy, axis=0)


def absolute(x):
    return np.abs(x)


def absolute_vjp(dy, x):
    return (dy * np.sign(x),)


def absolute_vjp_as_relu(dy, x):
    return (dy * (x > 0),)


def relu(x):
    return np.maximum(x, 0)


def relu_vjp(dy, x):
    return (dy * (x > 0),)


def relu_vjp_without_mask(dy, x):
    return (dy * 1,)


def lstm_gates(x, W, c):
    """One step from a cell c: W holds the blocks of the input, forget and output gates."""
    i, f, o = np.split(sigmoid(x @ W), 3, axis=-1)
    return o * np.tanh(f * c + i)


def lstm_gates_vjp(dy, x, W, c):
    i, f, o = np.split(sigmoid(x @ W), 3, axis=-1)
    u = np.tanh(f * c + i)
    dc = dy * o * (1 - u**2)
    gates = np.concatenate([i, f, o], axis=-1)
    da = np.concatenate([dc, dc * c, dy * u], axis=-1) * gates * (1 - gates)
    return da @ W.T, x.T @ da, dc * f


def lstm_gates_vjp_without_forget(dy, x, W, c):
    dx, dW, dc = lstm_gates_vjp(dy, x, W, c)
    h = c.shape[-1]
    dW[:, h : 2 * h] = 0
    return dx, dW, dc


def grouped(x, W):
    """Two groups of features, each with its own half of the rows of W."""
    d = x.shape[-1] // 2
    return x[:, :d] @ W[:d] + np.tanh(x[:, d:] @ W[d:])


def grouped_vjp(dy, x, W):
    d = x.shape[-1] // 2
    du = dy * (1 - np.tanh(x[:, d:] @ W[d:]) ** 2)
    dx = np.concatenate([dy @ W[:d].T, du @ W[d:].T], axis=-1)
    return dx, np.concatenate([x[:, :d].T @ dy, x[:, d:].T @ du])


def grouped_vjp_half_as_the_other(dy, x, W):
    d = x.shape[-1] // 2
    dx, dW = grouped_vjp(dy, x, W)
    dW[d:] = x[:, d:].T @ dy
    return dx, dW


PLANTED = [
    Planted(
        "maximum gives dy to both",
        "ties",
        r"(tie|equal)",
        tuple(1.0 * x for x in integers(3, (8, 5), (8, 5))),
        pair(larger, larger_vjp),
        pair(larger, larger_vjp_to_both),
    ),
    Planted(
        "row maximum gives dy to all",
        "ties",
        r"\btie",
        real((8, 5)),
        pair(row_maximum, row_maximum_vjp),
        pair(row_maximum, row_maximum_vjp_to_all),
    ),
    Planted(
        "max pooling of a ReLU gives dy to all",
        "ties",
        r"\btie",
        (np.maximum(real((2, 4, 6))[0], 0),),
        pair(max_pool, max_pool_vjp),
        pair(max_pool, max_pool_vjp_to_all),
    ),
    Planted(
        "padding in the loss's gradient",
        "padding",
        r"input 0 .*and input 1 .*mask",
        (*real((8, 5), (8, 5)), mask((8,))),
        pair(masked_loss, masked_loss_vjp),
        pair(masked_loss, masked_loss_vjp_of_padding),
    ),
    Planted(
        "borders forgotten beside the padding",
        "padding",
        r"(border|edge|padding|first|last)",
        real((4, 7)),
        pair(same_average, same_average_vjp),
        pair(same_average, same_average_vjp_inside),
    ),
    Planted(
        "differences without the last row",
        "last row",
        r"\b0 in the last row",
        real((8, 5)),
        pair(steps, steps_vjp),
        pair(steps, steps_vjp_without_the_end),
    ),
    Planted(
        "dW's loop ends one row short",
        "last row",
        r"input 1 .*(last row|the first 7 of 8 along axis 0)",
        real((8, 5), (5, 3)),
        pair(product, product_vjp),
        pair(product, product_vjp_one_row_short),
    ),
    Planted(
        "slope's gradient without its mask",
        "x > 0",
        r"input 1 .*(mask|x\)? *(>|≤|<|≥) *0)",
        (*real((8, 5)), np.array([0.1, 0.2, 0.3, 0.4, 0.5])),
        pair(leaky, leaky_vjp),
        pair(leaky, leaky_vjp_without_mask),
    ),
    Planted(
        "absolute value as a ReLU",
        "x > 0",
        r"(x|input 0 \(x\)) (>|≤|<|≥) 0",
        real((8, 5)),
        pair(absolute, absolute_vjp),
        pair(absolute, absolute_vjp_as_relu),
    ),
    Planted(
        "ReLU without its mask",
        "x > 0",
        r"mask is missing.* x (≤|<) 0",
        real((8, 5)),
        pair(relu, relu_vjp),
        pair(relu, relu_vjp_without_mask),
    ),
    Planted(
        "forget gate's block is 0",
        "block",
        r"input 1 .*block \[0:3, 4:8\]",
        real((8, 3), (3, 12), (8, 4)),
        pair(lstm_gates, lstm_gates_vjp),
        pair(lstm_gates, lstm_gates_vjp_without_forget),
    ),
    Planted(
        "second half as if it were linear",
        "block",
        r"input 1 .*(tanh|second half|block \[3:6, 0:4\])",
        real((8, 6), (6, 4)),
        pair(grouped, grouped_vjp),
        pair(grouped, grouped_vjp_half_as_the_other),
    ),
]
