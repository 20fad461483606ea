"""Sorting: numbers change their places, and their gradients find the way back.

Which number goes where does not change when the numbers move a little, so that the order is
constant for the gradient. Equal numbers keep their order.
"""

import math
from dataclasses import dataclass

from handgrad.arrays import add_at, array_namespace, device_of, outline, outlined

__all__ = ["Median", "Quantile", "Sort", "SortBy", "TopK"]


@dataclass(frozen=True)
class Sort:
    """y = x[o]    with o the order in which x ascends, or descends

        x : (L, M, N)
        o = argsort((1 - 2 * descending) * x, axis=axis)
        y = take_along_axis(x, o, axis=axis)

    −x ascends where x descends. y[j] is x[o[j]], so that the gradient of y[j] goes to the place
    o[j]: dx[o[j]] = dy[j]. Each place i is o[j] for one j. Sorted, o is 0, 1, 2, …, and its i came
    from that j, so that j is argsort(o)[i]:

        dx = take_along_axis(dy, argsort(o, axis=axis), axis=axis)

    Equal numbers keep their order, as in JAX and in a stable sort of torch. They keep it in a
    descent, too, where JAX turns it around.

    Keeps o.
    """

    axis: int = -1
    descending: bool = False

    def forward(self, x):
        xp = array_namespace(x)
        o = xp.argsort(-x if self.descending else x, axis=self.axis, stable=True)
        return xp.take_along_axis(x, o, axis=self.axis), (o,)

    def backward(self, residuals, dy):
        (o,) = residuals
        xp = array_namespace(dy)
        back = xp.argsort(o, axis=self.axis, stable=True)
        return (xp.take_along_axis(dy, back, axis=self.axis),)


@dataclass(frozen=True)
class SortBy:
    """y = x[p]    the rows of x in the order p in which their keys ascend

        x : (N, D)
        key : (N) label(N)
        p = argsort(key)
        y[n, d] = x[p[n], d]

    A permutation of the rows. Row n of y came from row p[n], and its gradient goes back there. To
    row m comes row n with p[n] = m, and sorting p finds it: the way back is a permutation as well.

        dx[m, d] = sum[n](where(p[n] == m, dy[n, d], 0))
                 = dy[argsort(p)[m], d]

    The keys only choose, and have no gradient. Rows with equal keys stay in their order. A mixture
    of experts sorts its tokens by the expert that each goes to, and by argsort(p) puts them back.

    Keeps p.
    """

    def forward(self, x, key):
        xp = array_namespace(x)
        p = xp.argsort(xp.broadcast_to(key, x.shape[:1]), stable=True)  # one key for each row
        return xp.take(x, p, axis=0), (p,)

    def backward(self, residuals, dy):
        (p,) = residuals
        xp = array_namespace(dy)
        return xp.take(dy, xp.argsort(p, stable=True), axis=0), None


@dataclass(frozen=True)
class TopK:
    """y = the k largest numbers along one axis, the largest first

        x : (L + k, M, N + k)
        a = moveaxis(x, axis, -1)
        o = argsort(-a, axis=-1)
        i = o[..., :k]
        b = take_along_axis(a, i, axis=-1)
        y = moveaxis(b, -1, axis)

    b[j] is a[i[j]], so that the gradient of b[j] goes to the place i[j]. The numbers that were not
    chosen get 0:

        db = moveaxis(dy, axis, -1)
        da[l, m, n] = sum[j](where(i[l, m, j] == n, db[l, m, j], 0))
        dx = moveaxis(da, -1, axis)

    Of equal numbers the first are chosen, as in JAX.

    Keeps i and the shape of a.
    """

    k: int
    axis: int = -1

    def forward(self, x):
        xp = array_namespace(x)
        a = xp.moveaxis(x, self.axis, -1)
        i = xp.argsort(-a, axis=-1, stable=True)[..., : self.k]
        b = xp.take_along_axis(a, i, axis=-1)
        return xp.moveaxis(b, -1, self.axis), (i, outline(a))

    def backward(self, residuals, dy):
        i, a = residuals
        xp = array_namespace(dy)
        *rows, n = outlined(a)
        starts = xp.arange(math.prod(rows), device=device_of(i)) * n
        first = xp.reshape(starts, (*rows, 1))
        db = xp.reshape(xp.moveaxis(dy, self.axis, -1), (-1, 1))
        da = add_at(math.prod(rows) * n, xp.reshape(first + i, (-1,)), db)
        return (xp.moveaxis(xp.reshape(da, (*rows, n)), -1, self.axis),)


