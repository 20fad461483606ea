"""Mixture of experts: a router chooses k of the experts for each token and weighs what they say.

Which experts are chosen changes in steps, and has no gradient; how much they weigh has one. Of
experts that tie the first are chosen, as JAX does; torch leaves it open. At a tie there is no
derivative.

An expert may have a `capacity`: it takes the first so many tokens, and drops the rest. The weight of
a dropped choice is 0 and gets no gradient, and the token's other weights stay as they are.

Tokens are sorted by experts, and multiplied group by group, in Gale et al., MegaBlocks, 2022,
arXiv:2211.15841, section 5.
"""

import math
from dataclasses import dataclass

from handgrad.arrays import add_at, array_namespace, device_of, kept, sigmoid
from handgrad.rules.batch import Reduction, of_each_row, reduced
from handgrad.rules.simplex import Softmax

__all__ = [
    "GroupedMatMul",
    "LoadBalance",
    "PermuteTokens",
    "RouterZ",
    "SigmoidRouter",
    "SoftmaxRouter",
    "UnpermuteTokens",
]


@dataclass(frozen=True)
class SoftmaxRouter:
    """y = p / Σ p of the k experts with the largest p = softmax(z), and 0 for the others

        z : (N, M + k)
        p = softmax(z)
        c[n, e] = where(sum[j](where(p[n, j] > p[n, e], 1, 0)) < k, 1, 0)
        q = c * p
        S = where(renormalize == 1, sum(q, axis=-1, keepdims=True), 1)
        w = q / S
        most = where(capacity == None, N, capacity)
        f[n, e] = where(sum[m](where(m <= n, c[m, e], 0)) <= most, c[n, e], 0)
        y = f * w

    c is 1 for the chosen experts, and f for those of them that have place left; neither moves. A q
    reaches its own w, and through the S of its row all w:

        dw = f * dy
        dq = (dw - where(renormalize == 1, sum(dw * w, axis=-1, keepdims=True), 0)) / S
        dp = c * dq
        dz = p * (dp - sum(dp * p, axis=-1, keepdims=True))

    With `renormalize` the last sum is that of dq q, and is 0, for w stays when all q of a row are
    scaled alike:

           = where(renormalize == 1, w * (dw - sum(dw * w, axis=-1, keepdims=True)), p * (dw - sum(dw * p, axis=-1, keepdims=True)))

    So w is softmax among the chosen: what was not chosen plays no part, and gets nothing. With k =
    1, w is 1, and nothing is learned. Switch Transformers do not renormalize: w is q, and every
    logit gets a gradient.

    Keeps softmax, of the chosen or of all, and which choices count.

    Shazeer et al., The Sparsely-Gated Mixture-of-Experts Layer, 2017, arXiv:1701.06538; Fedus, Zoph
    and Shazeer, Switch Transformers, 2021, arXiv:2101.03961, section 2.1.
    """

    k: int = 2
    renormalize: bool = True
    capacity: int | None = None

    def forward(self, z):
        xp = array_namespace(z)
        c = _chosen(z, self.k)
        p, _ = Softmax().forward(xp.where(c, z, -xp.inf) if self.renormalize else z)
        c = _within(c, self.capacity)
        return kept(c, p), (p, c)

    def backward(self, residuals, dy):
        p, c = residuals
        dp = kept(c, dy)
        return (p * (dp - array_namespace(p).vecdot(dp, p)[..., None]),)


