"""Activations of straight pieces."""

import jax
import jax.numpy as jnp

__all__ = ["hard_shrink", "hard_sigmoid", "hard_swish", "hard_tanh", "relu6", "soft_shrink"]


def relu6(x):
    """min(max(x, 0), 6), as max(x, 0) less what is above 6"""
    return jax.nn.relu(x) - jax.nn.relu(x - 6)


def hard_tanh(x, *, low=-1.0, high=1.0):
    """min(max(x, low), high), case by case"""
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


def hard_sigmoid(x):
    """A sixth of x + 3 between 0 and 6, as jax.nn has it"""
    return jax.nn.hard_sigmoid(x)


def hard_swish(x):
    """The parabola (x² + 3 x) / 6 between the lines 0 and x"""
    return jnp.where(x <= -3, 0.0, jnp.where(x >= 3, x, (x * x + 3 * x) / 6))


def soft_shrink(x, *, threshold=0.5):
    """What x has above λ, less what it has below −λ"""
    return jax.nn.relu(x - threshold) - jax.nn.relu(-x - threshold)


def hard_shrink(x, *, threshold=0.5):
    """x, but for what lies between −λ and λ"""
    return jnp.where((x < -threshold) | (x > threshold), x, 0)
