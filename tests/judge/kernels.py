"""Attention as a kernel has it, block by block in float32, and slips that were made in such kernels."""

import math
from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch", "2.3", reason="torch is an extra")


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
            dy, dL = (*(d.float() for d in dys), torch.zeros(()).expand(saved[4].shape[:-1]))[:2]
            grads = kernel.backward(saved, dy, dL)
            dtype = ctx.saved_tensors[0].dtype
            return tuple(g if g is None else g.to(dtype) for g in grads)

    return Attention
