"""Layers of NumPy as courses and blogs publish them: classes that remember, with their parameters."""

import numpy as np

from tests.judge.unseen.case import Case, Wrong


class Dense:
    def __init__(self, n_in, n_out, dtype):
        rng = np.random.default_rng(1)
        self.W = (rng.standard_normal((n_in, n_out)) * 0.5).astype(dtype)
        self.b = np.zeros(n_out, dtype)
        self.dW = self.db = None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Linear:
    """Parameters and gradients in dictionaries; the gradients add up until they are zeroed."""

    def __init__(self, n_in, n_out, dtype):
        rng = np.random.default_rng(2)
        self.params = {"weight": rng.normal(0, 0.3, (n_out, n_in)).astype(dtype)}
        self.params["bias"] = rng.normal(0, 0.1, n_out).astype(dtype)
        self.grads = {k: np.zeros_like(v) for k, v in self.params.items()}

    def __call__(self, x):
        self.cache = x
        return x @ self.params["weight"].T + self.params["bias"]

    def backward(self, grad):
        x = self.cache
        self.grads["weight"] += grad.reshape(-1, grad.shape[-1]).T @ x.reshape(-1, x.shape[-1])
        self.grads["bias"] += grad.reshape(-1, grad.shape[-1]).sum(axis=0)
        return grad @ self.params["weight"]


class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)


class LinearWithParameters:
    def __init__(self, n_in, n_out, dtype):
        rng = np.random.default_rng(3)
        self.weight = Parameter(rng.normal(0, 0.4, (n_in, n_out)).astype(dtype))
        self.bias = Parameter(rng.normal(0, 0.4, n_out).astype(dtype))

    def forward(self, x):
        self._x = x
        return x.dot(self.weight.data) + self.bias.data

    def backward(self, grad_output):
        self.weight.grad = self._x.T.dot(grad_output)
        self.bias.grad = grad_output.sum(0)
        return grad_output.dot(self.weight.data.T)


class PairedLinear:
    """Each parameter beside its gradient, in a list of lists."""

    def __init__(self, n_in, n_out, dtype):
        rng = np.random.default_rng(4)
        W = rng.normal(size=(n_in, n_out)).astype(dtype)
        b = rng.normal(size=(1, n_out)).astype(dtype)
        self.params = [[W, np.zeros_like(W)], [b, np.zeros_like(b)]]

    def forward(self, X):
        self.X = X
        (W, _), (b, _) = self.params
        return X @ W + b

    def backward(self, dY):
        self.params[0][1] = self.X.T @ dY
        self.params[1][1] = dY.sum(axis=0, keepdims=True)
        return dY @ self.params[0][0].T


class ReLU:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx


class LeakyReLU:
    def __init__(self, slope=0.01):
        self.slope = slope

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dy):
        return np.where(self.x > 0, dy, self.slope * dy)


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * self.out * (1.0 - self.out)


class GELU:
    def forward(self, x):
        self.x = x
        self.t = np.tanh(np.sqrt(2 / np.pi).astype(x.dtype) * (x + 0.044715 * x**3))
        return 0.5 * x * (1 + self.t)

    def backward(self, dy):
        x, t = self.x, self.t
        inner = np.sqrt(2 / np.pi).astype(x.dtype) * (1 + 3 * 0.044715 * x**2)
        return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner)


class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.s = e / e.sum(axis=-1, keepdims=True)
        return self.s

    def backward(self, dy):
        return self.s * (dy - (dy * self.s).sum(axis=-1, keepdims=True))


class Dropout:
    """A new mask at each forward, from NumPy's global generator."""

    def __init__(self, p=0.5):
        self.p = p
        self.training = True

    def forward(self, x):
        if not self.training:
            return x
        self.mask = (np.random.rand(*x.shape) > self.p).astype(x.dtype) / (1 - self.p)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class BatchNorm:
    def __init__(self, d, dtype, eps=1e-5, momentum=0.9):
        self.gamma, self.beta = np.full(d, 1.5, dtype), np.full(d, 0.25, dtype)
        self.running_mean, self.running_var = np.zeros(d, dtype), np.ones(d, dtype)
        self.eps, self.momentum = eps, momentum
        self.training = True

    def forward(self, x):
        if self.training:
            mu, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mu, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + self.eps)
        self.xhat = (x - mu) / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dgamma = (dout * self.xhat).sum(axis=0)
        self.dbeta = dout.sum(axis=0)
        dxhat = dout * self.gamma
        centred = dxhat - dxhat.mean(axis=0) - self.xhat * (dxhat * self.xhat).mean(axis=0)
        return centred / self.std


