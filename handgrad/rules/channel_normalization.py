"""Normalization of images: each example by itself, its channels in groups, alone or as neighbours."""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace, log, pad

__all__ = ["GroupNorm", "InstanceNorm", "LocalResponseNorm"]


@dataclass(frozen=True)
class GroupNorm:
    """y = γ (x − μ) / √(v + ε) + β    with μ and v the mean and variance of each group of channels

        x : (N, groups * K, H, W)
        γ : (groups * K)
        β : (groups * K)
        a = reshape(x, (N, groups, -1))
        c = a - mean(a, axis=-1, keepdims=True)
        r = 1 / sqrt(mean(c**2, axis=-1, keepdims=True) + eps)
        z = c * r
        x̂ = reshape(z, x.shape)
        y = γ[:, None, None] * x̂ + β[:, None, None]

    A group of an example is a row, but every channel has a γ and a β of its own. All examples and
    all positions use them:

        dγ = sum(dy * x̂, axis=(0, 2, 3))
        dβ = sum(dy, axis=(0, 2, 3))
        dx̂ = γ[:, None, None] * dy

    From here on each row goes the way of LayerNorm: it loses the directions of ones and of z.

        dz = reshape(dx̂, a.shape)
        da = r * (dz - z * mean(dz * z, axis=-1, keepdims=True) - mean(dz, axis=-1, keepdims=True))
        dx = reshape(da, x.shape)

    One group is LayerNorm over a whole image, but for γ and β, and a group for each channel is
    InstanceNorm. Any number of axes may follow the channels.

    Keeps x̂, r and γ.

    Wu and He, Group Normalization, 2018, arXiv:1803.08494, section 3.
    """

    groups: int
    eps: float = 1e-5

    def forward(self, x, gamma, beta):
        return _forward(x, gamma, beta, self.groups, self.eps)

    def backward(self, residuals, dy):
        return _backward(residuals, dy)


@dataclass(frozen=True)
class InstanceNorm:
    """y = γ (x − μ) / √(v + ε) + β    with μ and v the mean and variance of each channel of an image

        x : (N, C, H, W)
        γ : (C)
        β : (C)
        c = x - mean(x, axis=(2, 3), keepdims=True)
        r = 1 / sqrt(mean(c**2, axis=(2, 3), keepdims=True) + eps)
        x̂ = c * r
        y = γ[:, None, None] * x̂ + β[:, None, None]

    A channel of an example is a row. All examples and all positions use its γ and β:

        dγ = sum(dy * x̂, axis=(0, 2, 3))
        dβ = sum(dy, axis=(0, 2, 3))
        dx̂ = γ[:, None, None] * dy

    Each row loses the directions of ones and of x̂, as in LayerNorm:

        along_x̂ = x̂ * mean(dx̂ * x̂, axis=(2, 3), keepdims=True)
        dx = r * (dx̂ - along_x̂ - mean(dx̂, axis=(2, 3), keepdims=True))

    Any number of axes may follow the channels.

    Keeps x̂, r and γ.

    Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016, arXiv:1607.08022, section 2.
    """

    eps: float = 1e-5

    def forward(self, x, gamma, beta):
        return _forward(x, gamma, beta, x.shape[1], self.eps)

    def backward(self, residuals, dy):
        return _backward(residuals, dy)


@dataclass(frozen=True)
class LocalResponseNorm:
    """y = x / (k + α Σ x² / n)^β    with the sum over the n channels around each one

        x : (N, C + size, H)
        i = arange(C + size)
        d = i[None, :] - i[:, None]
        S = (d >= -(size // 2)) * (d <= (size - 1) // 2)
        s = S @ x**2
        u = k + alpha / size * s
        w = u**-beta
          = exp(-beta * log(u))
        y = x * w

    S[i, j] is 1 where channel j is in the window of channel i; for an even n it reaches one channel
    further down than up. A channel moves its own y, and the u of each window that it is in, which
    are those that Sᵀ gathers:

        dw = dy * x
        du = -beta * dw * u**(-beta - 1)
           = -beta * dw * w / u
        ds = du * alpha / size
        dx = dy * w + 2 * x * (S.T @ ds)
           = dy * w - 2 * alpha * beta / size * x * (S.T @ (dy * w * x / u))

    α is divided by n as in torch, and unlike in the paper. Channels beyond the first and the last
    are 0, and still count in n. The sums are of n shifted arrays, and make no matrix.

    Keeps x, u and w.

    Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural
    Networks, 2012, section 3.3.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def forward(self, x):
        u = self.k + self.alpha / self.size * _window_sum(x * x, *self._reach())
        w = array_namespace(x).exp(-self.beta * log(u))  # half of the time of a power
        return x * w, (x, u, w)

    def backward(self, residuals, dy):
        x, u, w = residuals
        direct = dy * w
        gathered = _window_sum(direct * x / u, *reversed(self._reach()))
        return (direct - 2 * self.alpha * self.beta / self.size * x * gathered,)

    def _reach(self):
        """How many channels of a window lie below its own, and how many above."""
        return self.size // 2, (self.size - 1) // 2


VARIANTS = (
    GroupNorm(groups=2),
    LocalResponseNorm(size=2, alpha=0.5),
)


def _forward(x, gamma, beta, groups, eps):
    xp = array_namespace(x)
    a = _rows(x, groups)
    c = a - xp.mean(a, axis=-1, keepdims=True)
    r = 1 / xp.sqrt(xp.mean(c * c, axis=-1, keepdims=True) + eps)
    x_hat = xp.reshape(c * r, x.shape)
    return _channel(gamma, x) * x_hat + _channel(beta, x), (x_hat, r, gamma)


def _backward(residuals, dy):
    x_hat, r, gamma = residuals
    xp = array_namespace(x_hat)
    axes = (0, *range(2, dy.ndim))
    z, dz = (_rows(a, r.shape[1]) for a in (x_hat, _channel(gamma, dy) * dy))
    along_z = z * xp.mean(dz * z, axis=-1, keepdims=True)
    da = r * (dz - along_z - xp.mean(dz, axis=-1, keepdims=True))
    return xp.reshape(da, dy.shape), xp.sum(dy * x_hat, axis=axes), xp.sum(dy, axis=axes)


def _rows(x, groups):
    """A row for each group of channels of each example."""
    n, *rest = x.shape
    return array_namespace(x).reshape(x, (n, groups, math.prod(rest) // groups))


def _channel(a, x):
    """a, one number per channel, in a shape that broadcasts against x."""
    return array_namespace(a).reshape(a, (-1,) + (1,) * (x.ndim - 2))


def _window_sum(a, below, above):
    """For each channel the sum of those from so many below it to so many above it."""
    reach = max(below, above)
    padded = pad(a, (reach, *(0,) * (a.ndim - 2)))
    first, channels = reach - below, a.shape[1]
    starts = range(first, first + below + above + 1)
    return sum(padded[:, start : start + channels, ...] for start in starts)
