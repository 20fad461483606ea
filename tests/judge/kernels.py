"""Attention as a kernel has it, block by block in float32, and slips that were made in such kernels."""

import dataclasses
import math
from dataclasses import dataclass

import pytest

from handgrad import (
    AttentionWithLogSumExp,
    BiasedAttention,
    DropoutAttention,
    ScaledDotProductAttention,
    SinkAttention,
    verify,
)

torch = pytest.importorskip("torch", "2.3", reason="torch is an extra")

RULES = {
    "": ScaledDotProductAttention,
    "lse": AttentionWithLogSumExp,
    "bias": BiasedAttention,
    "dropout": DropoutAttention,
    "sink": SinkAttention,
}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SLIPS = [
    ({}, "no delta", "lack a term: the path through the sum .* is dropped"),
    ({"causal": True}, "mask not again", "values are formed again, a mask is not applied"),
    (
        {"window": 2, "causal": True},
        "window off by one",
        "formed again, a mask is a place too wide",
    ),
    ({"groups": 2}, "group not summed", "the sum over axis 1 is missing"),
    ({"kind": "lse"}, "no dL", "dy of output 1 is dropped"),
    (
        {"softcap": 1.5},
        "no slope",
        "the derivative of `tanh` .* is taken as 1: a factor is missing",
    ),
    ({}, "no scale", "√N times too large, N = 3, .* is a division by √N missing"),
    ({"causal": True}, "scale twice", "√N times too small, N = 3, .* a division by √N too many"),
    ({"block": 5}, "transposed", "what arrives at the matrix product .* is transposed"),
    ({"kind": "bias"}, "batch not summed", "a sum over axis 0 is missing, along which it was str"),
    ({"kind": "dropout"}, "dropout not again", "the mask of the choice .* is missing"),
    ({}, "not normalized", "what arrives at the quotient .* is not divided by"),
    ({"kind": "sink"}, "sign of the sink", "input 3 (has the wrong sign|is -0.99.* the right one)"),
]


@dataclass(frozen=True)
class Kernel:
    """Forward and backward of one head after the other; `slip` is what backward does wrongly."""

    slip: str = ""
    block: int = 4
    causal: bool = False
    window: int = 0
    softcap: float = 0.0
    groups: int = 1
    kind: str = ""

    def forward(self, q, k, v, *more):
        """The outputs in the inputs' precision, and the logarithms in float32."""
        q, k, v, *more = (x.float() if x.is_floating_point() else x for x in (q, k, v, *more))
        k, v = (x.repeat_interleave(self.groups, dim=1) for x in (k, v))
        m = torch.full((*q.shape[:-1], 1), -torch.inf, device=q.device)
        Z, A = torch.zeros_like(m), torch.zeros((*q.shape[:-1], v.shape[-1]), device=q.device)
        if self.kind == "sink":
            m, Z = more[0][:, None, None].expand_as(m), torch.ones_like(Z)
        for rows in self.blocks(k):
            s, _ = self.scores(q, k, rows, more)
            top = torch.maximum(m, s.amax(-1, keepdim=True))
            some = torch.where(top == -torch.inf, 0, top)
            e, shrunk = torch.exp(s - some), torch.exp(m - some)
            Z = Z * shrunk + e.sum(-1, keepdim=True)
            A = A * shrunk + self.dropped(e, rows, more) @ v[:, :, rows]
            m = top
        return A / Z, m + torch.log(Z), m

    def backward(self, saved, dy, dL):
        """The gradients of q, k, v and of what comes besides."""
        q, k, v, y, L, m, *more = saved
        k, v = (x.repeat_interleave(self.groups, dim=1) for x in (k, v))
        L = m if self.slip == "not normalized" else L
        delta = (dy * y).sum(-1, keepdim=True)
        delta = torch.zeros_like(delta) if self.slip == "no delta" else delta
        inner = delta if self.slip == "no dL" else delta - dL[..., None]
        dq, dks, dvs, dss = torch.zeros_like(q), [], [], []
        for rows in self.blocks(k):
            s, slope = self.scores(q, k, rows, more, again=True)
            p = torch.exp(s - L)
            dp = dy @ v[:, :, rows].mT
            dp = 2 * dp if self.slip == "dropout not again" else self.dropped(dp, rows, more)
            ds = p * (dp - inner)
            dss.append(ds)
            ds = ds if self.slip == "no slope" else ds * slope
            ds = ds * {"no scale": 1, "scale twice": 1 / q.shape[-1]}.get(self.slip, self.scale(q))
            dq += ds.mT @ k[:, :, rows] if self.slip == "transposed" else ds @ k[:, :, rows]
            dks.append(ds.mT @ q)
            dvs.append(self.dropped(p, rows, more).mT @ dy)
        shared = [self.shared(torch.cat(x, 2)) for x in (dks, dvs)]
        return dq, *shared, *self.besides(torch.cat(dss, -1), delta, L, more)

    def scores(self, q, k, rows, more, *, again=False):
        """The scores of a block, capped and masked, and the slope of the cap."""
        s, slope = q @ k[:, :, rows].mT * self.scale(q), torch.ones(())
        if self.softcap:
            t = torch.tanh(s / self.softcap)
            s, slope = self.softcap * t, 1 - t * t
        if self.kind == "bias":
            s = s + more[0][..., rows]
        if again and self.slip == "mask not again":
            return s, slope
        window = self.window + (again and self.slip == "window off by one")
        ahead = torch.arange(k.shape[2])[rows] - torch.arange(q.shape[2])[:, None]
        seen = (ahead <= 0) if self.causal else torch.ones_like(ahead, dtype=torch.bool)
        seen = seen & (abs(ahead) < window) if self.window else seen
        return s.masked_fill(~seen.to(s.device), -torch.inf), slope

    def dropped(self, p, rows, more):
        """What dropout at the rate ½ leaves of weights."""
        return 2 * p * more[0][..., rows] if self.kind == "dropout" else p

    def shared(self, dx):
        """The gradient of heads that several heads of queries share."""
        dx = dx.unflatten(1, (-1, self.groups))
        return dx[:, :, 0] if self.slip == "group not summed" else dx.sum(2)

    def besides(self, ds, delta, L, more):
        """The gradients of a bias, a mask or a sink."""
        match self.kind:
            case "bias":
                return (ds if self.slip == "batch not summed" else ds.sum(0),)
            case "dropout":
                return (None,)
            case "sink":
                sign = 1 if self.slip == "sign of the sink" else -1
                return (sign * (torch.exp(more[0][:, None, None] - L) * delta).sum((0, 2, 3)),)
        return ()

    def blocks(self, k):
        return [slice(i, i + self.block) for i in range(0, k.shape[2], self.block)]

    def scale(self, q):
        return 1 / math.sqrt(q.shape[-1])


