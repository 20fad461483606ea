"""Maps onto the simplex: of any numbers they make shares that sum to 1."""

from dataclasses import dataclass

from handgrad.arrays import (
    array_namespace,
    constant,
    device_of,
    log,
    log_softmax,
    outline,
    outlined,
)

__all__ = ["Entmax15", "GumbelSoftmax", "LogSoftmax", "LogSumExp", "Softmax", "Sparsemax"]


@dataclass(frozen=True)
class Softmax:
    """yᵢ = eˣⁱ / Σⱼ eˣʲ along one axis

        x : (M, N)
        e = exp(x)
        S = sum(e, axis=axis, keepdims=True)
        y = e / S
          = softmax(x - max(x, axis=axis, keepdims=True), axis=axis)

    A number added to a whole row cancels. Less its maximum no exponent is above 0: none overflows.

    Each eᵢ reaches y twice, by its own numerator and through the sum that all share:

        dS = -sum(dy * e, axis=axis, keepdims=True) / S**2
           = -sum(dy * y, axis=axis, keepdims=True) / S
        de = dy / S + dS

    exp multiplies by its own output, and e / S is y:

        dx = de * e
           = y * (dy - sum(dy * y, axis=axis, keepdims=True))

    Keeps y.
    """

    axis: int = -1

    def forward(self, x):
        xp = array_namespace(x)
        e = xp.exp(x - xp.max(x, axis=self.axis, keepdims=True))
        y = e / xp.sum(e, axis=self.axis, keepdims=True)
        return y, (y,)

    def backward(self, residuals, dy):
        (y,) = residuals
        xp = array_namespace(y, dy)
        return (y * (dy - xp.sum(dy * y, axis=self.axis, keepdims=True)),)


@dataclass(frozen=True)
class LogSoftmax:
    """yᵢ = xᵢ − log Σⱼ eˣʲ along one axis

        x : (M, N)
        e = exp(x)
        S = sum(e, axis=axis, keepdims=True)
        y = x - log(S)
          = log_softmax(x - max(x, axis=axis, keepdims=True), axis=axis)

    As for Softmax, a row less its maximum has the same y, and no exponent above 0.

    xᵢ reaches yᵢ directly, and all y through the sum that they share, where its slope is eᵢ:

        dS = -sum(dy, axis=axis, keepdims=True) / S
        dx = dy + dS * e
           = dy - exp(y) * sum(dy, axis=axis, keepdims=True)

    Where x is −∞, y is −∞ and dx is dy. A row of −∞ alone gives NaN, as in JAX and torch.

    Keeps y.
    """

    axis: int = -1

    def forward(self, x):
        y = log_softmax(x, self.axis)
        return y, (y,)

    def backward(self, residuals, dy):
        (y,) = residuals
        xp = array_namespace(y, dy)
        return (dy - xp.exp(y) * xp.sum(dy, axis=self.axis, keepdims=True),)


@dataclass(frozen=True)
class LogSumExp:
    """y = log Σ eˣ    over one axis, several, or all

        x : (L, M, N)
        m = max(x, axis=axis, keepdims=True)
        e = exp(x - m)
        S = sum(e, axis=axis, keepdims=True)
        k = log(sum(exp(x), axis=axis, keepdims=True))
          = m + log(S)
        y = log(sum(exp(x), axis=axis, keepdims=keepdims))

    m is taken away and put back: y does not see it, and no exponent is above 0.

    log has the slope 1/S, and exp its own output for a slope. That makes softmax, times dy:

        dx = reshape(dy, k.shape) * exp(x) / sum(exp(x), axis=axis, keepdims=True)
           = reshape(dy, k.shape) * e / S

    Of −∞ alone y is −∞, and no term moves it: dx is 0. JAX and torch give NaN.

    Keeps e / S.
    """

    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False

    def forward(self, x):
        xp = array_namespace(x)
        m = xp.max(x, axis=self.axis, keepdims=True)
        m = xp.where(xp.isfinite(m), m, 0)
        e = xp.exp(x - m)
        total = xp.sum(e, axis=self.axis, keepdims=True)
        k = m + log(total)
        axes = tuple(range(x.ndim)) if self.axis is None else self.axis
        y = k if self.keepdims else xp.squeeze(k, axis=axes)
        return y, (e / xp.where(total == 0, 1, total), outline(k))

    def backward(self, residuals, dy):
        p, k = residuals
        return (array_namespace(p, dy).reshape(dy, outlined(k)) * p,)