class LayerNorm:
    def __init__(self, d, dtype, eps=1e-5):
        rng = np.random.default_rng(5)
        self.params = [rng.normal(1, 0.3, d).astype(dtype), rng.normal(size=d).astype(dtype)]
        self.grads = [np.zeros_like(p) for p in self.params]
        self.eps = eps

    def forward(self, x):
        mean = x.mean(-1, keepdims=True)
        var = ((x - mean) ** 2).mean(-1, keepdims=True)
        self.rstd = 1 / np.sqrt(var + self.eps)
        self.xhat = (x - mean) * self.rstd
        return self.xhat * self.params[0] + self.params[1]

    def backward(self, dy):
        axes = tuple(range(dy.ndim - 1))
        self.grads[0][...] = (dy * self.xhat).sum(axis=axes)
        self.grads[1][...] = dy.sum(axis=axes)
        g = dy * self.params[0]
        a, b = g.mean(-1, keepdims=True), (g * self.xhat).mean(-1, keepdims=True)
        return self.rstd * (g - a - self.xhat * b)


class Embedding:
    def __init__(self, vocabulary, d, dtype):
        self.W = np.random.default_rng(7).normal(size=(vocabulary, d)).astype(dtype)
        self.dW = np.zeros_like(self.W)

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW[...] = 0
        np.add.at(self.dW, self.idx, dout)


class SelfAttention:
    """One head; parameters and gradients in dictionaries, made anew by each backward."""

    def __init__(self, d, dtype):
        rng = np.random.default_rng(8)
        self.params = {k: rng.normal(0, 0.4, (d, d)).astype(dtype) for k in ("Wq", "Wk", "Wv")}

    def forward(self, x):
        q, k, v = (x @ self.params[name] for name in ("Wq", "Wk", "Wv"))
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]).astype(x.dtype)
        e = np.exp(scores - scores.max(-1, keepdims=True))
        a = e / e.sum(-1, keepdims=True)
        self.cache = x, q, k, v, a
        return a @ v

    def backward(self, dout):
        x, q, k, v, a = self.cache
        dv = a.swapaxes(-1, -2) @ dout
        da = dout @ v.swapaxes(-1, -2)
        ds = a * (da - (da * a).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1]).astype(x.dtype)
        dq, dk = ds @ k, ds.swapaxes(-1, -2) @ q
        named = zip(("Wq", "Wk", "Wv"), (dq, dk, dv), strict=True)
        self.grads = {name: np.einsum("bti,btj->ij", x, g) for name, g in named}
        p = self.params
        return dq @ p["Wq"].T + dk @ p["Wk"].T + dv @ p["Wv"].T


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy


class Residual:
    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        return x + self.inner.forward(x)

    def backward(self, dy):
        return dy + self.inner.backward(dy)


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(x.shape[0], -1)

    def backward(self, dy):
        return dy.reshape(self.shape)


def _mlp(t):
    return Sequential(Dense(4, 6, t), Sigmoid(), Dense(6, 3, t), Softmax())


RIGHT = [
    Case("Dense", lambda t: Dense(4, 3, t), lambda r: (r(5, 4),)),
    Case("Linear", lambda t: Linear(4, 3, t), lambda r: (r(2, 5, 4),)),
    Case("LinearWithParameters", lambda t: LinearWithParameters(4, 3, t), lambda r: (r(5, 4),)),
    Case("PairedLinear", lambda t: PairedLinear(4, 3, t), lambda r: (r(5, 4),)),
    Case("ReLU", lambda t: ReLU(), lambda r: (r(3, 4),)),
    Case("LeakyReLU", lambda t: LeakyReLU(0.1), lambda r: (r(3, 4),)),
    Case("Sigmoid", lambda t: Sigmoid(), lambda r: (r(3, 4),)),
    Case("GELU", lambda t: GELU(), lambda r: (r(3, 4),)),
    Case("Softmax", lambda t: Softmax(), lambda r: (r(3, 4),)),
    Case("Dropout", lambda t: Dropout(0.3), lambda r: (r(4, 5),)),
    Case("BatchNorm", lambda t: BatchNorm(3, t), lambda r: (r(6, 3),)),
    Case("LayerNorm", lambda t: LayerNorm(5, t), lambda r: (r(2, 3, 5),)),
    Case("Embedding", lambda t: Embedding(7, 3, t), lambda r: (r.labels(7, 4, 3),)),
    Case("SelfAttention", lambda t: SelfAttention(4, t), lambda r: (r(2, 3, 4),)),
    Case("Sequential", _mlp, lambda r: (r(5, 4),)),
    Case("Residual", lambda t: Residual(Sequential(Dense(4, 4, t), GELU())), lambda r: (r(3, 4),)),
    Case("Flatten", lambda t: Sequential(Flatten(), Dense(12, 2, t)), lambda r: (r(3, 3, 4),)),
]

