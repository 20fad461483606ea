"""Cross-entropy over a vocabulary: one logit for each word, too many to keep for all tokens at once.

A label is the number of the right word. It has no gradient. A token with the label `ignore_index`
does not count: its loss and its gradients are 0, and the mean is that of the tokens that count, and
0 if none does. A label that is neither ignored nor a word gives NaN.
"""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace, chunks, device_of, kept, log_softmax
from handgrad.rules.batch import Reduction, reduced

__all__ = ["FusedLinearCrossEntropy", "VocabularyParallelCrossEntropy"]


@dataclass(frozen=True)
class FusedLinearCrossEntropy:
    """y = −log softmax(scale x Wᵀ)[t], averaged over the tokens that count, chunk by chunk

        x : (C * B, D)
        W : (V, D)
        t : (C * B) label(V)
        z = scale * (x @ W.T)
        cap = where(softcap == None, 1, softcap)
        a = where(softcap == None, z, cap * tanh(z / cap))
        L = logsumexp(a, axis=-1)
        hit = one_hot(t, V)
        λ = z_loss
        m = t != ignore_index
        M = maximum(sum(m), 1)
        y = sum(m * (L - sum(hit * a, axis=-1) + λ * L**2)) / M

    Row v of W makes the logits z of word v, as in torch's Linear, and as where W is tied to the
    Embedding. `softcap` bounds the logits, and λ L² keeps them from drifting. k has the upstream gradient of
    each token, which with the reduction "none" is its own dy. L has the slope p; less the logit of
    the label, that is p − hit:

        k = dy * m / M
        p = exp(a - L[:, None])
        da = k[:, None] * (p - hit + 2 * λ * L[:, None] * p)
        dz = where(softcap == None, da, da * (1 - tanh(z / cap)**2))
        dx = scale * (dz @ W)
        dW = scale * (dz.T @ x)

    At the label, p − 1 is minus the sum of the other p, which loses no digits where p is near 1:

        others = sum(where(hit == 1, 0, p), axis=-1, keepdims=True)
        da = k[:, None] * (where(hit == 1, -others, p) + 2 * λ * L[:, None] * p)

    Tokens meet only in W. So C chunks of B tokens are treated one after the other, and only the
    logits of one chunk exist at a time; their parts of dW add up:

        r = reshape(x, (C, B, D))
        g = reshape(dz, (C, B, V))
        dW[v, d] = scale * sum[c](sum[b](g[c, b, v] * r[c, b, d]))

    `chunk` is B, and the last may be shorter.

    Keeps x, W and t. The logits are formed again, which costs a fourth matrix product.

    Wijmans et al., Cut Your Losses, 2024, arXiv:2411.09009; Hsu et al., Liger Kernel, 2024,
    arXiv:2410.10989, section 3.2, where dW for the reduction "none" cannot be right: it is formed
    in the forward, before dy is known.
    """

    reduction: Reduction = "mean"
    ignore_index: int = -100
    scale: float = 1.0
    softcap: float | None = None
    z_loss: float = 0.0
    chunk: int = 1024

    def forward(self, x, W, t):
        rows, labels = _flat(x, t)
        xp = array_namespace(x, W)
        losses = []
        for i in chunks(rows.shape[0], self.chunk):
            a, _ = self._logits(rows[i], W)
            log_p = log_softmax(a)
            L = (a - log_p)[:, 0]
            picked = xp.sum(kept(_hit(labels[i], a.shape[-1]), log_p), axis=-1)
            losses.append(self.z_loss * L * L - picked)
        m = _counted(labels, W.shape[0], self.ignore_index, rows)
        losses = xp.where(m == 0, m, m * xp.concat(losses, axis=0))
        y = _averaged(xp.reshape(losses, x.shape[:-1]), m, self.reduction)
        return y, (x, W, t)

    def backward(self, residuals, dy, *, needs=(True, True, True)):
        x, W, t = residuals
        rows, labels = _flat(x, t)
        xp = array_namespace(x, W)
        m = _counted(labels, W.shape[0], self.ignore_index, rows)
        k = m * _of_each(xp.reshape(dy, (-1,)), m, self.reduction)
        dxs, dW = [], None
        for i in chunks(rows.shape[0], self.chunk):
            da = self.scale * self._d_logits(rows[i], W, labels[i], k[i])
            dxs += [da @ W] if needs[0] else []
            if needs[1]:
                part = da.T @ kept(k[i][:, None] != 0, rows[i])
                dW = part if dW is None else dW + part
        return xp.reshape(xp.concat(dxs, axis=0), x.shape) if needs[0] else None, dW, None

    def _logits(self, x, W):
        """The logits of some tokens, and the slope of the cap."""
        a = self.scale * (x @ W.T)
        if self.softcap is None:
            return a, 1
        u = array_namespace(a).tanh(a / self.softcap)
        return self.softcap * u, (1 - u) * (1 + u)

    def _d_logits(self, x, W, t, k):
        """The gradient of the logits of some tokens, by that of each token's loss."""
        xp = array_namespace(x)
        a, slope = self._logits(x, W)
        log_p = log_softmax(a)
        L, p, hit = (a - log_p)[:, :1], xp.exp(log_p), _hit(t, a.shape[-1])
        others = xp.sum(kept(~hit, p), axis=-1, keepdims=True)
        d = xp.where(hit, -others, p) + 2 * self.z_loss * L * p
        k = k[:, None]
        return xp.where(k == 0, k, k * d) * slope


