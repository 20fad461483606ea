"""The layers and functions of chapters 4 and 5.

What the book's own code gets wrong is right here: `dout` is used and never written to, soft
targets are what they say, labels may be a column, one sample may be one row, and a layer that is
used twice raises instead of giving a wrong gradient.
"""

import os
from pathlib import Path

import numpy as np

from handgrad import rules
from handgrad.book.mnist import read_mnist
from handgrad.layers import Layer

__all__ = [
    "AddLayer",
    "Affine",
    "MulLayer",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "cross_entropy_error",
    "load_mnist",
    "numerical_gradient",
    "softmax",
]


class _RuleLayer:
    """A layer of the book: a rule in a Layer, with the book's `dout`."""

    def __init__(self, rule):
        self._layer = Layer(rule)

    def forward(self, *inputs):
        return self._layer.forward(*inputs)

    def backward(self, dout):
        return self._layer.backward(dout)


class MulLayer(_RuleLayer):
    """x y; backward returns (dx, dy)."""

    def __init__(self):
        super().__init__(rules.Multiply())


class AddLayer(_RuleLayer):
    """x + y; backward returns (dx, dy)."""

    def __init__(self):
        super().__init__(rules.Add())


class Relu(_RuleLayer):
    """max(x, 0); after a forward `mask` says where x was 0 or below."""

    def __init__(self):
        super().__init__(rules.ReLU())
        self.mask = None

    def forward(self, *inputs):
        (x,) = inputs
        self.mask = x <= 0
        return super().forward(x)


class Sigmoid(_RuleLayer):
    """1 / (1 + e⁻ˣ); after a forward `out` holds it."""

    def __init__(self):
        super().__init__(rules.Sigmoid())
        self.out = None

    def forward(self, *inputs):
        self.out = super().forward(*inputs)
        return self.out


class Affine:
    """x W + b; after a backward `dW` and `db` hold the gradients of W and b.

    The rows of x are its last axis. Where they do not fit W, each sample is flattened to one row,
    as the book does after a convolution.
    """

    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW = self.db = None
        self._layer = Layer(rules.Affine(), W, b)
        self._shape = None

    def forward(self, x):
        self._layer.forget()
        self._shape = x.shape
        if x.ndim > 2 and x.shape[-1] != self.W.shape[0]:
            x = x.reshape(x.shape[0], self.W.shape[0])
        self._layer.params = (self.W, self.b)
        return self._layer.forward(x)

    def backward(self, dout, *, needs=None):
        dx = self._layer.backward(dout, needs=needs)
        self.dW, self.db = self._layer.grads
        return None if dx is None else dx.reshape(self._shape)


class SoftmaxWithLoss:
    """The mean cross-entropy of softmax(x) and the targets t: labels, one-hot rows or weights.

    After a forward, `loss` holds it, `y` the softmax, and `t` the targets.
    """

    def __init__(self):
        self.loss = self.t = self._scores = None
        self._layer = Layer(rules.SoftmaxCrossEntropy())

    @property
    def y(self):
        return None if self._scores is None else softmax(self._scores)

    def forward(self, x, t):
        self._layer.forget()
        self.loss = self._layer.forward(x, distribution(t, x.shape))
        self._scores, self.t = x, t
        return self.loss

    def backward(self, dout=1):
        dx, _ = self._layer.backward(dout)
        return dx


def softmax(x):
    """eˣ / Σ eˣ of each row, or of a single one."""
    return rules.Softmax().forward(np.asarray(x))[0]


def cross_entropy_error(y, t):
    """−Σ t log(y + 1e-7), averaged over the rows, for labels, one-hot rows or weights t."""
    y = np.asarray(y)
    return rules.CrossEntropy(eps=1e-7).forward(y, distribution(t, y.shape))[0]


def numerical_gradient(f, x):
    """The gradient of the number f(x) by central differences, x changed in place and put back.

    The step suits the precision and the size of each number: ε^⅓ max(1, |x|). Raises TypeError
    unless x is an array of floating-point numbers, for integers cannot hold the step.
    """
    if not (isinstance(x, np.ndarray) and np.issubdtype(x.dtype, np.floating)):
        kind = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
        raise TypeError(f"x is {kind}: a step needs floating-point numbers, as in x.astype(float)")
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        grad[index] = _slope(f, x, index)
    return grad


def load_mnist(normalize=True, flatten=True, one_hot_label=False):
    """(x_train, t_train), (x_test, t_test), from the IDX files in $HANDGRAD_MNIST or ./mnist."""
    directory = os.environ.get("HANDGRAD_MNIST", "mnist")
    if not Path(directory).is_dir():
        raise FileNotFoundError(
            f"{directory!r} is not a directory: set HANDGRAD_MNIST to the one with the IDX files"
        )
    return tuple(
        _prepared(*part, normalize, flatten, one_hot_label) for part in read_mnist(directory)
    )


def _prepared(images, labels, normalize, flatten, one_hot):
    x = images.astype(np.float32) / 255 if normalize else images.copy()
    x = x.reshape(len(x), -1) if flatten else x[:, None]
    return x, np.eye(10)[labels] if one_hot else labels.copy()


def _slope(f, x, index):
    """(f(x + h) − f(x − h)) / 2h along one number, with the steps that were really taken."""
    value = x[index]
    h = np.finfo(x.dtype).eps ** (1 / 3) * max(1.0, abs(value))
    try:
        x[index] = value + h
        right, f_right = x[index], float(f(x))
        x[index] = value - h
        left, f_left = x[index], float(f(x))
    finally:
        x[index] = value
    return (f_right - f_left) / (float(right) - float(left))


def distribution(t, shape):
    """The targets as one weight for each class: labels become one-hot rows.

    Raises ValueError for what are neither labels nor weights that sum to 1.
    """
    t = np.asarray(t)
    if 0 in shape:
        raise ValueError(f"the batch is empty: its shape is {shape}")
    if t.shape == shape:
        if t.min() < 0:
            raise ValueError(f"the targets are not distributions: one of them is {t.min()}")
        sums = t.sum(axis=-1)
        right = abs(sums - 1) <= 1e-6
        if not right.all():
            wrong = np.ravel(sums)[~np.ravel(right)][0]
            raise ValueError(f"the targets are not distributions: a row sums to {wrong}, not to 1")
        return t
    if t.shape not in (shape[:-1], (*shape[:-1], 1)):
        raise ValueError(f"targets of shape {t.shape} do not fit outputs of shape {shape}")
    if not np.issubdtype(t.dtype, np.integer):
        raise ValueError(f"labels are whole numbers, and these are {t.dtype}")
    if t.min() < 0 or t.max() >= shape[-1]:
        raise ValueError(
            f"labels run from {t.min()} to {t.max()}, the classes from 0 to {shape[-1] - 1}"
        )
    return np.eye(shape[-1])[t.reshape(shape[:-1])]
