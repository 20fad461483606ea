"""Losses of yes and no: each number is judged by itself."""

from dataclasses import dataclass

from handgrad.arrays import (
    array_namespace,
    kept,
    log,
    log1p,
    outline,
    outlined,
    sigmoid,
    softplus,
    unbroadcast,
    where,
)
from handgrad.rules.batch import Reduction, of_each, reduced, stretched

__all__ = ["BinaryCrossEntropy", "FocalLoss", "SigmoidCrossEntropy"]


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """y = −w t log σ(x) − (1 − t) log σ(−x), averaged over all numbers

        x : (N, D)
        t : (N, D)
        w = pos_weight

    The weight w of a yes, where yes is rare, is above 1. softplus(x) = log(1 + eˣ) is −log σ(−x),
    and softplus(−x) is −log σ(x), which is x less:

        l = w * t * softplus(-x) + (1 - t) * softplus(x)
          = (1 + (w - 1) * t) * softplus(-x) + (1 - t) * x
        y = mean(l)

    softplus has the slope σ. The last form of dx subtracts nothing near 1:

        dx = dy * (w * t * -sigmoid(-x) + (1 - t) * sigmoid(x)) / (N * D)
        dt = dy * (w * softplus(-x) - softplus(x)) / (N * D)
           = dy * ((w - 1) * softplus(-x) - x) / (N * D)

    With w = 1, dx is σ(x) − t.

    Keeps x and t.
    """

    reduction: Reduction = "mean"
    pos_weight: float = 1.0

    def forward(self, x, t):
        target = stretched(t, x)
        weight = 1 + (self.pos_weight - 1) * target
        losses = weight * softplus(-x) + (1 - target) * x
        return reduced(losses, self.reduction), (x, target, outline(t))

    def backward(self, residuals, dy):
        x, t, t_outline = residuals
        dl = of_each(dy, x.shape, self.reduction)
        dx = dl * ((1 - t) * sigmoid(x) - self.pos_weight * t * sigmoid(-x))
        more = (self.pos_weight - 1) * softplus(-x) if self.pos_weight != 1 else 0
        return dx, unbroadcast(dl * (more - x), outlined(t_outline))


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """y = −t log p − (1 − t) log(1 − p), averaged over all numbers; p are probabilities

        p : (N, D) interval(0, 1)
        t : (N, D) interval(0, 1)
        y = mean(-t * log(p) - (1 - t) * log1p(-p))
        dp = dy * (p - t) / (p * (1 - p)) / (N * D)
           = dy * ((1 - t) / (1 - p) - t / p) / (N * D)
        dt = dy * (log1p(-p) - log(p)) / (N * D)

    Where t or 1 − t is 0 its term is 0, also at log 0: a certain answer that is right costs nothing,
    and one that is wrong infinitely much. torch holds log p above −100, and p (1 − p) above 10⁻¹²
    in the gradient, so that a certain right answer has the gradient 0 and not 1 or −1. With logits,
    SigmoidCrossEntropy loses no digits.

    Keeps p and t.
    """

    reduction: Reduction = "mean"

    def forward(self, p, t):
        target = stretched(t, p)
        yes, no = kept(target != 0, log(p)), kept(target != 1, log1p(-p))
        losses = -target * yes - (1 - target) * no
        return reduced(losses, self.reduction), (p, target, outline(t))

    def backward(self, residuals, dy):
        p, t, t_outline = residuals
        dl = of_each(dy, p.shape, self.reduction)
        yes, no = t / where(t == 0, 1, p), (1 - t) / where(t == 1, 1, 1 - p)
        return dl * (no - yes), unbroadcast(dl * (log1p(-p) - log(p)), outlined(t_outline))


@dataclass(frozen=True)
class FocalLoss:
    """y = −a (1 − p)^γ log p, averaged over all numbers; p is what the right answer got

        x : (N, D)
        t : (N, D) mask
        a = where(t, alpha, 1 - alpha)
        s = where(t, x, -x)
        p = sigmoid(s)
        q = 1 - p = sigmoid(-s)
        y = mean(a * q**gamma * -log(p)) = mean(a * q**gamma * softplus(-s))

    a is α for yes and 1 − α for no. With γ = 0 and a = 1 it is SigmoidCrossEntropy; the factor q^γ
    lets go of what is already right. −log p is softplus(−s).

    By s, q has the slope −p q, and −log p has −q. The product rule gives both terms, and q^γ is
    taken out of them:

        ds = -dy * a * (gamma * q**(gamma - 1) * p * q * softplus(-s) + q**gamma * q) / (N * D)
           = -dy * a * q**gamma * (gamma * p * softplus(-s) + q) / (N * D)
        dx = where(t, ds, -ds)

    The last form has no q^(γ − 1), which is infinite at a sure answer, q = 0, if γ < 1.

    Keeps x and the mask t, which has no gradient; other numbers than 0 are taken as true.

    Lin et al., Focal Loss for Dense Object Detection, 2017, arXiv:1708.02002, section 3.
    """

    reduction: Reduction = "mean"
    gamma: float = 2.0
    alpha: float = 0.25

    def forward(self, x, t):
        xp = array_namespace(x, t)
        t = xp.astype(xp.broadcast_to(t, x.shape), xp.bool)
        s = where(t, x, -x)
        losses = self._factor(t, s) * softplus(-s)
        return reduced(losses, self.reduction), (x, t)

    def backward(self, residuals, dy):
        x, t = residuals
        s = where(t, x, -x)
        p, q = sigmoid(s), sigmoid(-s)
        inside = self.gamma * p * softplus(-s) + q
        ds = -of_each(dy, x.shape, self.reduction) * self._factor(t, s) * inside
        return where(t, ds, -ds), None

    def _factor(self, t, s):
        """a q^γ"""
        q_to_gamma = sigmoid(-s) ** self.gamma
        return where(t, self.alpha * q_to_gamma, (1 - self.alpha) * q_to_gamma)


VARIANTS = (
    SigmoidCrossEntropy(pos_weight=3.0),
    FocalLoss(gamma=0.5, alpha=0.6),
)