@dataclass(frozen=True)
class VocabularyParallelCrossEntropy:
    """y = −log softmax(x)[t], averaged over the tokens; x is cut into P shards of V words each

        x : (P, N, V)
        t : (N) label(P * V)
        m[n] = max[p, v](x[p, n, v])
        e[p, n, v] = exp(x[p, n, v] - m[n])
        S[p, n] = sum[v](e[p, n, v])
        hit[p : P, n, v : V] = where(t[n] == p * V + v, 1, 0)
        z[p, n] = sum[v](hit[p, n, v] * x[p, n, v])
        c[n] = where(t[n] == ignore_index, 0, 1)
        y = sum[n](c[n] * (m[n] + log(sum[p](S[p, n])) - sum[p](z[p, n]))) / maximum(sum[n](c[n]), 1)

    Word v of shard p is number p V + v of the vocabulary. Each process has one shard and forms its
    own largest logit, S and z. The processes share three numbers for each token: the largest m, ΣS
    and Σz. The label lies in one shard, and z is 0 in the others. In backward each shard needs no
    more than it has then. k is the upstream gradient of each token:

        k[n] = dy * c[n] / maximum(sum[r](c[r]), 1)
        dS[p, n] = k[n] / sum[q](S[q, n])
        dz[p, n] = -k[n]
        dx[p, n, v] = dS[p, n] * e[p, n, v] + dz[p, n] * hit[p, n, v]
                    = k[n] * (e[p, n, v] / sum[q](S[q, n]) - hit[p, n, v])

    m stands in y and in each e, and cancels: what the largest logit gets through m is

        dm[n] = k[n] - sum[p](dS[p, n] * S[p, n])
              = 0 * m[n]

    so that the maximum over processes needs no backward. At the label, p − 1 with p = e / ΣS is
    minus the sum of the other p, which the processes share as a fourth number:

        others[n] = sum[p, v]((1 - hit[p, n, v]) * e[p, n, v]) / sum[q](S[q, n])
        dx[p, n, v] = k[n] * where(hit[p, n, v] == 1, -others[n], e[p, n, v] / sum[q](S[q, n]))

    Keeps e / ΣS and the labels.

    Shoeybi et al., Megatron-LM, 2019, arXiv:1909.08053, section 3.
    """

    reduction: Reduction = "mean"
    ignore_index: int = -100

    def forward(self, x, t):
        xp = array_namespace(x, t)
        m = xp.max(x, axis=(0, -1), keepdims=True)
        s = x - m
        e, hit = xp.exp(s), _hit_of_shards(t, x.shape)
        total = xp.sum(e, axis=(0, -1), keepdims=True)
        picked = xp.sum(kept(hit, s), axis=(0, -1))
        counts = _counted(t, x.shape[0] * x.shape[-1], self.ignore_index, x)
        losses = xp.where(counts == 0, counts, counts * (xp.log(total[0, ..., 0]) - picked))
        return _averaged(losses, counts, self.reduction), (e / total, t)

    def backward(self, residuals, dy):
        p, t = residuals
        xp = array_namespace(p, t)
        counts = _counted(t, p.shape[0] * p.shape[-1], self.ignore_index, p)
        k = xp.expand_dims(counts * _of_each(dy, counts, self.reduction), axis=-1)
        hit = _hit_of_shards(t, p.shape)
        others = xp.sum(kept(~hit, p), axis=(0, -1), keepdims=True)
        return xp.where(k == 0, k, k * xp.where(hit, -others, p)), None


VARIANTS = (
    FusedLinearCrossEntropy(ignore_index=1, scale=0.5, softcap=2.0, z_loss=0.1, chunk=5),
    VocabularyParallelCrossEntropy(ignore_index=1),
)


def _flat(x, t):
    """The tokens and their labels, the leading axes taken as one."""
    xp = array_namespace(x, t)
    rows = xp.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
    return rows, xp.reshape(xp.broadcast_to(t, x.shape[:-1]), (-1,))


def _hit(t, words):
    """Whether a word is that of the label, for each word of each token."""
    xp = array_namespace(t)
    numbers = xp.arange(words, device=device_of(t))
    return xp.astype(xp.expand_dims(t, axis=-1), numbers.dtype) == numbers


def _hit_of_shards(t, shape):
    """The same, cut into shards: (P, N, V), where the words of shard p begin at p V."""
    xp = array_namespace(t)
    hit = _hit(t, shape[0] * shape[-1])
    return xp.moveaxis(xp.reshape(hit, (*t.shape, shape[0], shape[-1])), -2, 0)


def _counted(t, words, ignore_index, like):
    """1 for each token that counts, 0 where its label is ignored, NaN where it is not a word."""
    xp = array_namespace(like, t)
    one = xp.ones(t.shape, dtype=like.dtype, device=device_of(like))
    m = xp.where((t >= 0) & (t < words), one, xp.nan)
    return xp.where(t == ignore_index, 0, m)


def _averaged(losses, m, reduction):
    """The losses, their sum, or their mean over the tokens that count."""
    if reduction == "mean":
        return array_namespace(losses).sum(losses) * _share(m)
    return reduced(losses, reduction)


def _of_each(dy, m, reduction):
    """The gradient of each token's loss, if it counts."""
    return dy * _share(m) if reduction == "mean" else dy


def _share(m):
    """What a mean multiplies by: 1 over the number of tokens that count, and 0 where none does."""
    xp = array_namespace(m)
    total = xp.sum(m)
    return xp.where(total == 0, 0, 1 / xp.where(total == 0, 1, total))
