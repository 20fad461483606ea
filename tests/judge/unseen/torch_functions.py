"""Functions and modules of torch with a backward by hand, as kernels' wrappers are published."""

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from tests.judge.unseen.case import Case, Wrong


class LinearFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias=None):
        ctx.save_for_backward(x, weight, bias)
        out = x @ weight.t()
        return out if bias is None else out + bias

    @staticmethod
    def backward(ctx, grad_output):
        x, weight, bias = ctx.saved_tensors
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_x = grad_output @ weight
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t() @ x
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_x, grad_weight, grad_bias


class ScaledTanh(torch.autograd.Function):
    @staticmethod
    def forward(x, alpha):
        return alpha * torch.tanh(x / alpha)

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.alpha = inputs
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        return grad_output * (1 - (y / ctx.alpha) ** 2), None


class Moments(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        mean = x.mean(-1)
        var = ((x - mean[..., None]) ** 2).mean(-1)
        ctx.save_for_backward(x, mean)
        return mean, var

    @staticmethod
    def backward(ctx, dmean, dvar):
        x, mean = ctx.saved_tensors
        n = x.shape[-1]
        return dmean[..., None] / n + 2 * dvar[..., None] * (x - mean[..., None]) / n


class MaxWithIndices(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        values, indices = x.max(dim=-1)
        ctx.mark_non_differentiable(indices)
        ctx.save_for_backward(indices)
        ctx.shape = x.shape
        return values, indices

    @staticmethod
    def backward(ctx, dvalues, _):
        (indices,) = ctx.saved_tensors
        dx = dvalues.new_zeros(ctx.shape)
        return dx.scatter_(-1, indices[..., None], dvalues[..., None])


class LayerNormFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, eps=1e-5):
        mean = x.mean(-1, keepdim=True)
        rstd = torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + eps)
        xhat = (x - mean) * rstd
        ctx.save_for_backward(xhat, rstd, weight)
        return xhat * weight + bias

    @staticmethod
    @once_differentiable
    def backward(ctx, dy):
        xhat, rstd, weight = ctx.saved_tensors
        g = dy * weight
        dx = (g - g.mean(-1, keepdim=True) - xhat * (g * xhat).mean(-1, keepdim=True)) * rstd
        dims = tuple(range(dy.dim() - 1))
        return dx, (dy * xhat).sum(dims), dy.sum(dims), None


class EmbeddingFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, idx):
        ctx.save_for_backward(idx)
        ctx.num = weight.shape[0]
        return weight[idx]

    @staticmethod
    def backward(ctx, dy):
        (idx,) = ctx.saved_tensors
        dweight = dy.new_zeros(ctx.num, dy.shape[-1])
        dweight.index_add_(0, idx.reshape(-1), dy.reshape(-1, dy.shape[-1]))
        return dweight, None


class CrossEntropyFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target, reduction="mean"):
        logp = torch.log_softmax(logits, dim=-1)
        ctx.save_for_backward(logp, target)
        ctx.reduction = reduction
        loss = -logp.gather(-1, target[:, None])[:, 0]
        return loss.mean() if reduction == "mean" else loss.sum()

    @staticmethod
    def backward(ctx, dloss):
        logp, target = ctx.saved_tensors
        dlogits = logp.exp()
        dlogits[torch.arange(len(target)), target] -= 1
        if ctx.reduction == "mean":
            dlogits = dlogits / len(target)
        return dlogits * dloss, None, None


class Square(torch.autograd.Function):
    """With forward-mode differentiation of its own."""

    @staticmethod
    def forward(x):
        return x**2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 2 * x * dy

    @staticmethod
    def jvp(ctx, dx):
        (x,) = ctx.saved_tensors
        return 2 * x * dx


class SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return torch.nn.functional.silu(a) * b

    @staticmethod
    def backward(ctx, dc):
        a, b = ctx.saved_tensors
        s = torch.sigmoid(a)
        silu = a * s
        return dc * b * (silu * (1 - s) + s), dc * silu