@dataclass(frozen=True)
class Sparsemax:
    """y = argmin ‖p − x‖²    over p ≥ 0 with Σ p = 1, along the last axis

        x : (M, N)
        z = maximum(x - max(x, axis=-1, keepdims=True), -1)

    The nearest point is z less a threshold τ, cut off at 0, where τ makes the sum 1. (What is 1
    below the largest is cut off in any case.) If the k largest numbers s are left, k τ is their
    sum less 1. For any other k that τ is smaller, because the k largest z − τ never sum to more
    than y does:

        s = flip(sort(z, axis=-1), axis=-1)
        τ = max((cumsum(s, axis=-1) - 1) / arange(1, N + 1), axis=-1, keepdims=True)
        left = z > τ
        y = maximum(z - τ, 0)

    What is left moves with z, less the mean of its own moves, which keeps the sum:

        δτ = sum(left * δz, axis=-1, keepdims=True) / sum(left, axis=-1, keepdims=True)
        δy = left * (δz - δτ)

    This map is symmetric, so the gradient takes it, too; the row's maximum cancels:

        μ = sum(left * dy, axis=-1, keepdims=True) / sum(left, axis=-1, keepdims=True)
        dx = left * (dy - μ)

    A number just at the threshold is not left, and its slope is 0.

    Keeps the mask of what is left.

    Martins and Astudillo, From softmax to sparsemax, 2016, arXiv:1602.02068.
    """

    def forward(self, x):
        xp = array_namespace(x)
        z = xp.maximum(x - xp.max(x, axis=-1, keepdims=True), -1)
        s = xp.flip(xp.sort(z, axis=-1), axis=-1)
        k = constant(list(range(1, x.shape[-1] + 1)), x)
        threshold = xp.max((xp.cumulative_sum(s, axis=-1) - 1) / k, axis=-1, keepdims=True)
        return xp.maximum(z - threshold, 0), (z > threshold,)

    def backward(self, residuals, dy):
        (left,) = residuals
        xp = array_namespace(left, dy)
        left = xp.astype(left, dy.dtype)
        mean = xp.sum(left * dy, axis=-1, keepdims=True) / xp.sum(left, axis=-1, keepdims=True)
        return (left * (dy - mean),)


@dataclass(frozen=True)
class Entmax15:
    """yᵢ = max(xᵢ / 2 − τ, 0)²    with τ such that the sum is 1, along the last axis

        x : (M, N)
        z = maximum((x - max(x, axis=-1, keepdims=True)) / 2, -1)

    This is entmax with α = 1.5, half way from softmax to sparsemax. (What is 1 below the largest is
    cut off in any case: nothing far out is squared.) If the k largest numbers s are left, their
    mean is m, their variance v, and the sum k (m − τ)² + k v is 1:

        s = flip(sort(z, axis=-1), axis=-1)
        k = arange(1, N + 1)
        m = cumsum(s, axis=-1) / k
        v = cumsum(s**2, axis=-1) / k - m**2
        t = m - sqrt(where(v < 1 / k, 1 / k - v, 1))

    t is the τ of this equation for each k, where it has a root. The right one leaves the k numbers
    themselves, t ≤ s; it is the largest of them:

        τ = max(where((v < 1 / k) * (t <= s), t, -1), axis=-1, keepdims=True)
        q = maximum(z - τ, 0)
        y = q**2

    The sum of q² stays 1, so q δq sums to 0, which says how τ moves:

        δτ = sum(q * δz, axis=-1, keepdims=True) / sum(q, axis=-1, keepdims=True)
        δy = 2 * q * (δz - δτ)

    This map is symmetric, and z moves half as much as x:

        μ = sum(q * dy, axis=-1, keepdims=True) / sum(q, axis=-1, keepdims=True)
        dx = q * (dy - μ)

    There is no kink: q is 0 at the threshold.

    Keeps q.

    Peters, Niculae and Martins, Sparse sequence-to-sequence models, 2019, arXiv:1905.05702.
    """

    def forward(self, x):
        xp = array_namespace(x)
        z = xp.maximum((x - xp.max(x, axis=-1, keepdims=True)) / 2, -1)
        s = xp.flip(xp.sort(z, axis=-1), axis=-1)
        k = constant(list(range(1, x.shape[-1] + 1)), x)
        m = xp.cumulative_sum(s, axis=-1) / k
        v = xp.cumulative_sum(s * s, axis=-1) / k - m**2
        t = m - xp.sqrt(xp.where(v < 1 / k, 1 / k - v, 1))
        threshold = xp.max(xp.where((v < 1 / k) & (t <= s), t, -1), axis=-1, keepdims=True)
        q = xp.maximum(z - threshold, 0)
        return q * q, (q,)

    def backward(self, residuals, dy):
        (q,) = residuals
        xp = array_namespace(q, dy)
        mean = xp.sum(q * dy, axis=-1, keepdims=True) / xp.sum(q, axis=-1, keepdims=True)
        return (q * (dy - mean),)


@dataclass(frozen=True)
class GumbelSoftmax:
    """y = softmax((x + g) / τ)    along the last axis, with Gumbel noise g and a temperature τ

        x : (M, N)
        g : (M, N)
        e = exp((x + g) / temperature)
        S = sum(e, axis=-1, keepdims=True)
        y = e / S

    The softmax of a sum over a temperature: x and g move it alike.

        dx = y * (dy - sum(dy * y, axis=-1, keepdims=True)) / temperature
        dg = dx

    The caller draws g, as −log(−log u) of uniform numbers u. With hard=True the output is one-hot,
    1 at the largest x + g (the first of several), and the gradient is still the one above: it goes
    straight through.

    Keeps the softmax y.

    Jang, Gu and Poole, 2016, arXiv:1611.01144; Maddison, Mnih and Teh, 2016, arXiv:1611.00712.
    """

    temperature: float = 1.0
    hard: bool = False

    def forward(self, x, g):
        xp = array_namespace(x, g)
        y, residuals = Softmax().forward((x + g) / self.temperature)
        if self.hard:
            classes = xp.arange(y.shape[-1], device=device_of(y))
            first = xp.argmax(x + g, axis=-1, keepdims=True)
            return xp.astype(classes == first, y.dtype), residuals
        return y, residuals

    def backward(self, residuals, dy):
        (dz,) = Softmax().backward(residuals, dy)
        return dz / self.temperature, dz / self.temperature


VARIANTS = (
    Softmax(axis=0),
    LogSoftmax(axis=0),
    LogSumExp(axis=-1, keepdims=True),
    LogSumExp(axis=(0, 2)),
    GumbelSoftmax(temperature=0.7),
)
