"""The rules' functions in autograd.numpy, for HIPS autograd to differentiate.

By the rule's name, with the rule's options as keywords; a rule may be missing. Windows are slices:
an index array is slower. Functions with fewer options than the rule are those of its defaults.
"""

import operator
from itertools import product

import autograd.numpy as np
from autograd.builtins import tuple as several
from autograd.scipy.special import erf, logsumexp


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


def log_softmax(x, *, axis):
    return x - logsumexp(x, axis=axis, keepdims=True)


def gelu(x, **_):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def silu(x):
    return x * sigmoid(x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def layer_norm(x, gamma, beta, *, eps):
    mean, var = (f(x, axis=-1, keepdims=True) for f in (np.mean, np.var))
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def rms_norm(x, gamma, *, eps):
    return gamma * x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)


def attention(q, k, v, **_):
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) / np.sqrt(q.shape[-1])
    return np.matmul(softmax(scores, axis=-1), v)


def low_rank_affine(x, W, b, *factors, scale):
    A, B = factors
    return x @ W + b + scale * (x @ A) @ B


def huber(x, t, *, delta, **_):
    size = np.abs(x - t)
    return np.mean(np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)))


def info_nce(x, z, tau, **_):
    own = np.arange(len(x))
    return -np.mean(log_softmax(np.dot(x, z.T) / tau, axis=-1)[own, own])


def triplet_margin(a, p, n, *, margin, eps, **_):
    near, far = (np.sqrt(np.sum((a - other + eps) ** 2, axis=-1)) for other in (p, n))
    return np.mean(np.maximum(near - far + margin, 0))


def dice(p, t, *, smooth, **_):
    overlap, whole = (np.sum(a, axis=(1, 2)) for a in (p * t, p + t))
    return np.mean(1 - (2 * overlap + smooth) / (whole + smooth))


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
    "Sigmoid": sigmoid,
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
    # activations and gates
    "ELU": lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1)),
    "GELU": gelu,
    "GLU": lambda a, b: sigmoid(a) * b,
    "GeGLU": lambda a, b, **_: gelu(a) * b,
    "HardTanh": lambda x, *, low, high: np.clip(x, low, high),
    "LeakyReLU": lambda x, slope: np.where(x > 0, x, slope * x),
    "LogSigmoid": lambda x: -np.logaddexp(0, -x),
    "LogSoftmax": log_softmax,
    "LogSumExp": logsumexp,
    "PReLU": lambda x, a: np.where(x > 0, x, a * x),
    "QuickGELU": lambda x: x * sigmoid(1.702 * x),
    "ReGLU": lambda a, b: np.maximum(a, 0) * b,
    "ReLU6": lambda x: np.clip(x, 0, 6),
    "SiLU": silu,
    "Softcap": lambda x, cap: cap * np.tanh(x / cap),
    "Softplus": lambda x, beta: np.logaddexp(0, beta * x) / beta,
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "SquaredReLU": lambda x: np.maximum(x, 0) ** 2,
    "SwiGLU": lambda a, b: silu(a) * b,
    # arithmetic and selection
    "Abs": np.abs,
    "Clip": lambda x, *, low, high: np.clip(x, low, high),
    "Cos": np.cos,
    "Erf": erf,
    "Expm1": np.expm1,
    "Log1p": np.log1p,
    "LogAddExp": np.logaddexp,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Sin": np.sin,
    "Square": np.square,
    "Where": np.where,
    # layers and losses
    "Charbonnier": lambda x, t, eps, **_: np.mean(np.sqrt((x - t) ** 2 + eps**2)),
    "Dice": dice,
    "DyT": lambda x, alpha, gamma, beta: gamma * np.tanh(alpha * x) + beta,
    "Huber": huber,
    "InfoNCE": info_nce,
    "L1": lambda x, t, **_: np.mean(np.abs(x - t)),
    "L1Penalty": lambda W, strength: strength * np.sum(np.abs(W)),
    "LayerNorm": layer_norm,
    "LowRankAffine": low_rank_affine,
    "RMSNorm": rms_norm,
    "RNNCell": lambda x, h, W, U, b: np.tanh(np.dot(x, W) + np.dot(h, U) + b),
    "ScaledDotProductAttention": attention,
    "TripletMargin": triplet_margin,
    "VAEKL": lambda mean, s, **_: np.mean(np.sum(mean**2 + np.exp(s) - 1 - s, axis=-1)) / 2,
    # linear algebra, reductions, places
    "Cholesky": np.linalg.cholesky,
    "CumSum": lambda x, *, axis: np.cumsum(x, axis=axis),
    "Det": np.linalg.det,
    "Einsum": lambda *arrays, subscripts: np.einsum(subscripts, *arrays),
    "Embedding": lambda E, t, **_: E[t],
    "Inverse": np.linalg.inv,
    "LogDet": lambda A: np.linalg.slogdet(A)[1],
    "Outer": np.outer,
    "Solve": np.linalg.solve,
    "Std": lambda x, axis, correction, keepdims: np.std(
        x, axis, ddof=correction, keepdims=keepdims
    ),
    "Var": lambda x, axis, correction, keepdims: np.var(
        x, axis, ddof=correction, keepdims=keepdims
    ),
    "Prod": lambda x, axis, keepdims: np.prod(x, axis=axis, keepdims=keepdims),
    "Repeat": lambda x, *, times, axis: np.repeat(x, times, axis=axis),
    "Roll": lambda x, *, shift, axis: np.roll(x, shift, axis=axis),
    "Stack": lambda *parts, axis: np.stack(parts, axis=axis),
    "Tile": lambda x, *, times: np.tile(x, times),
    "Tril": lambda x, *, k: np.tril(x, k),
}
