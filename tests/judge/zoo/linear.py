"""Products, inverses, determinants and factors of matrices."""

import numpy as np

from tests.judge.zoo.operation import Operation, real, softmax


def turned(x):
    return np.swapaxes(x, -1, -2)


def invertible(n, *shapes):
    """Draws an n × n matrix far from singular, and normal arrays."""

    def draw(rng):
        A = rng.normal(size=(n, n)) + 2 * np.sqrt(n) * np.eye(n)
        return A, *(rng.normal(size=shape) for shape in shapes)

    return draw


def definite(n):
    """Draws a symmetric positive definite matrix."""

    def draw(rng):
        A = rng.normal(size=(n, n))
        return (A @ A.T + n * np.eye(n),)

    return draw


def symmetric(A):
    return (A + turned(A)) / 2


def _affine_vjp(dy, x, W, b):
    return dy @ W.T, x.T @ dy, np.sum(dy, axis=0)


def _affine_nd_vjp(dy, x, W, b):
    return dy @ W.T, np.tensordot(x, dy, axes=((0, 1), (0, 1))), np.sum(dy, axis=(0, 1))


def _bilinear_vjp(dy, a, W, b):
    return np.outer(dy, W @ b), np.outer(a.T @ dy, b), W.T @ (a.T @ dy)


def cofactors(A):
    """The cofactor matrix of a 3 × 3 matrix, which needs no inverse."""
    a, b, c = A
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)])


def _det(A):
    return np.sum(A[0] * np.cross(A[1], A[2]))


def _singular(rng):
    a, b = rng.normal(size=(2, 3))
    return (np.stack([a, b, a]),)


def _logdet(A):
    return np.linalg.slogdet(symmetric(A))[1]


def _gram_and_one(B):
    return B @ B.T + np.eye(len(B), dtype=B.dtype)


def _logdet_of_gram(B):
    return np.linalg.slogdet(_gram_and_one(B))[1]


def _logdet_of_gram_vjp(dy, B):
    return (2 * dy * np.linalg.solve(_gram_and_one(B), B),)


def _solve_vjp(dy, A, b):
    db = np.linalg.solve(A.T, dy)
    return -db @ np.linalg.solve(A, b).T, db


def _inverse_vjp(dy, A):
    Y = np.linalg.inv(A)
    return (-Y.T @ dy @ Y.T,)


def phi(A):
    """The lower triangle, with half of the diagonal."""
    return np.tril(A) - np.eye(len(A), dtype=A.dtype) * A / 2


def cholesky_core(dy, A):
    """L⁻ᵀ Φ(Lᵀ dL) L⁻¹, before it is made symmetric."""
    L = np.linalg.cholesky(symmetric(A))
    inverse = np.linalg.inv(L)
    return inverse.T @ phi(L.T @ dy) @ inverse


def _quadratic_vjp(dy, x, A):
    dx = dy[:, None] * (x @ A.T + x @ A)
    return dx, x.T @ (dy[:, None] * x)


def _lora_vjp(dy, x, W, A, B):
    dz = 2 * dy @ B
    return dy @ W + dz @ A, dy.T @ x, dz.T @ x, 2 * dy.T @ (x @ A.T)


def _shared(x, W):
    return np.tanh(np.tanh(x @ W) @ W)


def _shared_vjp(dy, x, W):
    h = np.tanh(x @ W)
    db = dy * (1 - _shared(x, W) ** 2)
    da = db @ W.T * (1 - h**2)
    return da @ W.T, h.T @ db + x.T @ da


def _tied_vjp(dy, x, E):
    h = x @ E
    y = softmax(h @ E.T)
    dz = y * (dy - np.sum(dy * y, axis=-1, keepdims=True))
    dh = dz @ E
    return dh @ E.T, x.T @ dh + dz.T @ h


