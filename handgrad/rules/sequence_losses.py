"""Losses of sequences that are aligned in every way at once: −log of a sum over all paths.

P is the sum of the products along the paths. α sums the paths up to a place, β = ∂P/∂α those that
lead on from there, and α β / P is the share of all paths that pass it. Sums of products underflow,
so that the code has their logs: a log of 0 is −∞, and adds nothing. Where every path passes one
place at each step, the shares are a softmax of log α + log β over the places. So a number may be
taken away from either at each step, which keeps both near 0, with all their digits.
"""

import math
from dataclasses import dataclass

from handgrad.arrays import add_at, array_namespace, device_of, kept, log_softmax, scan
from handgrad.rules.batch import Reduction, excess, of_each_row, reduced
from handgrad.rules.shared.over_time import live_steps
from handgrad.rules.shared.paths import (
    log_sum,
    log_sum_over,
    lowered,
    ruled_out,
    share,
    shares,
    shifted,
    surprise,
)

__all__ = ["CTC", "RNNTransducer", "SoftDTW"]


@dataclass(frozen=True)
class CTC:
    """y = −log Σ Πₜ softmax(x)[t, path[t]] over all paths that spell the labels, averaged over rows

        x : (K + S, N, C)
        T = K + S
        labels : (N, S) label(C)
        n : (N) label(T + 1)
        m : (N) label(S + 1)
        p = softmax(x, axis=-1)

    n has the number of steps of each of the N rows, and m that of its labels. A path has a class
    for each step. It spells the labels when repetitions are taken as one, and then the blanks left
    out. So it walks along z, the labels with blanks around them: it stays, goes on by one, or skips
    a blank between two labels that differ:

        z[i, s : 2 * S + 1] = where(s % 2 == 1, labels[i, s // 2], blank)
        skip[i, s] = where(s > 1, where(z[i, s] != z[i, s-2], where(z[i, s] != blank, 1, 0), 0), 0)
        q[t, i, s] = p[t, i, z[i, s]]

    α[t, i, s] sums all walks that are at s after t steps; they begin at the first blank, before any
    step, and end at the last label or at the blank after it, where e is 1:

        α[0, i : N, s : 2 * S + 1] = where(s == 0, 1, 0)
        w[t, i, s] = α[t, i, s] + where(s > 0, α[t, i, s-1], 0) + where(s > 1, skip[i, s] * α[t, i, s-2], 0)
        α[t+1, i, s] = where(t < n[i], q[t, i, s] * w[t, i, s], α[t, i, s])
        e[i, s : 2 * S + 1] = where(s == 2 * m[i], 1, where(s == 2 * m[i] - 1, 1, 0))
        P[i] = sum[s](e[i, s] * α[T, i, s])
        y = mean(where(P > 0, -log(where(P > 0, P, 1)), 0))

    Backwards, β gathers from the places to which a walk goes on. dα is β times dP:

        dP[i] = where(P[i] > 0, -dy / N / P[i], 0)
        dα[T, i, s] = dP[i] * e[i, s]
        v[t, i, s] = where(t < n[i], q[t, i, s] * dα[t+1, i, s], 0)
        dα[t, i, s] = where(t < n[i], v[t, i, s] + where(s < 2 * S, v[t, i, s+1], 0) + where(s + 1 < 2 * S, skip[i, s+2] * v[t, i, s+2], 0), dα[t+1, i, s])

    α β / P is the share γ of the walks that are at s after t steps. The q of that step is a factor
    of all of them, so that q dq = α dα. With dL = dy / N, the gradient of the row's loss, that is
    −γ dL. Through softmax x gets these, less p times their sum:

        g[t, i, s] = where(t < n[i], α[t+1, i, s] * dα[t+1, i, s], 0)
        dx[t, i, c] = sum[s](where(z[i, s] == c, g[t, i, s], 0)) - p[t, i, c] * sum[s](g[t, i, s])

    As all γ of a step sum to 1, that is dL (p − γ), with γ summed over the places of z that hold
    the class c, and 0 in the padding.

    A row that no path can spell, because n is too small, has P = 0: its loss is 0, or ∞ with
    zero_infinity=False, and its gradient 0 either way. Labels after the m-th do not count. torch's
    "mean" divides each loss by m first. Its ctc_loss takes log-probabilities, whose gradient is −γ,
    but gives p − γ for them: right only if they come from a log_softmax.

    Keeps its inputs and log α, as differences from its largest number at each step.

    Graves, Fernández, Gomez and Schmidhuber, Connectionist Temporal Classification, 2006.
    """

    reduction: Reduction = "mean"
    blank: int = 0
    zero_infinity: bool = True

    def forward(self, x, labels, n, m):
        xp = array_namespace(x)
        z, skip, ends = self._walk(labels, m)
        live = live_steps(x, n)
        q = _taken(log_softmax(kept(live, x)), z)
        start = xp.zeros(z.shape, dtype=x.dtype, device=device_of(x))
        first = ruled_out(xp.arange(z.shape[-1], device=device_of(x)) == 0, start)

        def step(state, q, live):
            alpha, total = state
            moved = log_sum(alpha, shifted(alpha, 1), ruled_out(skip, shifted(alpha, 2)))
            alpha, c = lowered(xp.where(live, q + moved, alpha))
            return (alpha, total + c), (alpha,)

        (last, total), (alpha,) = scan(step, (first, start[:, :1]), (q, live))
        whole = total[:, 0] + log_sum_over(ruled_out(ends, last), -1)
        losses = surprise(whole, self.zero_infinity)
        return reduced(losses, self.reduction), (x, labels, n, m, alpha)

    def backward(self, residuals, dy):
        x, labels, n, m, alpha = residuals
        xp = array_namespace(x)
        z, skip, ends = self._walk(labels, m)
        live = live_steps(x, n)
        log_p = log_softmax(kept(live, x))
        q = _taken(log_p, z)

        def step(beta, q, live):
            v = q + beta
            moved = log_sum(v, shifted(v, -1), shifted(ruled_out(skip, v), -2))
            return xp.where(live, lowered(moved)[0], beta), (beta,)

        last = ruled_out(ends, xp.zeros(z.shape, dtype=x.dtype, device=device_of(x)))
        _, (beta,) = scan(step, last, (q, live), reverse=True)
        of_classes = _by_class(kept(live, shares(alpha + beta)), z, x.shape[-1])
        dl = of_each_row(dy, z.shape[:1], self.reduction)
        return dl * excess(xp.exp(log_p), of_classes), None, None, None

    def _walk(self, labels, m):
        """The classes along the walk, those to which a skip leads, and those at which it may end."""
        xp = array_namespace(labels)
        rows, size = labels.shape
        places = xp.arange(2 * size + 1, device=device_of(labels))
        m = xp.astype(m, places.dtype)[:, None]
        labels = xp.where(places[:size] < m, xp.astype(labels, places.dtype), self.blank)
        pairs = xp.stack([xp.full_like(labels, self.blank), labels], axis=-1)
        pairs = xp.reshape(pairs, (rows, 2 * size))
        z = xp.concat([pairs, xp.full_like(m, self.blank)], axis=-1)
        before = xp.concat([xp.full_like(z[:, :2], self.blank), z[:, :-2]], axis=-1)
        skip = (z != self.blank) & (z != before) & (places > 1)
        return z, skip, (places == 2 * m) | (places == 2 * m - 1)


