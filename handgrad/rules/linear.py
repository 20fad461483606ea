"""Linear maps: every output is a weighted sum of inputs."""

import math
from dataclasses import dataclass

from handgrad.arrays import array_namespace, unbroadcast

__all__ = ["Affine", "MatMul"]


@dataclass(frozen=True)
class MatMul:
    """y = a b, the matrix product

        a : (..., I, K)
        b : (..., K, J)
        y = a @ b

    y is linear in each factor. Paired with dy, each move is read off its own side:

        δy = δa @ b + a @ δb
        inner(dy, δy) = inner(dy @ swapaxes(b, -1, -2), δa) + inner(swapaxes(a, -1, -2) @ dy, δb)

        da = dy @ swapaxes(b, -1, -2)
        db = swapaxes(a, -1, -2) @ dy

    A vector is a matrix of one row (on the left) or one column (on the right), and leading axes
    broadcast, as in NumPy.

    Keeps a and b.
    """

    def forward(self, a, b):
        return a @ b, (a, b)

    def backward(self, residuals, dy, *, needs=(True, True)):
        a, b = residuals
        xp = array_namespace(a, b)
        A = a if a.ndim > 1 else a[None, :]
        B = b if b.ndim > 1 else b[:, None]
        if b.ndim == 1:
            dy = xp.expand_dims(dy, axis=-1)
        if a.ndim == 1:
            dy = xp.expand_dims(dy, axis=-2)
        da = db = None
        if needs[0]:
            da = xp.reshape(unbroadcast(dy @ xp.matrix_transpose(B), A.shape), a.shape)
        if needs[1]:
            db = xp.reshape(unbroadcast(xp.matrix_transpose(A) @ dy, B.shape), b.shape)
        return da, db


@dataclass(frozen=True)
class Affine:
    """y = x W + b

        x : (..., I)
        W : (I, O)
        b : (O)
        y = x @ W + b

    y is linear in each argument, and every row of x uses the same W and b:

        δy = δx @ W + x @ δW + δb

    Paired with dy, the move of each argument meets its gradient; W and b gather theirs from all
    the rows, the leading axes taken as one:

        dx = dy @ W.T
        dW = reshape(x, (-1, I)).T @ reshape(dy, (-1, O))
        db = sum(reshape(dy, (-1, O)), axis=0)

        inner(dy, δy) = inner(dx, δx) + inner(dW, δW) + inner(db, δb)

    Keeps x and W.
    """

    def forward(self, x, W, b):
        return x @ W + b, (x, W)

    def backward(self, residuals, dy, *, needs=(True, True, True)):
        x, W = residuals
        xp = array_namespace(x, W)
        n = math.prod(x.shape[:-1])
        rows, d_rows = xp.reshape(x, (n, W.shape[0])), xp.reshape(dy, (n, W.shape[1]))
        dx = dy @ W.T if needs[0] else None
        dW = rows.T @ d_rows if needs[1] else None
        db = xp.sum(d_rows, axis=0) if needs[2] else None
        return dx, dW, db
