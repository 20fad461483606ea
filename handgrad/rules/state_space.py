"""State spaces: a state that fades step by step, takes in each input, and is read out.

M sequences have T steps. `chunk` is how many of them are computed at a time.

Gu and Dao, Mamba, 2023, arXiv:2312.00752; Dao and Gu, Transformers are SSMs, 2024,
arXiv:2405.21060.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, device_of, einsum, scan, sigmoid
from handgrad.rules.shared.chunks import decays, decays_backward, in_chunks, out_of_chunks

__all__ = ["SSD", "SelectiveScan", "StatefulConv1d"]


@dataclass(frozen=True)
class SelectiveScan:
    """y[t] = C[t] h[t+1] + D u[t]    with h[t+1] = exp(Δ[t] A) h[t] + Δ[t] B[t] u[t]

        u : (M, T, E)
        Δ : (M, T, E) positive
        A : (E, N) interval(-2, 0)
        B : (M, T, N)
        C : (M, T, N)
        D : (E)
        a[m, t, e, n] = exp(Δ[m, t, e] * A[e, n])
        h[0] = zeros((M, E, N))
        h[t+1, m, e, n] = a[m, t, e, n] * h[t, m, e, n] + Δ[m, t, e] * B[m, t, n] * u[m, t, e]
        y[m, t, e] = sum[n](C[m, t, n] * h[t+1, m, e, n]) + D[e] * u[m, t, e]

    Each of the E channels has N states. A state is read, and goes on into the next, where it fades
    by a. So its gradient is a recurrence, too, from the last step to the first:

        dh[t+1, m, e, n] = dy[m, t, e] * C[m, t, n] + where(t + 1 < T, a[m, t+1, e, n] * dh[t+2, m, e, n], 0)
        dC[m, t, n] = sum[e](dy[m, t, e] * h[t+1, m, e, n])

    What is taken in is a product of three, Δ B u, and Δ stands in the exponent of a as well:

        dB[m, t, n] = sum[e](dh[t+1, m, e, n] * Δ[m, t, e] * u[m, t, e])
        da[m, t, e, n] = dh[t+1, m, e, n] * h[t, m, e, n]
        dΔ[m, t, e] = sum[n](dh[t+1, m, e, n] * B[m, t, n] * u[m, t, e] + da[m, t, e, n] * a[m, t, e, n] * A[e, n])
        dA[e, n] = sum[m, t](da[m, t, e, n] * a[m, t, e, n] * Δ[m, t, e])
        du[m, t, e] = sum[n](dh[t+1, m, e, n] * B[m, t, n]) * Δ[m, t, e] + D[e] * dy[m, t, e]
        dD[e] = sum[m, t](dy[m, t, e] * u[m, t, e])

    The states are N times as many numbers as the inputs, and are formed again in backward, `chunk`
    steps at a time.

    Keeps the inputs, and the state with which each chunk begins.
    """

    chunk: int = 64

    def forward(self, u, delta, A, B, C, D):
        xp = array_namespace(u)
        rows = [in_chunks(x, -2, self.chunk) for x in (u, delta, B, C)]
        first = xp.zeros((*u.shape[:-2], *A.shape), dtype=u.dtype, device=device_of(u))

        def run(h, u, delta, B, C):
            _, _, after = _states(h, A, u, delta, B)
            return after[-1, ...], (h, einsum("tmen,tmn->tme", after, C))

        _, (starts, y) = scan(run, first, tuple(rows))
        return out_of_chunks(y, -2, u.shape[-2]) + D * u, (u, delta, A, B, C, D, starts)

    def backward(self, residuals, dy):
        u, delta, A, B, C, D, starts = residuals
        xp = array_namespace(dy)
        rows = [in_chunks(x, -2, self.chunk) for x in (u, delta, B, C, dy)]
        ends = xp.zeros_like(xp.sum(starts, axis=0)), xp.zeros_like(A)

        def back(ends, *rows):
            return _selective_back(ends, A, *rows)

        (_, dA), grads = scan(back, ends, (starts, *rows), reverse=True)
        du, ddelta, dB, dC = (out_of_chunks(x, -2, u.shape[-2]) for x in grads)
        dD = xp.sum(dy * u, axis=tuple(range(u.ndim - 1)))
        return du + D * dy, ddelta, dA, dB, dC, dD


def _states(h, A, u, delta, B):
    """How the state fades in each step of a chunk, and what it is before and after the step."""
    a = array_namespace(h).exp(delta[..., None] * A)

    def step(h, a, taken):
        after = a * h + taken
        return after, (h, after)

    _, states = scan(step, h, (a, (delta * u)[..., None] * B[..., None, :]))
    return a, *states


def _selective_back(ends, A, h, u, delta, B, C, dy):
    """The gradients of the state before a chunk and of A so far; those of the chunk's steps."""
    xp, (dh, dA) = array_namespace(h), ends
    a, before, after = _states(h, A, u, delta, B)

    def step(dh, a, read):
        dh = dh + read
        return a * dh, (dh,)

    first, (dh,) = scan(step, dh, (a, dy[..., None] * C[..., None, :]), reverse=True)
    dlog, dtaken = dh * a * before, einsum("tmen,tmn->tme", dh, B)
    dB = einsum("tme,tmen->tmn", delta * u, dh)
    dC = einsum("tme,tmen->tmn", dy, after)
    ddelta = dtaken * u + xp.sum(dlog * A, axis=-1)
    dA = dA + xp.sum(dlog * delta[..., None], axis=tuple(range(dlog.ndim - 2)))
    return (first, dA), (dtaken * delta, ddelta, dB, dC)


