"""Gated units: one input a, through an activation, is the gate of another, b.

a and b are two halves, usually of one product x W. The gate comes first, as in Shazeer, GLU
variants improve transformer, 2020, arXiv:2002.05202; torch's glu has it last. They broadcast as
in NumPy.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Literal

from handgrad.arrays import array_namespace, kept, shape_of, sigmoid, unbroadcast
from handgrad.rules.activations import GELU, SiLU

__all__ = ["GLU", "GeGLU", "Maxout", "ReGLU", "SwiGLU"]


@dataclass(frozen=True)
class GLU:
    """y = σ(a) b

        a : (...)
        b : (...)
        s = 1 / (1 + exp(-a))
        y = s * b

    A product. What comes to the gate goes on through σ, whose slope is s (1 − s):

        ds = dy * b
        da = ds * s * (1 - s)
           = dy * b * sigmoid(a) * sigmoid(-a)
        db = dy * s

    1 − s has no digits left where s is near 1; σ(−a) has them all.

    Keeps a and b.

    Dauphin et al., Language modeling with gated convolutional networks, 2016, arXiv:1612.08083.
    """

    def forward(self, a, b):
        return sigmoid(a) * b, (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        s = sigmoid(a)
        return unbroadcast(dy * b * s * sigmoid(-a), shape_of(a)), unbroadcast(dy * s, shape_of(b))


@dataclass(frozen=True)
class SwiGLU:
    """y = silu(a) b    with silu(a) = a σ(a)

        a : (...)
        b : (...)
        s = sigmoid(a)
        f = a * s
        y = f * b

    A product, and then the slope s + a s (1 − s) of silu:

        df = dy * b
        db = dy * f
        da = df * (s + a * s * (1 - s))
           = df * (s + a * sigmoid(a) * sigmoid(-a))

    f and its slope are formed again in backward.

    Keeps a and b.

    Shazeer, GLU variants improve transformer, 2020, arXiv:2002.05202, section 2.
    """

    def forward(self, a, b):
        f, _ = SiLU().forward(a)
        return f * b, (a, b)

    def backward(self, residuals, dy):
        return _gated(SiLU(), residuals, dy)


@dataclass(frozen=True)
class GeGLU:
    """y = gelu(a) b    with gelu(a) = a Φ(a)

        a : (...)
        b : (...)
        v = 2 * sqrt(2 / pi) * (a + 0.044715 * a**3)
        Φ = where(approximate == "tanh", sigmoid(v), (1 + erf(a / sqrt(2))) / 2)
        f = a * Φ
        y = f * b

    ½ (1 + tanh u) is σ(2 u), hence the 2 in v. A product, and then the slope of gelu, which is one
    too. Φ has the slope of σ, or the normal density:

        df = dy * b
        db = dy * f
        ∂v/∂a = 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * a**2)
        ∂Φ/∂a = where(approximate == "tanh", Φ * (1 - Φ) * ∂v/∂a, exp(-a**2 / 2) / sqrt(2 * pi))
        da = df * (Φ + a * ∂Φ/∂a)

    f and its slope are formed again in backward.

    Keeps a and b.

    Shazeer, GLU variants improve transformer, 2020, arXiv:2002.05202, section 2.
    """

    approximate: Literal["none", "tanh"] = "none"

    def forward(self, a, b):
        f, _ = GELU(self.approximate).forward(a)
        return f * b, (a, b)

    def backward(self, residuals, dy):
        return _gated(GELU(self.approximate), residuals, dy)


@dataclass(frozen=True)
class ReGLU:
    """y = max(a, 0) b

        a : (...)
        b : (...)
        f = where(a > 0, a, 0)
        y = f * b

    A product, and then the mask of ReLU, which is 0 at 0:

        df = dy * b
        db = dy * f
        da = where(a > 0, df, 0)

    Keeps a and b.

    Shazeer, GLU variants improve transformer, 2020, arXiv:2002.05202, section 2.
    """

    def forward(self, a, b):
        return array_namespace(a, b).maximum(a, 0) * b, (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        da, db = kept(a > 0, dy * b), dy * array_namespace(a, b).maximum(a, 0)
        return unbroadcast(da, shape_of(a)), unbroadcast(db, shape_of(b))


@dataclass(frozen=True)
class Maxout:
    """y = max a    the largest of each group of neighbours along the last axis

        x : (N, C * pieces)
        a = reshape(x, (N, C, pieces))
        k = max(a, axis=-1, keepdims=True)
        hit = a == k
        y = max(a, axis=-1)

    Each group has a gate that lets its largest number through, and no other:

        da = hit * dy[:, :, None] / sum(hit, axis=-1, keepdims=True)
        dx = reshape(da, (N, C * pieces))

    Numbers that tie share the gradient equally, and a NaN gets it, as for Max.

    Keeps the mask of the largest.

    Goodfellow et al., Maxout networks, 2013, arXiv:1302.4389.
    """

    pieces: int = 2

    def forward(self, x):
        xp = array_namespace(x)
        a = xp.reshape(x, (*x.shape[:-1], x.shape[-1] // self.pieces, self.pieces))
        y = reduce(xp.maximum, (a[..., i] for i in range(self.pieces)))
        return y, ((a == y[..., None]) | xp.isnan(a),)

    def backward(self, residuals, dy):
        (hit,) = residuals
        xp = array_namespace(hit, dy)
        ties = sum(xp.astype(hit[..., i], dy.dtype) for i in range(self.pieces))
        da = kept(hit, (dy / ties)[..., None])
        return (xp.reshape(da, (*dy.shape[:-1], dy.shape[-1] * self.pieces)),)


VARIANTS = (GeGLU("tanh"), Maxout(pieces=3))


def _gated(activation, residuals, dy):
    """The gradients of a and b where y = f(a) b, by the slope of the activation f."""
    a, b = residuals
    f, (slope,) = activation.forward(a)
    return unbroadcast(dy * b * slope, shape_of(a)), unbroadcast(dy * f, shape_of(b))
