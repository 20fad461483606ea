"""Modules with fused operations of their own, and more losses."""

import math

import jax
import torch
from jax import numpy as jnp
from torch import nn
from torch.autograd import Function

from tests.judge.unseen.case import Case, Wrong, parameters


class FMSecondOrder(Function):
    """0.5 sum_f ((x V)_f^2 - (x^2 V^2)_f)"""

    @staticmethod
    def forward(ctx, x, v):
        s = x @ v
        ctx.save_for_backward(x, v, s)
        return 0.5 * (s**2 - (x**2) @ (v**2)).sum(dim=1)

    @staticmethod
    def backward(ctx, grad):
        x, v, s = ctx.saved_tensors
        g = grad.unsqueeze(1)
        grad_x = g * (s @ v.t() - x * (v**2).sum(dim=1))
        grad_v = x.t() @ (g * s) - v * (g * x**2).sum(dim=0).unsqueeze(1)
        return grad_x, grad_v


class FactorizationMachine(nn.Module):
    def __init__(self, fields, k, dtype):
        super().__init__()
        w, v, b = parameters(dtype, (fields,), (fields, k), (1,))
        self.w = nn.Parameter(torch.from_numpy(w))
        self.v = nn.Parameter(torch.from_numpy(v))
        self.b = nn.Parameter(torch.from_numpy(b))

    def forward(self, x):
        return self.b + x @ self.w + FMSecondOrder.apply(x, self.v)


class Squash(Function):
    """Capsules: s |s| / (1 + |s|^2), along the last axis."""

    @staticmethod
    def forward(ctx, s):
        sq = (s * s).sum(dim=-1, keepdim=True)
        norm = torch.sqrt(sq + 1e-4)
        scale = norm / (1 + sq)
        ctx.save_for_backward(s, sq, norm, scale)
        return scale * s

    @staticmethod
    def backward(ctx, dv):
        s, sq, norm, scale = ctx.saved_tensors
        d_scale = (dv * s).sum(dim=-1, keepdim=True)
        d_sq = d_scale * (0.5 / (norm * (1 + sq)) - norm / (1 + sq) ** 2)
        return dv * scale + 2 * s * d_sq


def squash_reference(s):
    sq = jnp.sum(jnp.square(s), axis=-1, keepdims=True)
    return s * jnp.sqrt(sq + 1e-4) / (1 + sq)


class TreePaths(Function):
    """The probabilities (N, 4) of the leaves of a tree of depth 2, of its three nodes' logits (N, 3)."""

    @staticmethod
    def forward(ctx, z):
        p = torch.sigmoid(z)
        ctx.save_for_backward(p)
        root, left, right = p.unbind(dim=1)
        return torch.stack(
            [root * left, root * (1 - left), (1 - root) * right, (1 - root) * (1 - right)], dim=1
        )

    @staticmethod
    def backward(ctx, dy):
        (p,) = ctx.saved_tensors
        root, left, right = p.unbind(dim=1)
        d0, d1, d2, d3 = dy.unbind(dim=1)
        d_root = d0 * left + d1 * (1 - left) - d2 * right - d3 * (1 - right)
        d_left = root * (d0 - d1)
        d_right = (1 - root) * (d2 - d3)
        return torch.stack([d_root, d_left, d_right], dim=1) * p * (1 - p)


class SoftTree(nn.Module):
    def __init__(self, d_in, d_out, dtype):
        super().__init__()
        weight, bias, leaves = parameters(dtype, (d_in, 3), (3,), (4, d_out))
        self.weight = nn.Parameter(torch.from_numpy(weight))
        self.bias = nn.Parameter(torch.from_numpy(bias))
        self.leaves = nn.Parameter(torch.from_numpy(leaves))

    def forward(self, x):
        return TreePaths.apply(x @ self.weight + self.bias) @ self.leaves


class MixtureNLL(Function):
    """-log sum_k pi_k N(y; mu_k, sigma_k), the mean over the batch; (N, K) each, y: (N,)."""

    @staticmethod
    def forward(ctx, logits, mu, log_sigma, y):
        log_pi = torch.log_softmax(logits, dim=1)
        d = (y.unsqueeze(1) - mu) * torch.exp(-log_sigma)
        joint = log_pi - 0.5 * d**2 - log_sigma - 0.5 * math.log(2 * math.pi)
        total = torch.logsumexp(joint, dim=1, keepdim=True)
        ctx.save_for_backward(log_pi, d, log_sigma, torch.exp(joint - total))
        return -total.mean()

    @staticmethod
    def backward(ctx, grad):
        log_pi, d, log_sigma, post = ctx.saved_tensors
        g = grad / d.shape[0]
        g_logits = g * (log_pi.exp() - post)
        g_mu = -g * post * d * torch.exp(-log_sigma)
        g_sigma = g * post * (1 - d**2)
        return g_logits, g_mu, g_sigma, -g_mu.sum(dim=1)


