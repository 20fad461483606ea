"""torch.autograd.Functions."""

import math

import torch
from jax import nn as jnn
from jax import numpy as jnp
from torch.autograd import Function

from tests.judge.unseen.case import Case, Wrong


class FastGELU(Function):
    """The tanh approximation."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1 + torch.tanh(inner))

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        c = math.sqrt(2 / math.pi)
        t = torch.tanh(c * (x + 0.044715 * x**3))
        d_inner = c * (1 + 3 * 0.044715 * x**2)
        return grad_output * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * d_inner)


class PixelShuffle(Function):
    """(N, 4 C, H, W) to (N, C, 2 H, 2 W)."""

    @staticmethod
    def forward(ctx, x):
        n, c, h, w = x.shape
        y = x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3)
        return y.reshape(n, c // 4, 2 * h, 2 * w)

    @staticmethod
    def backward(ctx, g):
        n, c, h, w = g.shape
        g = g.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4)
        return g.reshape(n, 4 * c, h // 2, w // 2)


class WeightNormLinear(Function):
    """x W^T with W = g v / |v|, row by row; x: (N, I), v: (O, I), g: (O,)."""

    @staticmethod
    def forward(ctx, x, v, g):
        norm = v.norm(dim=1, keepdim=True)
        w = g[:, None] * v / norm
        ctx.save_for_backward(x, v, g, norm, w)
        return x @ w.t()

    @staticmethod
    def backward(ctx, grad_output):
        x, v, g, norm, w = ctx.saved_tensors
        grad_w = grad_output.t() @ x
        along = (grad_w * v).sum(dim=1, keepdim=True)
        grad_g = (along / norm).squeeze(1)
        grad_v = (g[:, None] / norm) * (grad_w - v * along / norm**2)
        return grad_output @ w, grad_v, grad_g


def weight_norm_reference(x, v, g):
    return x @ (v * (g / jnp.linalg.norm(v, axis=1))[:, None]).T


class MeanBag(Function):
    """The mean of the embeddings of each bag; weight (V, D), ids (B, L)."""

    @staticmethod
    def forward(ctx, weight, ids):
        ctx.save_for_backward(ids)
        ctx.shape = weight.shape
        return weight[ids].mean(dim=1)

    @staticmethod
    def backward(ctx, grad_output):
        (ids,) = ctx.saved_tensors
        grad_weight = grad_output.new_zeros(ctx.shape)
        each = (grad_output / ids.shape[1]).repeat_interleave(ids.shape[1], dim=0)
        grad_weight.index_add_(0, ids.reshape(-1), each)
        return grad_weight, None


class Binarize(Function):
    """sign(x); backward is straight through where |x| <= 1."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * (x.abs() <= 1).to(x.dtype)


