"""Linear maps: every output is a weighted sum of inputs, or of products of them."""

import math
import string
from dataclasses import dataclass

from handgrad.arrays import array_namespace, device_of, einsum, outline, outlined, unbroadcast

__all__ = ["Affine", "Bilinear", "Einsum", "LowRankAffine", "MatMul", "Outer", "Trace"]


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

    Paired with dy, the factor beside a move goes over to dy as its transpose: Σₙₒ dyₙₒ Σᵢ xₙᵢ δWᵢₒ
    is Σᵢₒ (Σₙ xₙᵢ dyₙₒ) δWᵢₒ. The leading axes of x are taken as one, n:

        inner(dy, δx @ W) = inner(dy @ W.T, δx)
        inner(dy, x @ δW) = inner(reshape(x, (-1, I)).T @ reshape(dy, (-1, O)), δW)

    What a move is then paired with is its gradient. W and b gather theirs from all the rows:

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


@dataclass(frozen=True)
class LowRankAffine:
    """y = x W + b + scale (x A) B: LoRA, an affine map with a change of low rank

        x : (..., I)
        W : (I, O)
        b : (O)
        A : (I, R)
        B : (R, O)
        h = x @ A
        y = x @ W + b + scale * (h @ B)

    x reaches y by two ways, by W and by h, and every product gives back as in Affine. By h, dy goes
    through scale and B, then through A:

        dh = scale * (dy @ B.T)
        dx = dy @ W.T + dh @ A.T

    A and B gather from all the rows, the leading axes taken as one:

        dA = reshape(x, (-1, I)).T @ reshape(dh, (-1, R))
        dB = scale * (reshape(h, (-1, R)).T @ reshape(dy, (-1, O)))

    and W and b have the gradients of Affine:

        dW = reshape(x, (-1, I)).T @ reshape(dy, (-1, O))
        db = sum(reshape(dy, (-1, O)), axis=0)

    The order of the products is what makes it cheap: A B, as large as W, is never formed. Frozen
    weights have no gradient: needs=(True, False, False, True, True) leaves out dW and db.

    Keeps x, W, A and B: h is formed again, by R products for each number of x.

    Hu et al., LoRA: Low-Rank Adaptation, 2021, arXiv:2106.09685, section 4.1: its α / r is scale.
    """

    scale: float = 1.0

    def forward(self, x, W, b, A, B):
        return x @ W + b + self.scale * ((x @ A) @ B), (x, W, A, B)

    def backward(self, residuals, dy, *, needs=(True,) * 5):
        x, W, A, B = residuals
        xp = array_namespace(x, W)
        dx = dW = db = dA = dB = None
        n = math.prod(x.shape[:-1])
        x, dy_rows = (xp.reshape(a, (n, a.shape[-1])) for a in (x, dy))
        dh = self.scale * (dy_rows @ B.T) if needs[0] or needs[3] else None
        if needs[0]:
            dx = xp.reshape(dy_rows @ W.T + dh @ A.T, (*dy.shape[:-1], W.shape[0]))
        if needs[1]:
            dW = x.T @ dy_rows
        if needs[2]:
            db = xp.sum(dy_rows, axis=0)
        if needs[3]:
            dA = x.T @ dh
        if needs[4]:
            dB = self.scale * ((x @ A).T @ dy_rows)
        return dx, dW, db, dA, dB


@dataclass(frozen=True)
class Bilinear:
    """yₙₒ = Σᵢⱼ aₙᵢ Wₒᵢⱼ bₙⱼ + cₒ

        a : (N, I)
        b : (N, J)
        W : (O, I, J)
        c : (O)
        u[n, o, i] = sum[j](W[o, i, j] * b[n, j])
        y[n, o] = sum[i](a[n, i] * u[n, o, i]) + c[o]

    y is linear in each argument alone, and each gets what stands beside it in the sum:

        da[n, i] = sum[o](dy[n, o] * u[n, o, i])
        du[n, o, i] = dy[n, o] * a[n, i]
        db[n, j] = sum[o, i](du[n, o, i] * W[o, i, j])
        dW[o, i, j] = sum[n](du[n, o, i] * b[n, j])
        dc[o] = sum[n](dy[n, o])

    Keeps a, b and W: u, I times as large as y, is formed again.
    """

    def forward(self, a, b, W, c):
        u = einsum("oij,nj->noi", W, b)
        return einsum("ni,noi->no", a, u) + c, (a, b, W)

    def backward(self, residuals, dy, *, needs=(True,) * 4):
        a, b, W = residuals
        xp = array_namespace(a, W)
        da = db = dW = None
        if needs[0]:
            da = einsum("no,noi->ni", dy, einsum("oij,nj->noi", W, b))
        du = xp.reshape(dy[:, :, None] * a[:, None, :], (a.shape[0], W.shape[0] * W.shape[1]))
        if needs[1]:
            db = du @ xp.reshape(W, (du.shape[1], W.shape[2]))
        if needs[2]:
            dW = xp.reshape(du.T @ b, W.shape)
        return da, db, dW, xp.sum(dy, axis=0) if needs[3] else None