class Round(torch.autograd.Function):
    """Straight through."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, dy):
        return dy.clone()


class NormalizedLinear(torch.nn.Module):
    def __init__(self, n_in, n_out, dtype):
        super().__init__()
        g = torch.Generator().manual_seed(0)
        made = [
            torch.randn(s, generator=g, dtype=torch.float64)
            for s in ((n_out, n_in), (n_out,), (n_out,))
        ]
        self.weight, self.gain, self.bias = (torch.nn.Parameter(p.to(dtype)) for p in made)

    def forward(self, x):
        y = LinearFunction.apply(x, self.weight)
        return LayerNormFunction.apply(y, self.gain, self.bias, 1e-5)


class ManualLinear(torch.nn.Module):
    """A module whose backward is written out and fills .grad."""

    def __init__(self, n_in, n_out, dtype):
        super().__init__()
        g = torch.Generator().manual_seed(1)
        weight = torch.randn((n_out, n_in), generator=g, dtype=torch.float64)
        self.weight = torch.nn.Parameter(weight.to(dtype))

    @torch.no_grad()
    def forward(self, x):
        self.x = x
        return x @ self.weight.t()

    @torch.no_grad()
    def backward(self, dy):
        self.weight.grad = dy.t() @ self.x
        return dy @ self.weight


def matmul(a, b):
    return a @ b


def matmul_vjp(dy, a, b):
    return dy @ b.transpose(-1, -2), a.transpose(-1, -2) @ dy


def _dtype(t):
    return torch.float64 if t == np.float64 else torch.float32


RIGHT = [
    Case("LinearFunction", lambda t: LinearFunction, lambda r: (r(4, 3), r(2, 3), r(2))),
    Case(
        "LinearFunction without a bias",
        lambda t: LinearFunction.apply,
        lambda r: (r(4, 3), r(2, 3)),
    ),
    Case("ScaledTanh", lambda t: ScaledTanh, lambda r: (r(3, 4), 1.5)),
    Case("Moments", lambda t: Moments, lambda r: (r(3, 4),)),
    Case("MaxWithIndices", lambda t: MaxWithIndices, lambda r: (r(3, 4),)),
    Case("LayerNormFunction", lambda t: LayerNormFunction, lambda r: (r(3, 4), r(4), r(4))),
    Case("EmbeddingFunction", lambda t: EmbeddingFunction, lambda r: (r(6, 3), r.labels(6, 2, 4))),
    Case(
        "CrossEntropyFunction", lambda t: CrossEntropyFunction, lambda r: (r(4, 3), r.labels(3, 4))
    ),
    Case(
        "CrossEntropyFunction of a sum",
        lambda t: CrossEntropyFunction,
        lambda r: (r(4, 3), r.labels(3, 4), "sum"),
    ),
    Case("Square", lambda t: Square, lambda r: (r(3, 4),)),
    Case("SwiGLU", lambda t: SwiGLU, lambda r: (r(3, 4), r(3, 4))),
    Case("Round", lambda t: Round, lambda r: (r(3, 4),), {"gradient_of": lambda x: x}),
    Case("NormalizedLinear", lambda t: NormalizedLinear(4, 3, _dtype(t)), lambda r: (r(5, 4),)),
    Case("ManualLinear", lambda t: ManualLinear(4, 3, _dtype(t)), lambda r: (r(5, 4),)),
    Case("matmul", lambda t: (matmul, matmul_vjp), lambda r: (r(2, 3, 4), r(2, 4, 5))),
]

WRONG = [
    Wrong("LinearFunction", "grad_output.sum(0)", "grad_output.mean(0)", says="N times too small"),
    Wrong(
        "LinearFunction",
        "if ctx.needs_input_grad[1]:",
        "if ctx.needs_input_grad[0]:",
        says="when it is asked for",
    ),
    Wrong("LinearFunction", "grad_output.t() @ x", "x.t() @ grad_output", says="it is transposed"),
    Wrong(
        "ScaledTanh", "(y / ctx.alpha) ** 2", "y**2", says="derivative is taken as 1 − the output²"
    ),
    Wrong("Moments", "dmean[..., None] / n + ", "", says=r"dy of output \d is dropped"),
    Wrong("Moments", "(x - mean[..., None]) / n", "(x - mean[..., None]) / (n - 1)"),
    Wrong("MaxWithIndices", "dvalues[..., None])", "torch.ones_like(dvalues)[..., None])"),
    Wrong("LayerNormFunction", "(dy * xhat).sum(dims)", "(g * xhat).sum(dims)"),
    Wrong("LayerNormFunction", " - xhat * (g * xhat).mean(-1, keepdim=True)", ""),
    Wrong("LayerNormFunction", "unbiased=False, ", ""),
    Wrong(
        "EmbeddingFunction",
        "dweight.index_add_(0, idx.reshape(-1), dy.reshape(-1, dy.shape[-1]))",
        "dweight[idx] = dy",
        says="assigned, and not added",
    ),
    Wrong(
        "CrossEntropyFunction",
        "dlogits * dloss",
        "dlogits",
        says="the upstream gradient is ignored",
    ),
    Wrong(
        "CrossEntropyFunction", "dlogits = logp.exp()", "dlogits = torch.softmax(logp.exp(), -1)"
    ),
    Wrong("Square", "return 2 * x * dx", "return 3 * x * dx", says="jvp is not the transpose"),
    Wrong("SwiGLU", "(silu * (1 - s) + s)", "(silu * (1 - s))"),
    Wrong("SwiGLU", "dc * silu", "dc * a"),
    Wrong(
        "SwiGLU",
        "        s = torch",
        "        dc *= 1\n        dc[...] = dc * 2\n        s = torch",
        says="overwritten in place",
    ),
    Wrong("Round", "dy.clone()", "dy * 2", says="is 2 times"),
    Wrong(
        "NormalizedLinear",
        "LinearFunction.apply(x, self.weight)",
        "LinearFunction.apply(x, self.weight.detach())",
        says="as if missing",
    ),
    Wrong("ManualLinear", "        self.weight.grad = dy.t() @ self.x\n", ""),
    Wrong(
        "matmul",
        "a.transpose(-1, -2) @ dy",
        "a.transpose(-1, -2) @ dy * 0.999",
        "matmul_vjp",
        says=r"0\.999 times",
    ),
]