class GradientReversal(Function):
    """The identity; the gradient goes back reversed, times 0.5."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * 0.5


class MaskedStandardize(Function):
    """Zero mean and unit variance over the valid steps of x (N, T); the others are 0."""

    @staticmethod
    def forward(ctx, x, mask):
        count = mask.sum(dim=1, keepdim=True).clamp(min=1)
        mean = (x * mask).sum(dim=1, keepdim=True) / count
        centred = (x - mean) * mask
        rstd = ((centred**2).sum(dim=1, keepdim=True) / count + 1e-3).rsqrt()
        y = centred * rstd
        ctx.save_for_backward(y, mask, count, rstd)
        return y

    @staticmethod
    def backward(ctx, gy):
        y, mask, count, rstd = ctx.saved_tensors
        gy = gy * mask
        m1 = gy.sum(dim=1, keepdim=True) / count
        m2 = (gy * y).sum(dim=1, keepdim=True) / count
        return rstd * (gy - m1 - y * m2) * mask, None


def masked_standardize_reference(x, mask):
    n = jnp.maximum(mask.sum(1, keepdims=True), 1)
    mean = (x * mask).sum(1, keepdims=True) / n
    var = (mask * (x - mean) ** 2).sum(1, keepdims=True) / n
    return mask * (x - mean) / jnp.sqrt(var + 1e-3)


class Reparameterize(Function):
    """z = mu + exp(logvar / 2) noise"""

    @staticmethod
    def forward(ctx, mu, logvar, noise):
        std = torch.exp(0.5 * logvar)
        ctx.save_for_backward(std, noise)
        return mu + std * noise

    @staticmethod
    def backward(ctx, dz):
        std, noise = ctx.saved_tensors
        dlogvar = dz * noise * 0.5 * std
        return dz, dlogvar, None


RIGHT = [
    Case(
        "FastGELU",
        lambda dtype: FastGELU,
        lambda random: (random(3, 4),),
        {"reference": lambda x: jnn.gelu(x, approximate=True)},
    ),
    Case("PixelShuffle", lambda dtype: PixelShuffle, lambda random: (random(2, 8, 3, 2),)),
    Case(
        "WeightNormLinear",
        lambda dtype: WeightNormLinear,
        lambda random: (random(4, 3), random(5, 3), random(5)),
        {"reference": weight_norm_reference},
    ),
    Case(
        "MeanBag",
        lambda dtype: MeanBag,
        lambda random: (random(5, 3), random.labels(5, 4, 3)),
        {"reference": lambda weight, ids: weight[ids].mean(axis=1)},
    ),
    Case(
        "Binarize",
        lambda dtype: Binarize,
        lambda random: (random(4, 5),),
        {"gradient_of": lambda x: jnp.clip(x, -1, 1)},
    ),
    Case(
        "GradientReversal",
        lambda dtype: GradientReversal,
        lambda random: (random(3, 4),),
        {"gradient_of": lambda x: -0.5 * x},
    ),
    Case(
        "MaskedStandardize",
        lambda dtype: MaskedStandardize,
        lambda random: (random(3, 8), random.mask(3, 8)),
        {"reference": masked_standardize_reference, "domains": {"mask": "const"}},
    ),
    Case(
        "Reparameterize",
        lambda dtype: Reparameterize,
        lambda random: (random(3, 4), random(3, 4), random(3, 4)),
        {"domains": {"noise": "const"}},
    ),
]

WRONG = [
    Wrong("FastGELU", "(1 + 3 * 0.044715 * x**2)", "(1 + 0.044715 * x**2)", says="⅓ times"),
    Wrong("FastGELU", "* (1 - t * t) * d_inner", "* (1 - t) * d_inner"),
    Wrong(
        "PixelShuffle",
        ".permute(0, 1, 3, 5, 2, 4)",
        ".permute(0, 1, 5, 3, 2, 4)",
        says="is permuted",
    ),
    Wrong("WeightNormLinear", "grad_w - v * along / norm**2", "grad_w", says="sum .* is dropped"),
    Wrong(
        "WeightNormLinear",
        "(along / norm).squeeze(1)",
        "(along / norm**2).squeeze(1)",
        says="it is squared",
    ),
    Wrong("MeanBag", "(grad_output / ids.shape[1])", "grad_output", says="N times too large"),
    Wrong(
        "MeanBag",
        "grad_weight.index_add_(0, ids.reshape(-1), each)",
        "grad_weight[ids.reshape(-1)] = each",
        says="assigned, and not added",
    ),
    Wrong("Binarize", "(x.abs() <= 1)", "(x.abs() > 1)", says="mask inverted"),
    Wrong(
        "Binarize",
        "grad_output * (x.abs() <= 1).to(x.dtype)",
        "grad_output.mul_((x.abs() <= 1).to(x.dtype))",
        says="in place",
    ),
    Wrong("GradientReversal", "grad_output.neg() * 0.5", "grad_output * 0.5", says="wrong sign"),
    Wrong("MaskedStandardize", "        gy = gy * mask\n", ""),
    Wrong(
        "MaskedStandardize",
        "        m1 = gy.sum(dim=1, keepdim=True) / count\n",
        "        m1 = gy.mean(dim=1, keepdim=True)\n",
    ),
    Wrong("Reparameterize", "dz * noise * 0.5 * std", "dz * noise * std", says="factor 2 too many"),
    Wrong(
        "Reparameterize",
        "dz * noise * 0.5 * std",
        "dz * torch.randn_like(noise) * 0.5 * std",
        says="same call gives another",
    ),
]