@dataclass(frozen=True)
class SigmoidRouter:
    """y = scale q / (Σ q + ε)    with q = σ(z) for the k experts with the largest σ(z) + b, else 0

        z : (N, M + k)
        b : (M + k) const
        s = sigmoid(z)
        c[n, e] = where(sum[j](where(s[n, j] + b[j] > s[n, e] + b[e], 1, 0)) < k, 1, 0)
        q = c * s
        S = where(renormalize == 1, sum(q, axis=-1, keepdims=True) + eps, 1)
        g = q / S
        most = where(capacity == None, N, capacity)
        f[n, e] = where(sum[m](where(m <= n, c[m, e], 0)) <= most, c[n, e], 0)
        y = scale * f * g

    The bias b, one number for each expert, is set by hand to keep the load even. It takes part in
    the choice alone, so that it has no gradient, and cannot spoil that of z. f is as in SoftmaxRouter:

        dg = scale * f * dy
        dq = (dg - where(renormalize == 1, sum(dg * g, axis=-1, keepdims=True), 0)) / S
           = dg / S - where(renormalize == 1, sum(dg * q, axis=-1, keepdims=True) / S**2, 0)
        ds = c * dq
        dz = ds * s * (1 - s)
           = ds * sigmoid(z) * sigmoid(-z)

    Keeps q, σ(−z) of the chosen, S, and which choices count.

    DeepSeek-V3, 2024, arXiv:2412.19437, section 2.1.2.
    """

    k: int = 2
    renormalize: bool = True
    scale: float = 1.0
    eps: float = 1e-20
    capacity: int | None = None

    def forward(self, z, b):
        xp = array_namespace(z)
        s = sigmoid(z)
        c = _chosen(s + b, self.k)
        q = kept(c, s)
        S = xp.sum(q, axis=-1, keepdims=True)
        S = S + self.eps if self.renormalize else xp.ones_like(S)
        c = _within(c, self.capacity)
        return self.scale * kept(c, q / S), (q, kept(q != 0, sigmoid(-z)), S, c)

    def backward(self, residuals, dy):
        q, rest, S, c = residuals
        dg = self.scale * kept(c, dy)
        dq = dg / S
        if self.renormalize:
            dq = dq - array_namespace(q).vecdot(dg, q)[..., None] / (S * S)
        return dq * q * rest, None


@dataclass(frozen=True)
class LoadBalance:
    """y = E Σₑ fₑ Pₑ    with fₑ the share of the choices that fell on expert e, Pₑ the mean of its p

        z : (N, E)
        c : (N, E) mask
        n = maximum(sum(c), 1)
        f = sum(c, axis=0) / n
        p = softmax(z)
        P = mean(p, axis=0)
        y = E * sum(f * P)

    c says which experts each token chose. y is 1 where choices and probabilities are even, and
    larger where both favour the same experts. f counts choices, which do not move; so the gradient
    goes through P alone:

        dP = E * dy * f
        dp = ones_like(p) * dP / N
        dz = p * (dp - sum(dp * p, axis=-1, keepdims=True))
           = E * dy / N * p * (f - sum(f * p, axis=-1, keepdims=True))

    Mixtral's code divides by N instead of by the number of choices n, and gets k times as much.
    Without any choice, y is 0.

    Keeps p and f.

    Fedus, Zoph and Shazeer, Switch Transformers, 2021, arXiv:2101.03961, equations 4 to 6.
    """

    def forward(self, z, c):
        xp = array_namespace(z, c)
        p, _ = Softmax().forward(z)
        c = xp.reshape(xp.astype(xp.broadcast_to(c, z.shape), z.dtype), (-1, z.shape[-1]))
        f = xp.sum(c, axis=0) / xp.maximum(xp.sum(c), 1)
        P = xp.sum(xp.reshape(p, c.shape), axis=0) / max(1, c.shape[0])
        return z.shape[-1] * xp.sum(f * P), (p, f)

    def backward(self, residuals, dy):
        p, f = residuals
        tokens = max(1, math.prod(p.shape[:-1]))
        away = f - array_namespace(p).vecdot(p, f)[..., None]
        return p.shape[-1] / tokens * dy * p * away, None


@dataclass(frozen=True)
class RouterZ:
    """y = (log Σ eᶻ)², averaged over the tokens

        z : (N, E)
        L = logsumexp(z, axis=-1)
        y = mean(L**2)

    L has the slope softmax(z):

        dL = dy * 2 * L / N
        dz = dL[:, None] * softmax(z)

    It pulls the sum of the exponentials towards 1, and so large logits down.

    Keeps L and softmax(z).

    Zoph et al., ST-MoE, 2022, arXiv:2202.08906, equation 5.
    """

    reduction: Reduction = "mean"

    def forward(self, z):
        xp = array_namespace(z)
        m = xp.max(z, axis=-1, keepdims=True)
        e = xp.exp(z - m)
        total = xp.sum(e, axis=-1, keepdims=True)
        L = (m + xp.log(total))[..., 0]
        return reduced(L * L, self.reduction), (L, e / total)

    def backward(self, residuals, dy):
        L, p = residuals
        dl = of_each_row(dy, L.shape, self.reduction)
        return (dl * 2 * array_namespace(L).expand_dims(L, axis=-1) * p,)


