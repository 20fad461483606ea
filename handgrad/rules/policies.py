"""Policy losses: tokens that a language model wrote become likelier where they earned a reward.

p are the log-probabilities of B answers of up to T tokens under the model that learns. q are those
under the model that wrote them, p0 those under a reference, A says by how much a reward was better
than expected, and m which places hold a token. All but p are held constant: their gradient is None.
What stands where m is false does not count, not even a NaN.
"""

import math
from dataclasses import dataclass
from typing import Literal

from handgrad.arrays import array_namespace, kept

__all__ = ["GRPO", "PPOClip"]


@dataclass(frozen=True)
class PPOClip:
    """y = −mean of min(r A, clip(r, 1 − ε, 1 + ε) A) over the tokens; r = exp(p − q)

        p : (B, T)
        q : (B, T) const
        A : (B, T) const
        m : (B, T) mask
        r = exp(p - q)
        c = clip(r, 1 - eps_low, 1 + eps_high)
        g = minimum(r * A, c * A)
        n = maximum(sum(m), 1)
        y = -sum(where(m, g, 0)) / n

    The ratio r is 1 while the model is still the one that wrote the tokens. The bounds are 1 − ε
    and 1 + ε, with an ε for each. What is good, A > 0, is not made likelier above 1 + ε, and what
    is bad not less likely below 1 − ε: there g is constant. Elsewhere g is r A, also outside of the
    other bound, so that a step in the wrong direction is taken back:

        dg = where(m, -dy / n, 0)
        moves = where(A > 0, r <= 1 + eps_high, r >= 1 - eps_low)
        dr = dg * where(moves, A, 0)
        dp = dr * r
           = -dy / n * where(m, where(moves, r * A, 0), 0)

    At a bound we take the slope A of r A, and so does torch. Without any token, y is 0.

    Keeps r A where g moves, else 0, and n.

    Schulman et al., Proximal Policy Optimization, 2017, arXiv:1707.06347, equation 7; bounds that
    differ: DAPO, 2025, arXiv:2503.14476, section 3.1.
    """

    eps_low: float = 0.2
    eps_high: float = 0.2

    def forward(self, p, q, A, m):
        xp = array_namespace(p, m)
        g, slope = _clipped(p, q, A, m, self)
        n = xp.maximum(xp.sum(_numbers(m, p)), 1)
        return -xp.sum(g) / n, (slope, n)

    def backward(self, residuals, dy):
        slope, n = residuals
        return -dy / n * slope, None, None, None


