"""The nets of chapters 5 and 7, made of layers."""

import math
from collections import OrderedDict
from typing import Any

import numpy as np

from handgrad import rules
from handgrad.book.names import Affine, Relu, SoftmaxWithLoss, distribution, numerical_gradient
from handgrad.layers import Layer, Sequential

FILTERS, KERNEL, CLASSES = 30, 5, 10
PARAMS = ("W1", "b1", "W2", "b2", "W3", "b3")


class TwoLayerNet:
    """The book's net: affine, ReLU, affine, and softmax with cross-entropy on top.

    `params` holds W1, b1, W2 and b2. The layers use what stands there at each forward, whether it
    was changed in place or replaced.
    """

    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        randn = np.random.randn  # the book's generator, so that np.random.seed works as there
        self.params = {
            "W1": weight_init_std * randn(input_size, hidden_size),
            "b1": np.zeros(hidden_size),
            "W2": weight_init_std * randn(hidden_size, output_size),
            "b2": np.zeros(output_size),
        }
        self.layers: OrderedDict[str, Any] = OrderedDict(
            Affine1=Affine(self.params["W1"], self.params["b1"]),
            Relu1=Relu(),
            Affine2=Affine(self.params["W2"], self.params["b2"]),
        )
        self.lastLayer = SoftmaxWithLoss()

    def predict(self, x):
        """The scores of the classes, before softmax."""
        for number in "12":
            affine = self.layers[f"Affine{number}"]
            affine.W, affine.b = self.params[f"W{number}"], self.params[f"b{number}"]
        return Sequential(*self.layers.values()).forward(x)

    def loss(self, x, t):
        """The mean cross-entropy."""
        return self.lastLayer.forward(self.predict(x), t)

    def accuracy(self, x, t):
        """The share of samples whose largest score is the right class's."""
        y = self.predict(x)
        t = distribution(t, y.shape)
        return float(np.mean(np.argmax(y, axis=-1) == np.argmax(t, axis=-1)))

    def numerical_gradient(self, x, t):
        """The gradients of the loss by differences, one parameter at a time."""
        return {
            name: numerical_gradient(lambda _: self.loss(x, t), p)
            for name, p in self.params.items()
        }

    def gradient(self, x, t):
        """The gradients of the loss by backpropagation."""
        self.loss(x, t)
        Sequential(*self.layers.values()).backward(self.lastLayer.backward(), needs=(False,))
        first, second = self.layers["Affine1"], self.layers["Affine2"]
        return {"W1": first.dW, "b1": first.db, "W2": second.dW, "b2": second.db}


class ConvNet:
    """Convolution, ReLU, pooling, affine, ReLU, affine, and softmax with cross-entropy on top.

    It has the same interface as TwoLayerNet: `params` holds W1, b1, W2, b2, W3 and b3, and the
    layers use what stands there at each forward. The rows of x are the pixels of square images.
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
            Layer(rules.Conv2d(), p["W1"], p["b1"]),
            Layer(rules.ReLU()),
            Layer(rules.MaxPool2d()),
            Layer(rules.Reshape((-1, len(p["W2"])))),
            Layer(rules.Affine(), p["W2"], p["b2"]),
            Layer(rules.ReLU()),
            Layer(rules.Affine(), p["W3"], p["b3"]),
        )
        return self._net.forward(x.reshape(-1, 1, side, side))

    def loss(self, x, t):
        """The mean cross-entropy."""
        return self.lastLayer.forward(self.predict(x), t)

    def accuracy(self, x, t):
        """The share of samples whose largest score is that of the label."""
        return float(np.mean(np.argmax(self.predict(x), axis=1) == t))

    def gradient(self, x, t):
        """The gradients of the loss by backpropagation."""
        self.loss(x, t)
        self._net.backward(self.lastLayer.backward(), needs=(False,))
        return dict(zip(PARAMS, self._net.grads, strict=True))


def two_layer_shapes(image, hidden):
    """The shapes of W1, b1, W2 and b2, for images of this shape and ten classes."""
    return {
        "W1": (math.prod(image), hidden),
        "b1": (hidden,),
        "W2": (hidden, CLASSES),
        "b2": (CLASSES,),
    }


def conv_shapes(image, hidden):
    """The shapes of W1, b1, W2, b2, W3 and b3, for images of this shape and ten classes.

    Raises ValueError for images of a shape that the net cannot read.
    """
    rows, columns = image
    if rows != columns or rows <= KERNEL:
        raise ValueError(
            f"the convolutional net reads square images of more than {KERNEL} × {KERNEL} pixels, "
            f"and these have {rows} × {columns}"
        )
    pooled = FILTERS * ((rows - KERNEL + 1) // 2) ** 2
    return {
        "W1": (FILTERS, 1, KERNEL, KERNEL),
        "b1": (FILTERS,),
        "W2": (pooled, hidden),
        "b2": (hidden,),
        "W3": (hidden, CLASSES),
        "b3": (CLASSES,),
    }


def conv_numbers(image):
    """How many numbers the convolution makes of one image: its windows, and y forward and back."""
    windows = (image[0] - KERNEL + 1) * (image[1] - KERNEL + 1)
    return windows * (KERNEL**2 + 2 * FILTERS)


def draw_params(rng, image, hidden):
    """Parameters for ConvNet: biases of 0, and normal weights with the variance 2 / inputs.

    Kaiming He et al., Delving Deep into Rectifiers, 2015, arXiv:1502.01852, section 2.2.
    """
    shapes = conv_shapes(image, hidden)
    return {name: _drawn(rng, shape) for name, shape in shapes.items()}


def _drawn(rng, shape):
    if len(shape) == 1:
        return np.zeros(shape)
    inputs = shape[0] if len(shape) == 2 else math.prod(shape[1:])
    return math.sqrt(2 / inputs) * rng.normal(size=shape)
