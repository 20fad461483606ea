"""The rules' functions in PyTorch, with its own operators where it has them.

Each has the name and the options of the reference's.
"""

import operator

import torch
from torch.nn import functional

add, subtract, multiply = operator.add, operator.sub, operator.mul
divide, power, negate = operator.truediv, operator.pow, operator.neg


def relu(x):
    return torch.relu(x)


def sigmoid(x):
    return torch.sigmoid(x)


def tanh(x):
    return torch.tanh(x)


def softmax(x, *, axis):
    return torch.softmax(x, dim=axis)


def exp(x):
    return torch.exp(x)


def log(x):
    return torch.log(x)


def sqrt(x):
    return torch.sqrt(x)


def reciprocal(x):
    return torch.reciprocal(x)


def im2col(x, *, kernel, **window):
    return functional.unfold(x, kernel, **window)


def col2im(x, *, size, kernel, **window):
    return functional.fold(x, size, kernel, **window)


def conv2d(x, W, b, **options):
    return functional.conv2d(x, W, b, **options)


def max_pool2d(x, *, kernel, **window):
    return functional.max_pool2d(x, kernel, **window)


def avg_pool2d(x, *, kernel, **window):
    return functional.avg_pool2d(x, kernel, **window)


def matmul(a, b):
    return a @ b


def affine(x, W, b):
    return x @ W + b


def cross_entropy(p, t, *, reduction, eps):
    assert reduction == "mean"
    return -(t * torch.log(p + eps)).sum(dim=-1).mean()


def softmax_cross_entropy(x, t, *, reduction):
    return functional.cross_entropy(x, t, reduction=reduction)


def softmax_cross_entropy_with_labels(x, t, *, reduction):
    return functional.cross_entropy(x, t, reduction=reduction)


def sigmoid_cross_entropy(x, t, *, reduction):
    return functional.binary_cross_entropy_with_logits(x, t, reduction=reduction)


def sum_squared_error(x, t):
    return functional.mse_loss(x, t, reduction="sum") / 2


def mean_squared_error(x, t):
    return functional.mse_loss(x, t)


def batch_norm(x, gamma, beta, *, eps):
    var, mean = torch.var_mean(x, dim=(0, *range(2, x.ndim)), correction=0)
    return functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps), mean, var


def batch_norm_inference(x, gamma, beta, *statistics, eps):
    shape = (-1,) + (1,) * (x.ndim - 2)
    mean, var = (s.reshape(shape) for s in statistics)
    scale = gamma.reshape(shape) * torch.rsqrt(var + eps)
    return (x - mean) * scale + beta.reshape(shape)  # torch's own has no slope for the mean


batch_norm2d = batch_norm
batch_norm_inference2d = batch_norm_inference


def sum_(x, *, axis, keepdims):
    return torch.sum(x, dim=axis, keepdim=keepdims)


def mean(x, *, axis, keepdims):
    return torch.mean(x, dim=axis, keepdim=keepdims)


def max_(x, *, axis, keepdims):
    return torch.amax(x, dim=axis, keepdim=keepdims)


def min_(x, *, axis, keepdims):
    return torch.amin(x, dim=axis, keepdim=keepdims)


def dropout(x, keep, *, rate):
    return torch.where(keep, x / (1 - rate), 0)


def l2_penalty(W, *, weight_decay):
    return weight_decay / 2 * torch.sum(W**2)


def broadcast(x, *, shape):
    return torch.broadcast_to(x, shape)


def concatenate(*parts, axis):
    return torch.concatenate(parts, dim=axis)


def copy(x, *, copies):
    return (x,) * copies


def reshape(x, *, shape):
    return torch.reshape(x, shape)


def slice_(x, *, start, stop, step, axis):
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def split(x, *, sections, axis):
    return torch.split(x, x.shape[axis] // sections, dim=axis)


def transpose(x, *, axes):
    return torch.permute(x, axes)
