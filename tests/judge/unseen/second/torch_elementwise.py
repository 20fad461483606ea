"""Functions of torch: activations, losses, what is rounded."""

import jax
import jax.numpy as jnp
import torch
from torch.autograd import Function
from torch.nn import functional

from tests.judge.unseen.case import Case, Wrong


class ReLU(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[x < 0] = 0
        return grad_input


class Swish(Function):
    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x)
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, grad_output):
        x, s = ctx.saved_tensors
        return grad_output * (s * (1 + x * (1 - s)))


class Mish(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.tanh(functional.softplus(x))

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        sig = torch.sigmoid(x)
        tsp = torch.tanh(functional.softplus(x))
        return grad_output * (tsp + x * sig * (1 - tsp * tsp))


class CrossEntropyIgnore(Function):
    @staticmethod
    def forward(ctx, logits, target):
        valid = target != 0
        logp = torch.log_softmax(logits, 1)
        nll = -logp.gather(1, target[:, None])[:, 0]
        count = valid.sum()
        ctx.save_for_backward(logp, target, valid, count)
        return (nll * valid).sum() / count

    @staticmethod
    def backward(ctx, dy):
        logp, target, valid, count = ctx.saved_tensors
        grad = logp.exp()
        grad.scatter_add_(1, target[:, None], -torch.ones_like(grad[:, :1]))
        return dy * grad * valid[:, None] / count, None


class LabelSmoothing(Function):
    @staticmethod
    def forward(ctx, logits, target):
        eps, (n, c) = 0.1, logits.shape
        q = torch.full_like(logits, eps / c)
        q.scatter_(1, target[:, None], 1 - eps + eps / c)
        ctx.save_for_backward(logits, q)
        return -(q * torch.log_softmax(logits, 1)).sum() / n

    @staticmethod
    def backward(ctx, dy):
        logits, q = ctx.saved_tensors
        return dy * (torch.softmax(logits, 1) - q) / len(q), None


class FocalLoss(Function):
    @staticmethod
    def forward(ctx, p, t, gamma):
        ctx.gamma = gamma
        ctx.save_for_backward(p, t)
        loss = -t * (1 - p) ** gamma * p.log() - (1 - t) * p**gamma * (1 - p).log()
        return loss.sum()

    @staticmethod
    def backward(ctx, dy):
        p, t = ctx.saved_tensors
        g = ctx.gamma
        pos = t * (g * (1 - p) ** (g - 1) * p.log() - (1 - p) ** g / p)
        neg = (1 - t) * (p**g / (1 - p) - g * p ** (g - 1) * (1 - p).log())
        return dy * (pos + neg), None, None


class Dice(Function):
    @staticmethod
    def forward(ctx, p, t):
        inter, total = (p * t).sum(1), p.sum(1) + t.sum(1)
        ctx.save_for_backward(t, inter, total)
        return 1 - (2 * inter + 1) / (total + 1)

    @staticmethod
    def backward(ctx, dy):
        t, inter, total = ctx.saved_tensors
        num, den = 2 * inter + 1, total + 1
        dp = -(2 * t * den[:, None] - num[:, None]) / (den**2)[:, None]
        return dy[:, None] * dp, None


class Binarize(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * (x.abs() <= 1).to(dy.dtype)


class GLU(Function):
    @staticmethod
    def forward(ctx, x):
        a, b = x.chunk(2, -1)
        s = torch.sigmoid(b)
        ctx.save_for_backward(a, s)
        return a * s

    @staticmethod
    def backward(ctx, dy):
        a, s = ctx.saved_tensors
        return torch.cat([dy * s, dy * a * s * (1 - s)], -1)


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return dy * y


class LSQ(Function):
    """Learned step size: x clipped to multiples of s, with s's gradient as of the clip's ends only."""

    @staticmethod
    def forward(ctx, x, s):
        ctx.save_for_backward(x, s)
        return torch.clamp(x / s, -2, 2) * s

    @staticmethod
    def backward(ctx, dy):
        x, s = ctx.saved_tensors
        q = x / s
        low, high = q < -2, q > 2
        inside = ~(low | high)
        ds = torch.where(low, -2.0, torch.where(high, 2.0, 0.0)).to(dy.dtype)
        return dy * inside, (dy * ds).sum()


class SmoothL1(Function):
    @staticmethod
    def forward(ctx, pred, target):
        d = pred - target
        ctx.save_for_backward(d)
        return torch.where(d.abs() < 1, 0.5 * d * d, d.abs() - 0.5).mean()

    @staticmethod
    def backward(ctx, dy):
        (d,) = ctx.saved_tensors
        g = dy * d.clamp(-1, 1) / d.numel()
        return g, -g


RIGHT = [
    Case("ReLU", lambda d: ReLU.apply, lambda r: (r(4, 3),)),
    Case("Swish", lambda d: Swish.apply, lambda r: (r(4, 3),)),
    Case("Mish", lambda d: Mish, lambda r: (r(4, 3),), {"reference": jax.nn.mish}),
    Case(
        "CrossEntropyIgnore",
        lambda d: CrossEntropyIgnore.apply,
        lambda r: (r(7, 4), r.labels(4, 7)),
    ),
    Case("LabelSmoothing", lambda d: LabelSmoothing.apply, lambda r: (r(5, 4), r.labels(4, 5))),
    Case(
        "FocalLoss", lambda d: FocalLoss.apply, lambda r: (r.uniform(0.05, 0.95, 6), r.mask(6), 2.0)
    ),
    Case("Dice", lambda d: Dice.apply, lambda r: (r.uniform(0.05, 0.95, 3, 6), r.mask(3, 6))),
    Case(
        "Binarize",
        lambda d: Binarize.apply,
        lambda r: (r(4, 5),),
        {"gradient_of": lambda x: jnp.clip(x, -1, 1)},
    ),
    Case("GLU", lambda d: GLU.apply, lambda r: (r(4, 6),)),
    Case("Exp", lambda d: Exp.apply, lambda r: (r(4, 3),)),
    Case("LSQ", lambda d: LSQ.apply, lambda r: (3 * r(5, 4), r.uniform(0.5, 1))),
    Case("SmoothL1", lambda d: SmoothL1.apply, lambda r: (2 * r(4, 3), r(4, 3))),
]

WRONG = [
    Wrong(
        "ReLU",
        "grad_input[x < 0] = 0",
        "grad_input[grad_input < 0] = 0",
        says="positive part of dy",
    ),
    Wrong(
        "ReLU",
        "grad_input = grad_output.clone()",
        "grad_input = grad_output",
        says="writes into dy",
    ),
    Wrong(
        "Swish",
        "ctx.save_for_backward(x, s)\n        return x * s",
        "ctx.save_for_backward(x * s, s)\n        return x * s",
        says="factor its input too many",
    ),
    Wrong(
        "Mish",
        "x * sig * (1 - tsp * tsp)",
        "sig * (1 - tsp * tsp)",
        says="taken as 1: a factor is missing",
    ),
    Wrong("CrossEntropyIgnore", " * valid[:, None]", "", says="mask is missing"),
    Wrong(
        "LabelSmoothing",
        "1 - eps + eps / c)\n        ctx.save_for_backward(logits, q)\n        return -(q *",
        "1 - eps + eps / c)\n        ctx.save_for_backward(logits, (q > 0.5).to(q.dtype))\n        return -(q *",
    ),
    Wrong(
        "FocalLoss",
        "g * (1 - p) ** (g - 1) * p.log()",
        "g * (1 - p) ** g * p.log()",
        says="factor its input too many",
    ),
    Wrong("Dice", "/ (den**2)[:, None]", "/ den[:, None]", says="tie"),
    Wrong("Binarize", "(x.abs() <= 1)", "(x.abs() >= 1)", says="mask inverted"),
    Wrong("GLU", "dy * a * s * (1 - s)", "dy * a * s", says="factor 1 − its input missing"),
    Wrong("Exp", "return dy * y", "return dy * y.log()", says="taken as x"),
    Wrong("LSQ", "(dy * ds).sum()", "(dy * ds).mean()", says="times too small"),
    Wrong("SmoothL1", "return g, -g", "return g, g", says="wrong sign"),
]
