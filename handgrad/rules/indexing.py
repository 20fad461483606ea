"""Indexing: rows and numbers are taken from a table by labels, and added back at them.

A label is a whole number from 0 on. It has no gradient. What is taken several times gets the sum of
the gradients; what nobody takes has gradient 0.
"""

import math
from dataclasses import dataclass
from typing import Literal

from handgrad.arrays import (
    add_at,
    array_namespace,
    constant,
    device_of,
    fresh,
    kept,
    outline,
    outlined,
    unbroadcast,
)

__all__ = ["Embedding", "EmbeddingBag", "ScatterAdd", "Take", "TakeAlongAxis"]


@dataclass(frozen=True)
class Take:
    """y = x at the places i of one axis

        x : (V + 1, V + 2)
        i : (M) label(V)
        u = swapaxes(x, 0, axis)
        v[m, d] = u[i[m], d]
        y = swapaxes(v, 0, axis)

    Place m of y moves as place i[m] of x, so its gradient goes there, and adds up where the same
    place is taken twice:

        dv = swapaxes(dy, 0, axis)
        du[k, d] = sum[m](where(i[m] == k, dv[m, d], 0))
        dx = swapaxes(du, 0, axis)

    The code adds each row of dv at its place: a product with one-hot rows would cost V times as
    much. i may have any shape, and its axes stand in the place of the axis.

    Keeps i and the shape of x.
    """

    axis: int = 0

    def forward(self, x, i):
        xp = array_namespace(x, i)
        axis = self.axis % x.ndim
        y = xp.take(x, xp.reshape(i, (-1,)), axis=axis)
        return xp.reshape(y, (*x.shape[:axis], *i.shape, *x.shape[axis + 1 :])), (i, outline(x))

    def backward(self, residuals, dy):
        i, x = residuals[0], outlined(residuals[1])
        xp = array_namespace(i, dy)
        axis = self.axis % len(x)
        dy = xp.reshape(dy, (*x[:axis], math.prod(i.shape), *x[axis + 1 :]))
        du = add_at(x[axis], xp.reshape(i, (-1,)), xp.moveaxis(dy, axis, 0))
        return fresh(xp.moveaxis(du, 0, axis)), None


@dataclass(frozen=True)
class TakeAlongAxis:
    """y = in each row of x, the numbers at the places that the same row of i names

        x : (N, V)
        i : (N, K) label(V)
        y[n, k] = x[n, i[n, k]]

    Each number goes back to its row, at its place:

        dx[n, v] = sum[k](where(i[n, k] == v, dy[n, k], 0))

    A row lies along the axis. Other axes broadcast, as in NumPy.

    Keeps i and the shape of x.
    """

    axis: int = -1

    def forward(self, x, i):
        y = array_namespace(x, i).take_along_axis(x, i, axis=self.axis)
        return y, (i, outline(x))

    def backward(self, residuals, dy):
        i, x = residuals[0], outlined(residuals[1])
        xp = array_namespace(i, dy)
        places = xp.moveaxis(xp.broadcast_to(i, dy.shape), self.axis, -1)
        values = xp.moveaxis(dy, self.axis, -1)
        *batch, size = values.shape
        rows, n = math.prod(batch), x[self.axis]
        first = xp.arange(rows, device=device_of(i))[:, None] * n
        places = xp.reshape(xp.reshape(places, (rows, size)) + first, (-1,))
        dx = xp.reshape(add_at(rows * n, places, xp.reshape(values, (-1,))), (*batch, n))
        return fresh(unbroadcast(xp.moveaxis(dx, -1, self.axis), x)), None


@dataclass(frozen=True)
class ScatterAdd:
    """y = x, with each row of v added at its place i

        x : (V, D)
        i : (M) label(V)
        v : (M, D)
        y[k, d] = x[k, d] + sum[m](where(i[m] == k, v[m, d], 0))

    x moves y as it is, and every row of v moves the row at which it was added:

        dx = dy
        dv[m, d] = dy[i[m], d]

    The transpose of Take: what adds up in one is copied in the other.

    Keeps i.
    """

    def forward(self, x, i, v):
        return x + add_at(x.shape[0], i, v), (i,)

    def backward(self, residuals, dy):
        (i,) = residuals
        return fresh(dy), None, array_namespace(dy, i).take(dy, i, axis=0)


