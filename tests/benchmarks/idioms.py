"""What JAX's users write, where the reference has another formula on purpose.

By the rule's name, with the rule's options as keywords. What is not here is the reference.
"""

import operator

import jax
import jax.numpy as jnp
from jax import lax


def conv2d(x, W, b, *, groups, **window):
    y = lax.conv_general_dilated(
        x,
        W,
        window["stride"],
        [(p, p) for p in window["padding"]],
        rhs_dilation=window["dilation"],
        feature_group_count=groups,
    )
    return y + b[:, None, None]


def softmax_cross_entropy(x, t, **_):
    return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(x), axis=-1))


def softmax_cross_entropy_with_labels(x, t, **_):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), t[:, None], axis=-1))


def sigmoid_cross_entropy(x, t, **_):
    return jnp.mean(jnp.maximum(x, 0) - x * t + jnp.log1p(jnp.exp(-jnp.abs(x))))


def huber(x, t, *, delta, **_):
    size = jnp.abs(x - t)
    return jnp.mean(jnp.where(size <= delta, size**2 / 2, delta * (size - delta / 2)))


def log_cosh(x, t, **_):
    size = jnp.abs(x - t)
    return jnp.mean(size + jax.nn.softplus(-2 * size) - jnp.log(2).astype(x.dtype))


def poly_loss(x, t, *, eps, **_):
    log_p = jnp.take_along_axis(jax.nn.log_softmax(x), t[:, None], axis=-1)
    return jnp.mean(eps * (1 - jnp.exp(log_p)) - log_p)


def triplet_margin(a, p, n, *, margin, eps, **_):
    near, far = (jnp.linalg.norm(a - other + eps, axis=-1) for other in (p, n))
    return jnp.mean(jax.nn.relu(near - far + margin))


def cosine_similarity(a, b):
    lengths = jnp.linalg.norm(a, axis=-1) * jnp.linalg.norm(b, axis=-1)
    return jnp.sum(a * b, axis=-1) / lengths


def info_nce(x, z, tau, **_):
    return -jnp.mean(jnp.diagonal(jax.nn.log_softmax(x @ z.T / tau)))


def siglip(x, z, k, b, **_):
    signs = 2 * jnp.eye(len(x), dtype=x.dtype) - 1
    return -jnp.sum(jax.nn.log_sigmoid(signs * (k * x @ z.T + b))) / len(x)


def kl_divergence(x, t, **_):
    return jnp.mean(jnp.sum(t * (jnp.log(t) - jax.nn.log_softmax(x)), axis=-1))


def dice(p, t, *, smooth, **_):
    overlap, whole = (jnp.sum(a, axis=(1, 2)) for a in (p * t, p + t))
    return jnp.mean(1 - (2 * overlap + smooth) / (whole + smooth))


def batch_norm(x, gamma, beta, *, eps):
    axes = (0, *range(2, x.ndim))
    mean, var = jnp.mean(x, axis=axes), jnp.var(x, axis=axes)
    return batch_norm_inference(x, gamma, beta, mean, var, eps=eps), mean, var


def batch_norm_inference(x, gamma, beta, *statistics, eps):
    shape = (-1,) + (1,) * (x.ndim - 2)
    mean, var = (s.reshape(shape) for s in statistics)
    scale = gamma.reshape(shape) * lax.rsqrt(var + eps)
    return (x - mean) * scale + beta.reshape(shape)


def layer_norm(x, gamma, beta, *, eps):
    mean, var = (f(x, axis=-1, keepdims=True) for f in (jnp.mean, jnp.var))
    return gamma * (x - mean) * lax.rsqrt(var + eps) + beta


def slice_(x, *, start, stop, step, axis):
    return lax.slice_in_dim(x, start, stop, step, axis)


def clip(x, *, low, high):
    return jnp.clip(x, low, high)


def leaky_relu(x, *, slope):
    return jax.nn.leaky_relu(x, slope)


TABLE = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "Power": operator.pow,
    "Reciprocal": lambda x: 1 / x,
    "CumSum": lambda x, axis: jnp.cumsum(x, axis=axis),
    "Sqrt": jnp.sqrt,
    "Sigmoid": jax.nn.sigmoid,
    "Softmax": jax.nn.softmax,
    "Conv2d": conv2d,
    "SoftmaxCrossEntropy": softmax_cross_entropy,
    "SoftmaxCrossEntropyWithLabels": softmax_cross_entropy_with_labels,
    "SigmoidCrossEntropy": sigmoid_cross_entropy,
    "MeanSquaredError": lambda x, t, **_: jnp.mean((x - t) ** 2),
    "SumSquaredError": lambda x, t, **_: jnp.sum((x - t) ** 2) / 2,
    "L1": lambda x, t, **_: jnp.mean(jnp.abs(x - t)),
    "Huber": huber,
    "LogCosh": log_cosh,
    "Charbonnier": lambda x, t, eps, **_: jnp.mean(jnp.sqrt((x - t) ** 2 + eps**2)),
    "NLL": lambda z, t, **_: -jnp.mean(jnp.take_along_axis(z, t[:, None], axis=-1)),
    "PolyLoss": poly_loss,
    "TripletMargin": triplet_margin,
    "CosineSimilarity": cosine_similarity,
    "InfoNCE": info_nce,
    "SigLIP": siglip,
    "KLDivergence": kl_divergence,
    "VAEKL": lambda mean, s, **_: jnp.mean(jnp.sum(mean**2 + jnp.exp(s) - 1 - s, axis=-1) / 2),
    "Dice": dice,
    "BatchNorm": batch_norm,
    "BatchNorm2d": batch_norm,
    "BatchNormInference": batch_norm_inference,
    "BatchNormInference2d": batch_norm_inference,
    "LayerNorm": layer_norm,
    "Min": jnp.min,
    "Dropout": lambda x, keep, rate: jnp.where(keep, x / (1 - rate), 0),
    "L2Penalty": lambda W, weight_decay: weight_decay / 2 * jnp.sum(W**2),
    "Slice": slice_,
    "Abs": jnp.abs,
    "Clip": clip,
    "Cos": jnp.cos,
    "Expm1": jnp.expm1,
    "GLU": lambda a, b: jax.nn.sigmoid(a) * b,
    "HardSwish": jax.nn.hard_swish,
    "HardTanh": clip,
    "LeakyReLU": leaky_relu,
    "LogSigmoid": jax.nn.log_sigmoid,
    "LogSumExp": jax.nn.logsumexp,
    "Maximum": jnp.maximum,
    "Minimum": jnp.minimum,
    "PReLU": lambda x, a: jnp.where(x > 0, x, a * x),
    "QuickGELU": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "ReLU6": jax.nn.relu6,
    "SiLU": jax.nn.silu,
    "Softplus": lambda x, beta: jax.nn.softplus(beta * x) / beta,
    "Square": jnp.square,
    "SquaredReLU": lambda x: jnp.square(jax.nn.relu(x)),
    "Where": jnp.where,
}
