"""Errors in linear maps, matrix functions and products."""

from tests.derivation.wrong import family

AFFINE = family(
    "affine",
    """
    x : (N, I)
    W : (I, O)
    b : (O)
    y = x @ W + b
    δy = δx @ W + x @ δW + δb
    dx = dy @ W.T
    dW = x.T @ dy
    = einsum('ni,no->io', x, dy)
    db = sum(dy, axis=0)
    inner(dy, δy) = inner(dx, δx) + inner(dW, δW) + inner(db, δb)
    """,
    ("dx = dy @ W.T", "dx = dy @ W", "dy @ W.T"),
    ("dx = dy @ W.T", "dx = W @ dy.T", "transposed"),
    ("dW = x.T @ dy", "dW = dy.T @ x", "transposed"),
    ("dW = x.T @ dy", "dW = x @ dy", "x.T @ dy"),
    ("dW = x.T @ dy", "dW = x.T @ dy / N", "N times too small"),
    ("= einsum('ni,no->io', x, dy)", "= einsum('ni,no->oi', x, dy)", "transposed"),
    ("db = sum(dy, axis=0)", "db = dy", "not summed over axis=0"),
    ("db = sum(dy, axis=0)", "db = mean(dy, axis=0)", "N times too small"),
    ("db = sum(dy, axis=0)", "db = sum(dy, axis=1)", "axis=0"),
    ("db = sum(dy, axis=0)", "db = sum(dy, axis=0, keepdims=True)", "only needs the shape"),
    ("δy = δx @ W + x @ δW + δb", "δy = δx @ W + x @ δW", "δb"),
    ("δy = δx @ W + x @ δW + δb", "δy = δx @ W + x @ δW + b", "`δb` in the place of `b`"),
    (
        "inner(dy, δy) = inner(dx, δx) + inner(dW, δW) + inner(db, δb)",
        "inner(dy, δy) = inner(dx, δx) - inner(dW, δW) + inner(db, δb)",
        "inner(dx, δx) + inner(dW, δW)",
    ),
)

BILINEAR = family(
    "bilinear form",
    """
    a : (N, I)
    W : (O, I, J)
    b : (N, J)
    y = einsum('ni,oij,nj->no', a, W, b)
    da = einsum('no,oij,nj->ni', dy, W, b)
    dW = einsum('no,ni,nj->oij', dy, a, b)
    db = einsum('no,oij,ni->nj', dy, W, a)
    """,
    (
        "da = einsum('no,oij,nj->ni', dy, W, b)",
        "da = einsum('no,oij,nj->in', dy, W, b)",
        "transposed",
    ),
    (
        "dW = einsum('no,ni,nj->oij', dy, a, b)",
        "dW = einsum('no,ni,mj->oij', dy, a, b)",
        None,
    ),
    (
        "db = einsum('no,oij,ni->nj', dy, W, a)",
        "db = 2 * einsum('no,oij,ni->nj', dy, W, a)",
        "2 times too large",
    ),
)

INVERSE = family(
    "inverse",
    """
    A : (D, D) spd
    Y = inv(A)
    δY = -Y @ δA @ Y
    dA = -Y.T @ dY @ Y.T
    """,
    ("δY = -Y @ δA @ Y", "δY = Y @ δA @ Y", "sign is turned"),
    ("dA = -Y.T @ dY @ Y.T", "dA = -Y.T @ dY.T @ Y.T", "transposed"),
    ("dA = -Y.T @ dY @ Y.T", "dA = -Y.T * dY * Y.T", None),
    ("dA = -Y.T @ dY @ Y.T", "dA = -dY @ Y.T @ Y.T", "Y.T @ (-dY @ Y.T)"),
    ("dA = -Y.T @ dY @ Y.T", "dA = -A.T @ dY @ A.T", "`Y` in the place of every `A`"),
)

LOG_DETERMINANT = family(
    "log-determinant",
    """
    A : (D, D) spd
    k = det(A)
    y = log(k)
    dk = dy / k
    dA = dk * k * inv(A).T
    = dy * inv(A).T
    """,
    ("dk = dy / k", "dk = dy * k", "dy / k"),
    ("dA = dk * k * inv(A).T", "dA = dk * inv(A).T", "`dy` in the place of `dk`"),
    ("= dy * inv(A).T", "= dy * A", "inv"),
)

QUADRATIC = family(
    "quadratic form",
    """
    A : (D, D)
    x : (D)
    y = x @ A @ x
    δy = δx @ A @ x + x @ A @ δx + x @ δA @ x
    dx = dy * (A + A.T) @ x
    dA = dy * outer(x, x)
    """,
    ("dx = dy * (A + A.T) @ x", "dx = dy * 2 * A @ x", "`dy * (A + A.T)` in the place of"),
    ("dx = dy * (A + A.T) @ x", "dx = dy * (A - A.T) @ x", "A + A.T"),
    ("dA = dy * outer(x, x)", "dA = outer(x, x)", "dy"),
    (
        "δy = δx @ A @ x + x @ A @ δx + x @ δA @ x",
        "δy = δx @ A @ x + x @ A @ δx",
        "δA does not appear",
    ),
)

SOLUTION = family(
    "linear system",
    """
    A : (D, D) spd
    b : (D)
    x = solve(A, b)
    db = solve(A.T, dx)
    dA = -outer(db, x)
    """,
    ("db = solve(A.T, dx)", "db = A.T @ dx", "`inv(A.T)` in the place of `A.T`"),
    ("dA = -outer(db, x)", "dA = -outer(x, db)", "transposed"),
    ("dA = -outer(db, x)", "dA = outer(db, x)", "sign is turned"),
    ("dA = -outer(db, x)", "dA = -outer(db, b)", "`x` in the place of `b`"),
)

GRAM = family(
    "Gram matrix",
    """
    X : (N, D)
    G = X.T @ X
    dX = X @ (dG + dG.T)
    """,
    ("dX = X @ (dG + dG.T)", "dX = X @ dG", "dG.T"),
    ("dX = X @ (dG + dG.T)", "dX = 2 * X @ dG", "`X @ dG + X @ dG.T`"),
    ("dX = X @ (dG + dG.T)", "dX = (dG + dG.T) @ X", "X @ (dG + dG.T)"),
)

NORM = family(
    "L2 norm",
    """
    x : (N, D)
    r = norm(x, axis=-1, keepdims=True)
    u = x / r
    dr = -sum(du * x, axis=-1, keepdims=True) / r**2
    dx = du / r + dr * x / r
    = (du - u * sum(du * u, axis=-1, keepdims=True)) / r
    """,
    (
        "dr = -sum(du * x, axis=-1, keepdims=True) / r**2",
        "dr = -sum(du * x, axis=-1, keepdims=True) / r",
        "a factor r is too many",
    ),
    (
        "dr = -sum(du * x, axis=-1, keepdims=True) / r**2",
        "dr = -du * x / r**2",
        "not summed over axis=1, keepdims=True",
    ),
    ("dx = du / r + dr * x / r", "dx = du / r", "path through r is missing"),
    ("dx = du / r + dr * x / r", "dx = du / r - dr * x / r", "path through r has the wrong sign"),
    (
        "= (du - u * sum(du * u, axis=-1, keepdims=True)) / r",
        "= (du - u * sum(du * u, axis=0, keepdims=True)) / r",
        "`sum(du * u, axis=-1, keepdims=True)`",
    ),
)

LINEAR = [
    *AFFINE,
    *BILINEAR,
    *INVERSE,
    *LOG_DETERMINANT,
    *QUADRATIC,
    *SOLUTION,
    *GRAM,
    *NORM,
]
