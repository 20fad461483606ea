"""Preference losses: a language model learns which of two answers people like better.

a and b are the log-probabilities of whole answers under the model, a of the one that is preferred.
a0 and b0 are those under a reference that stays as it is. They have no gradient: None.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, log, sigmoid, softplus
from handgrad.rules.batch import Reduction, floating, of_each, reduced

__all__ = ["DPO", "KTO", "ORPO", "SimPO"]


@dataclass(frozen=True)
class DPO:
    """y = −log σ(β ((a − a₀) − (b − b₀))), averaged over the pairs

        a : (N)
        b : (N)
        a0 : (N) const
        b0 : (N) const
        ε = label_smoothing
        u = beta * ((a - a0) - (b - b0))
        y = mean((1 - ε) * softplus(-u) + ε * softplus(u))

    softplus(−u) is −log σ(u), with the slope −σ(−u) by u: a pair that is told apart well weighs
    little. A share ε of the pairs is taken to have its labels exchanged.

        du = dy * (ε * sigmoid(u) - (1 - ε) * sigmoid(-u)) / N
        da = beta * du
        db = -beta * du

    With ε = 0 both answers get β σ(−u) / N, with opposite signs, whatever the reference: it moves
    the weights of the pairs, and has no gradient itself.

    Keeps u.

    Rafailov et al., Direct Preference Optimization, 2023, arXiv:2305.18290, equation 7.
    """

    reduction: Reduction = "mean"
    beta: float = 0.1
    label_smoothing: float = 0.0

    def forward(self, a, b, a0, b0):
        u = self.beta * ((a - a0) - (b - b0))
        return reduced(_doubted(u, self.label_smoothing), self.reduction), (u,)

    def backward(self, residuals, dy):
        (u,) = residuals
        dl = of_each(dy, u.shape, self.reduction)
        da = self.beta * dl * _slope_of_doubted(u, self.label_smoothing)
        return da, -da, None, None


@dataclass(frozen=True)
class SimPO:
    """y = −log σ(β (a / n − b / k) − γ), averaged over the pairs

        a : (N)
        b : (N)
        n : (N) positive const
        k : (N) positive const
        ε = label_smoothing
        u = beta * (a / n - b / k) - gamma
        y = mean((1 - ε) * softplus(-u) + ε * softplus(u))

    n and k are the lengths of the answers: what counts is the mean log-probability of their tokens.
    So the gradients are divided as well, each by its own length:

        du = dy * (ε * sigmoid(u) - (1 - ε) * sigmoid(-u)) / N
        da = beta * du / n
        db = -beta * du / k

    No reference is needed; the margin γ keeps the answers apart. The lengths have no gradient.

    Keeps u and the lengths.

    Meng, Xia and Chen, SimPO, 2024, arXiv:2405.14734, equation 6.
    """

    reduction: Reduction = "mean"
    beta: float = 2.0
    gamma: float = 1.0
    label_smoothing: float = 0.0

    def forward(self, a, b, n, k):
        n, k = floating(n, a), floating(k, b)
        u = self.beta * (a / n - b / k) - self.gamma
        return reduced(_doubted(u, self.label_smoothing), self.reduction), (u, n, k)

    def backward(self, residuals, dy):
        u, n, k = residuals
        du = of_each(dy, u.shape, self.reduction) * _slope_of_doubted(u, self.label_smoothing)
        return self.beta * du / n, -self.beta * du / k, None, None


@dataclass(frozen=True)
class ORPO:
    """y = −a − λ log σ(A − B), averaged over the pairs; A = log(eᵃ / (1 − eᵃ)), and so B of b

        a : (N) interval(-3, -0.1)
        b : (N) interval(-3, -0.1)
        λ = weight
        A = a - log(1 - exp(a))
          = a - log(-expm1(a))
        B = b - log(1 - exp(b))
          = b - log(-expm1(b))
        u = A - B
        y = mean(λ * softplus(-u) - a)

    Here a and b are means over the tokens of an answer, so that exp(a) is a probability, and A the
    logarithm of its odds. −a is the usual loss of the preferred answer. A has the slope
    1 + eᵃ / (1 − eᵃ), which is 1 / (1 − eᵃ):

        du = -dy * λ * sigmoid(-u) / N
        da = du / (1 - exp(a)) - dy / N
           = -du / expm1(a) - dy / N
        db = -du / (1 - exp(b))
           = du / expm1(b)

    1 − eᵃ loses its digits where a is near 0, and expm1 does not. At a = 0 the odds are infinite.

    Keeps a, b and u.

    Hong, Lee and Thorne, ORPO, 2024, arXiv:2403.07691, section 4.3.
    """

    reduction: Reduction = "mean"
    weight: float = 0.1

    def forward(self, a, b):
        A, B = (x - log(-array_namespace(x).expm1(x)) for x in (a, b))
        u = A - B
        return reduced(self.weight * softplus(-u) - a, self.reduction), (a, b, u)

    def backward(self, residuals, dy):
        a, b, u = residuals
        xp = array_namespace(u)
        dl = of_each(dy, u.shape, self.reduction)
        du = -dl * self.weight * sigmoid(-u)
        return -du / xp.expm1(a) - dl, du / xp.expm1(b)


@dataclass(frozen=True)
class KTO:
    """y = λ σ(∓β (p − p₀ − z)), averaged over the answers; − for those that people like, else +

        p : (N)
        p0 : (N) const
        like : (N) mask
        k : (M) const
        z = maximum(mean(k), 0)
        λ = where(like, desirable, undesirable)
        u = where(like, beta, -beta) * (p - p0 - z)
        y = mean(λ * (1 - sigmoid(u)))

    Every answer is judged by itself; p is its log-probability, and p₀ that under the reference. k
    has the log-ratios of M answers to other questions. Their mean z, but at least 0, estimates how
    far the model is from the reference. Gains are counted from there, and z is held constant, as in
    the paper. σ has the slope σ(u) σ(−u), the largest at u = 0:

        du = -dy * λ * sigmoid(u) * sigmoid(-u) / N
        dp = where(like, beta, -beta) * du

    Keeps u and which answers are liked.

    Ethayarajh et al., KTO, 2024, arXiv:2402.01306, equation 8.
    """

    reduction: Reduction = "mean"
    beta: float = 0.1
    desirable: float = 1.0
    undesirable: float = 1.0

    def forward(self, p, p0, like, k):
        xp = array_namespace(p)
        z = xp.maximum(xp.mean(k), 0)
        u = self._sign(like, p) * (p - p0 - z)
        return reduced(self._weight(like, p) * sigmoid(-u), self.reduction), (u, like)

    def backward(self, residuals, dy):
        u, like = residuals
        dl = of_each(dy, u.shape, self.reduction) * self._weight(like, u)
        return -dl * self._sign(like, u) * sigmoid(u) * sigmoid(-u), None, None, None

    def _sign(self, like, p):
        """β for each answer that is liked, and −β for the others."""
        one = array_namespace(p).ones_like(p)
        return self.beta * array_namespace(p).where(like, one, -one)

    def _weight(self, like, p):
        one = array_namespace(p).ones_like(p)
        return array_namespace(p).where(like, self.desirable * one, self.undesirable * one)


VARIANTS = (
    DPO(beta=0.5, label_smoothing=0.2),
    SimPO(label_smoothing=0.2),
    KTO(beta=0.5, undesirable=1.5),
)


def _doubted(u, smoothing):
    """−log σ(u), or −log σ(−u) where the labels are wrong, by the share of these."""
    return (1 - smoothing) * softplus(-u) + smoothing * softplus(u)


def _slope_of_doubted(u, smoothing):
    return smoothing * sigmoid(u) - (1 - smoothing) * sigmoid(-u)
