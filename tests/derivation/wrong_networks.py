"""Errors in cells, attention and recurrences."""

from tests.derivation.wrong import family

LSTM = family(
    "LSTM cell",
    """
    x : (N, I)
    h0 : (N, H)
    c0 : (N, H)
    Wi : (I, H)
    Wf : (I, H)
    Wg : (I, H)
    Wo : (I, H)
    Ui : (H, H)
    Uf : (H, H)
    Ug : (H, H)
    Uo : (H, H)
    bf : (H)
    ai = x @ Wi + h0 @ Ui
    af = x @ Wf + h0 @ Uf + bf
    ag = x @ Wg + h0 @ Ug
    ao = x @ Wo + h0 @ Uo
    i = sigmoid(ai)
    f = sigmoid(af)
    g = tanh(ag)
    o = sigmoid(ao)
    c1 = f * c0 + i * g
    u = tanh(c1)
    h1 = o * u
    h, c = h1, c1
    do = dh * u
    du = dh * o
    dc1 = dc + du * (1 - u**2)
    df = dc1 * c0
    di = dc1 * g
    dg = dc1 * i
    dc0 = dc1 * f
    dai = di * i * (1 - i)
    daf = df * f * (1 - f)
    dag = dg * (1 - g**2)
    dao = do * o * (1 - o)
    dx = dai @ Wi.T + daf @ Wf.T + dag @ Wg.T + dao @ Wo.T
    dh0 = dai @ Ui.T + daf @ Uf.T + dag @ Ug.T + dao @ Uo.T
    dWf = x.T @ daf
    dUo = h0.T @ dao
    dbf = sum(daf, axis=0)
    """,
    ("do = dh * u", "do = dh * c1", "`u` in the place of `c1`"),
    ("dc1 = dc + du * (1 - u**2)", "dc1 = du * (1 - u**2)", "path through h, c is missing"),
    ("dc1 = dc + du * (1 - u**2)", "dc1 = dc", "path through u is missing"),
    ("dc1 = dc + du * (1 - u**2)", "dc1 = dc + du * (1 - c1**2)", "`u` in the place of `c1`"),
    ("df = dc1 * c0", "df = dc1 * c1", "`c0` in the place of `c1`"),
    ("di = dc1 * g", "di = dc1 * i", "this is dg"),
    ("dc0 = dc1 * f", "dc0 = dc * f", "`dc1` in the place of `dc`"),
    ("dai = di * i * (1 - i)", "dai = di * (1 - i**2)", "`i * (1 - i)`"),
    ("dag = dg * (1 - g**2)", "dag = dg * g * (1 - g)", "`dg * (1 - g ** 2)`"),
    (
        "dx = dai @ Wi.T + daf @ Wf.T + dag @ Wg.T + dao @ Wo.T",
        "dx = dai @ Wi.T + daf @ Wf.T + dag @ Wg.T",
        "path through ao is missing",
    ),
    (
        "dh0 = dai @ Ui.T + daf @ Uf.T + dag @ Ug.T + dao @ Uo.T",
        "dh0 = dai @ Ui + daf @ Uf.T + dag @ Ug.T + dao @ Uo.T",
        "`dai @ Ui.T` in the place of `dai @ Ui`",
    ),
    ("dUo = h0.T @ dao", "dUo = dao.T @ h0", "transposed"),
    ("dbf = sum(daf, axis=0)", "dbf = daf", "not summed over axis=0"),
)

GRU = family(
    "GRU cell",
    """
    a : (N, H)
    b : (N, H)
    p : (N, H)
    h0 : (N, H)
    U : (H, H)
    z = sigmoid(a)
    r = sigmoid(b)
    m = r * h0
    n = tanh(p + m @ U)
    h = (1 - z) * n + z * h0
    dz = dh * (h0 - n)
    dn = dh * (1 - z)
    dp = dn * (1 - n**2)
    dm = dp @ U.T
    dr = dm * h0
    dh0 = dh * z + dm * r
    da = dz * z * (1 - z)
    dU = m.T @ dp
    """,
    ("dz = dh * (h0 - n)", "dz = dh * (n - h0)", "sign is turned"),
    ("dz = dh * (h0 - n)", "dz = dh * h0", "h0 - n"),
    ("dn = dh * (1 - z)", "dn = dh * z", "1 - z"),
    ("dh0 = dh * z + dm * r", "dh0 = dh * z", "path through m is missing"),
    ("dh0 = dh * z + dm * r", "dh0 = dh * (1 - z) + dm * r", "`z` in the place of `1 - z`"),
    ("dU = m.T @ dp", "dU = h0.T @ dp", "`m` in the place of `h0`"),
    ("dm = dp @ U.T", "dm = dn @ U.T", "`dp` in the place of `dn`"),
    ("da = dz * z * (1 - z)", "da = dz * z * (1 - z)**2", "factor (1 - z) is too many"),
)

