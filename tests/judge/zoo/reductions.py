"""Sums, means, extremes, products and norms along axes."""

import numpy as np

from tests.judge.zoo.operation import Operation, changed, positive, real, softmax


def _spread(dy, x):
    """dy, repeated along the last axis of x, in memory of its own."""
    return dy[..., None] * np.ones_like(x)


def _variance_vjp(dy, x):
    return (dy[..., None] * 2 * (x - np.mean(x, axis=-1, keepdims=True)) / x.shape[-1],)


def _std(x):
    return np.sqrt(np.var(x, axis=-1, ddof=1))


def _std_vjp(dy, x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return (dy[..., None] * centred / (x.shape[-1] - 1) * _inverse(_std(x)),)


def _norm_vjp(dy, x):
    return (dy[..., None] * x * _inverse(_norm(x)),)


def _inverse(size):
    """1 / size along a new last axis, and 0 for 0: at the tip of a cone the gradient is 0."""
    return ((size != 0) / np.where(size == 0, 1, size))[..., None]


def _extreme_vjp(extreme):
    """The gradient goes to the extreme; where several tie, they share it."""

    def vjp(dy, x):
        chosen = x == extreme(x, axis=-1, keepdims=True)
        return (dy[..., None] * chosen / np.sum(chosen, axis=-1, keepdims=True, dtype=x.dtype),)

    return vjp


def product_of_others(x):
    """For each entry the product of the others of its row, whether or not there is a 0."""
    ones = np.ones_like(x[..., :1])
    before = np.cumprod(np.concatenate([ones, x[..., :-1]], axis=-1), axis=-1)
    behind = np.cumprod(np.concatenate([ones, x[..., :0:-1]], axis=-1), axis=-1)
    return before * behind[..., ::-1]


def logsumexp(x):
    top = np.max(x, axis=-1, keepdims=True)
    return (top + np.log(np.sum(np.exp(x - top), axis=-1, keepdims=True)))[..., 0]


def reversed_cumsum(x):
    return np.cumsum(x[..., ::-1], axis=-1)[..., ::-1].copy()


def _cumprod_vjp(dy, x):
    """Backwards: what lies behind entry i, less entry i itself, is b[i] = dy[i] + x[i+1] b[i+1]."""
    ones = np.ones_like(x[..., :1])
    before = np.cumprod(np.concatenate([ones, x[..., :-1]], axis=-1), axis=-1)
    behind = np.array(dy)
    for i in range(x.shape[-1] - 2, -1, -1):
        behind[..., i] += x[..., i + 1] * behind[..., i + 1]
    return (before * behind,)


def _norm(x):
    return np.sqrt(np.sum(x * x, axis=-1))


def _with_a_zero(x):
    x[0, 1] = 0
    return x


SUMS = (
    Operation("sum_all", np.sum, lambda dy, x: (dy * np.ones_like(x),), real((3, 4)), entire=True),
    Operation(
        "sum_rows",
        lambda x: np.sum(x, axis=-1),
        lambda dy, x: (_spread(dy, x),),
        real((3, 4)),
        entire=True,
    ),
    Operation(
        "sum_keepdims",
        lambda x: np.sum(x, axis=1, keepdims=True),
        lambda dy, x: (dy * np.ones_like(x),),
        real((2, 3, 4)),
        entire=True,
    ),
    Operation(
        "mean_all",
        np.mean,
        lambda dy, x: (dy * np.ones_like(x) / x.size,),
        real((3, 5)),
        entire=True,
    ),
    Operation(
        "mean_columns",
        lambda x: np.mean(x, axis=0),
        lambda dy, x: (dy * np.ones_like(x) / x.shape[0],),
        real((5, 3)),
        entire=True,
    ),
    Operation(
        "mean_square",
        lambda x: np.mean(x * x),
        lambda dy, x: (dy * 2 * x / x.size,),
        real((4, 4)),
        entire=True,
    ),
    Operation(
        "cumsum",
        lambda x: np.cumsum(x, axis=-1),
        lambda dy, x: (reversed_cumsum(dy),),
        real((3, 4)),
        entire=True,
    ),
)

MOMENTS = (
    Operation("variance", lambda x: np.var(x, axis=-1), _variance_vjp, real((3, 4)), entire=True),
    Operation("std", _std, _std_vjp, real((3, 5))),
    Operation("norm", _norm, _norm_vjp, real((3, 4))),
    Operation(
        "logsumexp",
        logsumexp,
        lambda dy, x: (dy[..., None] * softmax(x),),
        real((3, 4)),
        entire=True,
    ),
)

PRODUCT = Operation(
    "prod",
    lambda x: np.prod(x, axis=-1),
    lambda dy, x: (dy[..., None] * product_of_others(x),),
    real((3, 4)),
    entire=True,
)
PRODUCT_WITH_A_ZERO = Operation(
    "prod_with_a_zero", PRODUCT.f, PRODUCT.vjp, changed(real((3, 4)), _with_a_zero), entire=True
)


def _median_vjp(dy, x):
    """Half to each of the two in the middle; of those that tie, to whichever was sorted there."""
    order = np.argsort(x, axis=-1, kind="stable")
    dx = np.zeros_like(x)
    for place in ((x.shape[-1] - 1) // 2, x.shape[-1] // 2):
        column = order[..., place : place + 1]
        got = np.take_along_axis(dx, column, axis=-1)
        np.put_along_axis(dx, column, got + dy[..., None] / 2, axis=-1)
    return (dx,)


MAX = Operation("max_rows", lambda x: np.max(x, axis=-1), _extreme_vjp(np.max), real((3, 4)))
MAX_WITH_TIES = Operation("max_with_ties", MAX.f, MAX.vjp, changed(real((3, 8)), np.rint))

OPERATIONS = (
    *SUMS,
    *MOMENTS,
    PRODUCT,
    PRODUCT_WITH_A_ZERO,
    MAX,
    MAX_WITH_TIES,
    Operation("median", lambda x: np.median(x, axis=-1), _median_vjp, real((3, 6))),
    Operation("min_rows", lambda x: np.min(x, axis=-1), _extreme_vjp(np.min), real((4, 3))),
    Operation("cumprod", lambda x: np.cumprod(x, axis=-1), _cumprod_vjp, positive((3, 4))),
)
