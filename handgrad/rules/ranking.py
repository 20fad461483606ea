"""Ranking: who has to be ahead of whom, and by which margin.

At the margin itself, where the loss begins, we take the slope 0; JAX's relu does, and torch takes
that of the inside.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept, outline, outlined, unbroadcast
from handgrad.rules.batch import Reduction, of_each, of_each_row, reduced, stretched

__all__ = ["Hinge", "MarginRanking", "TripletMargin"]


@dataclass(frozen=True)
class Hinge:
    """y = max(0, margin − t x), averaged over all numbers; t is 1 for yes and −1 for no

        x : (N, D)
        t : (N, D)
        u = margin - t * x
        y = mean(where(u > 0, u, 0))
        du = where(u > 0, dy, 0) / (N * D)
        dx = -du * t
        dt = -du * x

    What is right by more than the margin costs nothing and pulls no more.

    Keeps x and t.

    Cortes and Vapnik, Support-Vector Networks, 1995.
    """

    reduction: Reduction = "mean"
    margin: float = 1.0

    def forward(self, x, t):
        target = stretched(t, x)
        u = self.margin - target * x
        losses = kept(u > 0, u)
        return reduced(losses, self.reduction), (x, target, outline(t))

    def backward(self, residuals, dy):
        x, t, t_outline = residuals
        du = kept(self.margin - t * x > 0, of_each(dy, x.shape, self.reduction))
        return -du * t, unbroadcast(-du * x, outlined(t_outline))


@dataclass(frozen=True)
class MarginRanking:
    """y = max(0, margin − t (a − b)), averaged; t is 1 where a has to be ahead, and −1 where b

        a : (N, D)
        b : (N, D)
        t : (N, D)
        u = margin - t * (a - b)
        y = mean(where(u > 0, u, 0))
        du = where(u > 0, dy, 0) / (N * D)
        da = -du * t
        db = -da
        dt = -du * (a - b)

    It is Hinge of the lead a − b: u moves with the lead by −t, and with t by the lead. At u = 0 the
    gradient is taken as 0; torch lets it through there, which without a margin is at every tie.

    Keeps a − b and t.
    """

    reduction: Reduction = "mean"
    margin: float = 0.0

    def forward(self, a, b, t):
        lead, target = a - stretched(b, a), stretched(t, a)
        u = self.margin - target * lead
        losses = kept(u > 0, u)
        return reduced(losses, self.reduction), (lead, target, outline(b), outline(t))

    def backward(self, residuals, dy):
        lead, t, b_outline, t_outline = residuals
        du = kept(self.margin - t * lead > 0, of_each(dy, lead.shape, self.reduction))
        da = -du * t
        return (
            da,
            unbroadcast(-da, outlined(b_outline)),
            unbroadcast(-du * lead, outlined(t_outline)),
        )


@dataclass(frozen=True)
class TripletMargin:
    """y = max(0, |a − p| − |a − n| + margin), averaged over the rows

        a : (N, D)
        p : (N, D)
        n : (N, D)
        u = a - p + eps
        v = a - n + eps
        U = norm(u, axis=-1, keepdims=True)
        V = norm(v, axis=-1, keepdims=True)
        m = U - V + margin
        y = mean(where(m > 0, m, 0))

    The anchor a has to be nearer to p, which is of its kind, than to n, which is not. A length
    grows fastest along its own direction, by 1:

        dm = where(m > 0, dy, 0) / N
        du = dm * u / U
        dv = -dm * v / V
        da = du + dv
        dp = -du
        dn = -dv

    ε moves a distance of 0 off its kink, as in torch. Where a length is 0 all the same, it has no
    direction, and we take 0.

    Keeps the directions u / U and v / V, and which rows pull.

    Schroff, Kalenichenko and Philbin, FaceNet, 2015, arXiv:1503.03832, section 3.1.
    """

    reduction: Reduction = "mean"
    margin: float = 1.0
    eps: float = 1e-6

    def forward(self, a, p, n):
        (near, U), (far, V) = (_direction(a - other + self.eps) for other in (p, n))
        m = U - V + self.margin
        losses = kept(m > 0, m)[..., 0]
        return reduced(losses, self.reduction), (near, far, m > 0)

    def backward(self, residuals, dy):
        near, far, pulls = residuals
        dm = kept(pulls, of_each_row(dy, near.shape[:-1], self.reduction))
        du, dv = dm * near, -dm * far
        return du + dv, -du, -dv


VARIANTS = (
    Hinge(margin=0.5),
    MarginRanking(margin=0.5),
    TripletMargin(margin=0.5, eps=0.0),
)


def _direction(u):
    """u / |u| and |u| of each row; 0 where it is 0."""
    xp = array_namespace(u)
    length = xp.linalg.vector_norm(u, axis=-1, keepdims=True)
    return u / xp.where(length == 0, 1, length), length
