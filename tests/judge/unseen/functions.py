"""Functions of NumPy with a cache, losses and a small engine, as courses publish them."""

import numpy as np

from tests.judge.unseen.case import Case, Wrong


def affine_forward(x, w, b):
    return x.reshape(x.shape[0], -1).dot(w) + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def batchnorm_forward(x, gamma, beta, bn_param):
    eps = bn_param.get("eps", 1e-5)
    mu = x.mean(axis=0)
    var = x.var(axis=0) + eps
    std = np.sqrt(var)
    z = (x - mu) / std
    return gamma * z + beta, {"z": z, "gamma": gamma, "std": std, "n": len(x)}


def batchnorm_backward(dout, cache):
    z, n = cache["z"], cache["n"]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * z, axis=0)
    dz = dout * cache["gamma"]
    dx = (n * dz - dz.sum(axis=0) - z * np.sum(dz * z, axis=0)) / (n * cache["std"])
    return dx, dgamma, dbeta


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class SoftmaxWithLoss:
    """Of one-hot targets or labels; backward starts at the loss."""

    def forward(self, x, t):
        x = x - x.max(axis=1, keepdims=True)
        self.y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        self.t = t.argmax(axis=1) if t.ndim == 2 else t
        n = len(x)
        return -np.mean(np.log(self.y[np.arange(n), self.t]))

    def backward(self, dout=1):
        n = len(self.t)
        dx = self.y.copy()
        dx[np.arange(n), self.t] -= 1
        return dout * dx / n


class MSELoss:
    def forward(self, pred, target):
        self.diff = pred - target
        return np.mean(self.diff**2)

    def backward(self):
        return 2 * self.diff / self.diff.size


class BCEWithLogits:
    def __call__(self, z, t):
        self.z, self.t = z, t
        return np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))

    def backward(self, dloss=1.0):
        return dloss * (sigmoid(self.z) - self.t) / self.z.size


def huber(pred, target, delta=1.0):
    r = pred - target
    small = np.abs(r) <= delta
    return np.where(small, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta)).sum()


def huber_vjp(dy, pred, target, delta=1.0):
    r = pred - target
    g = dy * np.clip(r, -delta, delta)
    return g, -g


def kl_divergence(p, q):
    return np.sum(p * (np.log(p) - np.log(q)), axis=-1)


def kl_vjp(dy, p, q):
    dy = dy[..., None]
    return dy * (np.log(p) - np.log(q) + 1), -dy * p / q


def cosine_similarity(a, b):
    na, nb = np.linalg.norm(a, axis=-1), np.linalg.norm(b, axis=-1)
    return (a * b).sum(-1) / (na * nb)


def cosine_vjp(dy, a, b):
    na, nb = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    c = (a * b).sum(-1, keepdims=True) / (na * nb)
    dy = dy[..., None]
    return dy * (b / (na * nb) - c * a / na**2), dy * (a / (na * nb) - c * b / nb**2)


def l2_normalize(x):
    n = np.sqrt((x**2).sum(-1, keepdims=True) + 1e-6)
    return (x / n, n), x / n


def l2_normalize_backward(dy, cache):
    y, n = cache
    return (dy - y * (y * dy).sum(-1, keepdims=True)) / n


def masked_dropout(x, mask, keep=0.6):
    return x * mask / keep, mask


def masked_dropout_backward(dy, mask, keep=0.6):
    return dy * mask / keep


def broadcast_add(x, bias):
    return x + bias


def broadcast_add_vjp(dy, x, bias):
    return dy, dy.sum(axis=tuple(range(dy.ndim - bias.ndim)))


def logsumexp(x):
    m = x.max(axis=-1, keepdims=True)
    return (m + np.log(np.exp(x - m).sum(axis=-1, keepdims=True)))[..., 0]