@dataclass(frozen=True)
class SSD:
    """y[t] = C[t] h[t+1] + D x[t]    with h[t+1] = exp(Δ[t] A) h[t] + Δ[t] B[t] x[t]ᵀ

        x : (M, T, H, P)
        Δ : (M, T, H) positive
        A : (H) interval(-2, 0)
        B : (M, T, N)
        C : (M, T, N)
        D : (H)
        l[m, t, k] = Δ[m, t, k] * A[k]
        v[m, t, k, p] = Δ[m, t, k] * x[m, t, k, p]
        h[0] = zeros((M, H, N, P))
        h[t+1, m, k, n, p] = exp(l[m, t, k]) * h[t, m, k, n, p] + B[m, t, n] * v[m, t, k, p]
        y[m, t, k, p] = sum[n](C[m, t, n] * h[t+1, m, k, n, p]) + D[k] * x[m, t, k, p]

    SelectiveScan with one number A for each of H heads: all P channels of head k fade alike. The
    gradient of a state is what comes from its reading, and what the next one passes back:

        dh[t+1, m, k, n, p] = C[m, t, n] * dy[m, t, k, p] + where(t + 1 < T, exp(l[m, t+1, k]) * dh[t+2, m, k, n, p], 0)

    Written out, a state is a sum over all steps before it, each faded by the product of what came
    between. L[t, s] is what is left at t of what was taken in at s, and E[r, t] of what was there
    before step r:

        L[m, t : T, s : T, k] = exp(where(s <= t, sum[r](where((r > s) * (r <= t), l[m, r, k], 0)), -inf))
        E[m, r : T, t : T, k] = exp(where(r <= t, sum[a](where((a >= r) * (a <= t), l[m, a, k], 0)), -inf))
        S[m, t, s] = sum[n](C[m, t, n] * B[m, s, n])
        R[m, t, k, p] = y[m, t, k, p] - D[k] * x[m, t, k, p]

    So R, which is y without D x, is attention with the scores S and the mask L. And from any step r
    on nothing is needed but the state there, so that a sequence can be cut into chunks. J is 1 for
    the steps t from r on:

        R[m, t, k, p] = sum[s](L[m, t, s, k] * S[m, t, s] * v[m, s, k, p])
        J[r : T, t : T] = where(r <= t, 1, 0)
        J[r, t] * R[m, t, k, p] = E[m, r, t, k] * sum[n](C[m, t, n] * h[r, m, k, n, p]) + sum[s](where(s >= r, L[m, t, s, k] * S[m, t, s] * v[m, s, k, p], 0))
        J[r, T - 1] * h[T, m, k, n, p] = E[m, r, T - 1, k] * h[r, m, k, n, p] + sum[s](where(s >= r, L[m, T - 1, s, k] * B[m, s, n] * v[m, s, k, p], 0))

    The gradients have the same form, and sum over later t where y sums over earlier s. W is the
    gradient of S, head by head:

        dv[m, s, k, p] = sum[n](B[m, s, n] * dh[s+1, m, k, n, p])
                       = sum[t](L[m, t, s, k] * S[m, t, s] * dy[m, t, k, p])
        W[m, t, s, k] = L[m, t, s, k] * sum[p](dy[m, t, k, p] * v[m, s, k, p])
        dC[m, t, n] = sum[k, p](dy[m, t, k, p] * h[t+1, m, k, n, p])
                    = sum[s](sum[k](W[m, t, s, k]) * B[m, s, n])
        dB[m, s, n] = sum[k, p](v[m, s, k, p] * dh[s+1, m, k, n, p])
                    = sum[t](sum[k](W[m, t, s, k]) * C[m, t, n])

    An l stands in the exponent of every L that spans its step:

        dl[m, r, k] = exp(l[m, r, k]) * sum[n, p](dh[r+1, m, k, n, p] * h[r, m, k, n, p])
                    = sum[t, s](where((s < r) * (r <= t), S[m, t, s] * W[m, t, s, k], 0))
        dΔ[m, t, k] = dl[m, t, k] * A[k] + sum[p](dv[m, t, k, p] * x[m, t, k, p])
        dA[k] = sum[m, t](dl[m, t, k] * Δ[m, t, k])
        dx[m, t, k, p] = dv[m, t, k, p] * Δ[m, t, k] + D[k] * dy[m, t, k, p]
        dD[k] = sum[m, t, p](dy[m, t, k, p] * x[m, t, k, p])

    The mask of L is applied to the exponent, and not to the result of exp: 0 · ∞ is NaN.

    Keeps the inputs, and the state with which each chunk begins.
    """

    chunk: int = 64

    def forward(self, x, delta, A, B, C, D):
        xp = array_namespace(x)
        rows = [in_chunks(a, 1, self.chunk) for a in (delta[..., None] * x, delta * A, B, C)]
        shape = (x.shape[0], x.shape[2], B.shape[2], x.shape[3])
        first = xp.zeros(shape, dtype=x.dtype, device=device_of(x))
        _, (starts, y) = scan(_ssd_chunk, first, tuple(rows))
        y = out_of_chunks(y, 1, x.shape[1]) + D[:, None] * x
        return y, (x, delta, A, B, C, D, starts)

    def backward(self, residuals, dy):
        x, delta, A, B, C, D, starts = residuals
        xp = array_namespace(dy)
        rows = [in_chunks(a, 1, self.chunk) for a in (delta[..., None] * x, delta * A, B, C, dy)]
        end = xp.zeros_like(xp.sum(starts, axis=0))
        _, grads = scan(_ssd_chunk_back, end, (starts, *rows), reverse=True)
        dv, dl, dB, dC = (out_of_chunks(a, 1, x.shape[1]) for a in grads)
        ddelta, dx = dl * A + xp.sum(dv * x, axis=-1), dv * delta[..., None] + D[:, None] * dy
        return dx, ddelta, xp.sum(dl * delta, axis=(0, 1)), dB, dC, xp.sum(dy * x, axis=(0, 1, 3))