AFFINE = Operation(
    "affine", lambda x, W, b: x @ W + b, _affine_vjp, real((5, 3), (3, 4), (4,)), entire=True
)
AFFINE_ND = Operation(
    "affine_nd", AFFINE.f, _affine_nd_vjp, real((2, 3, 4), (4, 5), (5,)), entire=True
)
AFFINE_VECTOR = Operation(
    "affine_vector",
    AFFINE.f,
    lambda dy, x, W, b: (dy @ W.T, np.outer(x, dy), dy * 1),
    real((3,), (3, 3), (3,)),
    entire=True,
)
LORA = Operation(
    "lora",
    lambda x, W, A, B: x @ W.T + 2 * (x @ A.T) @ B.T,
    _lora_vjp,
    real((5, 4), (3, 4), (2, 4), (3, 2)),
    entire=True,
)
SHARED = Operation("shared_weight", _shared, _shared_vjp, real((4, 3), (3, 3)), entire=True)
TIED = Operation(
    "tied_embedding",
    lambda x, E: softmax(x @ E @ E.T),
    _tied_vjp,
    real((3, 5), (5, 2)),
    entire=True,
)
SOLVE = Operation("solve", np.linalg.solve, _solve_vjp, invertible(4, (4, 3)))
CHOLESKY = Operation(
    "cholesky",
    lambda A: np.linalg.cholesky(symmetric(A)),
    lambda dy, A: (symmetric(cholesky_core(dy, A)),),
    definite(4),
)
DET_SINGULAR = Operation(
    "det_singular", _det, lambda dy, A: (dy * cofactors(A),), _singular, entire=True
)
DECAYED = Operation(
    "loss_with_weight_decay",
    lambda x, W: np.mean((x @ W) ** 2) + 0.05 * np.sum(W**2),
    lambda dy, x, W: (
        dy * 2 * (x @ W) @ W.T / (len(x) * W.shape[1]),
        dy * 2 * (x.T @ (x @ W) / (len(x) * W.shape[1]) + 0.05 * W),
    ),
    real((5, 3), (3, 2)),
    entire=True,
)

OPERATIONS = (
    AFFINE,
    AFFINE_ND,
    AFFINE_VECTOR,
    LORA,
    SHARED,
    TIED,
    SOLVE,
    CHOLESKY,
    DET_SINGULAR,
    DECAYED,
    Operation(
        "matmul",
        np.matmul,
        lambda dy, a, b: (dy @ b.T, a.T @ dy),
        real((4, 4), (4, 4)),
        entire=True,
    ),
    Operation(
        "matmul_batched",
        np.matmul,
        lambda dy, a, b: (dy @ turned(b), turned(a) @ dy),
        real((2, 3, 4), (2, 4, 5)),
        entire=True,
    ),
    Operation(
        "matmul_shared",
        np.matmul,
        lambda dy, a, b: (dy @ b.T, np.sum(turned(a) @ dy, axis=0)),
        real((2, 3, 4), (4, 5)),
        entire=True,
    ),
    Operation(
        "outer",
        lambda a, b: a[:, None] * b,
        lambda dy, a, b: (dy @ b, a @ dy),
        real((4,), (4,)),
        entire=True,
    ),
    Operation(
        "bilinear",
        lambda a, W, b: a @ W @ b,
        _bilinear_vjp,
        real((3, 4), (4, 4), (4,)),
        entire=True,
    ),
    Operation(
        "quadratic_form",
        lambda x, A: np.sum(x @ A * x, axis=-1),
        _quadratic_vjp,
        real((5, 4), (4, 4)),
        entire=True,
    ),
    Operation(
        "gram", lambda x: x @ x.T, lambda dy, x: ((dy + dy.T) @ x,), real((3, 4)), entire=True
    ),
    Operation(
        "trace",
        np.trace,
        lambda dy, A: (dy * np.eye(len(A), dtype=A.dtype),),
        real((4, 4)),
        entire=True,
    ),
    Operation("inv", np.linalg.inv, _inverse_vjp, invertible(4)),
    Operation(
        "det",
        np.linalg.det,
        lambda dy, A: (dy * cofactors(A),),
        invertible(3),
    ),
    Operation("logdet_of_gram", _logdet_of_gram, _logdet_of_gram_vjp, real((3, 4)), entire=True),
    Operation("logdet", _logdet, lambda dy, A: (dy * np.linalg.inv(symmetric(A)),), definite(4)),
)
