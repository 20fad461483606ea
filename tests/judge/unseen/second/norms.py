"""Normalization in NumPy."""

import jax.numpy as jnp
import numpy as np

from tests.judge.unseen.case import Case, Wrong, parameters


class BatchNorm:
    def __init__(self, gamma, beta, eps=1e-5):
        self.gamma, self.beta, self.eps = gamma, beta, eps

    def forward(self, x):
        self.mu = x.mean(axis=0)
        self.xc = x - self.mu
        self.var = (self.xc**2).mean(axis=0)
        self.std = np.sqrt(self.var + self.eps)
        self.xn = self.xc / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        N = dout.shape[0]
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / N) * self.xc * dvar
        dmu = np.sum(dxc, axis=0)
        return dxc - dmu / N


class RunningBatchNorm:
    """Normalizes by the batch, and keeps running statistics."""

    def __init__(self, n, momentum=0.9):
        self.momentum = momentum
        self.running_mean = np.zeros(n)
        self.running_var = np.ones(n)

    def forward(self, x):
        mean, var = x.mean(0), x.var(0)
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        self.var = var
        self.xhat = (x - mean) / np.sqrt(var + 1e-5)
        return self.xhat

    def backward(self, dy):
        dx = dy - dy.mean(0) - self.xhat * (dy * self.xhat).mean(0)
        return dx / np.sqrt(self.var + 1e-5)


def layernorm_forward(x, gamma, beta):
    eps = 1e-5
    mu = x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    xhat = (x - mu) * rstd
    return gamma * xhat + beta, (xhat, rstd, gamma)


def layernorm_backward(dout, cache):
    xhat, rstd, gamma = cache
    dgamma = (dout * xhat).sum(axis=(0, 1))
    dbeta = dout.sum(axis=(0, 1))
    dxhat = dout * gamma
    dx = rstd * (
        dxhat - dxhat.mean(-1, keepdims=True) - xhat * (dxhat * xhat).mean(-1, keepdims=True)
    )
    return dx, dgamma, dbeta


def groupnorm_forward(x, gamma, beta):
    G, eps = 2, 1e-5
    N, C, H, W = x.shape
    xg = x.reshape(N, G, C // G * H * W)
    mu = xg.mean(axis=2, keepdims=True)
    var = xg.var(axis=2, keepdims=True)
    xhat = ((xg - mu) / np.sqrt(var + eps)).reshape(x.shape)
    out = gamma.reshape(1, C, 1, 1) * xhat + beta.reshape(1, C, 1, 1)
    return out, (G, xhat, gamma, var, eps)


def groupnorm_backward(dout, cache):
    G, xhat, gamma, var, eps = cache
    N, C, H, W = dout.shape
    dgamma = (dout * xhat).sum(axis=(0, 2, 3))
    dbeta = dout.sum(axis=(0, 2, 3))
    dxhat = (dout * gamma.reshape(1, C, 1, 1)).reshape(N, G, -1)
    xg = xhat.reshape(N, G, -1)
    m = C // G * H * W
    dx = (m * dxhat - dxhat.sum(2, keepdims=True) - xg * (dxhat * xg).sum(2, keepdims=True)) / m
    dx = dx / np.sqrt(var + eps)
    return dx.reshape(dout.shape), dgamma, dbeta


def instance_norm(x):
    eps = 1e-3
    mu = x.mean(axis=(2, 3), keepdims=True)
    xc = x - mu
    std = np.sqrt((xc**2).mean(axis=(2, 3), keepdims=True) + eps)
    return xc / std, (xc, std, eps)


def instance_norm_backward(dy, cache):
    xc, std, _eps = cache
    m = xc.shape[2] * xc.shape[3]
    dxc = dy / std - xc * (dy * xc).sum(axis=(2, 3), keepdims=True) / (m * std**3)
    return dxc - dxc.mean(axis=(2, 3), keepdims=True)


def _norm(x, axes, eps):
    xc = x - x.mean(axes, keepdims=True)
    return xc / jnp.sqrt((xc**2).mean(axes, keepdims=True) + eps)


def _group(x, g, b):
    y = _norm(x.reshape(x.shape[0], 2, -1), 2, 1e-5).reshape(x.shape)
    return g[:, None, None] * y + b[:, None, None]


RIGHT = [
    Case("BatchNorm", lambda d: BatchNorm(*parameters(d, (4,), (4,))), lambda r: (r(6, 4),)),
    Case(
        "RunningBatchNorm",
        lambda d: RunningBatchNorm(4),
        lambda r: (r(6, 4),),
        {"reference": lambda x: _norm(x, 0, 1e-05)},
    ),
    Case(
        "layernorm_forward",
        lambda d: (layernorm_forward, layernorm_backward),
        lambda r: (r(2, 3, 4), r(4), r(4)),
        {"reference": lambda x, g, b: g * _norm(x, -1, 1e-05) + b},
    ),
    Case(
        "layernorm_forward axes",
        lambda d: (layernorm_forward, layernorm_backward),
        lambda r: (r(4, 4, 4), r(4), r(4)),
    ),
    Case(
        "groupnorm_forward",
        lambda d: (groupnorm_forward, groupnorm_backward),
        lambda r: (r(3, 4, 2, 3), r(4), r(4)),
        {"reference": _group},
    ),
    Case(
        "instance_norm",
        lambda d: (instance_norm, instance_norm_backward),
        lambda r: (r(2, 3, 4, 5),),
        {"reference": lambda x: _norm(x, (2, 3), 0.001)},
    ),
]

WRONG = [
    Wrong("BatchNorm", "return dxc - dmu / N", "return dxc - dmu", says=r"there 6 \(axis 0"),
    Wrong("BatchNorm", "dxc += (2.0 / N)", "dxc += (1.0 / N)", says="halved"),
    Wrong(
        "RunningBatchNorm",
        "/ np.sqrt(self.var + 1e-5)",
        "/ np.sqrt(self.running_var + 1e-5)",
        says="state is kept",
    ),
    Wrong(
        "layernorm_forward",
        "xhat * (dxhat * xhat).mean(-1, keepdims=True)",
        "xhat * (dout * xhat).mean(-1, keepdims=True)",
        within="layernorm_backward",
        says=r"factor input 1 \(gamma\) missing",
    ),
    Wrong(
        "layernorm_forward axes",
        "(dout * xhat).sum(axis=(0, 1))",
        "(dout * xhat).sum(axis=(1, 2))",
        within="layernorm_backward",
        says="is transposed",
    ),
    Wrong(
        "groupnorm_forward",
        "m = C // G * H * W",
        "m = C * H * W",
        within="groupnorm_backward",
        says="halved",
    ),
    Wrong(
        "instance_norm",
        "(m * std**3)",
        "(m * (std**2 + _eps) * std)",
        within="instance_norm_backward",
    ),
]
