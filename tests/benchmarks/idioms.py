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


TABLE = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "Power": operator.pow,
    "Reciprocal": lambda x: 1 / x,
    "Sqrt": jnp.sqrt,
    "Sigmoid": jax.nn.sigmoid,
    "Softmax": jax.nn.softmax,
    "Conv2d": conv2d,
    "SoftmaxCrossEntropy": softmax_cross_entropy,
    "SoftmaxCrossEntropyWithLabels": softmax_cross_entropy_with_labels,
    "SigmoidCrossEntropy": sigmoid_cross_entropy,
    "MeanSquaredError": lambda x, t: jnp.mean((x - t) ** 2),
    "SumSquaredError": lambda x, t: jnp.sum((x - t) ** 2) / 2,
    "BatchNorm": batch_norm,
    "BatchNorm2d": batch_norm,
    "BatchNormInference": batch_norm_inference,
    "BatchNormInference2d": batch_norm_inference,
    "LayerNorm": layer_norm,
    "Min": jnp.min,
    "Dropout": lambda x, keep, rate: jnp.where(keep, x / (1 - rate), 0),
    "L2Penalty": lambda W, weight_decay: weight_decay / 2 * jnp.sum(W**2),
    "Slice": slice_,
}
