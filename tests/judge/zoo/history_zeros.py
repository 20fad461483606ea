"""Where the forward is finite: 0 / 0 at 0, of a root, a norm or a power; and signs that were missed."""

import numpy as np

from tests.judge.zoo import elementwise, reductions
from tests.judge.zoo.history import seen
from tests.judge.zoo.witnesses import differs, differs_turned

NAMED = {o.name: o for o in (*elementwise.OPERATIONS, *reductions.OPERATIONS)}


def _differs_at_0(operation, make, rng):
    """The gradients differ where every input is 0."""
    return differs(operation, make, rng, tuple(np.zeros_like(x) for x in operation.draw(rng)))


def _divided(name, vjp, origin):
    return seen(NAMED[name], "0 / 0", vjp, origin, _differs_at_0)


def _norm_vjp(dy, x):
    return (dy[..., None] * x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True)),)


def _std_vjp(dy, x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    std = np.std(x, axis=-1, ddof=1, keepdims=True)
    return (dy[..., None] * centred / (x.shape[-1] - 1) / std,)


def _hypot_vjp(dy, a, b):
    return dy * a / np.hypot(a, b), dy * b / np.hypot(a, b)


def _integer_power_vjp(dy, x, n):
    n = n.astype(x.dtype)
    return dy * n * x ** (n - 1), None


def _overlap_vjp(dy, w, h):
    both = w * h > 0
    return dy * h * both, dy * w * both


def _power_vjp(dy, a, b):
    return dy * b * a ** (b - 1), dy * a**b * np.log(np.where(a == 0, 1, a))


SPECIMENS = (
    _divided("norm", _norm_vjp, "jax norm(0), torch before 1.0"),
    _divided("std", _std_vjp, "torch std of a constant row"),
    _divided("hypot", _hypot_vjp, "the norm of two numbers"),
    _divided("power", _power_vjp, "0 ** 0 is 1, and its slope 0 / 0"),
    _divided("power_of_integers", _integer_power_vjp, "0 ** 0 with a whole exponent"),
    seen(
        NAMED["overlap"],
        "positive where both are negative",
        _overlap_vjp,
        "the overlap of two boxes that lie apart in both directions",
        differs_turned,
    ),
)