@dataclass(frozen=True)
class RNNTransducer:
    """y = −log Σ Π softmax(x)[t, u, class] over all paths through the (t, u), averaged over rows

        x : (N, T, U + 1, C)
        labels : (N, U) label(C)
        n : (N) label(T + 1)
        m : (N) label(U + 1)
        p = softmax(x, axis=-1)

    n has the number of steps of each of the N rows, and m that of its labels. A path is at (t, u)
    when it has made t steps and given u labels, and begins at (0, 0). A blank, of probability B,
    takes it to (t + 1, u), and the next label, of probability E, to (t, u + 1). It ends after the
    last of its n steps, with all m labels:

        B[i, t, u] = where(t < n[i], p[i, t, u, blank], 0)
        k = concat((labels, 0 * n[:, None]), axis=1)
        E[i, t, u] = where(u < U, where(t < n[i], p[i, t, u, k[i, u]], 0), 0)

    The places with d = t + u depend on those with d − 1 alone, so that the sum goes on by d:

        α[0, i : N, u : U + 1] = where(u == 0, 1, 0)
        stay[d, i, u] = where(d >= u, where(d - u < T, α[d, i, u] * B[i, d - u, u], 0), 0)
        come[d, i, u : U + 1] = where(u > 0, where(d + 1 >= u, where(d + 1 - u < T, α[d, i, u-1] * E[i, d + 1 - u, u-1], 0), 0), 0)
        α[d+1 : T + U, i, u] = stay[d, i, u] + come[d, i, u]
        P[i] = α[n[i] + m[i], i, m[i]]
        y = mean(where(P > 0, -log(where(P > 0, P, 1)), 0))

    Backwards, β gathers from the two places to which a path goes on. dα is β times dP:

        dP[i] = where(P[i] > 0, -dy / N / P[i], 0)
        e[d : T + U + 1, i, u : U + 1] = where(d == n[i] + m[i], where(u == m[i], dP[i], 0), 0)
        dα[T + U, i, u] = e[T + U, i, u]
        dα[d : T + U, i, u] = e[d, i, u] + where(d >= u, where(d - u < T, B[i, d - u, u] * dα[d+1, i, u] + where(u < U, E[i, d - u, u] * dα[d+1, i, u+1], 0), 0), 0)
        dB[i, t, u] = α[t + u, i, u] * dα[t + u + 1, i, u]
        dE[i, t, u] = where(u < U, α[t + u, i, u] * dα[t + u + 1, i, u + 1], 0)

    B dB and E dE are the shares of the paths that stay at this label, and that go on to the next,
    times −dL, where dL = dy / N. Through softmax x gets both, less p times their sum:

        stayed = B * dB
        went = E * dE
        dx[i, t, u, c] = where(c == blank, stayed[i, t, u], 0) + where(k[i, u] == c, went[i, t, u], 0) - p[i, t, u, c] * (stayed[i, t, u] + went[i, t, u])

    x need not be normalized: a log_softmax in front of it changes nothing. A row without a path is
    treated as in CTC.

    Keeps its inputs and log α, as CTC does.

    Graves, Sequence Transduction with Recurrent Neural Networks, 2012, arXiv:1211.3711.
    """

    reduction: Reduction = "mean"
    blank: int = 0
    zero_infinity: bool = True

    def forward(self, x, labels, n, m):
        xp = array_namespace(x)
        b, e, ends, _ = self._grid(x, labels, n, m)
        start = xp.zeros_like(ends[0, ...], dtype=x.dtype)
        first = ruled_out(xp.arange(x.shape[2], device=device_of(x)) == 0, start)

        def step(state, b, e):
            alpha, total = state
            moved, c = lowered(log_sum(alpha + b, shifted(alpha + e, 1)))
            return (moved, total + c), (alpha, total)

        (last, total), (alpha, totals) = scan(step, (first, start[:, :1]), (b, e))
        states = xp.concat([alpha + totals, (last + total)[None, ...]])
        whole = xp.max(ruled_out(ends, states), axis=(0, 2))
        losses = surprise(whole, self.zero_infinity)
        return reduced(losses, self.reduction), (x, labels, n, m, alpha)

    def backward(self, residuals, dy):
        x, labels, n, m, alpha = residuals
        xp = array_namespace(x)
        b, e, ends, inside = self._grid(x, labels, n, m)

        def step(beta, b, e, alpha, ends):
            stay, go = b + beta, e + shifted(beta, -1)
            size = stay.shape[-1]
            both = shares(xp.concat([alpha + stay, alpha + go], axis=-1))
            beta = lowered(xp.where(ends, 0, log_sum(stay, go)))[0]
            return beta, (both[:, :size], both[:, size:])

        last = ruled_out(ends[-1, ...], xp.zeros_like(ends[-1, ...], dtype=x.dtype))
        _, both = scan(step, last, (b, e, alpha, ends[:-1, ...]), reverse=True)
        stayed, went = (xp.expand_dims(_upright(a, x.shape[1]), axis=-1) for a in both)
        classes = xp.arange(x.shape[-1], device=device_of(x))
        target = kept(classes == self.blank, stayed) + kept(classes == self._next(labels, m), went)
        dl = of_each_row(dy, x.shape[:1], self.reduction)
        dl = dl[..., None, None] if self.reduction == "none" else dl
        return dl * excess(xp.exp(log_softmax(kept(inside, x))), target), None, None, None

    def _grid(self, x, labels, n, m):
        """log B and log E by d = t + u, where the paths end, and which of x are theirs."""
        xp = array_namespace(x)
        T, places = x.shape[1:3]
        d = xp.arange(T + places, device=device_of(x))[:, None, None]
        u = xp.arange(places, device=device_of(x))
        n, m = (xp.astype(a, u.dtype)[:, None] for a in (n, m))
        lasting = xp.arange(T, device=device_of(x))[:, None] < n[..., None]
        inside = lasting & (u <= m[..., None])
        log_p = log_softmax(kept(inside[..., None], x))
        following = xp.broadcast_to(self._next(labels, m[:, 0]), (*x.shape[:3], 1))
        label = xp.take_along_axis(log_p, following, axis=-1)[..., 0]
        b, e = (ruled_out(inside, a) for a in (log_p[..., self.blank], label))
        ends = (d == xp.minimum(n, T) + m) & (u == m)
        return _slanted(b), _slanted(e), ends, inside[..., None]

    def _next(self, labels, m):
        """The label that comes next at each u: (N, 1, U + 1, 1). It is a blank after the m-th."""
        xp = array_namespace(labels)
        places = xp.arange(labels.shape[1] + 1, device=device_of(labels))
        m = xp.astype(m, places.dtype)[:, None]
        labels = xp.concat([xp.astype(labels, places.dtype), xp.zeros_like(m)], axis=1)
        return xp.where(places < m, labels, self.blank)[:, None, :, None]