@dataclass(frozen=True)
class Quantile:
    """y = the number at the rank q (n − 1) of n, or between the two beside it

        x : (L, M, N)
        k = sum(x, axis=axis, keepdims=True)
        h = q * (x.size / k.size - 1)
        r = reshape(argsort(argsort(x, axis=axis), axis=axis), x.shape)
        w = relu(1 - abs(r - h))
          = where(r == h // 1, 1 - h % 1, where(r == h // 1 + 1, h % 1, 0))
        y = sum(w * x, axis=axis, keepdims=keepdims)

    r is the rank of each number, from 0, and w its weight: between two ranks y goes from one number
    to the next in a straight line, and no other has any weight. A small move changes no rank, so
    that y is linear:

        dx = reshape(dy, k.shape) * w

    Of equal numbers the first has the lower rank, as in JAX. A NaN makes y NaN.

    Keeps w.
    """

    q: float
    axis: int | None = None
    keepdims: bool = False

    def forward(self, x):
        return _quantile(x, self.q, self.axis, self.keepdims)

    def backward(self, residuals, dy):
        return _weighted(residuals, dy, self.axis)


@dataclass(frozen=True)
class Median:
    """y = the number in the middle, or the mean of the two

        x : (L, M, N)
        k = sum(x, axis=axis, keepdims=True)
        n = x.size / k.size
        h = (n - 1) / 2
        r = reshape(argsort(argsort(x, axis=axis), axis=axis), x.shape)
        w = relu(1 - abs(r - h))
        y = sum(w * x, axis=axis, keepdims=keepdims)

    The quantile at ½ of n numbers; of k only the shape counts. r is the rank of each number, from
    0: the first argsort names the number at each rank, the second the rank of each number. An odd n
    has a number at the rank h, with the weight 1. An even n has two that are ½ away from h, with
    the weight ½ each. A small move changes no rank, so that w is constant and y linear:

        dx = reshape(dy, k.shape) * w

    Of equal numbers the first has the lower rank, as in JAX. A NaN makes y NaN.

    This is the median of NumPy and JAX. torch's median is the lower of the two in the middle.

    Keeps w.
    """

    axis: int | None = None
    keepdims: bool = False

    def forward(self, x):
        return _quantile(x, 0.5, self.axis, self.keepdims)

    def backward(self, residuals, dy):
        return _weighted(residuals, dy, self.axis)


VARIANTS = (
    Sort(0, descending=True),
    TopK(2),
    TopK(1, axis=0),
    Quantile(0.3),
    Quantile(0.75, axis=1),
    Median(-1, keepdims=True),
)


def _quantile(x, q, axis, keepdims):
    xp = array_namespace(x)
    numbers, along = (xp.reshape(x, (-1,)), 0) if axis is None else (x, axis)
    order = xp.argsort(numbers, axis=along, stable=True)
    r = xp.reshape(xp.argsort(order, axis=along, stable=True), x.shape)
    h = q * (numbers.shape[along] - 1)
    low = math.floor(h)
    here, above = (xp.astype(r == rank, x.dtype) for rank in (low, low + 1))
    w = (1 - h + low) * here + (h - low) * above
    chosen = xp.where((w > 0) | xp.isnan(x), x, 0)  # an ∞ without a weight does not count
    return xp.sum(w * chosen, axis=axis, keepdims=keepdims), (w,)


def _weighted(residuals, dy, axis):
    (w,) = residuals
    one_each = (1 if axis in (None, i, i - w.ndim) else n for i, n in enumerate(w.shape))
    return (array_namespace(dy).reshape(dy, tuple(one_each)) * w,)
