"""Attention, recurrences and small nets."""

import numpy as np

from tests.judge.zoo.linear import turned
from tests.judge.zoo.operation import (
    Operation,
    booleans,
    integers,
    log_softmax,
    one_hot,
    real,
    sigmoid,
    softmax,
    softmax_gradient,
    together,
)


def masked_softmax(s, keep):
    """Softmax over what is kept; a row that keeps nothing is 0."""
    top = np.max(s, axis=-1, keepdims=True, where=keep, initial=-1e30)
    e = np.where(keep, np.exp(np.where(keep, s - top, 0)), 0)
    total = np.sum(e, axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def scale_of(q):
    return q.shape[-1] ** -0.5


def _attention(q, k, v):
    return softmax(q @ turned(k) * scale_of(q)) @ v


def attention_gradients(dy, p, q, k, v):
    """dq, dk and dv from the probabilities."""
    ds = softmax_gradient(dy @ turned(v), p) * scale_of(q)
    return ds @ k, turned(ds) @ q, turned(p) @ dy


def _attention_vjp(dy, q, k, v):
    return attention_gradients(dy, softmax(q @ turned(k) * scale_of(q)), q, k, v)


def _masked(q, k, v, keep):
    return masked_softmax(q @ turned(k) * scale_of(q), keep) @ v


def _masked_vjp(dy, q, k, v, keep):
    p = masked_softmax(q @ turned(k) * scale_of(q), keep)
    return (*attention_gradients(dy, p, q, k, v), None)


def _causal_draw(rng):
    return *real((4, 3), (4, 3), (4, 3))(rng), np.tri(4, dtype=bool)


def _row_masked_draw(rng):
    keep = np.tri(4, dtype=bool)
    keep[2] = False
    return *real((4, 3), (4, 3), (4, 3))(rng), keep


def _far_masked_draw(rng):
    """Inputs whose masked scores are huge."""
    q, k, v, keep = _causal_draw(rng)
    k[3] = 4000 * np.abs(k[3]) + 4000
    q[:3] = np.abs(q[:3]) + 0.5
    q[3] = -np.abs(q[3]) - 0.5
    return q, k, v, keep


def _grouped(q, k, v):
    """Two heads of q share one of k and v."""
    return _attention(q, np.repeat(k, 2, axis=0), np.repeat(v, 2, axis=0))


def _grouped_vjp(dy, q, k, v):
    dq, dk, dv = _attention_vjp(dy, q, np.repeat(k, 2, axis=0), np.repeat(v, 2, axis=0))
    return dq, dk[::2] + dk[1::2], dv[::2] + dv[1::2]


def _biased_vjp(dy, s, b, v):
    p = softmax(s + b)
    ds = softmax_gradient(dy @ turned(v), p)
    return ds, np.sum(ds, axis=0), turned(p) @ dy


def rotated(x, angle):
    """RoPE: the halves of the last axis turned by an angle."""
    a, b = np.split(x, 2, axis=-1)
    c, s = np.cos(angle), np.sin(angle)
    return np.concatenate([a * c - b * s, a * s + b * c], axis=-1)


def _rope_vjp(dy, x, angle):
    dx = rotated(dy, -angle)
    a, b = np.split(rotated(x, angle), 2, axis=-1)
    da, db = np.split(dy, 2, axis=-1)
    return dx, db * a - da * b


def _recurrence(a, b):
    """h[t] = a[t] h[t−1] + b[t]"""
    h = np.zeros_like(b)
    h[0] = b[0]
    for t in range(1, len(b)):
        h[t] = a[t] * h[t - 1] + b[t]
    return h


def recurrence_gradients(dy, a, b, shift=1):
    """The adjoint runs backwards: λ[t] = dy[t] + a[t+1] λ[t+1]; the shift is that 1."""
    h, db = _recurrence(a, b), dy.copy()
    for t in range(len(b) - 2, -1, -1):
        db[t] = dy[t] + a[t + shift] * db[t + 1]
    return db * np.concatenate([np.zeros_like(h[:1]), h[:-1]]), db


def _rnn(x, W, U):
    h = [np.zeros_like(x[0] @ W)]
    for row in x:
        h.append(np.tanh(row @ W + h[-1] @ U))
    return np.stack(h[1:])


def rnn_gradients(dy, x, W, U, carry=1):
    """Backpropagation through time; `carry` is what the state passes to the step before."""
    h = np.concatenate([np.zeros_like(dy[:1]), _rnn(x, W, U)])
    dx, dW, dU, dh = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U), np.zeros_like(dy[0])
    for t in range(len(x) - 1, -1, -1):
        da = (dy[t] + carry * dh) * (1 - h[t + 1] ** 2)
        dx[t], dh = da @ W.T, da @ U.T
        dW += x[t].T @ da
        dU += h[t].T @ da
    return dx, dW, dU


