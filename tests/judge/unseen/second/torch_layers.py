"""Functions of torch: layers of a net."""

import jax.numpy as jnp
import torch
from torch.autograd import Function
from torch.nn import functional

from tests.judge.unseen.case import Case, Wrong


class Linear(Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return x @ weight.t() + bias

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(x)
        if ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_input, grad_weight, grad_bias


class LayerNorm(Function):
    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        mean = x.mean(-1, keepdim=True)
        rstd = (x.var(-1, unbiased=False, keepdim=True) + eps).rsqrt()
        ctx.save_for_backward(x, weight, mean, rstd)
        return (x - mean) * rstd * weight + bias

    @staticmethod
    def backward(ctx, dy):
        x, weight, mean, rstd = ctx.saved_tensors
        xhat = (x - mean) * rstd
        wdy = weight * dy
        c1 = (xhat * wdy).mean(-1, keepdim=True)
        c2 = wdy.mean(-1, keepdim=True)
        dx = (wdy - (xhat * c1 + c2)) * rstd
        return dx, (dy * xhat).sum(0), dy.sum(0), None


class BatchNorm2d(Function):
    @staticmethod
    def forward(ctx, x, weight):
        dims = (0, 2, 3)
        mean = x.mean(dims, keepdim=True)
        var = x.var(dims, unbiased=True, keepdim=True)
        invstd = torch.rsqrt(var + 1e-5)
        xhat = (x - mean) * invstd
        ctx.save_for_backward(xhat, invstd, weight)
        return xhat * weight.view(1, -1, 1, 1)

    @staticmethod
    def backward(ctx, dy):
        xhat, invstd, weight = ctx.saved_tensors
        dims = (0, 2, 3)
        n = dy.numel() // dy.shape[1]
        dxhat = dy * weight.view(1, -1, 1, 1)
        dvar = (dxhat * xhat).sum(dims, keepdim=True) / (n - 1)
        dx = invstd * (dxhat - dxhat.mean(dims, keepdim=True) - xhat * dvar)
        return dx, (dy * xhat).sum(dims)


class Softmax(Function):
    @staticmethod
    def forward(ctx, x, dim):
        y = torch.softmax(x, dim)
        ctx.save_for_backward(y)
        ctx.dim = dim
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return y * (dy - (dy * y).sum(ctx.dim, keepdim=True)), None


class Conv2d(Function):
    @staticmethod
    def forward(ctx, x, w, stride, padding):
        ctx.save_for_backward(x, w)
        ctx.conf = stride, padding
        return functional.conv2d(x, w, stride=stride, padding=padding)

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        stride, padding = ctx.conf
        dx = torch.nn.grad.conv2d_input(x.shape, w, dy, stride=stride, padding=padding)
        dw = torch.nn.grad.conv2d_weight(x, w.shape, dy, stride=stride, padding=padding)
        return dx, dw, None, None


class Attention(Function):
    @staticmethod
    def forward(ctx, q, k, v):
        scale = q.shape[-1] ** -0.5
        p = torch.softmax(q @ k.transpose(-1, -2) * scale, -1)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale = scale
        return p @ v

    @staticmethod
    def backward(ctx, do):
        q, k, v, p = ctx.saved_tensors
        dv = p.transpose(-1, -2) @ do
        dp = do @ v.transpose(-1, -2)
        ds = p * (dp - (dp * p).sum(-1, keepdim=True))
        ds = ds * ctx.scale
        return ds @ k, ds.transpose(-1, -2) @ q, dv


class LSTMPointwise(Function):
    @staticmethod
    def forward(ctx, gates, c):
        i, f, g, o = gates.chunk(4, 1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c_new = f * c + i * g
        ctx.save_for_backward(i, f, g, o, c, c_new)
        return o * c_new.tanh(), c_new

    @staticmethod
    def backward(ctx, dh, dc):
        i, f, g, o, c, c_new = ctx.saved_tensors
        t = c_new.tanh()
        do = dh * t
        dc = dc + dh * o * (1 - t * t)
        di, df, dg = dc * g, dc * c, dc * i
        gates = torch.cat(
            [di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)], 1
        )
        return gates, dc * f


class ScaleShift(Function):
    @staticmethod
    def forward(ctx, x, scale, shift):
        ctx.save_for_backward(x, scale)
        return x * scale + shift

    @staticmethod
    def backward(ctx, dy):
        x, scale = ctx.saved_tensors
        return dy * scale, (dy * x).sum((0, 1)), dy.sum((0, 1))


def _ln(x, w, b, eps):
    m = x.mean(-1, keepdims=True)
    return (x - m) / jnp.sqrt(((x - m) ** 2).mean(-1, keepdims=True) + eps) * w + b


RIGHT = [
    Case(
        "Linear",
        lambda d: Linear,
        lambda r: (r(5, 4), r(4, 4), r(4)),
        {"reference": lambda x, w, b: x @ w.T + b},
    ),
    Case("Linear keepdim", lambda d: Linear, lambda r: (r(5, 3), r(4, 3), r(4))),
    Case(
        "LayerNorm",
        lambda d: LayerNorm.apply,
        lambda r: (r(5, 4), r(4), r(4), 1e-05),
        {"reference": _ln},
    ),
    Case("LayerNorm axis", lambda d: LayerNorm.apply, lambda r: (r(4, 4), r(4), r(4), 1e-05)),
    Case("BatchNorm2d", lambda d: BatchNorm2d.apply, lambda r: (r(3, 2, 2, 3), r(2))),
    Case("Softmax", lambda d: Softmax.apply, lambda r: (r(4, 5), 1)),
    Case("Conv2d", lambda d: Conv2d.apply, lambda r: (r(2, 2, 5, 5), r(3, 2, 3, 3), 2, 1)),
    Case("Attention", lambda d: Attention.apply, lambda r: (r(2, 3, 4), r(2, 3, 4), r(2, 3, 4))),
    Case("LSTMPointwise", lambda d: LSTMPointwise.apply, lambda r: (r(3, 8), r(3, 2))),
    Case("ScaleShift", lambda d: ScaleShift.apply, lambda r: (r(2, 3, 4), r(4), r(4))),
]

WRONG = [
    Wrong("Linear", "grad_output.mm(weight)", "grad_output.mm(weight.t())", says="not transposed"),
    Wrong(
        "Linear keepdim",
        "grad_bias = grad_output.sum(0)",
        "grad_bias = grad_output.sum(0, keepdim=True)",
        says=r"has the shape \(1, 4\)",
    ),
    Wrong("LayerNorm", "(xhat * c1 + c2)", "(xhat * c1)", says="is dropped"),
    Wrong(
        "LayerNorm axis",
        "c2 = wdy.mean(-1, keepdim=True)",
        "c2 = wdy.mean(0, keepdim=True)",
        says="summed over axis 0, and not axis 1",
    ),
    Wrong(
        "BatchNorm2d",
        ".sum(dims, keepdim=True) / (n - 1)",
        ".sum(dims, keepdim=True) / n",
        says=r"17/18 \(",
    ),
    Wrong(
        "BatchNorm2d", "(dy * xhat).sum(dims)", "(dy * xhat * weight.view(1, -1, 1, 1)).sum(dims)"
    ),
    Wrong(
        "Softmax",
        "(dy * y).sum(ctx.dim, keepdim=True)",
        "dy.sum(ctx.dim, keepdim=True)",
        says="tie",
    ),
    Wrong(
        "Conv2d",
        "dx = torch.nn.grad.conv2d_input(x.shape, w, dy",
        "dx = torch.nn.grad.conv2d_input(x.shape, w.flip(2, 3), dy",
    ),
    Wrong(
        "Attention",
        "        ds = ds * ctx.scale\n        return ds @ k,",
        "        return ds * ctx.scale @ k,",
        says="2 times the right",
    ),
    Wrong(
        "LSTMPointwise",
        "return gates, dc * f",
        "return gates, dc * f * (1 - f)",
        says="factor 1 − its other operand too many",
    ),
    Wrong(
        "ScaleShift",
        "(dy * x).sum((0, 1))",
        "(dy * x).sum(0).max(0).values",
        says="is not linear in dy",
    ),
]
