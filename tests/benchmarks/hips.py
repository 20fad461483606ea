"""The rules' functions in autograd.numpy, for HIPS autograd to differentiate.

By the rule's name, with the rule's options as keywords; a rule may be missing. Windows are slices:
an index array is slower. Functions with fewer options than the rule are those of its defaults.
"""

import operator
from itertools import product

import autograd.numpy as np
from autograd.builtins import tuple as several
from autograd.scipy.special import logsumexp


def softmax(x, *, axis):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def im2col(x, *, kernel, stride, padding, dilation):
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)), mode="constant")
    spots = [
        [slice(i, n - (k - 1) * d + i, s) for i in range(0, k * d, d)]
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    u = np.stack([x[:, :, r, c] for r, c in product(*spots)], axis=2)
    return np.reshape(u, (x.shape[0], x.shape[1] * u.shape[2], -1))


def col2im(x, *, size, kernel, **_):
    (k, m), (p, q) = kernel, (n - k + 1 for n, k in zip(size, kernel, strict=True))
    parts = np.reshape(x, (x.shape[0], -1, k, m, p, q))
    edges = [((0, 0), (0, 0), (i, k - 1 - i), (j, m - 1 - j)) for i in range(k) for j in range(m)]
    images = [parts[:, :, e[2][0], e[3][0]] for e in edges]
    return sum(np.pad(image, e, mode="constant") for image, e in zip(images, edges, strict=True))


def conv2d(x, W, b, *, groups, **window):
    y = np.matmul(np.reshape(W, (len(W), -1)), im2col(x, kernel=W.shape[2:], **window))
    return np.reshape(y + b[:, None], (len(x), len(W), x.shape[2] - W.shape[2] + 1, -1))


def max_pool2d(x, *, kernel, **_):
    return np.max(_tiles(x, kernel), axis=(3, 5))


def _tiles(x, kernel):
    """x cut into windows that do not overlap; what is left over at the end is left out."""
    (n, c, h, w), (k, m) = x.shape, kernel
    whole = x[:, :, : h // k * k, : w // m * m]
    return np.reshape(whole, (n, c, h // k, k, w // m, m))


def softmax_cross_entropy(x, t, **_):
    return -np.mean(np.sum(t * (x - logsumexp(x, axis=-1, keepdims=True)), axis=-1))


def softmax_cross_entropy_with_labels(x, t, **_):
    return np.mean(logsumexp(x, axis=-1) - x[np.arange(len(t)), t])


def sigmoid_cross_entropy(x, t, **_):
    return np.mean(np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x))))


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


def broadcast(x, *, shape):
    x = np.reshape(x, (1,) * (len(shape) - x.ndim) + x.shape)  # it cannot add an axis itself
    return np.broadcast_to(x, shape)


def slice_(x, *, start, stop, step, axis):
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


TABLE = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "Power": operator.pow,
    "Negate": operator.neg,
    "Reciprocal": lambda x: 1 / x,
    "Exp": np.exp,
    "Log": np.log,
    "Sqrt": np.sqrt,
    "ReLU": lambda x: np.maximum(x, 0),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Tanh": np.tanh,
    "Softmax": softmax,
    "Im2col": im2col,
    "Col2im": col2im,
    "Conv2d": conv2d,
    "MaxPool2d": max_pool2d,
    "AvgPool2d": lambda x, kernel, **_: np.mean(_tiles(x, kernel), axis=(3, 5)),
    "MatMul": np.matmul,
    "Affine": lambda x, W, b: np.dot(x, W) + b,
    "CrossEntropy": lambda p, t, eps, **_: -np.mean(np.sum(t * np.log(p + eps), axis=-1)),
    "SoftmaxCrossEntropy": softmax_cross_entropy,
    "SoftmaxCrossEntropyWithLabels": softmax_cross_entropy_with_labels,
    "SigmoidCrossEntropy": sigmoid_cross_entropy,
    "MeanSquaredError": lambda x, t, **_: np.mean((x - t) ** 2),
    "SumSquaredError": lambda x, t, **_: np.sum((x - t) ** 2) / 2,
    "BatchNorm": batch_norm,
    "BatchNorm2d": batch_norm,
    "BatchNormInference": batch_norm_inference,
    "BatchNormInference2d": batch_norm_inference,
    "Sum": np.sum,
    "Mean": np.mean,
    "Max": np.max,
    "Min": np.min,
    "Dropout": lambda x, keep, rate: np.where(keep, x / (1 - rate), 0),
    "L2Penalty": lambda W, weight_decay: weight_decay / 2 * np.sum(W**2),
    "Broadcast": broadcast,
    "Concatenate": lambda *parts, axis: np.concatenate(parts, axis=axis),
    "Copy": lambda x, copies: several((x,) * copies),
    "Reshape": np.reshape,
    "Slice": slice_,
    "Split": lambda x, sections, axis: several(np.split(x, sections, axis=axis)),
    "Transpose": np.transpose,
}
