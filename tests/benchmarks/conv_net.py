"""One gradient of the book's convolutional net (5 × 5, 30 filters, 100 hidden) beside its peers.

python -m tests.benchmarks.conv_net

A batch of 100. By hand the gradient of the images is computed too, as in the book; the peers
leave it out.
"""

import autograd.numpy as anp
import jax
import numpy as np
import torch

from handgrad.book.nets import ConvNet, draw_params
from handgrad.reference import convolution
from tests.benchmarks import hips, idioms, pytorch
from tests.benchmarks.harness import alone
from tests.benchmarks.nets import report

CONV = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
POOL = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}


def loss_in_hips(p, x, t):
    a = hips.conv2d(anp.reshape(x, (-1, 1, 28, 28)), p["W1"], p["b1"], **CONV)
    a = hips.max_pool2d(anp.maximum(a, 0), **POOL)
    a = anp.maximum(anp.dot(anp.reshape(a, (len(x), -1)), p["W2"]) + p["b2"], 0)
    return hips.softmax_cross_entropy(anp.dot(a, p["W3"]) + p["b3"], t, reduction="mean")


def loss_in_torch(p, x, t):
    a = pytorch.conv2d(x.reshape(-1, 1, 28, 28), p["W1"], p["b1"], **CONV)
    a = pytorch.max_pool2d(torch.relu(a), **POOL)
    a = torch.relu(a.reshape(len(x), -1) @ p["W2"] + p["b2"])
    return pytorch.softmax_cross_entropy(a @ p["W3"] + p["b3"], t, reduction="mean")


def loss_in_jax(p, x, t):
    a = idioms.conv2d(x.reshape(-1, 1, 28, 28), p["W1"], p["b1"], **CONV)
    a = convolution.max_pool2d(jax.nn.relu(a), **POOL)
    a = jax.nn.relu(a.reshape(len(x), -1) @ p["W2"] + p["b2"])
    return idioms.softmax_cross_entropy(a @ p["W3"] + p["b3"], t, reduction="mean")


def main():
    losses = loss_in_hips, loss_in_torch, loss_in_jax
    report(lambda dtype: ConvNet(draw_params(np.random.default_rng(1), (28, 28), 100)), losses)


if __name__ == "__main__":
    alone(main)