ATTENTION = family(
    "attention head",
    """
    q : (B, T, K)
    k : (B, S, K)
    v : (B, S, V)
    w = q @ swapaxes(k, -1, -2) / sqrt(K)
    p = softmax(w, axis=-1)
    y = p @ v
    dp = dy @ swapaxes(v, -1, -2)
    dv = swapaxes(p, -1, -2) @ dy
    dw = p * (dp - sum(dp * p, axis=-1, keepdims=True))
    dq = dw @ k / sqrt(K)
    dk = swapaxes(dw, -1, -2) @ q / sqrt(K)
    """,
    ("dp = dy @ swapaxes(v, -1, -2)", "dp = dy @ v", "swapaxes"),
    ("dv = swapaxes(p, -1, -2) @ dy", "dv = swapaxes(w, -1, -2) @ dy", "`p` in the place of `w`"),
    (
        "dw = p * (dp - sum(dp * p, axis=-1, keepdims=True))",
        "dw = p * (dp - sum(dp * p, axis=-2, keepdims=True))",
        "`sum(dp * p, axis=-1, keepdims=True)`",
    ),
    (
        "dw = p * (dp - sum(dp * p, axis=-1, keepdims=True))",
        "dw = p * dp",
        "`p * dp - p * sum(p * dp, axis=-1, keepdims=True)`",
    ),
    ("dq = dw @ k / sqrt(K)", "dq = dw @ k", "√K"),
    ("dq = dw @ k / sqrt(K)", "dq = dw @ k / K", "√K"),
    ("dq = dw @ k / sqrt(K)", "dq = dp @ k / sqrt(K)", "`dw` in the place of `dp`"),
    ("dk = swapaxes(dw, -1, -2) @ q / sqrt(K)", "dk = dw @ q / sqrt(K)", "swapaxes"),
)

MASKED = family(
    "masked attention weights",
    """
    w : (T, S)
    keep : (T, S) mask
    e = exp(w) * keep
    p = e / (sum(e, axis=-1, keepdims=True) + 0.1)
    de = (dp - sum(dp * p, axis=-1, keepdims=True)) / (sum(e, axis=-1, keepdims=True) + 0.1)
    dw = de * exp(w) * keep
    = de * e
    """,
    ("dw = de * exp(w) * keep", "dw = de * exp(w)", "keep"),
    ("dw = de * exp(w) * keep", "dw = de * exp(w) * (1 - keep)", "`keep`"),
    ("= de * e", "= de * p", "`e` in the place of `p`"),
)

RECURRENCE = family(
    "linear recurrence",
    """
    x : (3, N, D)
    A : (D, D)
    h1 = x[0]
    h2 = h1 @ A + x[1]
    h3 = h2 @ A + x[2]
    dh2 = dh3 @ A.T
    dh1 = dh2 @ A.T
    = dh3 @ (A @ A).T
    dA = h1.T @ dh2 + h2.T @ dh3
    dx = stack((dh1, dh2, dh3))
    """,
    ("dh1 = dh2 @ A.T", "dh1 = dh3 @ A.T", "this is dh2"),
    ("= dh3 @ (A @ A).T", "= dh3 @ (A @ A)", ".T"),
    ("dA = h1.T @ dh2 + h2.T @ dh3", "dA = h2.T @ dh3", "path through h2 is missing"),
    ("dA = h1.T @ dh2 + h2.T @ dh3", "dA = h2.T @ dh2 + h2.T @ dh3", "`h1` in the place of `h2`"),
    ("dA = h1.T @ dh2 + h2.T @ dh3", "dA = h1.T @ dh2 - h2.T @ dh3", "wrong sign"),
    ("dx = stack((dh1, dh2, dh3))", "dx = stack((dh3, dh2, dh1))", "dh3 and dh1 exchanged"),
)

TWO_LAYERS = family(
    "two layers and a shortcut",
    """
    x : (N, D)
    V : (D, H)
    W : (H, D)
    a = x @ V
    z = where(a > 0, a, 0)
    y = x + z @ W
    dz = dy @ W.T
    da = dz * (a > 0)
    dx = dy + da @ V.T
    dV = x.T @ da
    dW = z.T @ dy
    """,
    ("da = dz * (a > 0)", "da = dz", "(a > 0)"),
    ("dx = dy + da @ V.T", "dx = da @ V.T", "path through y is missing"),
    ("dx = dy + da @ V.T", "dx = dy", "path through a is missing"),
    ("dx = dy + da @ V.T", "dx = dy + dz @ V.T", "`da` in the place of `dz`"),
    ("dV = x.T @ da", "dV = x.T @ dz", "`da` in the place of `dz`"),
    ("dW = z.T @ dy", "dW = a.T @ dy", "`z` in the place of `a`"),
    ("dW = z.T @ dy", "dW = dy @ z.T", "z.T @ dy"),
)

EMBEDDING = family(
    "embedding with a penalty",
    """
    E : (C, D)
    t : (N) label(C)
    h = one_hot(t, C)
    x = h @ E
    s = sum(x**2) / 2
    L = s + sum(E**2)
    ds = dL
    dx = ds * x
    dE = h.T @ dx + dL * 2 * E
    """,
    ("dx = ds * x", "dx = ds * 2 * x", "2 times too large"),
    ("dE = h.T @ dx + dL * 2 * E", "dE = h.T @ dx", "path through L is missing"),
    ("dE = h.T @ dx + dL * 2 * E", "dE = dL * 2 * E", "path through x is missing"),
    ("dE = h.T @ dx + dL * 2 * E", "dE = h @ dx + dL * 2 * E", "h.T @ dx"),
    ("dE = h.T @ dx + dL * 2 * E", "dE = h.T @ dx + 2 * E", "dL"),
)

NETWORKS = [
    *LSTM,
    *GRU,
    *ATTENTION,
    *MASKED,
    *RECURRENCE,
    *TWO_LAYERS,
    *EMBEDDING,
]
