"""What the networks are made of: convolutions without a bias, and batch norm that gives y alone.

`draw(*shape, around=0)` makes a parameter. A network's parameters stand in the order in which it draws them.
"""

from dataclasses import dataclass

from handgrad import BatchNorm2d, Conv2d, Layer, Sequential
from handgrad.arrays import array_namespace


@dataclass(frozen=True)
class Filter:
    """y = W ∗ x: a bias would be lost in the normalization that follows."""

    stride: int = 1
    padding: int = 0
    groups: int = 1

    def forward(self, x, W):
        none = array_namespace(W).zeros_like(W[:, 0, 0, 0])
        return self._convolution.forward(x, W, none)

    def backward(self, residuals, dy):
        return self._convolution.backward(residuals, dy)[:2]

    @property
    def _convolution(self):
        return Conv2d((self.stride,) * 2, (self.padding,) * 2, groups=self.groups)


class Normalized(Layer):
    """Batch norm in training. Its statistics are for the running averages, and get no gradient."""

    def __init__(self, *params):
        super().__init__(BatchNorm2d(), *params)
        self.statistics = ()

    def forward(self, *inputs):
        y, *self.statistics = super().forward(*inputs)
        return y

    def backward(self, dy, *, needs=None):
        return super().backward((dy, *(0 * s for s in self.statistics)), needs=needs)


def filtered(draw, channels, size=3, *, stride=1, groups=1):
    """A convolution from so many channels to so many, and a batch norm."""
    n_in, n_out = channels
    W = draw(n_out, n_in // groups, size, size)
    rule = Filter(stride, size // 2, groups)
    return Sequential(Layer(rule, W), Normalized(draw(n_out, around=1), draw(n_out)))


def convolution(draw, n_in, n_out, size=3, *, groups=1):
    """A convolution that keeps the size, with a bias."""
    W, b = draw(n_out, n_in // groups, size, size), draw(n_out)
    return Layer(Conv2d(padding=(size // 2,) * 2, groups=groups), W, b)
