"""One step of a recurrent net, and the way back through it.

a is what the gates are functions of, before they are: the products and biases are added up outside.
The leading axes are any.
"""

from handgrad.arrays import array_namespace, sigmoid


def rnn(a):
    """The next state."""
    return array_namespace(a).tanh(a)


def rnn_back(y, dy):
    """The gradient of a, by the next state y."""
    return dy * (1 - y) * (1 + y)


def lstm(a, c, order):
    """The next state, and the next memory."""
    i, f, g, o = _lstm_gates(a, order)
    s = f * c + i * g
    return o * array_namespace(a).tanh(s), s


def lstm_back(a, c, dy, ds, order):
    """The gradients of a and c, by those of the next state and the next memory."""
    xp = array_namespace(a)
    i, f, g, o = _lstm_gates(a, order)
    t = xp.tanh(f * c + i * g)
    ds = ds + dy * o * (1 - t) * (1 + t)
    da = {
        "i": ds * g * i * (1 - i),
        "f": ds * c * f * (1 - f),
        "g": ds * i * (1 - g) * (1 + g),
        "o": dy * t * o * (1 - o),
    }
    return xp.concat([da[gate] for gate in order], axis=-1), ds * f


def gru(a, h, U, c, reset):
    """The next state; a is x W + b, and c the bias on h's side."""
    _, z, v, _ = _gru_gates(a, h, U, c, reset)
    return v + z * (h - v)


def gru_back(a, h, U, c, dy, reset):
    """The gradients of x W + b, of h U + c and of h, and what U multiplies in the last block."""
    xp = array_namespace(a)
    H = h.shape[-1]
    r, z, v, q = _gru_gates(a, h, U, c, reset)
    dz = dy * (h - v) * z * (1 - z)
    dv = dy * (1 - z) * (1 - v) * (1 + v)
    back = xp.matrix_transpose(U)
    if reset == "before":
        m, dm = r * h, dv @ back[..., 2 * H :, :]
        dr = dm * h * r * (1 - r)
        da = dg = xp.concat([dr, dz, dv], axis=-1)
        dh = dg[..., : 2 * H] @ back[..., : 2 * H, :] + dm * r
    else:
        m, dr = h, dv * q * r * (1 - r)
        da, dg = (xp.concat([dr, dz, d], axis=-1) for d in (dv, dv * r))
        dh = dg @ back
    return da, dg, dy * z + dh, m


def _lstm_gates(a, order):
    """i, f, g and o, which stand in a in this order."""
    H = a.shape[-1] // 4
    block = {gate: a[..., k * H : (k + 1) * H] for k, gate in enumerate(order)}
    i, f, o = (sigmoid(block[gate]) for gate in "ifo")
    return i, f, array_namespace(a).tanh(block["g"]), o


def _gru_gates(a, h, U, c, reset):
    """r, z, the candidate v, and h U + c in the block of v, which "after" multiplies by r."""
    xp = array_namespace(a)
    H = h.shape[-1]
    g = h @ U[..., : 2 * H] + c[..., : 2 * H]
    r = sigmoid(a[..., :H] + g[..., :H])
    z = sigmoid(a[..., H : 2 * H] + g[..., H:])
    before = reset == "before"
    q = (r * h if before else h) @ U[..., 2 * H :] + c[..., 2 * H :]
    v = xp.tanh(a[..., 2 * H :] + (q if before else r * q))
    return r, z, v, q
