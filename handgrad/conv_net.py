"""The convolutional net of "Deep Learning from Scratch", chapter 7, made of layers."""

import math

import numpy as np

from handgrad import rules
from handgrad.book import SoftmaxWithLoss
from handgrad.layers import Layer, Sequential

FILTERS, KERNEL = 30, 5
PARAMS = ("W1", "b1", "W2", "b2", "W3", "b3")


class ConvNet:
    """Convolution, ReLU, pooling, affine, ReLU, affine, and softmax with cross-entropy on top.

    It has the face of TwoLayerNet: `params` holds W1, b1, W2, b2, W3 and b3, and the layers use
    what stands there at each forward. The rows of x are the pixels of square images.
    """

    def __init__(self, params):
        self.params = params
        self.lastLayer = SoftmaxWithLoss()
        self._net = Sequential()

    def predict(self, x):
        """The scores of the classes, before softmax."""
        p = self.params
        side = math.isqrt(x.shape[1])
        self._net = Sequential(
            Layer(rules.Reshape((-1, 1, side, side))),
            Layer(rules.Conv2d(), p["W1"], p["b1"]),
            Layer(rules.ReLU()),
            Layer(rules.MaxPool2d()),
            Layer(rules.Reshape((-1, len(p["W2"])))),
            Layer(rules.Affine(), p["W2"], p["b2"]),
            Layer(rules.ReLU()),
            Layer(rules.Affine(), p["W3"], p["b3"]),
        )
        return self._net.forward(x)

    def loss(self, x, t):
        """The mean cross-entropy."""
        return self.lastLayer.forward(self.predict(x), t)

    def accuracy(self, x, t):
        """The share of samples whose largest score is that of the label."""
        return float(np.mean(np.argmax(self.predict(x), axis=1) == t))

    def gradient(self, x, t):
        """The gradients of the loss by backpropagation."""
        self.loss(x, t)
        self._net.backward(self.lastLayer.backward())
        return dict(zip(PARAMS, self._net.grads, strict=True))


def draw_params(rng, image, hidden):
    """Parameters for ten classes: biases of 0, and normal weights with the variance 2 / inputs.

    Raises ValueError for images of a shape that the net cannot read. Kaiming He et al., Delving
    Deep into Rectifiers, 2015, arXiv:1502.01852, section 2.2.
    """
    rows, columns = image
    if rows != columns or rows <= KERNEL:
        raise ValueError(
            f"the convolutional net reads square images of more than {KERNEL} × {KERNEL} pixels, "
            f"and these have {rows} × {columns}"
        )
    pooled = FILTERS * ((rows - KERNEL + 1) // 2) ** 2

    def weights(inputs, *shape):
        return math.sqrt(2 / inputs) * rng.normal(size=shape)

    return {
        "W1": weights(KERNEL**2, FILTERS, 1, KERNEL, KERNEL),
        "b1": np.zeros(FILTERS),
        "W2": weights(pooled, pooled, hidden),
        "b2": np.zeros(hidden),
        "W3": weights(hidden, hidden, 10),
        "b3": np.zeros(10),
    }
