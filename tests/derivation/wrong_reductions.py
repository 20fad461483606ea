"""Errors in sums, means, softmax, losses, norms and pooling."""

from tests.derivation.wrong import family

SOFTMAX = family(
    "softmax",
    """
    x : (N, C)
    e = exp(x)
    S = sum(e, axis=-1, keepdims=True)
    y = e / S
    = softmax(x, axis=-1)
    dS = -sum(dy * e, axis=-1, keepdims=True) / S**2
    de = dy / S + dS
    dx = de * e
    = y * (dy - sum(dy * y, axis=-1, keepdims=True))
    """,
    ("= softmax(x, axis=-1)", "= softmax(x, axis=0)", "axis"),
    (
        "dS = -sum(dy * e, axis=-1, keepdims=True) / S**2",
        "dS = -sum(dy * e, axis=-1) / S**2",
        "keepdims=True",
    ),
    (
        "dS = -sum(dy * e, axis=-1, keepdims=True) / S**2",
        "dS = sum(dy * e, axis=-1, keepdims=True) / S**2",
        "sign is turned",
    ),
    ("de = dy / S + dS", "de = dy / S", "path through S is missing"),
    ("de = dy / S + dS", "de = dS * ones_like(e)", "path through y is missing"),
    ("de = dy / S + dS", "de = dy / S - dS", "path through S has the wrong sign"),
    (
        "= y * (dy - sum(dy * y, axis=-1, keepdims=True))",
        "= y * (dy - sum(dy * y, axis=0, keepdims=True))",
        "`sum(dy * y, axis=-1, keepdims=True)`",
    ),
    (
        "= y * (dy - sum(dy * y, axis=-1, keepdims=True))",
        "= y * (dy - sum(dy, axis=-1, keepdims=True))",
        "dy * y",
    ),
    (
        "= y * (dy - sum(dy * y, axis=-1, keepdims=True))",
        "= y * (1 - y) * dy",
        "`y * (dy - sum(y * dy, axis=-1, keepdims=True))`",
    ),
)

CROSS_ENTROPY = family(
    "softmax with cross-entropy",
    """
    x : (N, C)
    t : (N) label(C)
    y = softmax(x, axis=-1)
    h = one_hot(t, C)
    l = -sum(h * log(y), axis=-1)
    L = mean(l)
    dl = dL * ones_like(l) / N
    dy = -dl[:, None] * h / y
    dx = dL * (y - h) / N
    """,
    ("dl = dL * ones_like(l) / N", "dl = dL * ones_like(l)", "N times too large"),
    ("dl = dL * ones_like(l) / N", "dl = dL / N", "not broadcast to the shape"),
    ("dy = -dl[:, None] * h / y", "dy = -dl[:, None] * h * y", "h / y"),
    ("dy = -dl[:, None] * h / y", "dy = -dl[:, None] / y", "a factor h is missing"),
    ("dx = dL * (y - h) / N", "dx = dL * (y - h)", "N times too large"),
    ("dx = dL * (y - h) / N", "dx = dL * (y - h) / C", "N / C times too large"),
    ("dx = dL * (y - h) / N", "dx = dL * (h - y) / N", "sign is turned"),
    ("dx = dL * (y - h) / N", "dx = dL * (x - h) / N", "`y` in the place of `x`"),
    ("dx = dL * (y - h) / N", "dx = dL * y / N", "y - h"),
    ("dx = dL * (y - h) / N", "dx = (y - h) / N", "dL"),
)

SQUARES = family(
    "mean squared error",
    """
    x : (N, D)
    t : (N, D)
    r = x - t
    y = mean(r**2)
    dr = dy * 2 * r / (N * D)
    dx = dr
    dt = -dx
    """,
    ("dr = dy * 2 * r / (N * D)", "dr = dy * r / (N * D)", "2 times too small"),
    ("dr = dy * 2 * r / (N * D)", "dr = dy * 2 * r / N", "D times too large"),
    ("dr = dy * 2 * r / (N * D)", "dr = dy * 2 * r", "D * N times too large"),
    ("dr = dy * 2 * r / (N * D)", "dr = dy * 2 * r**2 / (N * D)", "a factor r is too many"),
    ("dx = dr", "dx = dr * r", "a factor r is too many"),
    ("dt = -dx", "dt = dx", "sign is turned"),
)