def function(kernel):
    """A kernel as torch has it: it keeps q, k, v, y and L, and gives y, or y and L."""

    class Attention(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            y, L, m = kernel.forward(*inputs)
            y = y.to(inputs[0].dtype)
            ctx.save_for_backward(*inputs[:3], y, L, m, *inputs[3:])
            return (y, L[..., 0].to(y.dtype)) if kernel.kind == "lse" else y

        @staticmethod
        def backward(ctx, *dys):
            saved = [x.float() if x.is_floating_point() else x for x in ctx.saved_tensors]
            dy, dL = (
                *(d.float() for d in dys),
                saved[4].new_zeros(()).expand(saved[4].shape[:-1]),
            )[:2]
            grads = kernel.backward(saved, dy, dL)
            dtype = ctx.saved_tensors[0].dtype
            return tuple(g if g is None else g.to(dtype) for g in grads)

    return Attention


def inputs_of(kernel, precision, device="cpu"):
    """Queries, keys and values, and what the kind of attention takes besides."""
    draw = torch.Generator().manual_seed(0)
    batch, heads, n = 2 if kernel.groups > 1 else 3, 2 * kernel.groups, 5
    shapes = [(batch, heads, n, 3), (batch, 2, n, 3), (batch, 2, n, 4)]
    more = {"bias": (heads, n, n), "dropout": (batch, heads, n, n), "sink": (heads,)}
    shapes += [more[kernel.kind]] if kernel.kind in more else []
    where = {"device": device, "dtype": PRECISIONS[precision]}
    drawn = [torch.randn(shape, generator=draw).to(**where) for shape in shapes]
    return [*drawn[:3], drawn[3] > -0.5] if kernel.kind == "dropout" else drawn


def judged(kernel, precision, device="cpu"):
    """The verdict on a kernel as the rule with the same options."""
    cls = RULES[kernel.kind]
    shared = {field.name for field in dataclasses.fields(cls)} & vars(kernel).keys()
    options = {name: getattr(kernel, name) for name in shared}
    options |= {"rate": 0.5} if kernel.kind == "dropout" else {}
    return verify(function(kernel), *inputs_of(kernel, precision, device), like=cls(**options))
