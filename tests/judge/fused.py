"""Fused cross-entropy as a kernel has it, chunk by chunk in float32, and slips that kernels made."""

from dataclasses import dataclass

import torch

IGNORED = -100


@dataclass(frozen=True)
class Kernel:
    """Forward and backward over chunks of tokens; `slip` is what backward does wrongly."""

    slip: str = ""
    reduction: str = "mean"
    scale: float = 1.0
    softcap: float | None = None
    chunk: int = 4

    def forward(self, x, W, t):
        """The loss of all tokens, or of each, in the precision of x."""
        losses = [
            torch.nn.functional.cross_entropy(
                self.logits(x[i], W)[0], t[i], reduction="none", ignore_index=IGNORED
            )
            for i in self.chunks(x)
        ]
        y = torch.cat(losses)
        y = y if self.reduction == "none" else y.sum()
        y = y / (t != IGNORED).sum().clamp(min=1) if self.reduction == "mean" else y
        return y.to(x.dtype)

    def backward(self, x, W, t, dy):
        """The gradients of x and W: that of W adds up in float32."""
        k, dx, dW = self.shares(t, dy.float()), torch.empty_like(x), torch.zeros(W.shape)
        for i in self.chunks(x):
            s, slope = self.logits(x[i], W)
            p = torch.softmax(s, -1)
            if self.slip != "no p − 1":
                p = p - one_hot(t[i], len(W))
            slope = 1 if self.slip == "no slope of the cap" else slope
            da = k[i][:, None] * p * slope * (1 if self.slip == "no scale" else self.scale)
            da = da.to(x.dtype)
            dx[i] = da @ W
            part = (da.T @ x[i]).float()
            dW = part if self.slip == "overwritten" else dW + part
        dW = dW.to(W.dtype)
        return dx, dW.T.contiguous() if self.slip == "transposed" else dW

    def logits(self, x, W):
        """The logits of a chunk in float32, and the slope of the cap."""
        a = self.scale * (x @ W.T).float()
        if self.softcap is None:
            return a, 1
        u = torch.tanh(a / self.softcap)
        return self.softcap * u, 1 - u * u

    def shares(self, t, dy):
        """What the gradient of each token's loss is."""
        keep = t != IGNORED
        n = keep.sum().clamp(min=1)
        n = len(t) if self.slip == "mean over all" else n * n if self.slip == "twice" else n
        k = (dy / n if self.reduction == "mean" else dy).expand(len(t))
        k = k.mean().expand(len(t)) if self.slip == "after the sum" else k
        return k if self.slip == "not zeroed" else torch.where(keep, k, 0)

    def chunks(self, x):
        return [slice(i, i + self.chunk) for i in range(0, len(x), self.chunk)]


@dataclass(frozen=True)
class Shards:
    """The same over a vocabulary in shards, whose labels are counted from each shard's first word."""

    slip: str = ""

    def forward(self, x, t):
        wide = x.float()
        local, mine = self.local(x, t)
        m = wide.amax((0, 2), keepdim=True)
        z = torch.gather(wide - m, 2, local[..., None])[..., 0] * mine
        S = torch.exp(wide - m).sum((0, 2))
        return (S.log() - z.sum(0)).mean().to(x.dtype)

    def backward(self, x, t, dy):
        wide = x.float()
        local, mine = self.local(x, t)
        p = torch.exp(wide - torch.logsumexp(wide, (0, 2), keepdim=True))
        hit = one_hot(local, x.shape[2])
        hit = hit if self.slip == "no mask" else hit * mine[..., None]
        return ((p - hit) * dy.float() / x.shape[1]).to(x.dtype)

    @staticmethod
    def local(x, t):
        """The label of each token within each shard, or 0, and whether it lies there."""
        at = t - x.shape[2] * torch.arange(len(x))[:, None]
        mine = (at >= 0) & (at < x.shape[2])
        return torch.where(mine, at, 0), mine


def one_hot(t, classes):
    return torch.nn.functional.one_hot(t.clamp(min=0).long(), classes)


def function(kernel):
    """A kernel as a function for torch's autograd."""

    class Fused(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return kernel.forward(*inputs)

        @staticmethod
        def backward(ctx, dy):
            grads = kernel.backward(*ctx.saved_tensors, dy)
            return *(grads if isinstance(grads, tuple) else (grads,)), None

    return Fused.apply