WRONG = [
    Wrong("Dense", "dout.sum(axis=0)", "dout.mean(axis=0)", says="N times too small"),
    Wrong("Dense", "self.x.T @ dout", "self.x.T @ dout / len(dout)", says="N times too small"),
    Wrong("Dense", "dout @ self.W.T", "dout @ (self.W * (self.W > -0.5)).T"),
    Wrong("Dense", "        self.db = dout.sum(axis=0)\n", ""),
    Wrong(
        "Linear",
        'self.grads["bias"] += grad.reshape(-1, grad.shape[-1]).sum(axis=0)',
        'self.grads["bias"] += grad.sum(axis=0)[0]',
        says=r"sum over axis \d is missing",
    ),
    Wrong(
        "Linear",
        'self.grads["weight"] += grad',
        'self.grads["weight"] -= grad',
        says="has the wrong sign",
    ),
    Wrong(
        "LinearWithParameters", "self.weight.grad = ", "self.weight.grad = 2 * ", says="is 2 times"
    ),
    Wrong(
        "PairedLinear",
        "dY.sum(axis=0, keepdims=True)",
        "dY[:1]",
        says=r"sum over axis \d is missing",
    ),
    Wrong("ReLU", "dx = dout.copy()", "dx = dout", says="overwritten in place"),
    Wrong(
        "ReLU",
        "        self.mask = x <= 0\n",
        "        if not hasattr(self, 'mask') or self.mask.shape != x.shape:\n            self.mask = x <= 0\n",
        says="state is kept",
    ),
    Wrong("LeakyReLU", "self.x > 0, dy", "dy > 0, dy", says="not linear in dy"),
    Wrong("Sigmoid", "(1.0 - self.out)", "(1.0 - self.out**2)"),
    Wrong("GELU", "3 * 0.044715", "0.044715", says="is there ⅓ times"),
    Wrong("GELU", "0.5 * (1 + t) + ", "", says="lacks a term"),
    Wrong(
        "Softmax",
        "(dy - (dy * self.s).sum(axis=-1, keepdims=True))",
        "(1 - self.s) * dy",
        says="is not summed over",
    ),
    Wrong(
        "Softmax",
        "(dy * self.s).sum(axis=-1",
        "(dy * self.s).sum(axis=0",
        says="summed over axis 0, and not axis 1",
    ),
    Wrong("Dropout", "dout * self.mask", "dout * (self.mask > 0)", says=r"0\.[67] times"),
    Wrong("Dropout", "dout * self.mask", "dout * self.mask / (1 - self.p)"),
    Wrong("BatchNorm", "- dxhat.mean(axis=0) ", "", says="lacks a term"),
    Wrong("BatchNorm", "centred / self.std", "centred / (self.std + self.eps**0.5)"),
    Wrong(
        "BatchNorm",
        "(dout * self.xhat).sum(axis=0)",
        "dout.sum(axis=0)",
        says="the two are swapped",
    ),
    Wrong("LayerNorm", "g = dy * self.params[0]", "g = dy", says="a factor is missing"),
    Wrong("LayerNorm", "self.grads[0][...] =", "self.grads[0] = self.grads[0] + "),
    Wrong("LayerNorm", "axes = tuple(range(dy.ndim - 1))", "axes = 0"),
    Wrong("LayerNorm", "return self.rstd * (", "return self.rstd**2 * ("),
    Wrong(
        "Embedding",
        "np.add.at(self.dW, self.idx, dout)",
        "self.dW[self.idx] = dout",
        says="assigned, and not added",
    ),
    Wrong(
        "SelfAttention",
        "/ np.sqrt(q.shape[-1]).astype(x.dtype)\n        dq",
        "\n        dq",
        says="counted twice",
    ),
    Wrong("SelfAttention", " + dv @ p", " * 0 + dv @ p", says="lacks a term"),
    Wrong("SelfAttention", "ds.swapaxes(-1, -2) @ q", "ds @ q"),
    Wrong(
        "Residual", "dy + self.inner.backward(dy)", "self.inner.backward(dy)", says="lacks a term"
    ),
    Wrong(
        "Sequential",
        "in reversed(self.layers):",
        "in reversed(self.layers[1:]):",
        says="has the shape",
    ),
]
