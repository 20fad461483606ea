"""Batch normalization: one mean and one variance per channel, over the batch.

Running statistics are the caller's. In training the statistics of the batch are outputs, with
gradients of their own; in use they are inputs.
"""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace

__all__ = ["BatchNorm", "BatchNorm2d", "BatchNormInference", "BatchNormInference2d"]


@dataclass(frozen=True)
class BatchNorm:
    """y = γ (x − μ) / √(v + ε) + β    with μ and v the mean and variance of the batch

        x : (N, C)
        γ : (C)
        β : (C)
        μ = mean(x, axis=0)
        c = x - μ
        v = mean(c**2, axis=0)
        r = 1 / sqrt(v + eps)
        x̂ = c * r
        y, μ_out, v_out = γ * x̂ + β, μ, v

    The outputs are y and the batch's own mean and variance. γ and β first:

        dγ = sum(dy * x̂, axis=0)
        dβ = sum(dy, axis=0)
        dx̂ = γ * dy

    v moves by δv = 2 mean(c δc) and r by −r³ δv / 2, so x̂ moves by r (δc − x̂ mean(x̂ δc)). That
    map is symmetric, and so is centring, δc = δx − mean(δx). The gradient runs through both in
    the opposite order, and each output adds its own:

        dc = r * (dx̂ - x̂ * mean(x̂ * dx̂, axis=0)) + 2 * c * dv_out / N
        dx = dc - mean(dc, axis=0) + dμ_out / N

    The means over the batch are there already: mean(x̂ dx̂) is γ dγ / N, and mean(dc) is γ r dβ / N,
    for x̂ and c have no mean. With c = x̂ / r, only numbers per channel are left to compute:

           = γ * r * (dy - dβ / N) + (2 * dv_out / r - γ * r * dγ) / N * x̂ + dμ_out / N

    Keeps x̂, r and γ.

    Ioffe and Szegedy, Batch Normalization, 2015, arXiv:1502.03167, section 3.
    """

    eps: float = 1e-5

    def forward(self, x, gamma, beta):
        return _forward(x, gamma, beta, self.eps)

    def backward(self, residuals, dy):
        return _backward(residuals, dy)


@dataclass(frozen=True)
class BatchNorm2d:
    """y = γ (x − μ) / √(v + ε) + β    for images: one mean and one variance per channel

        x : (N, C, H, W)
        γ : (C)
        β : (C)
        k = 1 / (N * H * W)
        μ = mean(x, axis=(0, 2, 3))
        c = x - μ[:, None, None]
        v = mean(c**2, axis=(0, 2, 3))
        r = 1 / sqrt(v + eps)
        x̂ = c * r[:, None, None]
        y, μ_out, v_out = γ[:, None, None] * x̂ + β[:, None, None], μ, v

    BatchNorm, with every position of every image as a row of the batch:

        dγ = sum(dy * x̂, axis=(0, 2, 3))
        dβ = sum(dy, axis=(0, 2, 3))
        dx̂ = γ[:, None, None] * dy
        along_x̂ = x̂ * mean(x̂ * dx̂, axis=(0, 2, 3), keepdims=True)
        dc = r[:, None, None] * (dx̂ - along_x̂) + 2 * c * k * dv_out[:, None, None]
        dx = dc - mean(dc, axis=(0, 2, 3), keepdims=True) + k * dμ_out[:, None, None]

    and again the means are those that dγ and dβ hold:

        a = (γ * r)[:, None, None]
        b = (2 * dv_out / r - γ * r * dγ)[:, None, None]
        dx = a * (dy - k * dβ[:, None, None]) + k * b * x̂ + k * dμ_out[:, None, None]

    Keeps x̂, r and γ.

    Ioffe and Szegedy, Batch Normalization, 2015, arXiv:1502.03167, section 3.2.
    """

    eps: float = 1e-5

    def forward(self, x, gamma, beta):
        return _forward(x, gamma, beta, self.eps)

    def backward(self, residuals, dy):
        return _backward(residuals, dy)


