"""Blocks of today's image networks, made of layers: their gradients are those of JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from handgrad import (
    Affine,
    Conv2d,
    GlobalAvgPool,
    Layer,
    Multiply,
    Parallel,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
)

RNG = np.random.default_rng(3)
IMAGES = RNG.normal(size=(2, 4, 5, 6))


def layer(rule, *shapes):
    return Layer(rule, *(RNG.normal(size=shape) for shape in shapes))


def squeeze_and_excitation():
    """x times a weight for each channel, which a small net makes of the channels' means."""
    weights = Sequential(
        Layer(GlobalAvgPool()),
        layer(Affine(), (4, 2), (2,)),
        Layer(ReLU()),
        layer(Affine(), (2, 4), (4,)),
        Layer(Sigmoid()),
        Layer(Reshape((-1, 4, 1, 1))),
    )
    return Parallel(Layer(Multiply()), Sequential(), weights)


def excited(x, W1, b1, W2, b2):
    hidden = jax.nn.relu(jnp.einsum("nchw,cr->nr", x, W1) / 30 + b1)
    return x * jax.nn.sigmoid(hidden @ W2 + b2)[:, :, None, None]


def residual_block():
    """x + two convolutions of x, the second of them depthwise."""
    return Residual(
        layer(Conv2d(padding=(1, 1)), (4, 4, 3, 3), (4,)),
        Layer(ReLU()),
        layer(Conv2d(padding=(1, 1), groups=4), (4, 1, 3, 3), (4,)),
    )


def added(x, W1, b1, W2, b2):
    h = jax.nn.relu(lax.conv(x, W1, (1, 1), "SAME") + b1[:, None, None])
    h = lax.conv_general_dilated(h, W2, (1, 1), "SAME", feature_group_count=4)
    return x + h + b2[:, None, None]


@pytest.mark.parametrize(
    ("block", "function"), [(squeeze_and_excitation, excited), (residual_block, added)]
)
def test_the_gradients_of_a_block_are_those_of_jax(block, function):
    net = block()
    y, pull = jax.vjp(function, IMAGES, *net.params)
    np.testing.assert_allclose(net.forward(IMAGES), y, atol=1e-12 * np.max(np.abs(y)), rtol=0)
    dy = RNG.normal(size=y.shape)
    found = net.backward(dy), *net.grads
    for actual, expected in zip(found, pull(dy), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-12 * np.max(np.abs(expected)), rtol=0)
