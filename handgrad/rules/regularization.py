"""Regularization: what keeps a net from learning its examples by heart."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept

__all__ = ["Dropout", "L2Penalty"]


@dataclass(frozen=True)
class Dropout:
    """y = x / (1 − rate) where kept, 0 elsewhere

        x : (N, D)
        keep : (N, D) mask
        y = where(keep, x, 0) / (1 - rate)
        dx = where(keep, dy, 0) / (1 - rate)

    The mask is an input: who draws it keeps it for as long as the gradient is checked. The
    division makes the mean of y that of x, so nothing is left to do when the net is used.

    Keeps the mask, which has no gradient.

    Srivastava et al., Dropout, JMLR 15, 2014.
    """

    rate: float = 0.5

    def forward(self, x, keep):
        return kept(keep, x) / (1 - self.rate), (keep,)

    def backward(self, residuals, dy):
        (keep,) = residuals
        return kept(keep, dy) / (1 - self.rate), None


@dataclass(frozen=True)
class L2Penalty:
    """y = ½ λ Σ W²    with λ the weight decay

        W : (M, N)
        y = weight_decay / 2 * sum(W**2)
        dW = dy * weight_decay * W

    Keeps W.
    """

    weight_decay: float = 0.1

    def forward(self, W):
        return self.weight_decay / 2 * array_namespace(W).sum(W * W), (W,)

    def backward(self, residuals, dy):
        (W,) = residuals
        return (dy * self.weight_decay * W,)


VARIANTS = (Dropout(rate=0.2),)