@dataclass(frozen=True)
class PermuteTokens:
    """y = the rows of x, each once for each expert that it chose, in the order of the experts

        x : (N, D)
        e : (N, K) label(3)
        o = argsort(reshape(e, (-1,)))
        i = reshape(argsort(o), (N, K))
        s = o // K
        y[m, d] = x[s[m], d]

    Choice m of all N K belongs to the token m // K. Sorted by experts, and within one by tokens,
    the rows of an expert lie side by side. i, the inverse of o, says where each choice went. A
    token gets the gradients of its K copies:

        dx[n, d] = sum[k](dy[i[n, k], d])

    So forward and backward both read rows, and nothing has to be added up in place.

    Keeps i.
    """

    def forward(self, x, e):
        o, i = _order(e)
        return array_namespace(x).take(x, o // e.shape[-1], axis=0), (i,)

    def backward(self, residuals, dy):
        (i,) = residuals
        return array_namespace(dy).sum(_rows_at(dy, i), axis=1), None


@dataclass(frozen=True)
class UnpermuteTokens:
    """y = Σ w u over the K rows that belong to each token, of rows in the order of the experts

        u : (N * K, D)
        e : (N, K) label(3)
        w : (N, K)
        o = argsort(reshape(e, (-1,)))
        i = reshape(argsort(o), (N, K))
        y[n, d] = sum[k](w[n, k] * u[i[n, k], d])

    What PermuteTokens sent out comes back and is weighed, in a product: a row gets the gradient of
    its token times its weight, and a weight the inner product of that gradient with its row:

        dw[n, k] = sum[d](dy[n, d] * u[i[n, k], d])
        s = o // K
        v = reshape(w, (-1,))
        du[m, d] = v[o[m]] * dy[s[m], d]

    A choice that was dropped has the weight 0, and its router passes no gradient on to it. Raises
    ValueError where u has not one row for each choice.

    Keeps u, o, i and w.
    """

    def forward(self, u, e, w):
        if u.shape[0] != math.prod(e.shape):
            raise ValueError(f"u has {u.shape[0]} rows, and e {math.prod(e.shape)} choices")
        o, i = _order(e)
        return array_namespace(u).sum(w[..., None] * _rows_at(u, i), axis=1), (u, o, i, w)

    def backward(self, residuals, dy):
        u, o, i, w = residuals
        xp = array_namespace(u)
        dw = xp.vecdot(_rows_at(u, i), dy[:, None, :])
        weights = xp.take(xp.reshape(w, (-1,)), o, axis=0)
        return weights[:, None] * xp.take(dy, o // w.shape[-1], axis=0), None, dw


@dataclass(frozen=True)
class GroupedMatMul:
    """y = x W[s]    every row with the matrix of its expert s

        x : (M, I)
        W : (E, I, O)
        s : (M) label(E)
        y[m, o] = sum[i](x[m, i] * W[s[m], i, o])

    One product for each expert, and two in backward. An expert without rows has the gradient 0:

        dx[m, i] = sum[o](dy[m, o] * W[s[m], i, o])
        dW[e, i, o] = sum[m](where(s[m] == e, x[m, i] * dy[m, o], 0))

    Rows may come in any order. They are laid out in blocks of `block` rows of the same expert,
    whose last block is filled up with zeros: so all products have one shape, and no more than E
    blocks are partly empty. A block adds its part to the dW of its expert. A row whose s is not an
    expert's is dropped: its y and its gradients are 0.

    Keeps x, W and s.
    """

    block: int = 64

    def forward(self, x, W, s):
        xp, slots, owners = array_namespace(x), *self._blocks(s, W.shape[0])
        y = self._in_blocks(x, slots, owners) @ xp.take(W, owners, axis=0)
        return self._in_rows(y, slots), (x, W, s)

    def backward(self, residuals, dy, *, needs=(True, True, True)):
        x, W, s = residuals
        xp, slots, owners = array_namespace(x), *self._blocks(s, W.shape[0])
        dY = self._in_blocks(dy, slots, owners)
        dx = dW = None
        if needs[0]:
            dx = self._in_rows(dY @ xp.matrix_transpose(xp.take(W, owners, axis=0)), slots)
        if needs[1]:
            parts = xp.matrix_transpose(self._in_blocks(x, slots, owners)) @ dY
            dW = add_at(W.shape[0], owners, parts)
        return dx, dW, None

    def _blocks(self, s, experts):
        """The slot of each row in all blocks, or −1, and the expert of each block.

        M rows need M / block blocks and at most one more for each expert, whatever they chose.
        """
        xp = array_namespace(s)
        numbers = xp.arange(experts, device=device_of(s))
        hit = xp.astype(xp.astype(s, numbers.dtype)[:, None] == numbers, numbers.dtype)
        rank = xp.sum(hit * xp.cumulative_sum(hit, axis=0), axis=1)
        ends = xp.cumulative_sum((xp.sum(hit, axis=0) + self.block - 1) // self.block)
        first = xp.concat([xp.zeros_like(ends[:1]), ends[:-1]])
        slots = xp.sum(hit * first, axis=1) * self.block + rank - 1
        blocks = xp.arange(s.shape[0] // self.block + experts, device=device_of(s))
        owners = xp.sum(xp.astype(blocks[:, None] >= ends, numbers.dtype), axis=1)
        return slots, xp.minimum(owners, xp.full_like(owners, experts - 1))

    def _in_blocks(self, rows, slots, owners):
        """The rows at their slots, and zeros at the others; what has no slot is added as 0."""
        used = kept((slots >= 0)[:, None], rows)
        laid = add_at(owners.shape[0] * self.block, kept(slots >= 0, slots), used)
        shape = (owners.shape[0], self.block, rows.shape[1])
        return array_namespace(rows).reshape(laid, shape)

    def _in_rows(self, blocks, slots):
        xp = array_namespace(blocks)
        rows = xp.reshape(blocks, (blocks.shape[0] * self.block, blocks.shape[2]))
        found = xp.take(rows, kept(slots >= 0, slots), axis=0)
        return kept((slots >= 0)[:, None], found)


VARIANTS = (
    SoftmaxRouter(renormalize=False, capacity=2),
    SigmoidRouter(scale=2.5, eps=0.1),
    SigmoidRouter(renormalize=False, capacity=2),
    GroupedMatMul(block=2),
)


def _chosen(z, k):
    """Where the k largest numbers of each row are, one after the other; of equal ones the first."""
    xp = array_namespace(z)
    experts = xp.arange(z.shape[-1], device=device_of(z))
    chosen = xp.zeros_like(z, dtype=xp.bool)
    for _ in range(min(k, z.shape[-1])):
        rest = xp.where(chosen, -xp.inf, z)
        chosen = chosen | (experts == xp.argmax(rest, axis=-1)[..., None])
    return chosen


def _within(c, capacity):
    """The choices without those that an expert with this capacity drops."""
    if capacity is None:
        return c
    xp = array_namespace(c)
    rows = xp.reshape(xp.astype(c, xp.int64), (math.prod(c.shape[:-1]), c.shape[-1]))
    return c & xp.reshape(xp.cumulative_sum(rows, axis=0) <= capacity, c.shape)


def _order(e):
    """All choices in the order of their experts, and the place of each in this order."""
    xp = array_namespace(e)
    o = xp.argsort(xp.reshape(e, (-1,)), stable=True)
    return o, xp.reshape(xp.argsort(o, stable=True), e.shape)


def _rows_at(u, i):
    """The rows that the places i name, one for each."""
    xp = array_namespace(u)
    return xp.reshape(xp.take(u, xp.reshape(i, (-1,)), axis=0), (*i.shape, u.shape[-1]))