def _fixed_point(W, x):
    """z = tanh(0.1 W z + x); where that does not contract there is nothing to find."""
    before = z = np.zeros_like(x)
    for _ in range(80):
        before, z = z, np.tanh(0.1 * W @ z + x)
    if np.max(np.abs(z - before), initial=0) > 4 * np.finfo(x.dtype).eps:
        raise ValueError("the iteration does not converge")
    return z


def _fixed_point_vjp(dy, W, x):
    z = _fixed_point(W, x)
    s = 1 - z**2
    J = s[:, None] * 0.1 * W
    adjoint = s * np.linalg.solve(np.eye(len(x), dtype=x.dtype) - J.T, dy)
    return 0.1 * np.outer(adjoint, z), adjoint


def _mlp(*inputs):
    x, W, b, U, c, t = inputs
    return -np.mean(np.sum(one_hot(t, c) * log_softmax(np.tanh(x @ W + b) @ U + c), axis=-1))


def _mlp_vjp(dy, *inputs):
    x, W, b, U, c, t = inputs
    h = np.tanh(x @ W + b)
    dz = dy * (softmax(h @ U + c) - one_hot(t, c)) / len(x)
    da = dz @ U.T * (1 - h**2)
    return da @ W.T, x.T @ da, np.sum(da, axis=0), h.T @ dz, np.sum(dz, axis=0), None


def _residual_vjp(dy, x, W):
    h = np.tanh(x @ W)
    da = dy * (1 - h**2)
    return dy + da @ W.T, x.T @ da


def _glu_vjp(dy, x, W, U):
    a, s = x @ W, sigmoid(x @ U)
    da, db = dy * s, dy * a * s * (1 - s)
    return da @ W.T + db @ U.T, x.T @ da, x.T @ db


MASKED = Operation("attention_masked", _masked, _masked_vjp, _causal_draw, entire=True)
MASKED_ROW = Operation("attention_masked_row", _masked, _masked_vjp, _row_masked_draw, entire=True)
MASKED_FAR = Operation("attention_masked_far", _masked, _masked_vjp, _far_masked_draw, entire=True)
ATTENTION = Operation(
    "attention", _attention, _attention_vjp, real((2, 4, 3), (2, 4, 3), (2, 4, 3)), entire=True
)
GROUPED = Operation(
    "attention_grouped", _grouped, _grouped_vjp, real((4, 3, 2), (2, 3, 2), (2, 3, 2)), entire=True
)
BIASED = Operation(
    "attention_bias",
    lambda s, b, v: softmax(s + b) @ v,
    _biased_vjp,
    real((3, 4, 4), (4, 4), (3, 4, 2)),
    entire=True,
)
ROPE = Operation("rope", rotated, _rope_vjp, real((3, 4), (3, 2)), entire=True)
RECURRENCE = Operation(
    "linear_recurrence", _recurrence, recurrence_gradients, real((5, 3), (5, 3)), entire=True
)
RNN = Operation("rnn", _rnn, rnn_gradients, real((4, 2, 3), (3, 2), (2, 2)), entire=True)
FIXED_POINT = Operation("fixed_point", _fixed_point, _fixed_point_vjp, real((3, 3), (3,)))
MLP = Operation(
    "mlp",
    _mlp,
    _mlp_vjp,
    together(real((4, 3), (3, 5), (5,), (5, 3), (3,)), integers((4,), 3)),
    entire=True,
)
GLU = Operation(
    "glu",
    lambda x, W, U: (x @ W) * sigmoid(x @ U),
    _glu_vjp,
    real((4, 3), (3, 2), (3, 2)),
    entire=True,
)


OPERATIONS = (
    ATTENTION,
    MASKED,
    MASKED_ROW,
    MASKED_FAR,
    GROUPED,
    BIASED,
    ROPE,
    RECURRENCE,
    RNN,
    FIXED_POINT,
    MLP,
    GLU,
    Operation(
        "residual_block",
        lambda x, W: x + np.tanh(x @ W),
        _residual_vjp,
        real((3, 4), (4, 4)),
        entire=True,
    ),
    Operation(
        "masked_softmax",
        masked_softmax,
        lambda dy, s, keep: (softmax_gradient(dy, masked_softmax(s, keep)), None),
        together(real((3, 4)), booleans((3, 4))),
        entire=True,
    ),
)
