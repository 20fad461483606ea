"""Functions with several outputs: dy is then a tuple."""

import numpy as np

from tests.judge.zoo.normalization import EPS
from tests.judge.zoo.operation import Operation, positive, real, sigmoid, softmax
from tests.judge.zoo.reductions import logsumexp


def _split(x):
    return x[:, :2].copy(), x[:, 2:].copy()


def _moments(x):
    return np.mean(x, axis=-1), np.var(x, axis=-1)


def _moments_vjp(dy, x):
    dmean, dvariance = (d[:, None] for d in dy)
    return ((dmean + 2 * dvariance * (x - np.mean(x, axis=-1, keepdims=True))) / x.shape[-1],)


def _polar_vjp(dy, a, b):
    dr, dangle = dy
    r = np.hypot(a, b)
    return dr * a / r - dangle * b / r**2, dr * b / r + dangle * a / r**2


def _attend(q, k, v):
    """Attention, and the logarithm of each row's sum."""
    s = q @ k.T * q.shape[-1] ** -0.5
    return softmax(s) @ v, logsumexp(s)


def attend_gradients(dy, q, k, v, with_sums=1):
    """The gradient of the sums folds into Δ = Σ dO ∘ O."""
    do, dl = dy
    scale = q.shape[-1] ** -0.5
    p = softmax(q @ k.T * scale)
    delta = np.sum(do * (p @ v), axis=-1) - with_sums * dl
    ds = p * (do @ v.T - delta[:, None]) * scale
    return ds @ k, ds.T @ q, p.T @ do


def _gates(x, h, W, U):
    i, f, g, o = np.split(x @ W + h @ U, 4, axis=-1)
    return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)


def _lstm(x, h, c, W, U):
    i, f, g, o = _gates(x, h, W, U)
    c_next = f * c + i * g
    return o * np.tanh(c_next), c_next


def lstm_gradients(dy, *inputs, with_cell=1):
    x, h, c, W, U = inputs
    dh, dc = dy
    i, f, g, o = _gates(x, h, W, U)
    t = np.tanh(f * c + i * g)
    dc = with_cell * dc + dh * o * (1 - t**2)
    slopes = (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * t * o * (1 - o))
    da = np.concatenate(slopes, axis=-1)
    return da @ W.T, da @ U.T, dc * f, x.T @ da, h.T @ da


def _added_and_normalized(x, residual):
    s = x + residual
    return s / np.sqrt(np.mean(s * s, axis=-1, keepdims=True) + EPS), s


def added_gradient(dy, x, residual, with_sum=1):
    s = x + residual
    r = 1 / np.sqrt(np.mean(s * s, axis=-1, keepdims=True) + EPS)
    dn, ds = dy
    return r * (dn - s * r**2 * np.mean(dn * s, axis=-1, keepdims=True)) + with_sum * ds


def _added_vjp(dy, x, residual):
    ds = added_gradient(dy, x, residual)
    return ds, ds.copy()


def _fourier(x):
    """The real and the imaginary parts of the real Fourier transform, as matrix products."""
    cos, sin = _waves(x)
    return x @ cos, -x @ sin


def _waves(x):
    n = x.shape[-1]
    angle = 2 * np.pi * np.outer(np.arange(n), np.arange(n // 2 + 1)) / n
    return np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)


def _fourier_vjp(dy, x):
    cos, sin = _waves(x)
    return (dy[0] @ cos.T - dy[1] @ sin.T,)


def _copies_vjp(dy, x):
    return (dy[0] + dy[1] + dy[2],)


ATTENTION_LSE = Operation(
    "attention_with_sums", _attend, attend_gradients, real((4, 3), (6, 3), (6, 2)), entire=True
)
LSTM = Operation(
    "lstm_cell",
    _lstm,
    lstm_gradients,
    real((3, 2), (3, 2), (3, 2), (2, 8), (2, 8)),
    entire=True,
)
ADD_NORM = Operation(
    "add_rms_norm", _added_and_normalized, _added_vjp, real((3, 4), (3, 4)), entire=True
)
FOURIER = Operation("fourier", _fourier, _fourier_vjp, real((2, 6)), entire=True)
COPIES = Operation(
    "copies", lambda x: (x * 1, x * 1, x * 1), _copies_vjp, real((3, 4)), entire=True
)

OPERATIONS = (
    ATTENTION_LSE,
    LSTM,
    ADD_NORM,
    FOURIER,
    COPIES,
    Operation(
        "split",
        _split,
        lambda dy, x: (np.concatenate(dy, axis=1),),
        real((3, 5)),
        entire=True,
    ),
    Operation("mean_and_variance", _moments, _moments_vjp, real((3, 4)), entire=True),
    Operation(
        "polar",
        lambda a, b: (np.hypot(a, b), np.arctan2(b, a)),
        _polar_vjp,
        positive((3, 4), (3, 4)),
    ),
    Operation(
        "sum_and_difference",
        lambda a, b: (a + b, a - b),
        lambda dy, a, b: (dy[0] + dy[1], dy[0] - dy[1]),
        real((3, 4), (3, 4)),
        entire=True,
    ),
    Operation(
        "sine_and_cosine",
        lambda x: (np.sin(x), np.cos(x)),
        lambda dy, x: (dy[0] * np.cos(x) - dy[1] * np.sin(x),),
        real((3, 4)),
        entire=True,
    ),
)
