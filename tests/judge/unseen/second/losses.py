"""Losses in NumPy, and what comes before them."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.judge.unseen.case import Case, Wrong


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t, self.y = t, softmax(x)
        return -np.log(self.y[np.arange(len(t)), t]).sum() / len(t)

    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dx * dout / len(self.t)


def masked_sequence_loss(x, y, mask):
    """Cross entropy over the steps that the mask keeps, a mean over the batch."""
    N, T, _V = x.shape
    p = softmax(x)
    picked = p[np.arange(N)[:, None], np.arange(T), y]
    return -np.sum(mask * np.log(picked)) / N, (p, y, mask)


def masked_sequence_loss_backward(dy, cache):
    p, y, mask = cache
    N, T, _V = p.shape
    dx = p.copy()
    dx[np.arange(N)[:, None], np.arange(T), y] -= 1
    dx *= dy / N
    return dx * mask[:, :, None], None, None


class Softmax:
    def forward(self, x):
        self.y = softmax(x)
        return self.y

    def backward(self, dy):
        return self.y * (dy - np.sum(dy * self.y, axis=-1, keepdims=True))


def log_softmax(x):
    m = x.max(axis=-1, keepdims=True)
    y = x - m - np.log(np.exp(x - m).sum(axis=-1, keepdims=True))
    return y, y


def log_softmax_backward(dy, y):
    return dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)


def triplet_loss(a, p, n):
    ap, an = a - p, a - n
    loss = np.maximum((ap**2).sum(1) - (an**2).sum(1) + 1.0, 0)
    return loss.mean(), (ap, an, loss)


def triplet_loss_backward(dy, cache):
    ap, an, loss = cache
    g = (dy * (loss > 0) / len(loss))[:, None]
    return g * 2 * (ap - an), -2 * g * ap, 2 * g * an


def focal_loss(z, t):
    gamma = 2.0
    p = sigmoid(z)
    pt = np.where(t == 1, p, 1 - p)
    return -((1 - pt) ** gamma * np.log(pt)).mean(), (pt, t, gamma)


def focal_loss_backward(dy, cache):
    pt, t, gamma = cache
    sign = 2 * t - 1
    d = (1 - pt) ** gamma * (gamma * pt * np.log(pt) + pt - 1)
    return dy * sign * d / pt.size, None


def svm_loss(scores, y):
    N = len(y)
    margins = np.maximum(0, scores - scores[np.arange(N), y][:, None] + 1)
    margins[np.arange(N), y] = 0
    return margins.sum() / N, (margins, y)


def svm_loss_backward(dy, cache):
    margins, y = cache
    N = len(y)
    d = (margins > 0).astype(margins.dtype)
    d[np.arange(N), y] -= d.sum(axis=1)
    return d * dy / N, None


def huber(pred, target):
    r = pred - target
    delta = 0.8
    small = np.abs(r) <= delta
    return np.where(small, 0.5 * r * r, delta * (np.abs(r) - 0.5 * delta)), (r, small, delta)


def huber_backward(dy, cache):
    r, small, delta = cache
    d = dy * np.where(small, r, delta * np.sign(r))
    return d, -d


class CosineSimilarity:
    def forward(self, a, b):
        self.a, self.b = a, b
        self.na = np.linalg.norm(a, axis=1, keepdims=True)
        self.nb = np.linalg.norm(b, axis=1, keepdims=True)
        self.cos = (a * b).sum(axis=1, keepdims=True) / (self.na * self.nb)
        return self.cos[:, 0]

    def backward(self, dy):
        dy = dy[:, None]
        da = dy * (self.b / (self.na * self.nb) - self.cos * self.a / self.na**2)
        db = dy * (self.a / (self.na * self.nb) - self.cos * self.b / self.nb**2)
        return da, db


def bilinear(x, A, y):
    return np.einsum("ni,oij,nj->no", x, A, y), (x, A, y)


def bilinear_backward(dz, cache):
    x, A, y = cache
    dx = np.einsum("no,oij,nj->ni", dz, A, y)
    dy = np.einsum("no,oij,ni->nj", dz, A, x)
    dA = np.einsum("no,ni,nj->oij", dz, x, y)
    return dx, dA, dy


def swish_beta(x, beta):
    s = sigmoid(beta * x)
    return x * s, (x, beta, s)


def swish_beta_backward(dy, cache):
    x, beta, s = cache
    dx = dy * (s + x * beta * s * (1 - s))
    dbeta = (dy * x * x * s * (1 - s)).sum()
    return dx, dbeta


RIGHT = [
    Case(
        "SoftmaxWithLoss",
        lambda d: SoftmaxWithLoss(),
        lambda r: (r(6, 4), r.labels(4, 6)),
        {"reference": lambda x, t: -jax.nn.log_softmax(x)[jnp.arange(len(t)), t].mean()},
    ),
    Case(
        "masked_sequence_loss",
        lambda d: (masked_sequence_loss, masked_sequence_loss_backward),
        lambda r: (r(3, 4, 5), r.labels(5, 3, 4), r.mask(3, 4)),
    ),
    Case("Softmax", lambda d: Softmax(), lambda r: (r(5, 4),), {"reference": jax.nn.softmax}),
    Case(
        "log_softmax",
        lambda d: (log_softmax, log_softmax_backward),
        lambda r: (r(5, 4),),
        {"reference": jax.nn.log_softmax},
    ),
    Case(
        "triplet_loss",
        lambda d: (triplet_loss, triplet_loss_backward),
        lambda r: (r(5, 3), r(5, 3), r(5, 3)),
    ),
    Case("focal_loss", lambda d: (focal_loss, focal_loss_backward), lambda r: (r(6), r.mask(6))),
    Case("svm_loss", lambda d: (svm_loss, svm_loss_backward), lambda r: (r(5, 4), r.labels(4, 5))),
    Case("huber", lambda d: (huber, huber_backward), lambda r: (2 * r(4, 3), r(4, 3))),
    Case("CosineSimilarity", lambda d: CosineSimilarity(), lambda r: (r(4, 3), r(4, 3))),
    Case(
        "bilinear",
        lambda d: (bilinear, bilinear_backward),
        lambda r: (r(4, 3), r(2, 3, 3), r(4, 3)),
    ),
    Case(
        "swish_beta",
        lambda d: (swish_beta, swish_beta_backward),
        lambda r: (r(3, 4), r.uniform(0.5, 2)),
    ),
]

WRONG = [
    Wrong("SoftmaxWithLoss", "dx * dout / len(self.t)", "dx * dout", says="times too large"),
    Wrong(
        "masked_sequence_loss",
        "return dx * mask[:, :, None], None, None",
        "return dx, None, None",
        within="masked_sequence_loss_backward",
        says="taken as 1: a factor is missing",
    ),
    Wrong(
        "Softmax",
        "axis=-1, keepdims=True)",
        "axis=0, keepdims=True)",
        says="summed over axis 0, and not axis 1",
    ),
    Wrong(
        "log_softmax",
        "np.exp(y) * dy.sum(axis=-1, keepdims=True)",
        "np.exp(y)",
        within="log_softmax_backward",
        says="does not depend on the upstream",
    ),
    Wrong("triplet_loss", "2 * (ap - an)", "2 * ap", within="triplet_loss_backward", says="added"),
    Wrong(
        "focal_loss",
        "gamma * pt * np.log(pt) + pt - 1",
        "pt - 1",
        within="focal_loss_backward",
        says="is dropped",
    ),
    Wrong(
        "svm_loss",
        "d[np.arange(N), y] -= d.sum(axis=1)",
        "d[np.arange(N), y] -= 1",
        within="svm_loss_backward",
        says="at the label",
    ),
    Wrong(
        "huber", "delta * np.sign(r)", "np.sign(r)", within="huber_backward", says=r"1\.25 times"
    ),
    Wrong(
        "CosineSimilarity",
        "self.cos * self.b / self.nb**2",
        "self.cos * self.b / self.nb",
        says="factor its input too many",
    ),
    Wrong(
        "bilinear",
        '"no,oij,ni->nj", dz, A, x',
        '"no,oji,ni->nj", dz, A, x',
        within="bilinear_backward",
        says="is transposed",
    ),
    Wrong(
        "swish_beta",
        "return dx, dbeta",
        "return dx, None",
        within="swish_beta_backward",
        says="is None",
    ),
]
