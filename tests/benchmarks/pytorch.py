"""The rules' functions in PyTorch, with its own operators where it has them.

By the rule's name, with the rule's options as keywords; a rule may be missing. Functions with fewer
options than the rule are those of its defaults.
"""

import operator
from math import log

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


def usual(loss):
    """A loss of torch with its own default options, which are the rule's."""
    return lambda x, t, **_: loss(x, t)


def attention(q, k, v, *bias, **_):
    return functional.scaled_dot_product_attention(q, k, v, *bias)


def causal_conv1d(x, W, b, *, dilation):
    z = functional.pad(x, (dilation * (W.shape[-1] - 1), 0))
    return functional.conv1d(z, W[:, None], b, dilation=dilation, groups=len(W))


def instance_norm(x, gamma, beta, *, eps):
    return functional.instance_norm(x, weight=gamma, bias=beta, eps=eps)


def focal_loss(x, t, *, gamma, alpha, **_):
    t = t.to(x.dtype)
    loss = functional.binary_cross_entropy_with_logits(x, t, reduction="none")
    p = torch.sigmoid(x)
    missed = p + t - 2 * p * t
    return ((alpha * t + (1 - alpha) * (1 - t)) * missed**gamma * loss).mean()


def huber(x, t, *, delta, **_):
    return functional.huber_loss(x, t, delta=delta)


def info_nce(x, z, tau, **_):
    return functional.cross_entropy(x @ z.T / tau, torch.arange(len(x)))


def log_cosh(x, t, **_):
    size = torch.abs(x - t)
    return (size + functional.softplus(-2 * size) - log(2)).mean()


def triplet_margin(a, p, n, *, margin, eps, **_):
    return functional.triplet_margin_loss(a, p, n, margin=margin, eps=eps)


def dice(p, t, *, smooth, **_):
    overlap, whole = (a.sum(dim=(1, 2)) for a in (p * t, p + t))
    return (1 - (2 * overlap + smooth) / (whole + smooth)).mean()


def tversky(p, t, *, alpha, beta, smooth, **_):
    hit, false, missed = (a.sum(dim=(1, 2)) for a in (p * t, p * (1 - t), (1 - p) * t))
    return (1 - (hit + smooth) / (hit + alpha * false + beta * missed + smooth)).mean()


def ppo_clip(p, q, A, m, **eps):
    r = torch.exp(p - q)
    clipped = torch.clip(r, 1 - eps["eps_low"], 1 + eps["eps_high"])
    return -(m * torch.minimum(r * A, clipped * A)).sum() / m.sum()


def reduced(function):
    """A reduction of torch over one axis, or over all."""

    def of(x, *, axis, keepdims, **options):
        axes = tuple(range(x.ndim)) if axis is None else axis
        return function(x, dim=axes, keepdim=keepdims, **options)

    return of


def segment_sum(x, s, *, segments):
    return x.new_zeros(segments, *x.shape[1:]).index_add(0, s, x)


def segment_mean(x, s, *, segments):
    count = torch.bincount(s, minlength=segments).clamp(min=1)
    return segment_sum(x, s, segments=segments) / count[:, None]


def upsample(x, *, factor, mode):
    return functional.interpolate(x, scale_factor=factor, mode=mode)


def grid_sample(x, grid, *, padding, align_corners):
    return functional.grid_sample(x, grid, padding_mode=padding, align_corners=align_corners)


def rnn_cell(x, h, W, U, b):
    return torch.tanh(x @ W + h @ U + b)


def low_rank_affine(x, W, b, *factors, scale):
    A, B = factors
    return x @ W + b + scale * (x @ A) @ B


def swiglu_mlp(x, W, V, U, **_):
    return (functional.silu(x @ W) * (x @ V)) @ U


def fused_add_rms_norm(x, h, gamma, *, eps):
    s = x + h
    return functional.rms_norm(s, gamma.shape, gamma, eps), s