def _ssd_chunk(h, v, logs, B, C):
    """The state after a chunk; the one before it, and what is read in it."""
    L, since = decays(logs)
    SL = einsum("tmn,smn->tsm", C, B)[..., None] * L
    y = einsum("tsmk,smkp->tmkp", SL, v) + since[..., None] * einsum("tmn,mknp->tmkp", C, h)
    taken = einsum("smn,smkp->mknp", B, L[-1, ..., None] * v)
    return since[-1, ..., None, None] * h + taken, (h, y)


def _ssd_chunk_back(dh, h, v, logs, B, C, dy):
    """The gradient of the state before a chunk by that of the one after it; those of its steps."""
    xp = array_namespace(h)
    L, since = decays(logs)
    S, read = einsum("tmn,smn->tsm", C, B), einsum("tmn,mknp->tmkp", C, h)
    left, passed = L[-1, ..., None], einsum("smn,mknp->smkp", B, dh)
    W = L * einsum("tmkp,smkp->tsmk", dy, v)
    dS, faded = xp.sum(W, axis=-1), since[..., None] * dy
    dv = einsum("tsmk,tmkp->smkp", S[..., None] * L, dy) + left * passed
    dB = einsum("tsm,tmn->smn", dS, C) + einsum("smkp,mknp->smn", left * v, dh)
    dC = einsum("tsm,smn->tmn", dS, B) + einsum("tmkp,mknp->tmn", faded, h)
    starts, ends = xp.sum(faded * read, axis=-1), xp.sum(left * v * passed, axis=-1)
    whole = since[-1, ...] * xp.sum(dh * h, axis=(-2, -1))
    dl = decays_backward(S[..., None] * W, starts, ends, whole)
    before = since[-1, ..., None, None] * dh + einsum("tmn,tmkp->mknp", C, faded)
    return before, (dv, dl, dB, dC)


