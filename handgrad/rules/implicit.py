"""Implicit layers: what comes out is the solution of an equation, however it was found."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, device_of

__all__ = ["FixedPoint"]


@dataclass(frozen=True)
class FixedPoint:
    """y = z with z = tanh(z W / D + x)    a layer that is applied to its own output until it stays

        x : (N, D)
        W : (D, D) interval(-1, 1)
        z : fixed_point(tanh(z @ W / D + x))
        s = 1 - z**2
        y = z

    Each of the N rows has its own solution. There is only one where the entries of W are between −1
    and 1: then the layer brings any two z closer to each other. Elsewhere there may be several, and
    the gradient is that of the one found. Let all move, with the slope s of tanh:

        δz - s * (δz @ W / D) = s * (z @ δW / D + δx)

    So δz solves a linear system, for each row with the matrix J:

        J = eye(D) - s[:, :, None] * W.T / D
        einsum('nij,nj->ni', J, δz) = s * (z @ δW / D + δx)

    dz goes back through the transposed system, once:

        c = s * solve(matrix_transpose(J), dy[:, :, None])[:, :, 0]
        dx = c
        dW = z.T @ c / D

    The solution is found in `steps` steps, half of iteration and then half of Newton's method.
    None is kept, and none matters: the gradient is that of the solution.

    Keeps z and W.

    Bai, Kolter and Koltun, Deep equilibrium models, 2019, arXiv:1909.01377.
    """

    steps: int = 24

    def forward(self, x, W):
        xp = array_namespace(x)
        z = xp.tanh(x)
        for step in range(self.steps):
            more = xp.tanh(z @ W / W.shape[0] + x) - z
            z = z + (more if step < self.steps // 2 else _solved(_jacobian(z + more, W), more))
        return z, (z, W)

    def backward(self, residuals, dy):
        z, W = residuals
        xp = array_namespace(z)
        c = (1 - z * z) * _solved(xp.matrix_transpose(_jacobian(z, W)), dy)
        return c, xp.matrix_transpose(z) @ c / W.shape[0]


def _jacobian(z, W):
    """How far each row is from a solution where tanh gives z, by its entries: 1 − s Wᵀ / D."""
    xp, n = array_namespace(z), W.shape[0]
    one = xp.eye(n, dtype=W.dtype, device=device_of(W))
    return one - (1 - z * z)[:, :, None] * xp.matrix_transpose(W) / n


def _solved(J, b):
    """The solution of J z = b for each row b."""
    return array_namespace(b).linalg.solve(J, b[:, :, None])[:, :, 0]
