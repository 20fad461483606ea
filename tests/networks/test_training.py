"""A network that is made of rules learns: residual blocks read real digits."""

import os

import numpy as np
import pytest

from handgrad import (
    AdaptiveAvgPool2d,
    Affine,
    Layer,
    Reshape,
    Sequential,
    SoftmaxCrossEntropyWithLabels,
)
from handgrad.book.mnist import read_mnist
from tests.networks.nets import residual_blocks

DIGITS = os.environ.get("HANDGRAD_MNIST")
STEPS, BATCH, RATE, CHANNELS = 1000, 64, 0.1, 8


@pytest.mark.slow
@pytest.mark.skipif(not DIGITS, reason="HANDGRAD_MNIST does not name a directory of digits")
def test_residual_blocks_read_97_percent_of_the_digits():
    rng = np.random.default_rng(0)
    (images, labels), (unseen, answers) = read_mnist(DIGITS)
    net, loss = network(rng), Layer(SoftmaxCrossEntropyWithLabels())
    momenta = [np.zeros_like(p) for p in net.params]
    for step in range(STEPS):
        batch = rng.integers(len(images), size=BATCH)
        loss.forward(net.forward(pixels(images[batch])), labels[batch].astype(int))
        net.backward(loss.backward(np.float32(1))[0], needs=(False,))
        for i, grad in enumerate(net.grads):
            momenta[i] = 0.9 * momenta[i] + grad
            net.params[i][...] -= RATE * (1 - step / STEPS) * momenta[i]
    scores = net.forward(pixels(unseen[:2000]))
    assert np.mean(np.argmax(scores, axis=1) == answers[:2000]) >= 0.97


def network(rng):
    """Residual blocks, and an affine layer on the means of 4 × 4 parts of each channel."""

    def draw(*shape, around=0):
        spread = np.sqrt(2 / max(1, np.prod(shape[1:]))) if shape[1:] else 0
        return (around + spread * rng.normal(size=shape)).astype(np.float32)

    features = 2 * CHANNELS * 16
    return Sequential(
        residual_blocks(draw, CHANNELS),
        Layer(AdaptiveAvgPool2d((4, 4))),
        Layer(Reshape((-1, features))),
        Layer(Affine(), draw(features, 10) / 16, draw(10)),
    )


def pixels(images):
    """Images of one channel, with numbers from 0 to 1."""
    return images[:, None].astype(np.float32) / 255
