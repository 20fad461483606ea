"""The losses of a batch, and what becomes of them: "none" leaves one for each row (or number),
"sum" and "mean" make one number of them. The mean over no losses is NaN, as in NumPy.

Derivations have the mean of n losses, each of which moves it by the n-th part of its own move: dl =
dy / n. The sum has dl = dy, and losses that are left apart have a dy each.
"""

import math
from typing import Literal

from handgrad.arrays import array_namespace, is_whole, kept

Reduction = Literal["none", "sum", "mean"]


def floating(t, x):
    """t; whole numbers as numbers of x's kind."""
    return array_namespace(x, t).astype(t, x.dtype) if is_whole(t) else t


def stretched(t, x):
    """A target in the shape of the outputs x, and of numbers.

    It broadcasts to x, and x never to it: labels of shape (N, 1) do not pair every row with every
    label.
    """
    return floating(array_namespace(x, t).broadcast_to(t, x.shape), x)


def reduced(losses, reduction):
    """The losses, their sum or their mean."""
    if reduction == "none":
        return losses
    xp = array_namespace(losses)
    return xp.sum(losses) if reduction == "sum" else xp.mean(losses)


def of_each(dy, shape, reduction):
    """The gradient of each loss; `shape` is that of the losses."""
    return dy / max(1, math.prod(shape)) if reduction == "mean" else dy


def of_each_row(dy, shape, reduction):
    """The gradient of each row's loss, ready to multiply the row."""
    dl = of_each(dy, shape, reduction)
    return array_namespace(dl).expand_dims(dl, axis=-1) if reduction == "none" else dl


def excess(p, t):
    """p Σ t − t of each row of probabilities p: what softmax with cross-entropy sends back.

    Where p is near 1 it subtracts nearly equal numbers. There 1 − p is better known as the sum of
    the others, and one p of a row at most is above ½.
    """
    xp = array_namespace(p, t)
    total = xp.sum(t, axis=-1, keepdims=True)
    others = xp.sum(kept(p <= 0.5, p), axis=-1, keepdims=True)
    return xp.where(p > 0.5, total - t - total * others, total * p - t)
