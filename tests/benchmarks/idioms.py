"""What JAX's users write, where the reference has another formula on purpose.

Each function has the name and the options of the reference's. What is not here is the reference.
"""

import operator

import jax
import jax.numpy as jnp
from jax import lax

add, subtract, multiply = operator.add, operator.sub, operator.mul
divide, power = operator.truediv, operator.pow


def sigmoid(x):
    return jax.nn.sigmoid(x)


def softmax(x, *, axis):
    return jax.nn.softmax(x, axis=axis)


def reciprocal(x):
    return 1 / x


def sqrt(x):
    return jnp.sqrt(x)


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


def softmax_cross_entropy(x, t, *, reduction):
    assert reduction == "mean"
    return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(x), axis=-1))


def softmax_cross_entropy_with_labels(x, t, *, reduction):
    assert reduction == "mean"
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), t[:, None], axis=-1))


def sigmoid_cross_entropy(x, t, *, reduction):
    assert reduction == "mean"
    return jnp.mean(jnp.maximum(x, 0) - x * t + jnp.log1p(jnp.exp(-jnp.abs(x))))


def mean_squared_error(x, t):
    return jnp.mean((x - t) ** 2)


def sum_squared_error(x, t):
    return jnp.sum((x - t) ** 2) / 2


def batch_norm(x, gamma, beta, *, eps):
    axes = (0, *range(2, x.ndim))
    mean, var = jnp.mean(x, axis=axes), jnp.var(x, axis=axes)
    return batch_norm_inference(x, gamma, beta, mean, var, eps=eps), mean, var


def batch_norm_inference(x, gamma, beta, *statistics, eps):
    shape = (-1,) + (1,) * (x.ndim - 2)
    mean, var = (s.reshape(shape) for s in statistics)
    scale = gamma.reshape(shape) * lax.rsqrt(var + eps)
    return (x - mean) * scale + beta.reshape(shape)


batch_norm2d = batch_norm
batch_norm_inference2d = batch_norm_inference


def min_(x, *, axis, keepdims):
    return jnp.min(x, axis=axis, keepdims=keepdims)


def dropout(x, keep, *, rate):
    return jnp.where(keep, x / (1 - rate), 0)


def l2_penalty(W, *, weight_decay):
    return weight_decay / 2 * jnp.sum(W**2)


def slice_(x, *, start, stop, step, axis):
    return lax.slice_in_dim(x, start, stop, step, axis)
