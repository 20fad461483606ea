"""Errors in functions that act number by number, and in walks with numbers."""

from tests.derivation.wrong import family

APPLES = family(
    "two apples",
    """
    apple : () = 100
    count : () = 2
    tax : () = 1.1
    price = apple * count = 200
    total = price * tax = 220
    dprice = dtotal * tax = 1.1
    dtax = dtotal * price = 200
    dapple = dprice * count = 2.2
    dcount = dprice * apple = 110
    """,
    ("total = price * tax = 220", "total = price * tax = 202", "the value is 220"),
    ("dprice = dtotal * tax = 1.1", "dprice = dtotal * tax = 220", "the value is 1.1"),
    ("dapple = dprice * count = 2.2", "dapple = dprice * count = 2.20001", "the value is 2.2"),
    (
        "dtax = dtotal * price = 200",
        "dtax = dtotal * total = 200",
        "`price` in the place of `total`",
    ),
    (
        "dcount = dprice * apple = 110",
        "dcount = dtotal * apple = 110",
        "`dprice` in the place of `dtotal`",
    ),
    ("dapple = dprice * count = 2.2", "dapple = dprice * apple = 2.2", "this is dcount"),
)

BROADCAST = family(
    "broadcast sum",
    """
    x : (N, D)
    w : (D)
    s : ()
    m = x * w
    y = m + s
    dm = dy
    ds = sum(dy)
    dw = sum(dy * x, axis=0)
    dx = dy * w
    """,
    ("ds = sum(dy)", "ds = dy", "not summed over axis=(0, 1)"),
    ("ds = sum(dy)", "ds = mean(dy)", "D * N times too small"),
    ("ds = sum(dy)", "ds = sum(dm * w)", "dm"),
    ("dw = sum(dy * x, axis=0)", "dw = dy * x", "not summed over axis=0"),
    ("dw = sum(dy * x, axis=0)", "dw = sum(dy, axis=0)", "`dy * x` in the place of `dy`"),
    ("dx = dy * w", "dx = dy", "factor w is missing"),
    ("dx = dy * w", "dx = dm * dw", "`w` in the place of `dw`"),
)

SIGMOID = family(
    "sigmoid",
    """
    x : (...)
    a = -x
    b = exp(a)
    u = 1 + b
    y = 1 / u
    du = -dy / u**2
    = -dy * y**2
    db = du
    da = db * b
    dx = -da
    = dy * y * (1 - y)
    """,
    ("du = -dy / u**2", "du = -dy / u", "factor u is too many"),
    ("du = -dy / u**2", "du = -dy / u**3", "factor u is missing"),
    ("= -dy * y**2", "= dy * y**2", "sign is turned"),
    ("da = db * b", "da = db", "factor b is missing"),
    ("da = db * b", "da = dy * b", "`db` in the place of `dy`"),
    ("dx = -da", "dx = da", "sign is turned"),
    ("= dy * y * (1 - y)", "= dy * (1 - y)", "factor y is missing"),
    ("= dy * y * (1 - y)", "= dy * y", "factor (1 - y) is missing"),
    ("= dy * y * (1 - y)", "= dy * x * (1 - x)", "`y` in the place of every `x`"),
    ("= dy * y * (1 - y)", "= y * (1 - y)", "dy"),
    ("= dy * y * (1 - y)", "= dy * y * (1 + y)", "1 - y"),
)

GELU = family(
    "GELU",
    """
    x : (...)
    k = 1 / sqrt(2)
    p = (1 + erf(k * x)) / 2
    y = x * p
    dp = dy * x
    dx = dy * p + dp * exp(-x**2 / 2) / sqrt(2 * pi)
    = dy * (p + x * exp(-x**2 / 2) / sqrt(2 * pi))
    """,
    ("dp = dy * x", "dp = dy * p", "`x` in the place of `p`"),
    (
        "dx = dy * p + dp * exp(-x**2 / 2) / sqrt(2 * pi)",
        "dx = dy * p",
        "path through p is missing",
    ),
    (
        "dx = dy * p + dp * exp(-x**2 / 2) / sqrt(2 * pi)",
        "dx = dp * exp(-x**2 / 2) / sqrt(2 * pi)",
        "path through y is missing",
    ),
    (
        "= dy * (p + x * exp(-x**2 / 2) / sqrt(2 * pi))",
        "= dy * (p + x * exp(-x**2) / sqrt(2 * pi))",
        "x ** 2 / 2",
    ),
    (
        "= dy * (p + x * exp(-x**2 / 2) / sqrt(2 * pi))",
        "= dy * (p + x * exp(-x**2 / 2) / sqrt(pi))",
        "through p is √2 times too large",
    ),
    (
        "= dy * (p + x * exp(-x**2 / 2) / sqrt(2 * pi))",
        "= dy * (p + x * exp(x**2 / 2) / sqrt(2 * pi))",
        "`x / exp(x ** 2 / 2)`",
    ),
)