@dataclass(frozen=True)
class Embedding:
    """y = the row of the table E that each label names; 0 for the label padding_idx

        E : (V, D)
        t : (N) label(V)
        y[n, d] = where(t[n] == padding_idx, 0, E[t[n], d])

    A row of E gets the sum over the places at which its label stands:

        dE[v, d] = sum[n](where((t[n] == v) * (v != padding_idx), dy[n, d], 0))

    The labels may have any shape: that of y is theirs with D behind. torch gives what the row
    padding_idx holds, which it sets to 0 once, and leaves out its gradient, as if it were constant.
    With −1, which stands for none, no label is padding.

    Keeps t and the shape of E.
    """

    padding_idx: int = -1

    def forward(self, E, t):
        xp = array_namespace(E, t)
        y = xp.reshape(xp.take(E, xp.reshape(t, (-1,)), axis=0), (*t.shape, *E.shape[1:]))
        if self.padding_idx >= 0:
            y = kept(xp.expand_dims(t != self.padding_idx, axis=-1), y)
        return y, (t, outline(E))

    def backward(self, residuals, dy):
        t, E = residuals[0], outlined(residuals[1])
        xp = array_namespace(t, dy)
        if self.padding_idx >= 0:
            dy = kept(xp.expand_dims(t != self.padding_idx, axis=-1), dy)
        rows = xp.reshape(dy, (math.prod(t.shape), *E[1:]))
        return add_at(E[0], xp.reshape(t, (-1,)), rows), None


@dataclass(frozen=True)
class EmbeddingBag:
    """y = the mean of the rows of E that the labels of a bag name, without padding_idx

        E : (V, D)
        t : (N, K) label(V)
        keep[n, k] = where(t[n, k] == padding_idx, 0, 1)
        c[n] = where(mode == "mean", maximum(sum[k](keep[n, k]), 1), 1)
        u[n, k, d] = E[t[n, k], d]

    c labels of a bag count. With the mode "sum" it is 1, and with "max" the weight is on the largest
    number of the bag instead, which is `hit`:

        m[n, d] = max[k](where(keep[n, k] == 1, u[n, k, d], -inf))
        hit[n, k, d] = where(u[n, k, d] == m[n, d], keep[n, k], 0)
        ties[n, d] = maximum(sum[k](hit[n, k, d]), 1)
        w[n, k, d] = where(mode == "max", hit[n, k, d] / ties[n, d], keep[n, k] / c[n])
        y[n, d] = sum[k](w[n, k, d] * u[n, k, d])

    The weights do not move. So a row gets its share of the bag's gradient, from every bag, and as
    often as it stands there:

        du[n, k, d] = w[n, k, d] * dy[n, d]
        dE[v, d] = sum[n, k](where(t[n, k] == v, du[n, k, d], 0))

    Where two rows tie for the largest, the first has it, as in torch. An empty bag has c = 1 instead
    of 0, and gives 0. No label is −1: by default, all count.

    Keeps t, c and the shape of E; with "max", the label of each number of y, which bags are not
    empty, and the shape of E.
    """

    mode: Literal["sum", "mean", "max"] = "mean"
    padding_idx: int = -1

    def forward(self, E, t):
        xp = array_namespace(E, t)
        rows = xp.reshape(xp.take(E, xp.reshape(t, (-1,)), axis=0), (*t.shape, *E.shape[1:]))
        keep = self._keep(t)
        if self.mode == "max":
            return self._largest(rows, t, keep, outline(E))
        c = xp.astype(xp.sum(xp.astype(keep, xp.int32), axis=1), E.dtype)
        c = xp.maximum(c, 1) if self.mode == "mean" else xp.ones_like(c)
        y = xp.sum(kept(keep[..., None], rows), axis=1) / c[:, None]
        return y, (t, c, outline(E))

    def backward(self, residuals, dy):
        if self.mode == "max":
            return self._to_the_largest(residuals, dy), None
        t, c, E = *residuals[:2], outlined(residuals[2])
        xp = array_namespace(t, dy)
        rows = xp.broadcast_to((dy / c[:, None])[:, None, :], (*t.shape, E[1]))
        rows = xp.reshape(kept(self._keep(t)[..., None], rows), (math.prod(t.shape), E[1]))
        return add_at(E[0], xp.reshape(t, (-1,)), rows), None

    def _keep(self, t):
        """Which labels count: all but padding_idx."""
        return t != self.padding_idx

    def _largest(self, rows, t, keep, E):
        """The mode "max": each number of y, and whose label it has."""
        xp = array_namespace(rows)
        rows = xp.where(keep[..., None], rows, constant(-math.inf, rows))
        place = xp.argmax(rows, axis=1)
        some = xp.any(keep, axis=1)[:, None]
        return xp.where(some, xp.max(rows, axis=1), 0), (
            xp.take_along_axis(t, place, axis=1),
            some,
            E,
        )

    def _to_the_largest(self, residuals, dy):
        """The gradient of the mode "max": number (v, d) of E has the place v D + d."""
        label, some, E = *residuals[:2], outlined(residuals[2])
        xp = array_namespace(label, dy)
        width = xp.asarray(E[1], device=device_of(label))  # labels of 8 bits would wrap
        places = label * width + xp.arange(E[1], device=device_of(label))
        values = xp.reshape(kept(some, dy), (-1,))
        return xp.reshape(add_at(E[0] * E[1], xp.reshape(places, (-1,)), values), E)


VARIANTS = (
    Take(axis=-1),
    Embedding(padding_idx=1),
    EmbeddingBag("sum", padding_idx=1),
    EmbeddingBag("max", padding_idx=1),
)