BATCH_NORM = family(
    "batch norm",
    """
    x : (N, D)
    γ : (D)
    β : (D)
    ε : () positive
    μ = mean(x, axis=0)
    c = x - μ
    v = mean(c**2, axis=0)
    s = sqrt(v + ε)
    x̂ = c / s
    y = γ * x̂ + β
    dγ = sum(dy * x̂, axis=0)
    dβ = sum(dy, axis=0)
    dx̂ = γ * dy
    ds = -sum(dx̂ * c, axis=0) / s**2
    dv = ds / (2 * s)
    dc = dx̂ / s + 2 * c * dv / N
    dμ = -sum(dc, axis=0)
    dx = dc + dμ / N
    = (dx̂ - mean(dx̂, axis=0) - x̂ * mean(x̂ * dx̂, axis=0)) / s
    """,
    ("dγ = sum(dy * x̂, axis=0)", "dγ = sum(dy * x, axis=0)", "`x̂` in the place of `x`"),
    ("dγ = sum(dy * x̂, axis=0)", "dγ = mean(dy * x̂, axis=0)", "N times too small"),
    ("dγ = sum(dy * x̂, axis=0)", "dγ = dy * x̂", "not summed over axis=0"),
    ("dx̂ = γ * dy", "dx̂ = β * dy", "`γ` in the place of `β`"),
    ("ds = -sum(dx̂ * c, axis=0) / s**2", "ds = -sum(dx̂ * x̂, axis=0) / s**2", "factor s is missing"),
    ("dv = ds / (2 * s)", "dv = ds / 2 * s", "`ds / 2 / s`"),
    ("dv = ds / (2 * s)", "dv = ds / s", "2 times too large"),
    ("dc = dx̂ / s + 2 * c * dv / N", "dc = dx̂ / s", "path through v is missing"),
    ("dc = dx̂ / s + 2 * c * dv / N", "dc = dx̂ / s + 2 * c * dv", "through v is N times too large"),
    ("dc = dx̂ / s + 2 * c * dv / N", "dc = dx̂ / s + c * dv / N", "through v is 2 times too small"),
    ("dμ = -sum(dc, axis=0)", "dμ = -mean(dc, axis=0)", "N times too small"),
    ("dx = dc + dμ / N", "dx = dc", "path through μ is missing"),
    ("dx = dc + dμ / N", "dx = dc - dμ / N", "path through μ has the wrong sign"),
    (
        "= (dx̂ - mean(dx̂, axis=0) - x̂ * mean(x̂ * dx̂, axis=0)) / s",
        "= (dx̂ - sum(dx̂, axis=0) - x̂ * mean(x̂ * dx̂, axis=0)) / s",
        "through μ is N times too large",
    ),
    (
        "= (dx̂ - mean(dx̂, axis=0) - x̂ * mean(x̂ * dx̂, axis=0)) / s",
        "= (dx̂ - mean(dx̂, axis=0) - x̂ * mean(x * dx̂, axis=0)) / s",
        "`x̂` in the place of `x`",
    ),
)

LAYER_NORM = family(
    "layer norm",
    """
    x : (N, D)
    γ : (D)
    c = x - mean(x, axis=-1, keepdims=True)
    s = sqrt(mean(c**2, axis=-1, keepdims=True) + 0.1)
    x̂ = c / s
    y = γ * x̂
    dγ = sum(dy * x̂, axis=0)
    dx̂ = dy * γ
    dc = (dx̂ - x̂ * mean(dx̂ * x̂, axis=-1, keepdims=True)) / s
    dx = dc - mean(dc, axis=-1, keepdims=True)
    """,
    ("dγ = sum(dy * x̂, axis=0)", "dγ = sum(dy * x̂, axis=-1)", "axis=0"),
    (
        "dc = (dx̂ - x̂ * mean(dx̂ * x̂, axis=-1, keepdims=True)) / s",
        "dc = (dx̂ - x̂ * sum(dx̂ * x̂, axis=-1, keepdims=True)) / s",
        "through s is D times too large",
    ),
    (
        "dc = (dx̂ - x̂ * mean(dx̂ * x̂, axis=-1, keepdims=True)) / s",
        "dc = (dx̂ - c * mean(dx̂ * x̂, axis=-1, keepdims=True)) / s",
        "`x̂` in the place of `c`",
    ),
    (
        "dx = dc - mean(dc, axis=-1, keepdims=True)",
        "dx = dc - mean(dc, axis=-1)",
        "keepdims=True",
    ),
    (
        "dx = dc - mean(dc, axis=-1, keepdims=True)",
        "dx = dc - mean(dc, axis=0, keepdims=True)",
        "`mean(dc, axis=-1, keepdims=True)`",
    ),
)

