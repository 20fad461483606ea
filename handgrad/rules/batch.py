"""The losses of a batch, and what becomes of them: "none" leaves one for each row (or number),
"sum" and "mean" make one number of them. The mean over no losses is NaN, as in NumPy.
"""

import math
from typing import Literal

from handgrad.arrays import array_namespace

Reduction = Literal["none", "sum", "mean"]


def stretched(t, x):
    """A target in the shape of the outputs x; whole numbers become numbers of x's kind.

    It broadcasts to x, and x never to it: labels of shape (N, 1) do not pair every row with every
    label.
    """
    xp = array_namespace(x, t)
    t = xp.broadcast_to(t, x.shape)
    return xp.astype(t, x.dtype) if xp.isdtype(t.dtype, ("bool", "integral")) else t


def reduced(losses, reduction):
    """The losses, their sum or their mean."""
    xp = array_namespace(losses)
    match reduction:
        case "none":
            return losses
        case "sum":
            return xp.sum(losses)
        case "mean":
            return xp.mean(losses)
    raise ValueError(f"reduction is {reduction!r}; it may be 'none', 'sum' or 'mean'")


def of_each(dy, shape, reduction):
    """The gradient of each loss; `shape` is that of the losses."""
    return dy / max(1, math.prod(shape)) if reduction == "mean" else dy


def of_each_row(dy, shape, reduction):
    """The gradient of each row's loss, ready to multiply the row."""
    dl = of_each(dy, shape, reduction)
    return array_namespace(dl).expand_dims(dl, axis=-1) if reduction == "none" else dl