@dataclass(frozen=True)
class SoftDTW:
    """y = −γ log Σ exp(−cost / γ)    over all paths through a table of costs D, for each of N

        D : (N, I, J)
        w = exp(-D / gamma)

    A path goes from the first cell to the last, one row or one column on, or both, and costs the
    sum of its cells. As γ goes to 0, y becomes the cost of the cheapest, dynamic time warping. The
    cells with d = i + j depend on those of the two diagonals before, α and b:

        α[0, k, i : I] = where(i == 0, w[k, 0, 0], 0)
        b[0, k : N, i : I] = 0 * k * i
        b[d+1, k, i] = α[d, k, i]
        α[d+1 : I + J - 2, k, i] = where(d + 1 >= i, where(d + 1 - i < J, w[k, i, d + 1 - i] * (α[d, k, i] + where(i > 0, α[d, k, i-1] + b[d, k, i-1], 0)), 0), 0)
        Z = α[I + J - 2, :, I - 1]
        y = -gamma * log(Z)

    Backwards, dα gathers from the three cells to which a path goes on, and v = w dα is what comes
    back from each:

        dZ = -gamma * dy / Z
        dα[I + J - 2, k, i : I] = where(i == I - 1, dZ[k], 0)
        v[k, i, j] = w[k, i, j] * dα[i + j, k, i]
        dα[d : I + J - 2, k, i] = where(d + 1 >= i, where(d + 1 - i < J, v[k, i, d + 1 - i] + where(i + 1 < I, v[k, i + 1, d + 1 - i], 0), 0), 0) + where(i + 1 < I, where(d >= i, where(d - i < J, v[k, i + 1, d - i], 0), 0), 0)
        dD[k, i, j] = -α[i + j, k, i] * dα[i + j, k, i] / gamma

    That is dy times the share of the paths that pass a cell. All pass the first and the last.

    Keeps D: α is formed again.

    Cuturi and Blondel, Soft-DTW, 2017, arXiv:1703.01541, algorithms 1 and 2.
    """

    gamma: float = 1.0

    def forward(self, D):
        _, alpha = self._sums(D)
        return -self.gamma * alpha[-1, :, -1], (D,)

    def backward(self, residuals, dy):
        (D,) = residuals
        xp = array_namespace(D)
        s, alpha = self._sums(D)
        whole = alpha[-1, :, -1]
        outside = xp.full_like(s[0, ...], -xp.inf)

        def step(state, s, alpha, ends):
            v, later = state
            moved = log_sum(v, shifted(v, -1), shifted(later, -1))
            beta = xp.where(ends, 0, moved)
            return (s + beta, v), (share(alpha + beta, whole[:, None]),)

        d, i = (xp.arange(size, device=device_of(D)) for size in (s.shape[0], D.shape[1]))
        ends = (d[:, None, None] == d[-1]) & (i == i[-1])
        _, (passing,) = scan(step, (outside, outside), (s, alpha, ends), reverse=True)
        passing = xp.matrix_transpose(_upright(passing, D.shape[2]))
        return (dy[:, None, None] * passing,)

    def _sums(self, D):
        """−D / γ and log α by diagonals."""
        xp = array_namespace(D)
        s = _slanted(xp.matrix_transpose(-D / self.gamma))

        def step(state, s):
            alpha, before = state
            new = s + log_sum(alpha, shifted(alpha, 1), shifted(before, 1))
            return (new, alpha), (new,)

        first = s[:1, ...]
        start = first[0, ...], xp.full_like(first[0, ...], -xp.inf)
        _, (alpha,) = scan(step, start, (s[1:, ...],))
        return s, xp.concat([first, alpha])


