"""Running sums and products along one axis."""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, products_before, sums_from_the_end

__all__ = ["CumProd", "CumSum", "LogCumSumExp"]


@dataclass(frozen=True)
class CumSum:
    """y[t] = x[0] + … + x[t]    along one axis

        x : (L, M, N)
        y = cumsum(x, axis=axis)

    x[t] is a term of y[t] and of all sums after it, and moves each as much as itself. So it gathers
    their gradients, a running sum from the end:

        dx = cumsum(dy, axis=axis, reverse=True)
           = flip(cumsum(flip(dy, axis=axis), axis=axis), axis=axis)

    Keeps nothing.
    """

    axis: int = -1

    def forward(self, x):
        return array_namespace(x).cumulative_sum(x, axis=self.axis), ()

    def backward(self, residuals, dy):
        () = residuals
        return (sums_from_the_end(dy, self.axis),)


@dataclass(frozen=True)
class CumProd:
    """y[t] = x[0] x[1] … x[t]    along one axis

        x : (L, M, N)
        a = moveaxis(x, axis, 0)
        T = a.shape[0]
        p[0] = ones_like(a[0])
        p[t+1] = p[t] * a[t]
        b[t] = p[t+1]
        y = moveaxis(b, 0, axis)

    A product goes on to the output and into the next product, where it is multiplied by a:

        dp[t+1] = db[t] + where(t + 1 < T, dp[t+2] * a[t+1], 0)

    and a[t] is used once, beside p[t], the product of those before it:

        da[t] = p[t] * dp[t+1]
        dx = moveaxis(da, 0, axis)

    Nothing is divided, so that a 0 has the right gradient, and so has what comes after it.

    The usual form, flip(cumsum(flip(dy y))) / x, is NaN at a 0.

    Keeps x.
    """

    axis: int = -1

    def forward(self, x):
        return array_namespace(x).cumulative_prod(x, axis=self.axis), (x,)

    def backward(self, residuals, dy):
        (x,) = residuals
        xp = array_namespace(x)
        a, db = (xp.moveaxis(array, self.axis, -1) for array in (x, dy))
        p, dp = products_before(a, -1), _from_the_end(a[..., 1:], db)
        return (xp.moveaxis(p * dp, -1, self.axis),)


@dataclass(frozen=True)
class LogCumSumExp:
    """y[t] = log(exp(x[0]) + … + exp(x[t]))    along one axis

        x : (L, M, N)
        a = moveaxis(x, axis, 0)
        T = a.shape[0]
        h[0] = a[0]
        h[t+1] = logaddexp(h[t], a[t+1])
        y = moveaxis(h, 0, axis)

    log(exp(u) + exp(v)) has the slope exp(u) / (exp(u) + exp(v)) in u, which is exp(u − h): the
    share that u has in the sum. So h[t] gets its share of what h[t+1] gets, and a[t] its share of
    what h[t] gets:

        g = moveaxis(dy, axis, 0)
        dh[t] = g[t] + where(t + 1 < T, dh[t+1] * exp(h[t] - h[t+1]), 0)
        da[t] = dh[t] * exp(a[t] - h[t])
        dx = moveaxis(da, 0, axis)

    Every share is at most 1, so that nothing overflows, and no logarithm of dy is needed. Where all
    numbers so far are −∞, y is −∞ and the gradient 0.

    Keeps x and y.
    """

    axis: int = -1

    def forward(self, x):
        xp = array_namespace(x)
        h = xp.moveaxis(x, self.axis, -1)
        step = 1
        while step < h.shape[-1]:  # h[t] is the sum of `step` numbers up to t
            longer = xp.logaddexp(h[..., step:], h[..., :-step])
            h = xp.concat([h[..., :step], longer], axis=-1)
            step *= 2
        y = xp.moveaxis(h, -1, self.axis)
        return y, (x, y)

    def backward(self, residuals, dy):
        xp = array_namespace(dy)
        a, h, g = (xp.moveaxis(array, self.axis, -1) for array in (*residuals, dy))
        whole = xp.where(h > -xp.inf, h, 0)  # −∞ has no share in −∞
        dh = _from_the_end(xp.exp(h[..., :-1] - whole[..., 1:]), g)
        return (xp.moveaxis(dh * xp.exp(a - whole), -1, self.axis),)


VARIANTS = (CumSum(0), CumProd(1), LogCumSumExp(0))


def _from_the_end(a, b):
    """h[t] = b[t] + a[t] h[t+1] along the last axis, in log₂ T steps over whole arrays.

    h[t] = b[t] + a[t] h[t+s], put into itself, is (b[t] + a[t] b[t+s]) + a[t] a[t+s] h[t+2s]: the
    same again, with a step twice as long. In the end no h is left on the right.

    a has one number less than b: nothing comes after the last h.
    """
    xp = array_namespace(b)
    step = 1
    while step < b.shape[-1]:  # h[t] = b[t] + a[t] h[t + step]
        b = xp.concat([b[..., :-step] + a * b[..., step:], b[..., -step:]], axis=-1)
        pairs = max(0, a.shape[-1] - step)
        a = a[..., :pairs] * a[..., a.shape[-1] - pairs :]
        step *= 2
    return b
