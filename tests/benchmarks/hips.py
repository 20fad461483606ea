"""The rules' functions in autograd.numpy, for HIPS autograd to differentiate.

Each has the name and the options of the reference's. Windows are slices: an index array is slower.
"""

import operator
from itertools import product

import autograd.numpy as np
from autograd.builtins import tuple as several
from autograd.scipy.special import logsumexp

add, subtract, multiply = operator.add, operator.sub, operator.mul
divide, power, negate = operator.truediv, operator.pow, operator.neg


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def tanh(x):
    return np.tanh(x)


def softmax(x, *, axis):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def exp(x):
    return np.exp(x)


def log(x):
    return np.log(x)


def sqrt(x):
    return np.sqrt(x)


def reciprocal(x):
    return 1 / x


def im2col(x, *, kernel, stride, padding, dilation):
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)), mode="constant")
    spots = [
        [slice(i, n - (k - 1) * d + i, s) for i in range(0, k * d, d)]
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    u = np.stack([x[:, :, r, c] for r, c in product(*spots)], axis=2)
    return np.reshape(u, (x.shape[0], x.shape[1] * u.shape[2], -1))


def col2im(x, *, size, kernel, **window):
    assert window == {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
    (k, m), (p, q) = kernel, (n - k + 1 for n, k in zip(size, kernel, strict=True))
    parts = np.reshape(x, (x.shape[0], -1, k, m, p, q))
    edges = [((0, 0), (0, 0), (i, k - 1 - i), (j, m - 1 - j)) for i in range(k) for j in range(m)]
    images = [parts[:, :, e[2][0], e[3][0]] for e in edges]
    return sum(np.pad(image, e, mode="constant") for image, e in zip(images, edges, strict=True))


def conv2d(x, W, b, *, groups, **window):
    assert groups == 1
    assert window == {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
    y = np.matmul(np.reshape(W, (len(W), -1)), im2col(x, kernel=W.shape[2:], **window))
    return np.reshape(y + b[:, None], (len(x), len(W), x.shape[2] - W.shape[2] + 1, -1))


def max_pool2d(x, *, kernel, stride, padding):
    return np.max(_tiles(x, kernel, stride, padding), axis=(3, 5))


def avg_pool2d(x, *, kernel, stride, padding):
    return np.mean(_tiles(x, kernel, stride, padding), axis=(3, 5))


def _tiles(x, kernel, stride, padding):
    """x cut into windows that do not overlap."""
    assert (stride, padding) == (kernel, (0, 0))
    (n, c, h, w), (k, m) = x.shape, kernel
    return np.reshape(x, (n, c, h // k, k, w // m, m))


def matmul(a, b):
    return np.matmul(a, b)


def affine(x, W, b):
    return np.dot(x, W) + b


def cross_entropy(p, t, *, reduction, eps):
    assert reduction == "mean"
    return -np.mean(np.sum(t * np.log(p + eps), axis=-1))


def softmax_cross_entropy(x, t, *, reduction):
    assert reduction == "mean"
    return -np.mean(np.sum(t * (x - logsumexp(x, axis=-1, keepdims=True)), axis=-1))


def softmax_cross_entropy_with_labels(x, t, *, reduction):
    assert reduction == "mean"
    return np.mean(logsumexp(x, axis=-1) - x[np.arange(len(t)), t])


def sigmoid_cross_entropy(x, t, *, reduction):
    assert reduction == "mean"
    return np.mean(np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x))))


def sum_squared_error(x, t):
    return np.sum((x - t) ** 2) / 2


def mean_squared_error(x, t):
    return np.mean((x - t) ** 2)


def batch_norm(x, gamma, beta, *, eps):
    axes = (0, *range(2, x.ndim))
    mean, var = np.mean(x, axis=axes), np.var(x, axis=axes)
    y = batch_norm_inference(x, gamma, beta, mean, var, eps=eps)
    return several((y, mean, var))


def batch_norm_inference(x, gamma, beta, *statistics, eps):
    shape = (-1,) + (1,) * (x.ndim - 2)
    mean, var = (np.reshape(s, shape) for s in statistics)
    scale = np.reshape(gamma, shape) / np.sqrt(var + eps)
    return (x - mean) * scale + np.reshape(beta, shape)


batch_norm2d = batch_norm
batch_norm_inference2d = batch_norm_inference


def sum_(x, *, axis, keepdims):
    return np.sum(x, axis=axis, keepdims=keepdims)


def mean(x, *, axis, keepdims):
    return np.mean(x, axis=axis, keepdims=keepdims)


def max_(x, *, axis, keepdims):
    return np.max(x, axis=axis, keepdims=keepdims)


def min_(x, *, axis, keepdims):
    return np.min(x, axis=axis, keepdims=keepdims)


def dropout(x, keep, *, rate):
    return np.where(keep, x / (1 - rate), 0)


def l2_penalty(W, *, weight_decay):
    return weight_decay / 2 * np.sum(W**2)


def broadcast(x, *, shape):
    x = np.reshape(x, (1,) * (len(shape) - x.ndim) + x.shape)  # it cannot add an axis itself
    return np.broadcast_to(x, shape)


def concatenate(*parts, axis):
    return np.concatenate(parts, axis=axis)


def copy(x, *, copies):
    return several((x,) * copies)


def reshape(x, *, shape):
    return np.reshape(x, shape)


def slice_(x, *, start, stop, step, axis):
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def split(x, *, sections, axis):
    return several(np.split(x, sections, axis=axis))


def transpose(x, *, axes):
    return np.transpose(x, axes)
