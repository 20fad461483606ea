"""Elementary functions of each number: exponentials, logarithms, angles."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace

__all__ = ["Exp", "Log"]


@dataclass(frozen=True)
class Exp:
    """y = eˣ

        x : (...)
        y = exp(x)

    exp is its own slope:

        dx = dy * exp(x)
           = dy * y

    Keeps y.
    """

    def forward(self, x):
        y = array_namespace(x).exp(x)
        return y, (y,)

    def backward(self, residuals, dy):
        (y,) = residuals
        return (dy * y,)


@dataclass(frozen=True)
class Log:
    """y = log x

        x : (...) positive
        y = log(x)

    From x = exp(y) and δx = x δy:

        dx = dy / x

    Keeps x.
    """

    def forward(self, x):
        return array_namespace(x).log(x), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        return (dy / x,)