@dataclass(frozen=True)
class BatchNormInference:
    """y = γ (x − μ) / √(v + ε) + β    with μ and v given

        x : (N, C)
        γ : (C)
        β : (C)
        μ : (C)
        v : (C) positive
        c = x - μ
        r = 1 / sqrt(v + eps)
        y = γ * c * r + β

    An affine map of each number. x moves c as far as itself:

        dc = dy * γ * r
        dx = dc

    What a column shares gathers from all of its rows. γ and r are factors of the same product:

        dγ = r * sum(dy * c, axis=0)
        dβ = sum(dy, axis=0)
        dr = γ * sum(dy * c, axis=0)

    The statistics are inputs like any other. μ moves c the other way, and 1 / √ has the slope
    −r³ / 2:

        dμ = -sum(dc, axis=0)
           = -γ * r * dβ
        dv = -dr * r**3 / 2

    Keeps c, r and γ.

    Ioffe and Szegedy, Batch Normalization, 2015, arXiv:1502.03167, section 3.1.
    """

    eps: float = 1e-5

    def forward(self, x, gamma, beta, mean, v):
        return _inference_forward((x, gamma, beta, mean, v), self.eps)

    def backward(self, residuals, dy):
        return _inference_backward(residuals, dy)


@dataclass(frozen=True)
class BatchNormInference2d:
    """y = γ (x − μ) / √(v + ε) + β    for images, with μ and v of each channel given

        x : (N, C, H, W)
        γ : (C)
        β : (C)
        μ : (C)
        v : (C) positive
        c = x - μ[:, None, None]
        r = 1 / sqrt(v + eps)
        y = (γ * r)[:, None, None] * c + β[:, None, None]

    BatchNormInference, with every position of every image as a row. x moves c as far as itself:

        dc = dy * (γ * r)[:, None, None]
        dx = dc

    What a channel shares gathers from all of its positions. γ and r are factors of the same product:

        dγ = r * sum(dy * c, axis=(0, 2, 3))
        dβ = sum(dy, axis=(0, 2, 3))
        dr = γ * sum(dy * c, axis=(0, 2, 3))

    μ moves c the other way, and 1 / √ has the slope −r³ / 2:

        dμ = -sum(dc, axis=(0, 2, 3))
           = -γ * r * dβ
        dv = -dr * r**3 / 2

    Keeps c, r and γ.

    Ioffe and Szegedy, Batch Normalization, 2015, arXiv:1502.03167, sections 3.1 and 3.2.
    """

    eps: float = 1e-5

    def forward(self, x, gamma, beta, mean, v):
        return _inference_forward((x, gamma, beta, mean, v), self.eps)

    def backward(self, residuals, dy):
        return _inference_backward(residuals, dy)


def _forward(x, gamma, beta, eps):
    xp = array_namespace(x)
    axes = _all_but_channel(x)
    mean = xp.mean(x, axis=axes)
    c = x - _channel(mean, x)
    v = xp.mean(c * c, axis=axes)
    r = 1 / xp.sqrt(v + eps)
    x_hat = c * _channel(r, x)
    y = _channel(gamma, x) * x_hat + _channel(beta, x)
    return (y, mean, v), (x_hat, r, gamma)


def _backward(residuals, dy):
    x_hat, r, gamma = residuals
    dy, d_mean, d_v = dy
    xp = array_namespace(x_hat)
    axes = _all_but_channel(x_hat)
    n = max(1, math.prod(x_hat.shape[axis] for axis in axes))
    d_gamma = xp.sum(dy * x_hat, axis=axes)
    d_beta = xp.sum(dy, axis=axes)
    along_x_hat = 2 * d_v / r - gamma * r * d_gamma
    dx = (
        _channel(gamma * r, dy) * (dy - _channel(d_beta / n, dy))
        + _channel(along_x_hat / n, dy) * x_hat
        + _channel(d_mean / n, dy)
    )
    return dx, d_gamma, d_beta


def _inference_forward(inputs, eps):
    x, gamma, beta, mean, v = inputs
    r = 1 / array_namespace(x).sqrt(v + eps)
    c = x - _channel(mean, x)
    return _channel(gamma * r, x) * c + _channel(beta, x), (c, r, gamma)


def _inference_backward(residuals, dy):
    c, r, gamma = residuals
    xp = array_namespace(c)
    axes = _all_but_channel(c)
    dx = _channel(gamma * r, dy) * dy
    d_beta = xp.sum(dy, axis=axes)
    dr = gamma * xp.sum(dy * c, axis=axes)
    d_gamma = r * xp.sum(dy * c, axis=axes)
    return dx, d_gamma, d_beta, -gamma * r * d_beta, -dr * r**3 / 2


def _channel(a, x):
    """a, one number per channel, in a shape that broadcasts against x."""
    return array_namespace(a).reshape(a, (-1,) + (1,) * (x.ndim - 2))


def _all_but_channel(x):
    return (0, *range(2, x.ndim))
