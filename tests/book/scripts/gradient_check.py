"""Backpropagation against numerical differentiation, on three digits."""

import os

import numpy as np
from two_layer_net import TwoLayerNet

from handgrad.book import load_mnist

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True, one_hot_label=True)

hidden_size = int(os.environ.get("HIDDEN_SIZE", "50"))
network = TwoLayerNet(input_size=784, hidden_size=hidden_size, output_size=10)

x_batch = x_train[:3]
t_batch = t_train[:3]

grad_numerical = network.numerical_gradient(x_batch, t_batch)
grad_backprop = network.gradient(x_batch, t_batch)

for key in grad_numerical:
    diff = np.average(np.abs(grad_backprop[key] - grad_numerical[key]))
    print(key + ":" + str(diff))