@dataclass(frozen=True)
class StatefulConv1d:
    """y[t] = b + w[0] z[t] + … + w[K-1] z[t+K-1]    with z, the state and then x: none sees ahead

        x : (N, T, D)
        w : (D, K)
        b : (D)
        s : (N, K - 1, D)
        z = concat((s, x), axis=1)
        a[n, t : T, d] = sum[k](w[d, k] * z[n, t + k, d]) + b[d]
        y, r = where(silu == 1, a * sigmoid(a), a), z[:, T:]

    Each of the D channels has a filter of its own. The state s has the K − 1 rows before x: zeros,
    or what the previous call gave as r, the rows for the next one. silu=True puts silu on the sums
    a, with the slope σ(a) + a σ(a) σ(−a):

        da = where(silu == 1, dy * sigmoid(a) * (1 + a * sigmoid(-a)), dy)
        db[d] = sum[n, t](da[n, t, d])
        dw[d, k] = sum[n, t : T](da[n, t, d] * z[n, t + k, d])

    Row i of z meets w[k] in the output i − k. The last K − 1 rows are r as well, which has a
    gradient of its own; where T < K − 1, some of them are rows of s:

        dz[n, i, d] = sum[k](where((i >= k) * (i - k < T), w[d, k] * da[n, i - k, d], 0)) + where(i >= T, dr[n, i - T, d], 0)
        ds, dx = dz[:, :K - 1], dz[:, K - 1:]

    Keeps the inputs. a is formed again.
    """

    silu: bool = False

    def forward(self, x, w, b, s):
        z = array_namespace(x).concat([s, x], axis=1)
        a = _filtered(z, w) + b
        y = a * sigmoid(a) if self.silu else a
        return (y, z[:, x.shape[1] :, :]), (x, w, s, *((b,) if self.silu else ()))

    def backward(self, residuals, dy):
        x, w, s, *bias = residuals
        xp, (da, dr) = array_namespace(x), dy
        z = xp.concat([s, x], axis=1)
        if self.silu:
            a = _filtered(z, w) + bias[0]
            da = da * sigmoid(a) * (1 + a * sigmoid(-a))
        columns = [z[:, k : k + da.shape[1], :] for k in range(w.shape[1])]
        dw = xp.stack([xp.sum(da * column, axis=(0, 1)) for column in columns], axis=1)
        edge = (x.shape[0], w.shape[1] - 1, x.shape[2])
        none = xp.zeros(edge, dtype=x.dtype, device=device_of(x))
        dz = _filtered(xp.concat([none, da, none], axis=1), xp.flip(w, axis=1))
        dz = dz + xp.concat([xp.zeros_like(x), dr], axis=1)
        return dz[:, s.shape[1] :, :], dw, xp.sum(da, axis=(0, 1)), dz[:, : s.shape[1], :]


VARIANTS = (SelectiveScan(2), SSD(2), StatefulConv1d(silu=True))


def _filtered(z, w):
    """The sum of w[k] times the rows of z from k on, for each place where all of w fits."""
    xp, places = array_namespace(z), z.shape[1] - w.shape[1] + 1
    none = xp.zeros((z.shape[0], places, z.shape[2]), dtype=z.dtype, device=device_of(z))
    rows = (w[:, k] * z[:, k : k + places, :] for k in range(w.shape[1]))
    return sum(rows, start=none)