@dataclass(frozen=True)
class Outer:
    """yᵢⱼ = aᵢ bⱼ

        a : (I)
        b : (J)
        y[i, j] = a[i] * b[j]

    Each number of a meets all of b, and each of b all of a:

        da[i] = sum[j](dy[i, j] * b[j])
        db[j] = sum[i](dy[i, j] * a[i])
        da, db = dy @ b, a @ dy

    Keeps a and b.
    """

    def forward(self, a, b):
        return a[:, None] * b[None, :], (a, b)

    def backward(self, residuals, dy):
        a, b = residuals
        return dy @ b, a @ dy


@dataclass(frozen=True)
class Trace:
    """y = Σᵢ xᵢᵢ, of each matrix

        x : (..., M, N)
        y = trace(x)

    The diagonal moves the sum as much as itself, and the rest does not move it:

        dx = dy[..., None, None] * eye(M, N)

    Keeps the shape of x.
    """

    def forward(self, x):
        return array_namespace(x).linalg.trace(x), (outline(x),)

    def backward(self, residuals, dy):
        (x,) = map(outlined, residuals)
        xp = array_namespace(dy)
        diagonal = xp.eye(*x[-2:], dtype=dy.dtype, device=device_of(dy))
        return (xp.where(diagonal == 1, dy[..., None, None], 0),)


@dataclass(frozen=True)
class Einsum:
    """y = Σ of products, by subscripts: einsum("ij,jk->ik", a, b) is a @ b

        a : (I, J)
        b : (J, K)
        y[i, k] = sum[j](a[i, j] * b[j, k])

    y is linear in each argument, whose gradient is the product of dy and the other arguments, with
    its own subscripts behind the arrow:

        da[i, j] = sum[k](dy[i, k] * b[j, k])
        db[j, k] = sum[i](dy[i, k] * a[i, j])
        da, db = einsum('ik,jk->ij', dy, b), einsum('ik,ij->jk', dy, a)

    So it is for any number of arguments. What is summed within one argument alone, as j in "ij->i",
    gets the same gradient at every place; a subscript that stands twice in it, as in "ii->i", only
    moves the diagonal. "..." stands for leading axes, which broadcast.

    Keeps the arguments.
    """

    subscripts: str = "ij,jk->ik"

    def forward(self, *arrays):
        terms, output = self._terms(arrays)
        return einsum(f"{','.join(terms)}->{output}", *arrays), arrays

    def backward(self, residuals, dy, *, needs=None):
        needs = needs or (True,) * len(residuals)
        return tuple(self._gradient(i, residuals, dy) if n else None for i, n in enumerate(needs))

    def _gradient(self, i, arrays, dy):
        """The gradient of argument i: dy and the others, summed over what it does not have."""
        terms, output = self._terms(arrays)
        names, factors = terms[i], [(output, dy)]
        factors += [pair for j, pair in enumerate(zip(terms, arrays, strict=True)) if j != i]
        xp, x = array_namespace(dy), arrays[i]
        for axis, letter in enumerate(terms[i]):
            if letter in terms[i][:axis]:  # only the diagonal moves y
                new = _unused(names, self.subscripts, *terms)[0]
                names = f"{names[:axis]}{new}{names[axis + 1 :]}"
                eye = xp.eye(x.shape[axis], dtype=dy.dtype, device=device_of(dy))
                factors.append((f"{letter}{new}", eye))
        seen = "".join(term for term, _ in factors)
        for letter, n in zip(names, x.shape, strict=True):
            if letter not in seen:  # it was summed within this argument
                factors.append((letter, xp.ones((n,), dtype=dy.dtype, device=device_of(dy))))
        inputs = ",".join(term for term, _ in factors)
        return unbroadcast(einsum(f"{inputs}->{names}", *(a for _, a in factors)), x.shape)

    def _terms(self, arrays):
        """The subscripts of each argument and those of y, with letters in the place of dots."""
        inputs, arrow, output = self.subscripts.replace(" ", "").partition("->")
        terms = inputs.split(",")
        if not arrow or len(terms) != len(arrays):
            raise ValueError(
                f"the subscripts {self.subscripts!r} are for {len(terms)} arguments, and there are "
                f"{len(arrays)}: give each its own, and those of y behind ->"
            )
        pairs = zip(terms, arrays, strict=True)
        dots = [x.ndim - len(term) + 3 if "..." in term else 0 for term, x in pairs]
        leading = _unused(*terms, output)[: max(dots)]
        terms = [
            term.replace("...", leading[max(dots) - n :])
            for term, n in zip(terms, dots, strict=True)
        ]
        return terms, output.replace("...", leading)


VARIANTS = (LowRankAffine(scale=0.5), Einsum("ij,jk->k"))


def _unused(*terms):
    """The letters that stand in none of the subscripts."""
    return "".join(letter for letter in string.ascii_letters if letter not in "".join(terms))