def mixture_reference(logits, mu, log_sigma, y):
    n = jax.scipy.stats.norm.logpdf(y[:, None], mu, jnp.exp(log_sigma))
    return -jnp.mean(jax.nn.logsumexp(jax.nn.log_softmax(logits, axis=1) + n, axis=1))


class LogMagnitude(Function):
    """log(re^2 + im^2 + 0.01) / 2, of a spectrum's real and imaginary parts."""

    @staticmethod
    def forward(ctx, re, im):
        power = re * re + im * im + 0.01
        ctx.save_for_backward(re, im, power)
        return 0.5 * torch.log(power)

    @staticmethod
    def backward(ctx, g):
        re, im, power = ctx.saved_tensors
        return g * re / power, g * im / power


class TripletLoss(Function):
    """mean(max(0, |a - p|^2 - |a - n|^2 + 1))"""

    @staticmethod
    def forward(ctx, anchor, positive, negative):
        ap, an = anchor - positive, anchor - negative
        loss = (ap**2).sum(1) - (an**2).sum(1) + 1.0
        ctx.save_for_backward(ap, an, loss)
        return loss.clamp(min=0).mean()

    @staticmethod
    def backward(ctx, grad_output):
        ap, an, loss = ctx.saved_tensors
        active = (loss > 0).to(loss.dtype).unsqueeze(1)
        g = 2 * grad_output * active / loss.shape[0]
        return g * (ap - an), -g * ap, g * an


RIGHT = [
    Case(
        "FactorizationMachine",
        lambda dtype: FactorizationMachine(4, 3, dtype),
        lambda random: (random(5, 4),),
    ),
    Case(
        "Squash",
        lambda dtype: Squash,
        lambda random: (random(3, 2, 4),),
        {"reference": squash_reference},
    ),
    Case("SoftTree", lambda dtype: SoftTree(3, 2, dtype), lambda random: (random(4, 3),)),
    Case(
        "MixtureNLL",
        lambda dtype: MixtureNLL,
        lambda random: (random(4, 3), random(4, 3), random.uniform(-0.7, 0.7, 4, 3), random(4)),
        {"reference": mixture_reference},
    ),
    Case("LogMagnitude", lambda dtype: LogMagnitude, lambda random: (random(3, 4), random(3, 4))),
    Case(
        "TripletLoss",
        lambda dtype: TripletLoss,
        lambda random: (random(6, 3), random(6, 3), random(6, 3)),
    ),
]

WRONG = [
    Wrong(
        "FactorizationMachine", "x * (v**2).sum(dim=1)", "x * v.sum(dim=1) ** 2", "FMSecondOrder"
    ),
    Wrong(
        "FactorizationMachine",
        "x.t() @ (g * s) -",
        "x.t() @ s -",
        "FMSecondOrder",
        says="does not depend on the upstream gradient",
    ),
    Wrong(
        "Squash",
        "d_scale = (dv * s).sum(dim=-1, keepdim=True)",
        "d_scale = dv * s",
        says="not summed over axis 2",
    ),
    Wrong(
        "SoftTree",
        "- d2 * right - d3 * (1 - right)",
        "+ d2 * right + d3 * (1 - right)",
        "TreePaths",
    ),
    Wrong("SoftTree", "d_left = root * (d0 - d1)", "d_left = d0 - d1", "TreePaths"),
    Wrong("MixtureNLL", "g_mu = -g * post", "g_mu = -g * log_pi.exp()"),
    Wrong("MixtureNLL", "-g_mu.sum(dim=1)", "-g_mu.mean(dim=1)", says="N times too small"),
    Wrong(
        "LogMagnitude",
        "g * re / power, g * im / power",
        "g * re / power, -g * im / power",
        says="wrong sign",
    ),
    Wrong(
        "LogMagnitude",
        """ctx.save_for_backward(re, im, power)
        return 0.5 * torch.log(power)

    @staticmethod
    def backward(ctx, g):
        re, im, power = ctx.saved_tensors""",
        """LogMagnitude.saved = (re, im, power)
        return 0.5 * torch.log(power)

    @staticmethod
    def backward(ctx, g):
        re, im, power = LogMagnitude.saved""",
        says="after another forward",
    ),
    Wrong("TripletLoss", "grad_output * active /", "grad_output /", says="the mask of"),
    Wrong(
        "TripletLoss",
        "g * (ap - an), -g * ap",
        "g * ap, -g * ap",
        says="gradient of input 2 .* added",
    ),
]
