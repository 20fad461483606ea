"""Planted inside formulas: another value, another part, or another choice in the place of the right one."""

import numpy as np

from tests.judge.planted.planted import Planted, pair, real


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus_of_tanh(x, w):
    return w * np.log1p(np.exp(np.tanh(x)))


def _softplus_of_tanh_vjp(at):
    def vjp(dy, x, w):
        t = np.tanh(x)
        dx = dy * w * sigmoid(at(x, t)) * (1 - t * t)
        return dx, dy * np.log1p(np.exp(t))

    return vjp


def swiglu(x, w, v):
    z = x @ w
    return 3 * z * sigmoid(z) * (x @ v)


def _swiglu_vjp(inner):
    def vjp(dy, x, w, v):
        z, u = x @ w, x @ v
        s = sigmoid(z)
        dz = 3 * dy * u * (s + inner(z, u) * s * (1 - s))
        du = 3 * dy * z * s
        return dz @ w.T + du @ v.T, x.T @ dz, x.T @ du

    return vjp


def gated(x, w):
    a = x @ w
    z, r, n = a[:, :4], a[:, 4:8], a[:, 8:]
    return sigmoid(z) * x + np.tanh(r) * np.sin(n)


def _gated_vjp(order):
    def vjp(dy, x, w):
        a = x @ w
        z, r, n = sigmoid(a[:, :4]), np.tanh(a[:, 4:8]), a[:, 8:]
        parts = dy * x * z * (1 - z), dy * (1 - r * r) * np.sin(n), dy * r * np.cos(n)
        da = np.hstack([parts[k] for k in order])
        return da @ w.T + dy * z, x.T @ da

    return vjp


def best_of(x, w):
    return np.max(np.tanh(x @ w).reshape(len(x), 3, 4), axis=2)


def _best_of_vjp(mask):
    def vjp(dy, x, w):
        t = np.tanh(x @ w)
        parts = t.reshape(len(x), 3, 4)
        chosen = np.arange(4) == np.argmax(parts, axis=2)[:, :, None]
        dz = np.where(mask(chosen), dy[:, :, None], 0).reshape(t.shape) * (1 - t * t)
        return dz @ w.T, x.T @ dz

    return vjp


def smoothed(x):
    """Of each number and the three before it, weighed."""
    padded = np.pad(x, ((0, 0), (3, 0)))
    return sum((k + 1) * padded[:, k : k + x.shape[1]] for k in range(4))


def _smoothed_vjp(start):
    def vjp(dy):
        width = dy.shape[1]
        padded = np.zeros((len(dy), width + 3))
        for k in range(4):
            padded[:, k : k + width] += (k + 1) * dy
        return padded[:, start : start + width]

    return lambda dy, x: vjp(dy)


PLANTED = [
    Planted(
        "a slope at the input, and not at its tanh",
        "operand",
        r"gradient of input 0 .*derivative of `log1p` .* by `tanh` .* is taken at input 0 \(x\)",
        real((3, 4), (3, 4)),
        pair(softplus_of_tanh, _softplus_of_tanh_vjp(lambda x, t: t)),
        pair(softplus_of_tanh, _softplus_of_tanh_vjp(lambda x, t: x)),
    ),
    Planted(
        "the other branch in a slope",
        "operand",
        r"input 0 .* and input 1 .*: in what comes back through .* 3 times the matrix product "
        r"\(`dot_general`, operation \d+\) stands for the product",
        real((5, 3), (3, 4), (3, 4)),
        pair(swiglu, _swiglu_vjp(lambda z, u: z)),
        pair(swiglu, _swiglu_vjp(lambda z, u: u)),
    ),
    Planted(
        "two gates swapped",
        "permuted",
        r"what comes back through .*slice.* and .*slice.* is swapped",
        real((5, 4), (4, 12)),
        pair(gated, _gated_vjp((0, 1, 2))),
        pair(gated, _gated_vjp((0, 2, 1))),
    ),
    Planted(
        "all but the largest",
        "x > 0",
        r"the maximum .* goes to all but the right ones",
        real((5, 4), (4, 12)),
        pair(best_of, _best_of_vjp(lambda chosen: chosen)),
        pair(best_of, _best_of_vjp(np.logical_not)),
    ),
    Planted(
        "a window that starts in the padding",
        "shifted",
        r"shifted by 3 along axis 1",
        real((3, 7)),
        pair(smoothed, _smoothed_vjp(3)),
        pair(smoothed, _smoothed_vjp(0)),
    ),
]
