"""Regularization: what keeps a net from learning its examples by heart."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, kept

__all__ = ["DropPath", "Dropout", "L1Penalty", "L2Penalty", "OrthogonalPenalty"]


@dataclass(frozen=True)
class Dropout:
    """y = x / (1 − rate) where kept, 0 elsewhere

        x : (N, D)
        keep : (N, D) mask
        y = where(keep, x, 0) / (1 - rate)
        dx = where(keep, dy, 0) / (1 - rate)

    The mask is an input: who draws it keeps it for as long as the gradient is checked. The
    division makes the mean of y that of x, so nothing is left to do when the net is used. At the
    rate 1 nothing is kept, and y is 0.

    Keeps the mask, which has no gradient.

    Srivastava et al., Dropout, JMLR 15, 2014.
    """

    rate: float = 0.5

    def forward(self, x, keep):
        return _scaled(kept(keep, x), self.rate), (keep,)

    def backward(self, residuals, dy):
        (keep,) = residuals
        return _scaled(kept(keep, dy), self.rate), None


@dataclass(frozen=True)
class DropPath:
    """y = x / (1 − rate) for the examples that are kept, 0 for the others

        x : (N, C, D)
        keep : (N) mask
        y = where(keep[:, None, None], x, 0) / (1 - rate)
        dx = where(keep[:, None, None], dy, 0) / (1 - rate)

    Dropout of whole examples: in a residual block, x + y skips the branch for those that are
    dropped. Also known as stochastic depth.

    Keeps the mask, which has no gradient.

    Huang et al., Deep Networks with Stochastic Depth, 2016, arXiv:1603.09382.
    """

    rate: float = 0.1

    def forward(self, x, keep):
        return _scaled(kept(_examples(keep, x), x), self.rate), (keep,)

    def backward(self, residuals, dy):
        (keep,) = residuals
        return _scaled(kept(_examples(keep, dy), dy), self.rate), None


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


@dataclass(frozen=True)
class L1Penalty:
    """y = λ Σ |W|    with λ the strength

        W : (M, N)
        y = strength * sum(abs(W))
        dW = dy * strength * sign(W)

    Every weight is pulled to 0 with the same force, so that small ones get there. At 0 every force
    up to λ is a subgradient, and we take 0: a weight at 0 rests.

    Keeps W.

    Tibshirani, Regression Shrinkage and Selection via the Lasso, 1996.
    """

    strength: float = 0.01

    def forward(self, W):
        xp = array_namespace(W)
        return self.strength * xp.sum(xp.abs(W)), (W,)

    def backward(self, residuals, dy):
        (W,) = residuals
        return (dy * self.strength * array_namespace(W).sign(W),)


@dataclass(frozen=True)
class OrthogonalPenalty:
    """y = λ Σ (Wᵀ W − I)²    with λ the strength: 0 where the columns are orthonormal

        W : (M, N)
        E = W.T @ W - eye(N)
        y = strength * sum(E**2)

    The square has the slope 2 E. W stands twice in Wᵀ W, and E is symmetric:

        dE = dy * strength * 2 * E
        dW = W @ dE + W @ dE.T
           = dy * strength * 4 * W @ E

    A wide W, with more columns than rows, cannot get to 0: there, penalize its transpose.

    Keeps W and E.

    Brock et al., 2016, arXiv:1609.07093, section 3.1.
    """

    strength: float = 0.01

    def forward(self, W):
        xp = array_namespace(W)
        E = xp.matrix_transpose(W) @ W - xp.eye(W.shape[-1], dtype=W.dtype)
        return self.strength * xp.sum(E * E), (W, E)

    def backward(self, residuals, dy):
        W, E = residuals
        return (dy * (4 * self.strength) * (W @ E),)


VARIANTS = (Dropout(rate=0.2),)


def _scaled(x, rate):
    """x / (1 − rate), and 0 where everything is dropped."""
    return x / (1 - rate) if rate < 1 else 0 * x


def _examples(keep, x):
    """One number for each example, in a shape that broadcasts against x."""
    return array_namespace(keep).reshape(keep, (-1,) + (1,) * (x.ndim - 1))