def bilinear(a, b, W, c):
    return functional.bilinear(a, b, W, c)


def drop_path(x, keep, *, rate):
    return x * keep.reshape(-1, *[1] * (x.ndim - 1)) / (1 - rate)


def softcap(x, *, cap):
    return cap * torch.tanh(x / cap)


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
    # activations and gates
    "CELU": functional.celu,
    "ELU": functional.elu,
    "GELU": functional.gelu,
    "HardShrink": lambda x, *, threshold: functional.hardshrink(x, threshold),
    "HardSigmoid": functional.hardsigmoid,
    "HardSwish": functional.hardswish,
    "HardTanh": lambda x, *, low, high: functional.hardtanh(x, low, high),
    "LeakyReLU": lambda x, *, slope: functional.leaky_relu(x, slope),
    "LogSigmoid": functional.logsigmoid,
    "LogSoftmax": lambda x, axis: torch.log_softmax(x, dim=axis),
    "LogSumExp": reduced(torch.logsumexp),
    "Mish": functional.mish,
    "PReLU": lambda x, a: torch.where(x > 0, x, a * x),
    "QuickGELU": lambda x: x * torch.sigmoid(1.702 * x),
    "ReLU6": functional.relu6,
    "SELU": functional.selu,
    "SiLU": functional.silu,
    "SoftShrink": lambda x, *, threshold: functional.softshrink(x, threshold),
    "Softcap": softcap,
    "Softplus": lambda x, *, beta: functional.softplus(x, beta),
    "Softsign": functional.softsign,
    "SquaredReLU": lambda x: torch.square(torch.relu(x)),
    "GLU": lambda a, b: torch.sigmoid(a) * b,
    "GeGLU": lambda a, b, approximate: functional.gelu(a, approximate=approximate) * b,
    "ReGLU": lambda a, b: torch.relu(a) * b,
    "SwiGLU": lambda a, b: functional.silu(a) * b,
    # arithmetic and selection
    "Abs": torch.abs,
    "Atan2": torch.atan2,
    "Clip": lambda x, *, low, high: torch.clip(x, low, high),
    "Cos": torch.cos,
    "Erf": torch.erf,
    "Expm1": torch.expm1,
    "Log1p": torch.log1p,
    "LogAddExp": torch.logaddexp,
    "Maximum": torch.maximum,
    "Minimum": torch.minimum,
    "Sin": torch.sin,
    "Square": torch.square,
    "Where": torch.where,
    "Xlogy": torch.xlogy,
    # attention, normalization, convolution, pooling
    "ScaledDotProductAttention": attention,
    "BiasedAttention": attention,
    "MaskedAttention": attention,
    "DyT": lambda x, alpha, gamma, beta: gamma * torch.tanh(alpha * x) + beta,
    "GroupNorm": lambda x, gamma, beta, groups, eps: functional.group_norm(
        x, groups, gamma, beta, eps
    ),
    "InstanceNorm": instance_norm,
    "L2Normalize": lambda x, axis, eps: functional.normalize(x, dim=axis, eps=eps),
    "LocalResponseNorm": functional.local_response_norm,
    "RMSNorm": lambda x, gamma, eps: functional.rms_norm(x, gamma.shape, gamma, eps),
    "FusedAddRMSNorm": fused_add_rms_norm,
    "CausalConv1d": causal_conv1d,
    "Conv1d": functional.conv1d,
    "Conv3d": functional.conv3d,
    "ConvTranspose1d": functional.conv_transpose1d,
    "ConvTranspose2d": functional.conv_transpose2d,
    "AdaptiveAvgPool2d": lambda x, *, size: functional.adaptive_avg_pool2d(x, size),
    "AvgPool1d": lambda x, *, kernel, **window: functional.avg_pool1d(x, kernel, **window),
    "GlobalAvgPool": lambda x, keepdims: x.mean(dim=(2, 3), keepdim=keepdims),
    "MaxPool1d": lambda x, *, kernel, **window: functional.max_pool1d(x, kernel, **window),
    "GridSample": grid_sample,
    "PixelShuffle": lambda x, *, factor: functional.pixel_shuffle(x, factor),
    "Upsample": upsample,
    # losses
    "BinaryCrossEntropy": usual(functional.binary_cross_entropy),
    "Charbonnier": lambda x, t, eps, **_: torch.sqrt((x - t) ** 2 + eps**2).mean(),
    "CosineSimilarity": functional.cosine_similarity,
    "Dice": dice,
    "FocalLoss": focal_loss,
    "Huber": huber,
    "InfoNCE": info_nce,
    "L1": usual(functional.l1_loss),
    "LogCosh": log_cosh,
    "MulticlassHinge": usual(functional.multi_margin_loss),
    "NLL": usual(functional.nll_loss),
    "PoissonNLL": usual(functional.poisson_nll_loss),
    "PPOClip": ppo_clip,
    "SmoothL1": lambda x, t, beta, **_: functional.smooth_l1_loss(x, t, beta=beta),
    "TripletMargin": triplet_margin,
    "Tversky": tversky,
    "VAEKL": lambda mean, s, **_: (mean**2 + torch.exp(s) - 1 - s).sum(dim=-1).mean() / 2,
    # linear algebra
    "Bilinear": bilinear,
    "Cholesky": torch.linalg.cholesky,
    "Det": torch.linalg.det,
    "Einsum": lambda *arrays, subscripts: torch.einsum(subscripts, *arrays),
    "Expm": torch.linalg.matrix_exp,
    "Inverse": torch.linalg.inv,
    "LogDet": lambda A: torch.linalg.slogdet(A)[1],
    "LowRankAffine": low_rank_affine,
    "Outer": torch.outer,
    "SingularValues": torch.linalg.svdvals,
    "Solve": torch.linalg.solve,
    "Trace": lambda x: torch.diagonal(x, dim1=-2, dim2=-1).sum(-1),
    "SwiGLUMLP": swiglu_mlp,
    # reductions, order, places
    "CumProd": lambda x, axis: torch.cumprod(x, dim=axis),
    "CumSum": lambda x, axis: torch.cumsum(x, dim=axis),
    "LogCumSumExp": lambda x, axis: torch.logcumsumexp(x, dim=axis),
    "Norm": reduced(torch.linalg.vector_norm),
    "Std": reduced(torch.std),
    "Var": reduced(torch.var),
    "Prod": lambda x, **_: torch.prod(x),
    "Sort": lambda x, axis, descending: torch.sort(x, dim=axis, descending=descending).values,
    "TopK": lambda x, k, axis: torch.topk(x, k, dim=axis).values,
    "Embedding": lambda E, t, **_: functional.embedding(t, E),
    "EmbeddingBag": lambda E, t, mode, **_: functional.embedding_bag(t, E, mode=mode),
    "ScatterAdd": lambda x, i, v: x.index_add(0, i, v),
    "Take": lambda x, i, axis: torch.index_select(x, axis, i),
    "TakeAlongAxis": lambda x, i, axis: torch.take_along_dim(x, i, dim=axis),
    "SegmentMean": segment_mean,
    "SegmentSum": segment_sum,
    "Diagonal": lambda x, *, offset: torch.diagonal(x, offset),
    "Flip": lambda x, axis: torch.flip(x, (axis,)),
    "Repeat": lambda x, times, axis: torch.repeat_interleave(x, times, dim=axis),
    "Roll": lambda x, *, shift, axis: torch.roll(x, shift, axis),
    "Stack": lambda *parts, axis: torch.stack(parts, dim=axis),
    "Tile": lambda x, *, times: torch.tile(x, times),
    "Tril": lambda x, *, k: torch.tril(x, k),
    "RNNCell": rnn_cell,
    "L1Penalty": lambda W, strength: strength * torch.abs(W).sum(),
    "DropPath": drop_path,
}
