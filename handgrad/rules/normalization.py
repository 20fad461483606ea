"""Normalization of each example by itself: subtract a mean, divide by a spread."""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace

__all__ = ["LayerNorm"]


@dataclass(frozen=True)
class LayerNorm:
    """y = γ (x − μ) / √(v + ε) + β    with μ and v the mean and variance of each row

        x : (..., K + 2)
        D = K + 2
        γ : (D)
        β : (D)
        μ = mean(x, axis=-1, keepdims=True)
        c = x - μ
        v = mean(c**2, axis=-1, keepdims=True)
        r = 1 / sqrt(v + eps)
        x̂ = c * r
        y = γ * x̂ + β

    Every row uses the same γ and β, which gather their gradients from all of them, the leading
    axes taken as one:

        dγ = sum(reshape(dy * x̂, (-1, D)), axis=0)
        dβ = sum(reshape(dy, (-1, D)), axis=0)
        dx̂ = γ * dy

    One r serves the D numbers of a row. 1 / √ has the slope −r³ / 2:

        dr = sum(dx̂ * c, axis=-1, keepdims=True)
        dv = -dr * r**3 / 2

    c is used twice, in x̂ = c r and in v, where its square has the slope 2 c and the mean divides
    by D. Then c r is x̂ again:

        dc = dx̂ * r + dv * 2 * c / D
           = dx̂ * r - mean(dx̂ * c, axis=-1, keepdims=True) * r**3 * c
           = r * (dx̂ - x̂ * mean(dx̂ * x̂, axis=-1, keepdims=True))

    x is used twice too, in c and in μ, which is 1/D of each number of the row:

        dμ = -sum(dc, axis=-1, keepdims=True)
        dx = dc + dμ / D
           = dc - mean(dc, axis=-1, keepdims=True)

    The mean of x̂ is 0, so that the mean of dc is that of r dx̂:

           = r * (dx̂ - x̂ * mean(dx̂ * x̂, axis=-1, keepdims=True) - mean(dx̂, axis=-1, keepdims=True))

    A row loses two directions, that of ones and that of x̂: a shift does not change y, nor does a
    stretch, but for ε. K directions are left. A row of one number has the gradient 0, and a row of
    two has ε r³ (dx̂ − mean(dx̂)), in which the subtractions lose log₂(v / ε) bits.

    Keeps x̂, r and γ.

    Ba, Kiros and Hinton, Layer Normalization, 2016, arXiv:1607.06450, section 3.
    """

    eps: float = 1e-5

    def forward(self, x, gamma, beta):
        xp = array_namespace(x)
        c = x - xp.mean(x, axis=-1, keepdims=True)
        r = 1 / xp.sqrt(xp.mean(c * c, axis=-1, keepdims=True) + self.eps)
        x_hat = c * r
        return gamma * x_hat + beta, (x_hat, r, gamma)

    def backward(self, residuals, dy):
        x_hat, r, gamma = residuals
        xp = array_namespace(x_hat)
        rows = (math.prod(dy.shape[:-1]), dy.shape[-1])
        d_gamma = xp.sum(xp.reshape(dy * x_hat, rows), axis=0)
        d_beta = xp.sum(xp.reshape(dy, rows), axis=0)
        d_x_hat = gamma * dy
        along_x_hat = x_hat * xp.mean(d_x_hat * x_hat, axis=-1, keepdims=True)
        along_ones = xp.mean(d_x_hat, axis=-1, keepdims=True)
        return r * (d_x_hat - along_x_hat - along_ones), d_gamma, d_beta


VARIANTS = (LayerNorm(eps=0.1),)
