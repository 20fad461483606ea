"""Contrastive losses: what belongs together comes closer, and all else moves apart."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept, log_softmax, sigmoid, softplus
from handgrad.rules.batch import Reduction, excess, of_each, of_each_row, reduced

__all__ = [
    "ContrastiveLoss",
    "CosineEmbedding",
    "CosineSimilarity",
    "InfoNCE",
    "NegativeSampling",
    "SigLIP",
]


@dataclass(frozen=True)
class CosineSimilarity:
    """y = ⟨a, b⟩ / (|a| |b|) of each row

        a : (N, D)
        b : (N, D)
        A = norm(a, axis=-1, keepdims=True)
        B = norm(b, axis=-1, keepdims=True)
        u = a / A
        v = b / B
        y = sum(u * v, axis=-1)

    y is linear in the directions u and v. A direction moves only across itself: of what comes back
    to u, the part along u is lost, and the rest is divided by the length:

        du = dy[:, None] * v
        da = (du - u * sum(du * u, axis=-1, keepdims=True)) / A
           = dy[:, None] * (v - y[:, None] * u) / A
        db = dy[:, None] * (u - y[:, None] * v) / B

    A row of zeros has no direction: we take y = 0 and the gradient 0. torch holds the lengths above
    10⁻⁸ instead, so that its gradient there is 10⁸ long.

    Keeps u, v, 1 / A and 1 / B.
    """

    def forward(self, a, b):
        return _cosine(a, b)

    def backward(self, residuals, dy):
        return _cosine_backward(residuals, array_namespace(dy).expand_dims(dy, axis=-1))


@dataclass(frozen=True)
class CosineEmbedding:
    """y = 1 − cos(a, b) for a pair of one kind, else max(0, cos(a, b) − margin); averaged

        a : (N, K + 2)
        b : (N, K + 2)
        same : (N) mask
        A = norm(a, axis=-1, keepdims=True)
        B = norm(b, axis=-1, keepdims=True)
        u = a / A
        v = b / B
        c = sum(u * v, axis=-1)
        y = mean(where(same, 1 - c, where(c > margin, c - margin, 0)))
        dc = dy * where(same, -1, where(c > margin, 1, 0)) / N
        da = dc[:, None] * (v - c[:, None] * u) / A
        db = dc[:, None] * (u - c[:, None] * v) / B

    At the margin we take 0. The last two lines are those of CosineSimilarity. torch writes 1 and −1
    where `same` is true and false.

    Keeps the directions u and v, 1 / A and 1 / B, and the slopes by c.
    """

    reduction: Reduction = "mean"
    margin: float = 0.0

    def forward(self, a, b, same):
        xp = array_namespace(a)
        c, residuals = _cosine(a, b)
        apart = kept(c > self.margin, xp.ones_like(c))
        slope = xp.where(same, -xp.ones_like(c), apart)
        losses = xp.where(same, 1 - c, kept(c > self.margin, c - self.margin))
        return reduced(losses, self.reduction), (*residuals, slope)

    def backward(self, residuals, dy):
        *cosine, slope = residuals
        dc = of_each(dy, slope.shape, self.reduction) * slope
        return *_cosine_backward(cosine, array_namespace(slope).expand_dims(dc, axis=-1)), None


@dataclass(frozen=True)
class ContrastiveLoss:
    """y = ½ d² for a pair of one kind, else ½ max(0, margin − d)², averaged; d = |a − b|

        a : (N, D)
        b : (N, D)
        same : (N) mask
        u = a - b
        d = norm(u, axis=-1)
        gap = where(d < margin, margin - d, 0)
        y = mean(where(same, d**2, gap**2)) / 2

    Springs: one pulls with the force d, the other pushes with what is left of the margin. d grows
    fastest along u, by 1:

        dd = dy * where(same, d, -gap) / N
        du = (dd / d)[:, None] * u
        da = du
        db = -du

    Where an unlike pair coincides, it has no direction in which to part, and we take 0.

    Keeps u, d and the mask, which has no gradient.

    Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping, 2006.
    """

    reduction: Reduction = "mean"
    margin: float = 1.0

    def forward(self, a, b, same):
        xp = array_namespace(a)
        u = a - b
        d = xp.linalg.vector_norm(u, axis=-1)
        gap = kept(d < self.margin, self.margin - d)
        losses = xp.where(same, d * d, gap * gap) / 2
        return reduced(losses, self.reduction), (u, d, same)

    def backward(self, residuals, dy):
        u, d, same = residuals
        xp = array_namespace(u)
        gap = kept((d > 0) & (d < self.margin), self.margin - d)
        force = xp.where(same, xp.ones_like(d), -gap / xp.where(d == 0, 1, d))
        da = xp.expand_dims(of_each(dy, d.shape, self.reduction) * force, axis=-1) * u
        return da, -da, None


@dataclass(frozen=True)
class InfoNCE:
    """y = −log softmax(x zᵀ / τ) at the partner, averaged over the rows: row i belongs to row i

        x : (N, D)
        z : (N, D)
        τ : () positive
        s = x @ z.T / τ
        k = s - logsumexp(s, axis=-1, keepdims=True)
        y = -trace(k) / N

    Every row has to find its partner among all N: SoftmaxCrossEntropyWithLabels of the similarities,
    with the labels 0 … N − 1.

        dk = -dy * eye(N) / N
        ds = dk - exp(k) * sum(dk, axis=-1, keepdims=True)
           = dy * (exp(k) - eye(N)) / N
        dx = ds @ z / τ
        dz = ds.T @ x / τ

    The temperature divides all similarities alike:

        dτ = -sum(ds * s) / τ

    CLIP's loss is the mean of this and of the same with x and z exchanged; its rows are divided by
    their lengths before, as L2Normalize does.

    Keeps x, z, log softmax(s), s, and τ.

    van den Oord, Li and Vinyals, 2018, arXiv:1807.03748; CLIP, 2021, arXiv:2103.00020, section 2.3.
    """

    reduction: Reduction = "mean"

    def forward(self, x, z, tau):
        xp = array_namespace(x)
        s = x @ xp.matrix_transpose(z) / tau
        log_p = log_softmax(s)
        losses = -xp.linalg.diagonal(log_p)
        return reduced(losses, self.reduction), (x, z, s, log_p, tau)

    def backward(self, residuals, dy):
        x, z, s, log_p, tau = residuals
        xp = array_namespace(x)
        dl = of_each_row(dy, s.shape[:-1], self.reduction)
        ds = dl * excess(xp.exp(log_p), _eye(s))
        dx, dz = ds @ z / tau, xp.matrix_transpose(ds) @ x / tau
        return dx, dz, -xp.sum(ds * s) / tau


@dataclass(frozen=True)
class SigLIP:
    """y = −Σⱼ log σ(± (k ⟨xᵢ, zⱼ⟩ + b)), averaged over the rows i; + for partners, i = j, else −

        x : (N, D)
        z : (N, D)
        k : () positive
        b : ()
        G = 2 * eye(N) - 1
        S = x @ z.T
        L = k * S + b
        y = sum(softplus(-G * L)) / N

    G is 1 for partners and −1 for the others. softplus(−u) is −log σ(u), and has the slope −σ(−u)
    by u. Each pair is judged by itself, as a yes or a no: no softmax ties the rows together.

        dL = -dy * G * sigmoid(-G * L) / N

    From here on the map is linear. k and b are shared by all pairs, and gather from all:

        dS = k * dL
        dx = dS @ z
        dz = dS.T @ x
        dk = sum(dL * S)
        db = sum(dL)

    In the paper the rows of x and z have length 1, and k = exp(k′), where k′ is learned.

    Keeps x, z, S, k and b.

    Zhai et al., Sigmoid Loss for Language Image Pre-Training, 2023, arXiv:2303.15343, section 3.
    """

    reduction: Reduction = "mean"

    def forward(self, x, z, k, b):
        xp = array_namespace(x)
        S = x @ xp.matrix_transpose(z)
        losses = xp.sum(softplus(-_signs(S) * (k * S + b)), axis=-1)
        return reduced(losses, self.reduction), (x, z, S, k, b)

    def backward(self, residuals, dy):
        x, z, S, k, b = residuals
        xp = array_namespace(x)
        G = _signs(S)
        L = k * S + b
        dL = -of_each_row(dy, S.shape[:-1], self.reduction) * G * sigmoid(-G * L)
        dS = k * dL
        return dS @ z, xp.matrix_transpose(dS) @ x, xp.sum(dL * S), xp.sum(dL)


@dataclass(frozen=True)
class NegativeSampling:
    """y = −log σ(⟨h, c⟩) − Σₖ log σ(−⟨h, nₖ⟩), averaged over the rows

        h : (N, D)
        c : (N, D)
        n : (N, K, D)
        p = sum(h * c, axis=-1)
        q = sum(h[:, None, :] * n, axis=-1)
        y = mean(softplus(-p) + sum(softplus(q), axis=-1))

    A word's vector h has to agree with that of its neighbour c, and to differ from those of K words
    that were drawn at random. softplus has the slope σ:

        dp = -dy * sigmoid(-p) / N
        dq = dy * sigmoid(q) / N
        dh = dp[:, None] * c + sum(dq[:, :, None] * n, axis=1)
        dc = dp[:, None] * h
        dn = dq[:, :, None] * h[:, None, :]

    Keeps h, c, n, p and q.

    Mikolov et al., Distributed Representations of Words and Phrases, 2013, arXiv:1310.4546.
    """

    reduction: Reduction = "mean"

    def forward(self, h, c, n):
        xp = array_namespace(h)
        p, q = xp.vecdot(h, c), (n @ h[..., None])[..., 0]
        losses = softplus(-p) + xp.sum(softplus(q), axis=-1)
        return reduced(losses, self.reduction), (h, c, n, p, q)

    def backward(self, residuals, dy):
        h, c, n, p, q = residuals
        xp = array_namespace(h)
        dl = of_each_row(dy, p.shape, self.reduction)
        dp = -dl * xp.expand_dims(sigmoid(-p), axis=-1)
        dq = xp.expand_dims(dl * sigmoid(q), axis=-1)
        dh = dp * c + (xp.matrix_transpose(dq) @ n)[..., 0, :]
        return dh, dp * h, dq * xp.expand_dims(h, axis=-2)


VARIANTS = (
    CosineEmbedding(margin=-0.3),
    ContrastiveLoss(margin=2.0),
)


def _unit(a):
    """The direction of each row and 1 / its length; both 0 for a row of zeros."""
    xp = array_namespace(a)
    length = xp.linalg.vector_norm(a, axis=-1, keepdims=True)
    per_length = xp.where(length == 0, 0, 1 / xp.where(length == 0, 1, length))
    return a * per_length, per_length


def _cosine(a, b):
    (u, per_a), (v, per_b) = _unit(a), _unit(b)
    y = array_namespace(a).vecdot(u, v)
    return y, (u, v, per_a, per_b)


def _cosine_backward(residuals, dy):
    """The gradients of two rows by that of their cosine, in a column."""
    u, v, per_a, per_b = residuals
    xp = array_namespace(u)
    y = xp.expand_dims(xp.vecdot(u, v), axis=-1)
    return dy * per_a * (v - y * u), dy * per_b * (u - y * v)


def _eye(s):
    """The identity, for the similarities s of N rows with N others."""
    xp = array_namespace(s)
    return xp.eye(s.shape[-1], dtype=s.dtype)


def _signs(s):
    """1 for partners, which stand on the diagonal, and −1 for all other pairs."""
    return 2 * _eye(s) - 1