RMS_NORM = family(
    "RMS norm",
    """
    x : (N, D)
    g : (D)
    q = mean(x**2, axis=-1, keepdims=True)
    r = 1 / sqrt(q + 0.1)
    y = g * x * r
    dr = sum(dy * g * x, axis=-1, keepdims=True)
    dq = -dr * r**3 / 2
    dx = dy * g * r + dq * 2 * x / D
    """,
    ("dq = -dr * r**3 / 2", "dq = -dr * r**2 / 2", "factor r is missing"),
    ("dq = -dr * r**3 / 2", "dq = -dr * r**3", "2 times too large"),
    ("dx = dy * g * r + dq * 2 * x / D", "dx = dy * g * r", "path through q is missing"),
    (
        "dx = dy * g * r + dq * 2 * x / D",
        "dx = dy * g * r + dq * 2 * x / N",
        "through q is N / D times too small",
    ),
    ("dx = dy * g * r + dq * 2 * x / D", "dx = dy * r + dq * 2 * x / D", "g"),
)

POOLING = family(
    "pooling by reshape",
    """
    x : (N, 2 * H, 2 * W)
    w = reshape(x, (N, H, 2, W, 2))
    m = max(w, axis=(2, 4), keepdims=True)
    hit = w == m
    y = max(w, axis=(2, 4))
    dw = hit * dy[:, :, None, :, None]
    dx = reshape(dw, (N, 2 * H, 2 * W))
    """,
    (
        "dw = hit * dy[:, :, None, :, None]",
        "dw = hit * y[:, :, None, :, None]",
        "`dy` in the place of",
    ),
    ("dw = hit * dy[:, :, None, :, None]", "dw = (1 - hit) * dy[:, :, None, :, None]", "`hit`"),
    (
        "dw = hit * dy[:, :, None, :, None]",
        "dw = ones_like(w) / 4 * dy[:, :, None, :, None]",
        None,
    ),
    (
        "y = max(w, axis=(2, 4))",
        "y = max(w, axis=(2, 4)) = min(w, axis=(2, 4))",
        "max(",
    ),
    (
        "y = max(w, axis=(2, 4))",
        "y = max(w, axis=(2, 4)) = max(w, axis=(2, 3))",
        "axis=(2, 4)",
    ),
)

VARIANCE = family(
    "variance",
    """
    x : (N, D)
    c = x - mean(x, axis=0)
    v = sum(c**2, axis=0) / (N - 1)
    = var(x, axis=0, correction=1)
    dc = 2 * c * dv / (N - 1)
    dx = dc
    """,
    ("= var(x, axis=0, correction=1)", "= var(x, axis=0)", "N/(N − 1) times too small"),
    ("dc = 2 * c * dv / (N - 1)", "dc = 2 * c * dv / N", "N − 1"),
    ("dc = 2 * c * dv / (N - 1)", "dc = 2 * x * dv / (N - 1)", "`c` in the place of `x`"),
)

CUMULATIVE = family(
    "running sum",
    """
    x : (D)
    y = cumsum(x, axis=0)
    = tril(ones((D, D))) @ x
    dx = flip(cumsum(flip(dy, axis=0), axis=0), axis=0)
    = triu(ones((D, D))) @ dy
    """,
    ("= tril(ones((D, D))) @ x", "= triu(ones((D, D))) @ x", "`triu(ones((D, D))).T"),
    (
        "dx = flip(cumsum(flip(dy, axis=0), axis=0), axis=0)",
        "dx = cumsum(dy, axis=0)",
        None,
    ),
    ("= triu(ones((D, D))) @ dy", "= tril(ones((D, D))) @ dy", "`tril(ones((D, D))).T"),
)

REDUCTIONS = [
    *SOFTMAX,
    *CROSS_ENTROPY,
    *SQUARES,
    *BATCH_NORM,
    *LAYER_NORM,
    *RMS_NORM,
    *POOLING,
    *VARIANCE,
    *CUMULATIVE,
]