def logsumexp_vjp(dy, x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return dy[..., None] * e / e.sum(axis=-1, keepdims=True)


def cumsum(x):
    return np.cumsum(x, axis=-1)


def cumsum_vjp(dy, x):
    return np.cumsum(dy[..., ::-1], axis=-1)[..., ::-1]


def maximum(a, b):
    return np.maximum(a, b)


def maximum_vjp(dy, a, b):
    return dy * (a >= b), dy * (a < b)


class Tensor:
    """An engine in the manner of micrograd, on arrays."""

    def __init__(self, data, children=()):
        self.data, self.children = data, children
        self.grad = np.zeros_like(data)
        self.step = lambda: None

    def __matmul__(self, other):
        out = Tensor(self.data @ other.data, (self, other))

        def step():
            self.grad += out.grad @ other.data.T
            other.grad += self.data.T @ out.grad

        out.step = step
        return out

    def __mul__(self, other):
        out = Tensor(self.data * other.data, (self, other))

        def step():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out.step = step
        return out

    def tanh(self):
        out = Tensor(np.tanh(self.data), (self,))

        def step():
            self.grad += (1 - out.data**2) * out.grad

        out.step = step
        return out

    def backward(self, dy):
        order, seen = [], set()

        def visit(v):
            if id(v) not in seen:
                seen.add(id(v))
                for child in v.children:
                    visit(child)
                order.append(v)

        visit(self)
        self.grad = dy
        for v in reversed(order):
            v.step()


class TensorNet:
    def forward(self, x, W, V):
        self.leaves = Tensor(x), Tensor(W), Tensor(V)
        x, W, V = self.leaves
        h = (x @ W).tanh()
        self.out = (h * h) @ V
        return self.out.data

    def backward(self, dy):
        self.out.backward(dy)
        return {k: v.grad for k, v in zip(("x", "W", "V"), self.leaves, strict=True)}


RIGHT = [
    Case(
        "affine", lambda t: (affine_forward, affine_backward), lambda r: (r(3, 2, 2), r(4, 3), r(3))
    ),
    Case(
        "batchnorm",
        lambda t: (batchnorm_forward, batchnorm_backward),
        lambda r: (r(5, 3), r(3), r(3), {"mode": "train"}),
    ),
    Case("SoftmaxWithLoss", lambda t: SoftmaxWithLoss(), lambda r: (r(4, 3), r.labels(3, 4))),
    Case(
        "SoftmaxWithLoss of one-hot",
        lambda t: SoftmaxWithLoss(),
        lambda r: (r(4, 3), r.one_hot(3, 4)),
    ),
    Case(
        "MSELoss",
        lambda t: MSELoss(),
        lambda r: (r(3, 4), r(3, 4)),
        {"domains": {"target": "const"}},
    ),
    Case("BCEWithLogits", lambda t: BCEWithLogits(), lambda r: (r(3, 4), r.mask(3, 4))),
    Case("huber", lambda t: (huber, huber_vjp), lambda r: (r(3, 4), r(3, 4))),
    Case(
        "kl",
        lambda t: (kl_divergence, kl_vjp),
        lambda r: (r.probabilities(3, 4), r.probabilities(3, 4)),
    ),
    Case("cosine", lambda t: (cosine_similarity, cosine_vjp), lambda r: (r(3, 4), r(3, 4))),
    Case("l2_normalize", lambda t: (l2_normalize, l2_normalize_backward), lambda r: (r(3, 4),)),
    Case(
        "masked_dropout",
        lambda t: (masked_dropout, masked_dropout_backward),
        lambda r: (r(3, 4), r.mask(3, 4)),
    ),
    Case(
        "broadcast_add", lambda t: (broadcast_add, broadcast_add_vjp), lambda r: (r(2, 3, 4), r(4))
    ),
    Case("logsumexp", lambda t: (logsumexp, logsumexp_vjp), lambda r: (r(3, 4),)),
    Case("cumsum", lambda t: (cumsum, cumsum_vjp), lambda r: (r(3, 4),)),
    Case("maximum", lambda t: (maximum, maximum_vjp), lambda r: (r(3, 4), r(3, 4))),
    Case("TensorNet", lambda t: TensorNet(), lambda r: (r(3, 4), r(4, 3), r(3, 2))),
]

WRONG = [
    Wrong(
        "affine",
        "dout.dot(w.T)",
        "np.ones_like(dout).dot(w.T)",
        "affine_backward",
        says="the upstream gradient is ignored",
    ),
    Wrong(
        "affine", "np.sum(dout, axis=0)", "np.sum(dout)", "affine_backward", says="has the shape"
    ),
    Wrong(
        "batchnorm", "(n * dz - dz", "(n * dz + dz", "batchnorm_backward", says="of the wrong sign"
    ),
    Wrong("batchnorm", "np.sum(dz * z, axis=0)", "np.sum(dz, axis=0)", "batchnorm_backward"),
    Wrong("SoftmaxWithLoss", "dx / n", "dx", says="N times too large"),
    Wrong("SoftmaxWithLoss of one-hot", "dx = self.y.copy()", "dx = self.y", says="state is kept"),
    Wrong("MSELoss", "self.diff.size", "len(self.diff)", says="N times too large"),
    Wrong("MSELoss", "2 * self.diff", "self.diff", says="is ½ times"),
    Wrong("BCEWithLogits", "(sigmoid(self.z) - self.t)", "(self.z - self.t)"),
    Wrong("huber", "-delta, delta)", "-1.5 * delta, delta)", "huber_vjp"),
    Wrong("huber", "return g, -g", "return g, g", "huber_vjp", says="has the wrong sign"),
    Wrong("kl", " + 1)", ")", "kl_vjp", says="lacks a term"),
    Wrong("cosine", "c * b / nb**2", "c * b / nb", "cosine_vjp", says="factor .* too many"),
    Wrong(
        "l2_normalize",
        "keepdims=True)) / n",
        "keepdims=True)) / (n - 1e-3)",
        "l2_normalize_backward",
    ),
    Wrong(
        "masked_dropout",
        "dy * mask / keep",
        "dy * mask",
        "masked_dropout_backward",
        says=r"0\.[67] times",
    ),
    Wrong(
        "broadcast_add",
        "dy.sum(axis=tuple(range(dy.ndim - bias.ndim)))",
        "dy",
        "broadcast_add_vjp",
        says="a sum over axes 0, 1 is missing",
    ),
    Wrong(
        "logsumexp",
        "dy[..., None] * e",
        "e",
        "logsumexp_vjp",
        says="the upstream gradient is ignored",
    ),
    Wrong("cumsum", "[..., ::-1], axis", ", axis", "cumsum_vjp", says="flipped along axis 1"),
    Wrong("maximum", "dy * (a < b)", "dy * (a <= b)", "maximum_vjp", says="is 2 times"),
    Wrong(
        "TensorNet",
        "other.grad += self.data * out.grad",
        "other.grad = self.data * out.grad",
        "Tensor",
    ),
    Wrong(
        "TensorNet",
        "(1 - out.data**2)",
        "(1 - self.data**2)",
        "Tensor",
        says="derivative of `tanh` .* is taken as 1 − its (out|in)put",
    ),
]
