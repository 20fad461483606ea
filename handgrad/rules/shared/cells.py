"""One step of a recurrent net, and the way back through it.

a has what σ and tanh are applied to, the sum of products and biases, one block for each gate. It is
formed outside; only a GRU adds the product of its state here. There may be any leading axes.
"""

from handgrad.arrays import array_namespace, sigmoid


def slope(a):
    """The slope of σ, σ(a) (1 − σ(a)), without a difference. That of tanh is 4 slope(2 a)."""
    xp = array_namespace(a)
    e = xp.exp(-xp.abs(a))
    return e / (1 + e) ** 2


def rnn(a):
    """The next state."""
    return array_namespace(a).tanh(a)


def rnn_back(y, dy):
    """The gradient of a, by the next state y."""
    return dy * (1 - y) * (1 + y)


def lstm(a, c, order):
    """The next state, and the next memory."""
    xp = array_namespace(a)
    i, f, g, o = _lstm_sums(a, order)
    s = sigmoid(f) * c + sigmoid(i) * xp.tanh(g)
    return sigmoid(o) * xp.tanh(s), s


def lstm_back(a, c, dy, ds, order):
    """The gradients of a and c, by those of the next state and the next memory."""
    xp = array_namespace(a)
    i, f, g, o = _lstm_sums(a, order)
    s = sigmoid(f) * c + sigmoid(i) * xp.tanh(g)
    ds = ds + dy * sigmoid(o) * 4 * slope(2 * s)
    da = {
        "i": ds * xp.tanh(g) * slope(i),
        "f": ds * c * slope(f),
        "g": ds * sigmoid(i) * 4 * slope(2 * g),
        "o": dy * xp.tanh(s) * slope(o),
    }
    return xp.concat([da[gate] for gate in order], axis=-1), ds * sigmoid(f)


def gru(a, h, U, c, reset):
    """The next state; a is x W + b, and c the bias on h's side."""
    *_, z, v, _ = _gru_sums(a, h, U, c, reset)
    v = array_namespace(a).tanh(v)
    return v + sigmoid(z) * (h - v)


def gru_back(a, h, U, c, dy, reset):
    """The gradients of x W + b, of h U + c and of h, and what U multiplies in the last block."""
    xp = array_namespace(a)
    H = h.shape[-1]
    r, z, v, q = _gru_sums(a, h, U, c, reset)
    dz = dy * (h - xp.tanh(v)) * slope(z)
    dv = dy * sigmoid(-z) * 4 * slope(2 * v)
    back = xp.matrix_transpose(U)
    if reset == "before":
        m, dm = sigmoid(r) * h, dv @ back[..., 2 * H :, :]
        da = dg = xp.concat([dm * h * slope(r), dz, dv], axis=-1)
        dh = dg[..., : 2 * H] @ back[..., : 2 * H, :] + dm * sigmoid(r)
    else:
        m, dr = h, dv * q * slope(r)
        da, dg = (xp.concat([dr, dz, d], axis=-1) for d in (dv, dv * sigmoid(r)))
        dh = dg @ back
    return da, dg, dy * sigmoid(z) + dh, m


def _blocks(a, count):
    """The block of each gate, of those that stand side by side in a."""
    a = array_namespace(a).reshape(a, (*a.shape[:-1], count, a.shape[-1] // count))
    return [a[..., k, :] for k in range(count)]


def _lstm_sums(a, order):
    """What σ and tanh are applied to for i, f, g and o."""
    blocks = dict(zip(order, _blocks(a, 4), strict=True))
    return [blocks[gate] for gate in "ifgo"]


def _gru_sums(a, h, U, c, reset):
    """What σ and tanh are applied to for r, z and v; and q, the term of v with U in it."""
    H = h.shape[-1]
    g = h @ U[..., : 2 * H] + c[..., : 2 * H]
    r, z, v = _blocks(a, 3)
    r, z = r + g[..., :H], z + g[..., H:]
    before = reset == "before"
    q = (sigmoid(r) * h if before else h) @ U[..., 2 * H :] + c[..., 2 * H :]
    return r, z, v + (q if before else sigmoid(r) * q), q
