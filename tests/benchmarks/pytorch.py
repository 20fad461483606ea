"""The rules' functions in PyTorch, with its own operators where it has them.

By the rule's name, with the rule's options as keywords; a rule may be missing. Functions with fewer
options than the rule are those of its defaults.
"""

import operator

import torch
from torch.nn import functional


def batch_norm(x, gamma, beta, *, eps):
    var, mean = torch.var_mean(x, dim=(0, *range(2, x.ndim)), correction=0)
    return functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps), mean, var


def batch_norm_inference(x, gamma, beta, *statistics, eps):
    shape = (-1,) + (1,) * (x.ndim - 2)
    mean, var = (s.reshape(shape) for s in statistics)
    scale = gamma.reshape(shape) * torch.rsqrt(var + eps)
    return (x - mean) * scale + beta.reshape(shape)  # torch's own has no slope for the mean


def im2col(x, *, kernel, **window):
    return functional.unfold(x, kernel, **window)


def col2im(x, *, size, kernel, **window):
    return functional.fold(x, size, kernel, **window)


def max_pool2d(x, *, kernel, **window):
    return functional.max_pool2d(x, kernel, **window)


def avg_pool2d(x, *, kernel, **window):
    return functional.avg_pool2d(x, kernel, **window)


def layer_norm(x, gamma, beta, *, eps):
    return functional.layer_norm(x, gamma.shape, gamma, beta, eps)


def slice_(x, *, start, stop, step, axis):
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def split(x, *, sections, axis):
    return torch.split(x, x.shape[axis] // sections, dim=axis)


def broadcast(x, *, shape):
    return torch.broadcast_to(x, shape)


def transpose(x, *, axes):
    return torch.permute(x, axes)


TABLE = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "Power": operator.pow,
    "Negate": operator.neg,
    "Reciprocal": torch.reciprocal,
    "Exp": torch.exp,
    "Log": torch.log,
    "Sqrt": torch.sqrt,
    "ReLU": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "Softmax": lambda x, axis: torch.softmax(x, dim=axis),
    "Im2col": im2col,
    "Col2im": col2im,
    "Conv2d": functional.conv2d,
    "MaxPool2d": max_pool2d,
    "AvgPool2d": avg_pool2d,
    "MatMul": torch.matmul,
    "Affine": lambda x, W, b: x @ W + b,
    "CrossEntropy": lambda p, t, eps, **_: -(t * torch.log(p + eps)).sum(dim=-1).mean(),
    "SoftmaxCrossEntropy": functional.cross_entropy,
    "SoftmaxCrossEntropyWithLabels": functional.cross_entropy,
    "SigmoidCrossEntropy": lambda x, t, **_: functional.binary_cross_entropy_with_logits(x, t),
    "MeanSquaredError": functional.mse_loss,
    "SumSquaredError": lambda x, t, **_: functional.mse_loss(x, t, reduction="sum") / 2,
    "BatchNorm": batch_norm,
    "BatchNorm2d": batch_norm,
    "BatchNormInference": batch_norm_inference,
    "BatchNormInference2d": batch_norm_inference,
    "LayerNorm": layer_norm,
    "Sum": lambda x, axis, keepdims: torch.sum(x, dim=axis, keepdim=keepdims),
    "Mean": lambda x, axis, keepdims: torch.mean(x, dim=axis, keepdim=keepdims),
    "Max": lambda x, axis, keepdims: torch.amax(x, dim=axis, keepdim=keepdims),
    "Min": lambda x, axis, keepdims: torch.amin(x, dim=axis, keepdim=keepdims),
    "Dropout": lambda x, keep, rate: torch.where(keep, x / (1 - rate), 0),
    "L2Penalty": lambda W, weight_decay: weight_decay / 2 * torch.sum(W**2),
    "Broadcast": broadcast,
    "Concatenate": lambda *parts, axis: torch.concatenate(parts, dim=axis),
    "Copy": lambda x, copies: (x,) * copies,
    "Reshape": torch.reshape,
    "Slice": slice_,
    "Split": split,
    "Transpose": transpose,
}
