"""One gradient of the book's net (784-50-10, a batch of 100) beside its peers.

python -m tests.benchmarks.two_layer_net
"""

import autograd.numpy as anp
import jax
import torch

from handgrad.book import TwoLayerNet
from tests.benchmarks import hips, idioms, pytorch
from tests.benchmarks.harness import alone
from tests.benchmarks.nets import report


def loss_in_hips(p, x, t):
    a = anp.maximum(anp.dot(x, p["W1"]) + p["b1"], 0)
    return hips.softmax_cross_entropy(anp.dot(a, p["W2"]) + p["b2"], t, reduction="mean")


def loss_in_torch(p, x, t):
    a = torch.relu(x @ p["W1"] + p["b1"])
    return pytorch.softmax_cross_entropy(a @ p["W2"] + p["b2"], t, reduction="mean")


def loss_in_jax(p, x, t):
    a = jax.nn.relu(x @ p["W1"] + p["b1"])
    return idioms.softmax_cross_entropy(a @ p["W2"] + p["b2"], t, reduction="mean")


def main():
    losses = loss_in_hips, loss_in_torch, loss_in_jax
    report(lambda dtype: TwoLayerNet(784, 50, 10), losses)


if __name__ == "__main__":
    alone(main)
