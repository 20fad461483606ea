"""Splatting: the exponent of a Gaussian, and colors behind each other."""

import numpy as np

from tests.judge.zoo.operation import Operation, changed, real


def _conic(x, y, conic):
    """A Gaussian's exponent, from a symmetric 2 × 2 matrix that is stored as three numbers."""
    a, b, c = conic
    return -0.5 * (a * x * x + c * y * y) - b * x * y


def conic_gradients(dy, x, y, conic, factor=1.0):
    a, b, c = conic
    moments = -0.5 * np.sum(dy * x * x), -factor * np.sum(dy * x * y), -0.5 * np.sum(dy * y * y)
    return -dy * (a * x + b * y), -dy * (c * y + b * x), np.stack(moments)


def _composite(alpha, color):
    """Σ color α Π (1 − α) of those in front."""
    seen_through = np.concatenate([np.ones_like(alpha[:1]), np.cumprod(1 - alpha)[:-1]])
    return (alpha * seen_through) @ color


def composite_gradients(dy, alpha, color, shadow=1):
    """`shadow` is what α takes from those behind it, which is summed up from the back."""
    seen_through = np.concatenate([np.ones_like(alpha[:1]), np.cumprod(1 - alpha)[:-1]])
    own, dalpha = color @ dy, np.empty_like(alpha)
    behind = np.zeros_like(alpha[:1])
    for i in range(len(alpha) - 1, -1, -1):
        dalpha[i : i + 1] = seen_through[i] * (own[i] - shadow * behind)
        behind = alpha[i] * own[i] + (1 - alpha[i]) * behind
    return dalpha, np.outer(alpha * seen_through, dy)


def _with_an_opaque(alpha):
    alpha[2] = 1
    return alpha


CONIC = Operation("conic", _conic, conic_gradients, real((6,), (6,), (3,)), entire=True)
COMPOSITE = Operation(
    "alpha_compositing",
    _composite,
    composite_gradients,
    lambda rng: (rng.uniform(0.1, 0.9, size=5), rng.normal(size=(5, 3))),
)
COMPOSITE_OPAQUE = Operation(
    "alpha_compositing_opaque",
    _composite,
    composite_gradients,
    changed(COMPOSITE.draw, _with_an_opaque),
)
OPERATIONS = (CONIC, COMPOSITE, COMPOSITE_OPAQUE)
