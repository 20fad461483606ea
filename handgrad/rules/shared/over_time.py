"""Recurrent nets over T steps, forward and backward, where each row has a length of its own.

A state is held where its row has ended. X : (T, N, D) is 0 there, and `live` : (T, N, 1) is false;
`carried` : (T) is false at the steps before which a truncated gradient ends.
"""

from handgrad.arrays import array_namespace, device_of, kept, scan
from handgrad.rules.shared import cells


def live_steps(x, n):
    """Whether each step comes before the end of its row."""
    t = array_namespace(x).arange(x.shape[0], device=device_of(x))[:, None]
    return array_namespace(x).expand_dims(t < _lengths(n, t), axis=-1)


def turned(x, n):
    """Each row with its own steps in reverse, and the padding where it is: its own inverse."""
    xp = array_namespace(x)
    t = xp.arange(x.shape[0], device=device_of(x))[:, None]
    last = xp.minimum(_lengths(n, t), x.shape[0]) - 1
    order = xp.where(t <= last, last - t, t)
    return xp.take_along_axis(x, xp.expand_dims(order, axis=-1), axis=0)


def carried_steps(x, truncation):
    """Whether a gradient goes from each step to the one before it: not from every k-th."""
    t = array_namespace(x).arange(x.shape[0], device=device_of(x))
    return t >= 0 if truncation is None else (t == 0) | (t % truncation != 0)


def before(first, states):
    """The state before each step."""
    return array_namespace(states).concat([first[None, ...], states])[:-1, ...]


def rnn(X, live, h, W, U, b):
    """The states after each step, 0 where a row has ended, and the last ones."""
    xp = array_namespace(X)

    def step(h, a, live):
        new = cells.rnn(a + h @ U)
        return xp.where(live, new, h), (kept(live, new),)

    last, (Y,) = scan(step, h, (X @ W + b, live))
    return Y, last


def rnn_back(X, live, carried, h, W, U, Y, dY, dh):
    """The gradients of X, h, W, U and b."""
    xp = array_namespace(X)
    back = xp.matrix_transpose(U)

    def step(dh, dY, Y, live, carried):
        da = kept(live, cells.rnn_back(Y, dh + dY))
        return xp.where(live, kept(carried, da @ back), dh), (da,)

    dh, (da,) = scan(step, dh, (dY, Y, live, carried), reverse=True)
    return _to_x(da, W), dh, _outer(X, da), _outer(before(h, Y), da), _over_rows(da)


def lstm(X, live, h, c, W, U, b, order):
    """States and memories after each step, and the last ones. The states end in zeros."""
    xp = array_namespace(X)

    def step(state, a, live):
        h, c = state
        y, s = cells.lstm(a + h @ U, c, order)
        c = xp.where(live, s, c)
        return (xp.where(live, y, h), c), (kept(live, y), c)

    last, (Y, S) = scan(step, (h, c), (X @ W + b, live))
    return Y, S, last


def lstm_back(X, live, carried, h, c, W, U, b, Y, S, dY, last, order):
    """The gradients of X, h, c, W, U and b; `last` has those of the last state and memory."""
    xp = array_namespace(X)
    states, back = before(h, Y), xp.matrix_transpose(U)

    def step(state, dY, a, c, live, carried):
        dh, dc = state
        da, through = cells.lstm_back(a, c, dh + dY, dc, order)
        da = kept(live, da)
        dh = xp.where(live, kept(carried, da @ back), dh)
        return (dh, xp.where(live, kept(carried, through), dc)), (da,)

    a = X @ W + b + states @ U
    rows = (dY, a, before(c, S), live, carried)
    (dh, dc), (da,) = scan(step, last, rows, reverse=True)
    return _to_x(da, W), dh, dc, _outer(X, da), _outer(states, da), _over_rows(da)


def gru(X, live, h, W, U, b, c, reset):
    """The states after each step, 0 where a row has ended, and the last ones."""
    xp = array_namespace(X)

    def step(h, a, live):
        new = cells.gru(a, h, U, c, reset)
        return xp.where(live, new, h), (kept(live, new),)

    last, (Y,) = scan(step, h, (X @ W + b, live))
    return Y, last


def gru_back(X, live, carried, h, W, U, b, c, Y, dY, dh, reset):
    """The gradients of X, h, W, U, b and c."""
    xp = array_namespace(X)
    states = before(h, Y)

    def step(dh, dY, a, h, live, carried):
        da, dg, through, m = cells.gru_back(a, h, U, c, dh + dY, reset)
        dh = xp.where(live, kept(carried, through), dh)
        return dh, (kept(live, da), kept(live, dg), m)

    rows = (dY, X @ W + b, states, live, carried)
    dh, (da, dg, m) = scan(step, dh, rows, reverse=True)
    gates = 2 * h.shape[-1]
    dU = _outer(states, dg[..., :gates]), _outer(m, dg[..., gates:])
    dU = xp.concat(dU, axis=-1)
    return _to_x(da, W), dh, _outer(X, da), dU, _over_rows(da), _over_rows(dg)


def _lengths(n, t):
    """Lengths in the integers of the steps, so that none is lost in narrow ones."""
    return array_namespace(n).astype(n, t.dtype)


def _to_x(da, W):
    return da @ array_namespace(W).matrix_transpose(W)


def _outer(X, da):
    """Σ Xᵀ da over the steps: one product of all rows, each step's among them."""
    xp = array_namespace(X)
    X, da = (xp.reshape(a, (a.shape[0] * a.shape[1], a.shape[2])) for a in (X, da))
    return xp.matrix_transpose(X) @ da


def _over_rows(da):
    return array_namespace(da).sum(da, axis=(0, 1))