def _taken(log_p, z):
    """log p of the classes along the walk."""
    xp = array_namespace(log_p)
    places = xp.broadcast_to(z, (log_p.shape[0], *z.shape))
    return xp.take_along_axis(log_p, places, axis=-1)


def _by_class(gamma, z, classes):
    """The sum of γ : (T, N, S) over the places of each class, as (T, N, C)."""
    xp = array_namespace(gamma)
    T, N, _ = gamma.shape
    rows = xp.arange(N, device=device_of(z))[:, None] * classes + z
    numbers = xp.reshape(xp.permute_dims(gamma, (1, 2, 0)), (math.prod(z.shape), T))
    total = add_at(N * classes, xp.reshape(rows, (math.prod(z.shape),)), numbers)
    return xp.permute_dims(xp.reshape(total, (N, classes, T)), (2, 0, 1))


def _slanted(a):
    """a : (N, T, U + 1) by d = t + u, as (T + U, N, U + 1); −∞ where t = d − u is outside."""
    xp = array_namespace(a)
    T, places = a.shape[1:]
    u = xp.arange(places, device=device_of(a))
    t = xp.arange(T + places - 1, device=device_of(a))[:, None, None] - u
    inside = (t >= 0) & (t < T)
    rows = xp.broadcast_to(kept(inside, t), (t.shape[0], a.shape[0], places))
    return ruled_out(inside, xp.take_along_axis(xp.permute_dims(a, (1, 0, 2)), rows, axis=0))


def _upright(a, T):
    """What was by d = t + u, as (N, T, U + 1)."""
    xp = array_namespace(a)
    u = xp.arange(a.shape[2], device=device_of(a))
    rows = xp.arange(T, device=device_of(a))[:, None, None] + u
    rows = xp.broadcast_to(rows, (T, *a.shape[1:]))
    return xp.permute_dims(xp.take_along_axis(a, rows, axis=0), (1, 0, 2))
