"""Operations that move numbers about: their gradients move them back, and add where they met."""

import numpy as np

from tests.judge.zoo.operation import Operation, booleans, integers, real, together


def _scattered(x, index, dy):
    """Zeros like x, plus the rows of dy at their indices."""
    dx = np.zeros_like(x)
    np.add.at(dx, index, dy)
    return dx


def _embedding_vjp(dy, E, index):
    return _scattered(E, index, dy), None


def _concat_vjp(dy, a, b):
    return dy[:, : a.shape[1]].copy(), dy[:, a.shape[1] :].copy()


def _slice_vjp(dy, x):
    dx = np.zeros_like(x)
    dx[1:, ::2] = dy
    return (dx,)


def _sort_vjp(dy, x):
    dx = np.empty_like(x)
    np.put_along_axis(dx, np.argsort(x, axis=-1), dy, axis=-1)
    return (dx,)


def _reflect_vjp(dy, x):
    dx = np.zeros_like(x)
    index = np.pad(np.arange(x.shape[-1]), 2, mode="reflect")
    for column, d in zip(index, dy.T, strict=True):
        dx[:, column] += d
    return dx


def _take_along_vjp(dy, x, index):
    dx = np.zeros_like(x)
    rows = np.broadcast_to(np.arange(len(x))[:, None], index.shape)
    np.add.at(dx, (rows, index), dy)
    return dx, None


def linear_map(name, f, adjoint, *shapes):
    """A map that is linear in one array, with its adjoint."""
    return Operation(name, f, lambda dy, x: (adjoint(dy, x),), real(*shapes), entire=True)


EMBEDDING = Operation(
    "embedding",
    lambda E, index: E[index],
    _embedding_vjp,
    together(real((5, 3)), lambda rng: (np.array([2, 0, 2, 4, 2, 0]),)),
    entire=True,
)
PADDED_EMBEDDING = Operation(
    "embedding_with_padding",
    lambda E, index: E[index] * (index != 0)[:, None],
    lambda dy, E, index: (_scattered(E, index, dy * (index != 0)[:, None]), None),
    together(real((5, 3)), lambda rng: (np.array([2, 0, 3, 0, 2]),)),
    entire=True,
)
TAKE_NEGATIVE = Operation(
    "take_negative_indices",
    EMBEDDING.f,
    _embedding_vjp,
    together(real((6,)), lambda rng: (np.array([-1, 0, 5, -3, 2, -6, 0, 1]),)),
    entire=True,
)
TRANSPOSE_3 = linear_map(
    "transpose_3",
    lambda x: x.transpose(1, 2, 0).copy(),
    lambda dy, x: dy.transpose(2, 0, 1).copy(),
    (3, 3, 3),
)
REPEAT = linear_map(
    "repeat",
    lambda x: np.repeat(x, 2, axis=-1),
    lambda dy, x: dy.reshape(*x.shape, 2).sum(axis=-1),
    (3, 4),
)
REFLECT = linear_map(
    "pad_reflect",
    lambda x: np.pad(x, ((0, 0), (2, 2)), mode="reflect"),
    _reflect_vjp,
    (2, 5),
)
SORT = Operation("sort", lambda x: np.sort(x, axis=-1), _sort_vjp, real((3, 5)))
GUARDED = Operation(
    "sqrt_where_positive",
    lambda x: np.where(x > 0.25, np.sqrt(np.maximum(x, 0.25)), 0.5),
    lambda dy, x: (np.where(x > 0.25, dy * 0.5 / np.sqrt(np.maximum(x, 0.25)), 0),),
    lambda rng: (rng.choice([0.0, 0.5, 1.5], size=(3, 4)) + rng.choice([0.0, 0.1], size=(3, 4)),),
)

OPERATIONS = (
    EMBEDDING,
    PADDED_EMBEDDING,
    TAKE_NEGATIVE,
    TRANSPOSE_3,
    REPEAT,
    REFLECT,
    SORT,
    GUARDED,
    linear_map("transpose", lambda x: x.T.copy(), lambda dy, x: dy.T.copy(), (4, 4)),
    linear_map(
        "reshape",
        lambda x: x.reshape(-1, 3).copy(),
        lambda dy, x: dy.reshape(x.shape).copy(),
        (3, 4),
    ),
    linear_map(
        "pad", lambda x: np.pad(x, ((1, 0), (2, 1))), lambda dy, x: dy[1:, 2:-1].copy(), (3, 4)
    ),
    linear_map("slice", lambda x: x[1:, ::2].copy(), lambda dy, x: _slice_vjp(dy, x)[0], (4, 5)),
    linear_map("flip", lambda x: x[:, ::-1].copy(), lambda dy, x: dy[:, ::-1].copy(), (3, 4)),
    linear_map(
        "roll",
        lambda x: np.roll(x, 2, axis=-1),
        lambda dy, x: np.roll(dy, -2, axis=-1),
        (3, 5),
    ),
    linear_map(
        "broadcast",
        lambda x: np.broadcast_to(x, (3, 4)).copy(),
        lambda dy, x: dy.sum(axis=0),
        (4,),
    ),
    linear_map("tril", np.tril, lambda dy, x: np.tril(dy), (4, 4)),
    linear_map("diff", lambda x: np.diff(x, axis=-1), lambda dy, x: -_spread_diff(dy), (3, 5)),
    Operation(
        "concat",
        lambda a, b: np.concatenate([a, b], axis=1),
        _concat_vjp,
        real((3, 2), (3, 4)),
        entire=True,
    ),
    Operation(
        "where",
        np.where,
        lambda dy, c, a, b: (None, np.where(c, dy, 0), np.where(c, 0, dy)),
        together(booleans((3, 4)), real((3, 4), (3, 4))),
        entire=True,
    ),
    Operation(
        "dropout",
        lambda x, keep: x * keep / 0.5,
        lambda dy, x, keep: (dy * keep / 0.5, None),
        together(real((4, 5)), booleans((4, 5))),
        entire=True,
    ),
    Operation(
        "take_along_axis",
        lambda x, index: np.take_along_axis(x, index, axis=-1),
        _take_along_vjp,
        together(real((3, 4)), integers((3, 6), 4)),
        entire=True,
    ),
)


def _spread_diff(dy):
    """Each difference dy, given to its first entry and taken from its second."""
    return np.diff(np.pad(dy, ((0, 0), (1, 1))), axis=-1)