SILU = family(
    "SiLU",
    """
    x : (...)
    s = sigmoid(x)
    y = x * s
    ds = dy * x
    dx = dy * s + ds * s * (1 - s)
    = dy * s * (1 + x * (1 - s))
    """,
    (
        "dx = dy * s + ds * s * (1 - s)",
        "dx = dy * s - ds * s * (1 - s)",
        "through s has the wrong sign",
    ),
    ("dx = dy * s + ds * s * (1 - s)", "dx = dy + ds * s * (1 - s)", "dy * s"),
    ("= dy * s * (1 + x * (1 - s))", "= dy * s * (1 + x * s)", "1 - s"),
    ("= dy * s * (1 + x * (1 - s))", "= dy * s * (x * (1 - s))", "path through y is missing"),
    (
        "= dy * s * (1 + x * (1 - s))",
        "= dy * s * (1 - x * (1 - s))",
        "through s has the wrong sign",
    ),
)

TANH = family(
    "tanh",
    """
    x : (...)
    y = tanh(x)
    = (exp(x) - exp(-x)) / (exp(x) + exp(-x))
    δy = (1 - y**2) * δx
    dx = dy * (1 - y**2)
    """,
    (
        "= (exp(x) - exp(-x)) / (exp(x) + exp(-x))",
        "= (exp(x) + exp(-x)) / (exp(x) - exp(-x))",
        "`(exp(x) - exp(-x)) / (exp(x) + exp(-x))`",
    ),
    ("δy = (1 - y**2) * δx", "δy = (1 - y) * δx", "y ** 2"),
    ("dx = dy * (1 - y**2)", "dx = dy * (1 - x**2)", "`y` in the place of `x`"),
    ("dx = dy * (1 - y**2)", "dx = dy * (1 - y**3)", "`y ** 2` in the place of"),
    ("dx = dy * (1 - y**2)", "dx = dy * (y**2 - 1)", "sign is turned"),
)

HUBER = family(
    "Huber loss",
    """
    x : (N)
    t : (N)
    r = x - t
    q = where(abs(r) <= 1, r**2 / 2, abs(r) - 1 / 2)
    y = mean(q)
    dq = dy * ones_like(q) / N
    dr = dq * where(abs(r) <= 1, r, sign(r))
    dx = dr
    dt = -dr
    """,
    ("dq = dy * ones_like(q) / N", "dq = dy * ones_like(q)", "N times too large"),
    (
        "dr = dq * where(abs(r) <= 1, r, sign(r))",
        "dr = dq * where(abs(r) > 1, r, sign(r))",
        "`abs(r) <= 1` in the place of",
    ),
    ("dr = dq * where(abs(r) <= 1, r, sign(r))", "dr = dq * where(abs(r) <= 1, r, r)", "sign(r)"),
    ("dt = -dr", "dt = dr", "sign is turned"),
)

DROPOUT = family(
    "dropout",
    """
    x : (N, D)
    keep : (N, D) mask
    rate = 0.25
    y = x * keep / (1 - rate)
    dx = dy * keep / (1 - rate)
    """,
    ("dx = dy * keep / (1 - rate)", "dx = dy / (1 - rate)", "keep"),
    ("dx = dy * keep / (1 - rate)", "dx = dy * (1 - keep) / (1 - rate)", "`keep`"),
    ("dx = dy * keep / (1 - rate)", "dx = dy * keep", "times too small"),
    ("dx = dy * keep / (1 - rate)", "dx = dy * keep / rate", "times too large"),
)

RELU = family(
    "ReLU",
    """
    x : (N, D)
    y = where(x > 0, x, 0)
    dx = where(x > 0, dy, 0)
    """,
    ("dx = where(x > 0, dy, 0)", "dx = dy", "a factor (x > 0) is missing"),
    ("dx = where(x > 0, dy, 0)", "dx = where(x < 0, dy, 0)", "`x >= 0` in the place of"),
    ("dx = where(x > 0, dy, 0)", "dx = where(dy > 0, dy, 0)", "`x` in the place of `dy`"),
    ("dx = where(x > 0, dy, 0)", "dx = where(x > 0, y, 0)", "`dy` in the place of `y`"),
)

POWERS = family(
    "powers and roots",
    """
    x : (D) positive
    a = x**3
    b = sqrt(a)
    y = log(b)
    db = dy / b
    da = db / (2 * b)
    dx = da * 3 * x**2
    = dy * 3 / (2 * x)
    """,
    ("db = dy / b", "db = dy * b", "dy / b"),
    ("da = db / (2 * b)", "da = db / b", "2 times too large"),
    ("da = db / (2 * b)", "da = db / (2 * a)", "`dy` in the place of `db`"),
    ("dx = da * 3 * x**2", "dx = da * 3 * x**3", "a factor x is too many"),
    ("dx = da * 3 * x**2", "dx = da * 2 * x**2", "1.5 times too small"),
    ("= dy * 3 / (2 * x)", "= dy * 3 * x / 2", "`dy * 3 / x`"),
)

POINTWISE = [
    *APPLES,
    *BROADCAST,
    *SIGMOID,
    *GELU,
    *SILU,
    *TANH,
    *HUBER,
    *DROPOUT,
    *RELU,
    *POWERS,
]
