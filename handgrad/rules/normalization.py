"""Normalization of each row by itself: subtract a mean, divide by a spread or a length."""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept, norm

__all__ = ["DyT", "L2Normalize", "LayerNorm", "RMSNorm", "Standardize"]


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
    by D. dr / D is a mean, too. Then c r is x̂ again:

        dc = dx̂ * r + dv * 2 * c / D
           = dx̂ * r - mean(dx̂ * c, axis=-1, keepdims=True) * r**3 * c
           = r * (dx̂ - x̂ * mean(dx̂ * x̂, axis=-1, keepdims=True))

    x is used twice too, in c and in μ, which is 1/D of each number of the row:

        dμ = -sum(dc, axis=-1, keepdims=True)
        dx = dc + dμ / D
           = dc - mean(dc, axis=-1, keepdims=True)

    The mean of x̂ is 0, so that the mean of dc is that of r dx̂:

           = r * (dx̂ - x̂ * mean(dx̂ * x̂, axis=-1, keepdims=True) - mean(dx̂, axis=-1, keepdims=True))

    Of its K + 2 directions a row loses two, that of ones and that of x̂: a shift does not change y,
    nor does a stretch, but for ε. K are left. A row of one number has the gradient 0. In a row of
    two only ε r³ (dx̂ − mean(dx̂)) is left, and the subtractions lose log₂(v / ε) bits.

    Keeps x̂, r and γ.

    Ba, Kiros and Hinton, Layer Normalization, 2016, arXiv:1607.06450, section 3.
    """

    eps: float = 1e-5

    def forward(self, x, gamma, beta):
        x_hat, r = _standardized(x, self.eps)
        return gamma * x_hat + beta, (x_hat, r, gamma)

    def backward(self, residuals, dy):
        x_hat, r, gamma = residuals
        dx = _through(x_hat, r, gamma * dy)
        return dx, _over_rows(dy * x_hat), _over_rows(dy)


@dataclass(frozen=True)
class Standardize:
    """y = (x − μ) / √(v + ε)    with μ and v the mean and variance of each row

        x : (..., K + 2)
        c = x - mean(x, axis=-1, keepdims=True)
        r = 1 / sqrt(mean(c**2, axis=-1, keepdims=True) + eps)
        y = c * r

    LayerNorm without scale and shift: its γ is 1 and its β is 0. Then x̂ is y, dx̂ is dy, and its
    derivation ends in:

        dx = r * (dy - y * mean(dy * y, axis=-1, keepdims=True) - mean(dy, axis=-1, keepdims=True))

    Keeps y and r.
    """

    eps: float = 1e-5

    def forward(self, x):
        y, r = _standardized(x, self.eps)
        return y, (y, r)

    def backward(self, residuals, dy):
        y, r = residuals
        return (_through(y, r, dy),)


@dataclass(frozen=True)
class RMSNorm:
    """y = γ x / √(mean(x²) + ε)    with the mean over each row

        x : (..., D)
        γ : (D)
        m = mean(x**2, axis=-1, keepdims=True)
        r = 1 / sqrt(m + eps)
        x̂ = x * r
        y = γ * x̂

    LayerNorm without the mean. Every row uses the same γ, which gathers its gradient from all:

        dγ = sum(reshape(dy * x̂, (-1, D)), axis=0)
        dx̂ = γ * dy

    One r serves the D numbers of a row. 1 / √ has the slope −r³ / 2:

        dr = sum(dx̂ * x, axis=-1, keepdims=True)
        dm = -dr * r**3 / 2

    x is used twice, in x̂ = x r and in m, where its square has the slope 2 x and the mean divides
    by D. Then x r is x̂ again:

        dx = dx̂ * r + dm * 2 * x / D
           = dx̂ * r - mean(dx̂ * x, axis=-1, keepdims=True) * r**3 * x
           = r * (dx̂ - x̂ * mean(dx̂ * x̂, axis=-1, keepdims=True))

    γ stands in both terms once, inside dx̂. A row loses the direction of x̂: but for ε, a stretch
    does not change y. Where γ is stored as its distance from 1, as in Gemma, give 1 + γ.

    Keeps x̂, r and γ.

    Zhang and Sennrich, Root Mean Square Layer Normalization, 2019, arXiv:1910.07467, section 3.
    """

    eps: float = 1e-6

    def forward(self, x, gamma):
        xp = array_namespace(x)
        r = 1 / xp.sqrt(xp.mean(x * x, axis=-1, keepdims=True) + self.eps)
        x_hat = x * r
        return gamma * x_hat, (x_hat, r, gamma)

    def backward(self, residuals, dy):
        x_hat, r, gamma = residuals
        d_x_hat = gamma * dy
        mean = array_namespace(x_hat).mean(d_x_hat * x_hat, axis=-1, keepdims=True)
        return r * (d_x_hat - x_hat * mean), _over_rows(dy * x_hat)


@dataclass(frozen=True)
class L2Normalize:
    """y = x / max(‖x‖, ε)    with the length along one axis

        x : (L, M, N)
        s = max(abs(x), axis=axis, keepdims=True)
        n = norm(x, axis=axis, keepdims=True)
          = s * norm(x / s, axis=axis, keepdims=True)
        m = maximum(n, eps)
        y = x / m

    The largest number, s, is taken out, so that no square overflows. Each number of x moves y
    itself, and all of them move m; n has the slope x / n, and m that of n where it is above ε:

        dm = -sum(dy * x, axis=axis, keepdims=True) / m**2
           = -sum(dy * y, axis=axis, keepdims=True) / m
        dx = dy / m + where(n > eps, dm * x / m, 0)
           = (dy - where(n > eps, y * sum(dy * y, axis=axis, keepdims=True), 0)) / m

    So dx is orthogonal to x. At ‖x‖ ≤ ε, and at 0, the function is x / ε, with the gradient dy / ε.
    torch's normalize is the same, but for its gradient at ‖x‖ = ε, which is the other branch's. ε
    under the root, √(‖x‖² + ε), is another function.

    Keeps y, m and where n > ε.
    """

    axis: int = -1
    eps: float = 1e-12

    def forward(self, x):
        xp = array_namespace(x)
        n = norm(x, self.axis)
        m = xp.maximum(n, self.eps)
        y = x / m
        return y, (y, m, n > self.eps)

    def backward(self, residuals, dy):
        y, m, longer = residuals
        along_y = array_namespace(y).sum(dy * y, axis=self.axis, keepdims=True)
        return ((dy - kept(longer, y * along_y)) / m,)


@dataclass(frozen=True)
class DyT:
    """y = γ tanh(α x) + β

        x : (..., D)
        α : ()
        γ : (D)
        β : (D)
        t = tanh(α * x)
        y = γ * t + β

    A normalization that takes no mean: numbers far out are squashed, whatever their row. Every row
    uses the same γ and β, and every number the same α, so that they sum over all of these:

        dγ = sum(reshape(dy * t, (-1, D)), axis=0)
        dβ = sum(reshape(dy, (-1, D)), axis=0)
        dt = γ * dy
        q = dt * (1 - t**2)
        dα = sum(q * x)
        dx = q * α

    q is the gradient of α x, for tanh has the slope 1 − t².

    Keeps x, t, α and γ.

    Zhu et al., Transformers without Normalization, 2025, arXiv:2503.10622, section 4.
    """

    def forward(self, x, alpha, gamma, beta):
        t = array_namespace(x).tanh(alpha * x)
        return gamma * t + beta, (x, t, alpha, gamma)

    def backward(self, residuals, dy):
        x, t, alpha, gamma = residuals
        q = gamma * dy * (1 - t * t)
        d_alpha = array_namespace(x).sum(q * x)
        return q * alpha, d_alpha, _over_rows(dy * t), _over_rows(dy)


VARIANTS = (L2Normalize(axis=1, eps=2.0),)


def _standardized(x, eps):
    """Each row with mean 0 and, but for ε, variance 1; and by what it was multiplied."""
    xp = array_namespace(x)
    c = x - xp.mean(x, axis=-1, keepdims=True)
    r = 1 / xp.sqrt(xp.mean(c * c, axis=-1, keepdims=True) + eps)
    return c * r, r


def _through(x_hat, r, d_x_hat):
    """The gradient of the rows that were standardized to x̂."""
    xp = array_namespace(x_hat)
    along_x_hat = x_hat * xp.mean(d_x_hat * x_hat, axis=-1, keepdims=True)
    along_ones = xp.mean(d_x_hat, axis=-1, keepdims=True)
    return r * (d_x_hat - along_x_hat - along_ones)


def _over_rows(a):
    """The sum of all rows, the leading axes taken as one."""
    xp = array_namespace(a)
    return xp.sum(xp.reshape(a, (math.prod(a.shape[:-1]), a.shape[-1])), axis=0)