@dataclass(frozen=True)
class GRPO:
    """y = −Σ w (min(r A, clip(r, 1 − ε, 1 + ε) A) − β k)    with r = exp(p − q), k a distance to p₀

        p : (B, T)
        q : (B, T) const
        p0 : (B, T) const
        A : (B) const
        m : (B, T) mask
        r = exp(p - q)
        c = clip(r, 1 - eps_low, 1 + eps_high)
        g = minimum(r * A[:, None], c * A[:, None])
        d = p0 - p
        k = where(kl == "k1", -d, where(kl == "k2", d**2 / 2, exp(d) - d - 1))
          = where(kl == "k1", -d, where(kl == "k2", d**2 / 2, expm1(d) - d))
        n = maximum(sum(m, axis=1, keepdims=True), 1)
        N = where(normalizer == "token", maximum(sum(m), 1), B * T)
        w = where(m, 1 / where(normalizer == "sequence", B * n, N), 0)
        y = sum(w * (beta * k - g))

    g is that of PPOClip, with one A for a whole answer: by how much its reward lies above the mean
    of its group, perhaps in standard deviations. k keeps the model near the reference:

        dg = -dy * w
        moves = where(A[:, None] > 0, r <= 1 + eps_high, r >= 1 - eps_low)
        dr = dg * where(moves, A[:, None], 0)
        dk = beta * dy * w
        dd = dk * where(kl == "k1", -1, where(kl == "k2", d, expm1(d)))
        dp = dr * r - dd

    All of it has the factor dy, so that forward finds the rest:

        a = where(moves, r * A[:, None], 0)
        b = where(kl == "k1", 1, where(kl == "k2", -d, -expm1(d)))
        dp = dy * (w * (beta * b - a))

    The weight w of a token is what implementations differ in. `normalizer="sequence"` takes the mean
    over each answer and then over answers, so that a token of a long one weighs less; "token" takes
    the mean over all tokens (DAPO); "constant" over all places, where no answer's length plays a part
    (Dr. GRPO, where T is the longest that may be).

    k estimates KL(π ‖ π₀) of the model π and the reference π₀, which is the mean of "k1" and of
    "k3" over what π writes. But of their gradients over the same, that of k1 has the mean 0, that
    of k3 the gradient of KL(π₀ ‖ π), and only that of k2 the one of KL(π ‖ π₀).

    Keeps the slope of y by p.

    Shao et al., DeepSeekMath, 2024, arXiv:2402.03300, equation 3; Liu et al., Understanding
    R1-Zero-Like Training, 2025, arXiv:2503.20783; k1 to k3: Schulman, Approximating KL, 2020.
    """

    normalizer: Literal["sequence", "token", "constant"] = "sequence"
    kl: Literal["k1", "k2", "k3"] = "k3"
    beta: float = 0.04
    eps_low: float = 0.2
    eps_high: float = 0.2

    def forward(self, p, q, p0, A, m):
        xp = array_namespace(p, m)
        g, slope = _clipped(p, q, xp.expand_dims(A, axis=-1), m, self)
        k, k_slope = _distance(kept(m, p0 - p), self.kl)
        w = _weights(_numbers(m, p), self.normalizer)
        return xp.sum(w * (self.beta * k - g)), (w * (self.beta * k_slope - slope),)

    def backward(self, residuals, dy):
        (slope,) = residuals
        return dy * slope, None, None, None, None


VARIANTS = (
    PPOClip(eps_low=0.1, eps_high=0.4),
    GRPO("token", "k1", beta=0.5),
    GRPO("constant", "k2", beta=0.5, eps_high=0.4),
)


def _clipped(p, q, A, m, bounds):
    """min(r A, clip(r) A) of each token, and its slope by p, which is r A or 0."""
    xp = array_namespace(p, m)
    low, high = 1 - bounds.eps_low, 1 + bounds.eps_high
    r = xp.exp(kept(m, p - q))
    moves = xp.where(A > 0, r <= high, r >= low)
    held = xp.where(A > 0, high * A, low * A)
    return kept(m, xp.where(moves, r * A, held)), kept(m & moves, r * A)


def _distance(d, kind):
    """An estimate of how far the model is from the reference, and its slope by p; d = p₀ − p."""
    xp = array_namespace(d)
    match kind:
        case "k1":
            return -d, xp.ones_like(d)
        case "k2":
            return d * d / 2, -d
        case "k3":
            return xp.expm1(d) - d, -xp.expm1(d)
    raise ValueError(f"kl is {kind!r}; it may be 'k1', 'k2' or 'k3'")


def _weights(m, normalizer):
    """What each token weighs; m is 1 at a token and 0 elsewhere."""
    xp = array_namespace(m)
    *answers, places = m.shape
    match normalizer:
        case "sequence":
            n = xp.maximum(xp.sum(m, axis=-1, keepdims=True), 1)
            return m / (n * max(1, math.prod(answers)))
        case "token":
            return m / xp.maximum(xp.sum(m), 1)
        case "constant":
            return m / max(1, math.prod(answers) * places)
    raise ValueError(f"normalizer is {normalizer!r}; it may be 'sequence', 'token' or 'constant'")


def _numbers(m, p):
    """A mask as numbers of p's kind."""
    return array_namespace(p).astype(m, p.dtype)
