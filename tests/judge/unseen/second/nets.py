"""Nets of NumPy: dense layers, rectifiers, residual blocks, dropout."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.judge.unseen.case import Case, Random, Wrong, parameters


class Dense:
    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW = self.x.T @ dy
        self.db = dy.sum(axis=0)
        return dy @ self.W.T


class DenseBias:
    def __init__(self, W, b):
        self.params = {"W": W, "b": b}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.x.T @ dout
        self.grads["b"] = np.sum(dout, axis=0)
        return dout @ self.params["W"].T


def mlp(x, W1, b1, W2, b2):
    z1 = x @ W1 + b1
    h = 1 / (1 + np.exp(-z1))
    out = h @ W2 + b2
    return out, (x, W1, z1, h, W2)


def mlp_backward(dout, cache):
    x, W1, _z1, h, W2 = cache
    dW2 = h.T @ dout
    db2 = dout.sum(0)
    dh = dout @ W2.T
    dz1 = dh * h * (1 - h)
    dW1 = x.T @ dz1
    db1 = dz1.sum(0)
    dx = dz1 @ W1.T
    return dx, dW1, db1, dW2, db2


class ReluNet:
    """Two dense layers with a ReLU between."""

    def __init__(self, W1, W2):
        self.W1, self.W2 = W1, W2

    def forward(self, x):
        self.x = x
        self.a = x @ self.W1
        self.h = np.maximum(self.a, 0)
        return self.h @ self.W2

    def backward(self, dy):
        self.dW2 = self.h.T @ dy
        dh = dy @ self.W2.T
        da = dh * (self.a > 0)
        self.dW1 = self.x.T @ da
        return da @ self.W1.T


class LeakyReLU:
    def __init__(self, slope=0.1):
        self.slope = slope

    def forward(self, x):
        self.mask = x < 0
        return np.where(self.mask, self.slope * x, x)

    def backward(self, dy):
        dx = dy.copy()
        dx[self.mask] *= self.slope
        return dx


class ReLU:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


def prelu(x, alpha):
    return np.where(x > 0, x, alpha * x), (x, alpha)


def prelu_backward(dout, cache):
    x, alpha = cache
    dx = dout * np.where(x > 0, 1, alpha)
    dalpha = (dout * np.where(x > 0, 0, x)).sum(axis=(0, 2, 3), keepdims=True)
    return dx, dalpha


def tied_autoencoder(x, W, b, c):
    h = np.tanh(x @ W + b)
    y = h @ W.T + c
    return y, (x, W, h)


def tied_autoencoder_backward(dy, cache):
    x, W, h = cache
    dc = dy.sum(axis=0)
    dh = dy @ W
    da = dh * (1 - h**2)
    dW = x.T @ da + dy.T @ h
    db = da.sum(axis=0)
    return da @ W.T, dW, db, dc


def highway(x, Wh, Wt):
    h = np.tanh(x @ Wh)
    t = 1 / (1 + np.exp(-(x @ Wt)))
    return t * h + (1 - t) * x, (x, Wh, Wt, h, t)


def highway_backward(dy, cache):
    x, Wh, Wt, h, t = cache
    dzh = dy * t * (1 - h * h)
    dzt = dy * (h - x) * t * (1 - t)
    dx = dy * (1 - t) + dzh @ Wh.T + dzt @ Wt.T
    return dx, x.T @ dzh, x.T @ dzt


class ResidualBlock:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W + self.b)
        return x + self.h

    def backward(self, dy):
        da = dy * (1 - self.h**2)
        self.dW = self.x.T @ da
        self.db = da.sum(axis=0)
        return dy + da @ self.W.T


class Dropout:
    def __init__(self, rate=0.4):
        self.rate = rate

    def forward(self, x):
        self.mask = np.random.rand(*x.shape) > self.rate
        return x * self.mask / (1 - self.rate)

    def backward(self, dy):
        return dy * self.mask / (1 - self.rate)


class FixedDropout:
    def __init__(self, keep_mask, keep_prob=0.7):
        self.keep_mask, self.keep_prob = keep_mask > 0, keep_prob

    def forward(self, x):
        return x * self.keep_mask / self.keep_prob

    def backward(self, dy):
        return dy * self.keep_mask / self.keep_prob


RIGHT = [
    Case("Dense", lambda d: Dense(*parameters(d, (4, 4), (4,))), lambda r: (r(5, 4),)),
    Case("DenseBias", lambda d: DenseBias(*parameters(d, (3, 2), (2,))), lambda r: (r(6, 3),)),
    Case(
        "mlp",
        lambda d: (mlp, mlp_backward),
        lambda r: (r(4, 3), r(3, 5), r(5), r(5, 2), r(2)),
        {"reference": lambda x, W, b, V, c: jax.nn.sigmoid(x @ W + b) @ V + c},
    ),
    Case("ReluNet", lambda d: ReluNet(*parameters(d, (3, 6), (6, 2))), lambda r: (r(5, 3),)),
    Case(
        "LeakyReLU",
        lambda d: LeakyReLU(0.1),
        lambda r: (r(4, 5),),
        {"reference": lambda x: jax.nn.leaky_relu(x, 0.1)},
    ),
    Case("ReLU", lambda d: ReLU(), lambda r: (r(4, 5),), {"reference": jax.nn.relu}),
    Case("prelu", lambda d: (prelu, prelu_backward), lambda r: (r(3, 2, 4, 5), r(1, 2, 1, 1))),
    Case(
        "tied_autoencoder",
        lambda d: (tied_autoencoder, tied_autoencoder_backward),
        lambda r: (r(5, 4), r(4, 3), r(3), r(4)),
        {"reference": lambda x, W, b, c: jnp.tanh(x @ W + b) @ W.T + c},
    ),
    Case("highway", lambda d: (highway, highway_backward), lambda r: (r(4, 3), r(3, 3), r(3, 3))),
    Case(
        "ResidualBlock", lambda d: ResidualBlock(*parameters(d, (3, 3), (3,))), lambda r: (r(4, 3),)
    ),
    Case("Dropout", lambda d: Dropout(), lambda r: (r(4, 5),)),
    Case("FixedDropout", lambda d: FixedDropout(Random(7, d).mask(4, 5)), lambda r: (r(4, 5),)),
]

WRONG = [
    Wrong("Dense", "dy @ self.W.T", "dy @ self.W", says="not transposed"),
    Wrong("DenseBias", "np.sum(dout, axis=0)", "np.mean(dout, axis=0)", says="times too small"),
    Wrong(
        "mlp",
        "dh * h * (1 - h)",
        "dh * _z1 * (1 - _z1)",
        within="mlp_backward",
        says=r"its input \(1 − its input\)",
    ),
    Wrong("ReluNet", "dh * (self.a > 0)", "dh * (self.a < 0)", says="the mask its input < 0"),
    Wrong(
        "ReluNet",
        "da = dh * (self.a > 0)",
        "da = dh",
        says=r"the mask of the maximum \(`max`, operation 2\) is missing",
    ),
    Wrong(
        "LeakyReLU",
        "dx[self.mask] *= self.slope",
        "dx[self.mask] = self.slope",
        says="does not depend on the upstream",
    ),
    Wrong(
        "ReLU",
        "return dy * self.mask",
        "dy[~self.mask] = 0\n        return dy",
        says="writes into dy",
    ),
    Wrong(
        "ReLU",
        "self.mask = x > 0\n        return",
        "if self.mask is None:\n            self.mask = x > 0\n        return",
        says="state is kept",
    ),
    Wrong(
        "prelu",
        ".sum(axis=(0, 2, 3), keepdims=True)",
        ".sum(axis=(0, 2, 3), keepdims=True) / len(x)",
        within="prelu_backward",
        says="times too small",
    ),
    Wrong(
        "tied_autoencoder",
        "x.T @ da + dy.T @ h",
        "x.T @ da",
        within="tied_autoencoder_backward",
        says="is dropped",
    ),
    Wrong(
        "highway", "(h - x) * t", "(h + x) * t", within="highway_backward", says="of the wrong sign"
    ),
    Wrong("ResidualBlock", "return dy + da", "return da", says="dy is dropped"),
    Wrong(
        "Dropout",
        "return dy * self.mask / (1 - self.rate)",
        "return dy * self.mask",
        says=r"0\.6 times",
    ),
    Wrong(
        "FixedDropout",
        "return dy * self.keep_mask / self.keep_prob",
        "return dy * self.keep_mask * self.keep_prob",
        says=r"0\.49 times",
    ),
]
