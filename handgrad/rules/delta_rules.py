"""Delta rules: a matrix S that maps keys to values, and is corrected by what it got wrong.

M sequences have T steps, keys of K numbers and values of V. `chunk` is how many steps are computed
at a time.

Schlag, Irie and Schmidhuber, Linear transformers are secretly fast weight programmers, 2021,
arXiv:2102.11174.
"""

from dataclasses import dataclass

from handgrad.arrays import array_namespace, device_of, einsum, scan
from handgrad.rules.shared.chunks import decays, decays_backward, in_chunks, out_of_chunks

__all__ = ["DeltaRule", "GatedDeltaRule"]


@dataclass(frozen=True)
class DeltaRule:
    """y[t] = q[t] S[t+1]    with S[t+1] = S[t] + β[t] k[t]ᵀ (v[t] − k[t] S[t])

        q : (M, T, K)
        k : (M, T, K)
        v : (M, T, V)
        β : (M, T) interval(0, 1)
        S[0] = zeros((M, K, V))
        e[t, m, j] = v[m, t, j] - sum[i](k[m, t, i] * S[t, m, i, j])
        S[t+1, m, i, j] = S[t, m, i, j] + β[m, t] * k[m, t, i] * e[t, m, j]
        y[m, t, j] = sum[i](q[m, t, i] * S[t+1, m, i, j])

    e is v less what S gives for the key k. It is written with the weight β: a step of gradient
    descent on ½ |e|². S goes into e as well as on to the next S:

        dS[t+1, m, i, j] = q[m, t, i] * dy[m, t, j] + where(t + 1 < T, dS[t+2, m, i, j] - k[m, t+1, i] * de[t+1, m, j], 0)
        de[t, m, j] = β[m, t] * sum[i](k[m, t, i] * dS[t+1, m, i, j])
        dv[m, t, j] = de[t, m, j]
        dq[m, t, i] = sum[j](dy[m, t, j] * S[t+1, m, i, j])

    and k is used twice, to write into S and to read from it:

        dk[m, t, i] = sum[j](β[m, t] * dS[t+1, m, i, j] * e[t, m, j] - S[t, m, i, j] * de[t, m, j])
        dβ[m, t] = sum[i, j](dS[t+1, m, i, j] * k[m, t, i] * e[t, m, j])

    This is GatedDeltaRule with g = 0, where nothing fades, and is computed as derived there, a
    chunk at a time.

    Keeps the inputs, and the S with which each chunk begins.
    """

    chunk: int = 64

    def forward(self, q, k, v, beta):
        y, starts = _forward(self.chunk, q, k, v, beta, array_namespace(beta).zeros_like(beta))
        return y, (q, k, v, beta, starts)

    def backward(self, residuals, dy):
        q, k, v, beta, starts = residuals
        none = array_namespace(beta).zeros_like(beta)
        return _backward(self.chunk, (q, k, v, beta, none), starts, dy)[:4]


@dataclass(frozen=True)
class GatedDeltaRule:
    """y[t] = q[t] S[t+1]    with S[t+1] = F[t] + β[t] k[t]ᵀ (v[t] − k[t] F[t]) and F[t] = exp(g[t]) S[t]

        q : (M, T, K)
        k : (M, T, K)
        v : (M, T, V)
        β : (M, T) interval(0, 1)
        g : (M, T) interval(-2, 0)
        S[0] = zeros((M, K, V))
        F[t, m, i, j] = exp(g[m, t]) * S[t, m, i, j]
        e[t, m, j] = v[m, t, j] - sum[i](k[m, t, i] * F[t, m, i, j])
        u[t, m, j] = β[m, t] * e[t, m, j]
        S[t+1, m, i, j] = F[t, m, i, j] + k[m, t, i] * u[t, m, j]
        y[m, t, j] = sum[i](q[m, t, i] * S[t+1, m, i, j])

    S fades to F, and is then corrected as in DeltaRule:

        dS[t+1, m, i, j] = q[m, t, i] * dy[m, t, j] + where(t + 1 < T, exp(g[m, t+1]) * dF[t+1, m, i, j], 0)
        du[t, m, j] = sum[i](k[m, t, i] * dS[t+1, m, i, j])
        de[t, m, j] = β[m, t] * du[t, m, j]
        dF[t, m, i, j] = dS[t+1, m, i, j] - k[m, t, i] * de[t, m, j]
        dg[m, t] = sum[i, j](dF[t, m, i, j] * F[t, m, i, j])
        dv[m, t, j] = de[t, m, j]
        dβ[m, t] = sum[j](du[t, m, j] * e[t, m, j])
        dq[m, t, i] = sum[j](dy[m, t, j] * S[t+1, m, i, j])
        dk[m, t, i] = sum[j](dS[t+1, m, i, j] * u[t, m, j] - F[t, m, i, j] * de[t, m, j])

    Many steps at once: S is a sum of all that was written, k u, each faded since then. L, E and J
    are as in SSD, and from any step r on:

        L[m, t : T, s : T] = exp(where(s <= t, sum[r](where((r > s) * (r <= t), g[m, r], 0)), -inf))
        E[m, r : T, t : T] = exp(where(r <= t, sum[a](where((a >= r) * (a <= t), g[m, a], 0)), -inf))
        J[r : T, t : T] = where(r <= t, 1, 0)
        N[m, t, s] = where(s < t, β[m, t] * L[m, t, s] * sum[i](k[m, t, i] * k[m, s, i]), 0)
        P[m, t, s] = L[m, t, s] * sum[i](q[m, t, i] * k[m, s, i])
        J[r, T - 1] * S[T, m, i, j] = E[m, r, T - 1] * S[r, m, i, j] + sum[s](where(s >= r, L[m, T - 1, s] * k[m, s, i] * u[s, m, j], 0))
        J[r, t] * y[m, t, j] = E[m, r, t] * sum[i](q[m, t, i] * S[r, m, i, j]) + sum[s](where(s >= r, P[m, t, s] * u[s, m, j], 0))

    Put into e, that makes the u of a chunk the solution of a triangular system, with the matrix 1 + N.
    The gradient of u solves the transposed one:

        J[r, t] * u[t, m, j] + sum[s](where(s >= r, N[m, t, s] * u[s, m, j], 0)) = β[m, t] * (J[r, t] * v[m, t, j] - E[m, r, t] * sum[i](k[m, t, i] * S[r, m, i, j]))
        du[s, m, j] + sum[t](N[m, t, s] * du[t, m, j]) = sum[t](P[m, t, s] * dy[m, t, j])

    W is the gradient of N, and Z that of P. With the whole sequence as one chunk, which begins with
    S = 0:

        W[m, t, s] = where(s < t, -sum[j](du[t, m, j] * u[s, m, j]), 0)
        Z[m, t, s] = sum[j](dy[m, t, j] * u[s, m, j])
        dq[m, t, i] = sum[s](Z[m, t, s] * L[m, t, s] * k[m, s, i])
        dk[m, s, i] = sum[t](Z[m, t, s] * L[m, t, s] * q[m, t, i] + W[m, t, s] * β[m, t] * L[m, t, s] * k[m, t, i] + W[m, s, t] * β[m, s] * L[m, s, t] * k[m, t, i])
        dg[m, r] = sum[t, s](where((s < r) * (r <= t), W[m, t, s] * N[m, t, s] + Z[m, t, s] * P[m, t, s], 0))

    Keeps the inputs, and the S with which each chunk begins.

    Yang, Kautz and Hatamizadeh, Gated delta networks, 2024, arXiv:2412.06464.
    """

    chunk: int = 64

    def forward(self, q, k, v, beta, g):
        y, starts = _forward(self.chunk, q, k, v, beta, g)
        return y, (q, k, v, beta, g, starts)

    def backward(self, residuals, dy):
        *inputs, starts = residuals
        return _backward(self.chunk, inputs, starts, dy)


VARIANTS = (DeltaRule(2), GatedDeltaRule(2))


def _forward(size, *inputs):
    """What is read in all chunks, and the S with which each begins."""
    rows = tuple(in_chunks(x, 1, size) for x in inputs)
    q, _, v, *_ = inputs
    xp = array_namespace(v)
    shape = (q.shape[0], q.shape[2], v.shape[2])
    first = xp.zeros(shape, dtype=v.dtype, device=device_of(v))
    _, (starts, y) = scan(_chunk, first, rows)
    return out_of_chunks(y, 1, v.shape[1]), starts


def _backward(size, inputs, starts, dy):
    """The gradients of all inputs, from the last chunk to the first."""
    xp = array_namespace(dy)
    rows = (in_chunks(x, 1, size) for x in (*inputs, dy))
    end = xp.zeros_like(xp.sum(starts, axis=0))
    _, grads = scan(_chunk_back, end, (starts, *rows), reverse=True)
    return tuple(out_of_chunks(dx, 1, dy.shape[1]) for dx in grads)


def _chunk(S, q, k, v, beta, g):
    """The S after a chunk; the one before it, and what is read in it."""
    L, since = decays(g)
    u, _ = _written(S, k, v, beta, L, since)
    P, read = einsum("tmi,smi->tsm", q, k) * L, einsum("tmi,mij->tmj", q, S)
    y = einsum("tsm,smj->tmj", P, u) + since[..., None] * read
    written = einsum("smi,smj->mij", L[-1, ..., None] * k, u)
    return since[-1, ..., None, None] * S + written, (S, y)


def _written(S, k, v, beta, L, since):
    """u, what is written in each step of a chunk, and e, which is u without its weight β."""
    among = einsum("tmi,smi->tsm", k, k) * _before(L)
    lacking = v - since[..., None] * einsum("tmi,mij->tmj", k, S)
    u = _solved(beta[:, None, :] * among, beta[..., None] * lacking)
    return u, lacking - einsum("tsm,smj->tmj", among, u)


def _chunk_back(dS, S, q, k, v, beta, g, dy):
    """The gradient of the S before a chunk from that of the one after it; those of its steps."""
    xp = array_namespace(S)
    L, since = decays(g)
    u, e = _written(S, k, v, beta, L, since)
    early, since = _before(L), since[..., None]
    kk, qk = einsum("tmi,smi->tsm", k, k), einsum("tmi,smi->tsm", q, k)
    left, passed = L[-1, ..., None], einsum("smi,mij->smj", k, dS)
    N = beta[:, None, :] * early * kk
    du = _solved_transposed(N, einsum("tsm,tmj->smj", qk * L, dy) + left * passed)
    # the gradients of N and of P, and through them those of the products of keys and queries
    W, Z = -einsum("tmj,smj->tsm", du, u), einsum("tmj,smj->tsm", dy, u)
    dv, dqk, dkk = beta[..., None] * du, Z * L, W * beta[:, None, :] * early
    asked, told = einsum("tmj,mij->tmi", -since * dv, S), einsum("tmj,mij->tmi", since * dy, S)
    dq = einsum("tsm,smi->tmi", dqk, k) + told
    dk = einsum("tsm,tmi->smi", dqk, q) + asked + left * einsum("smj,mij->smi", u, dS)
    dk = dk + einsum("tsm,tmi->smi", dkk, k) + einsum("tsm,smi->tmi", dkk, k)
    # each exponent gets its gradient times its own exponential
    starts = xp.sum(told * q + asked * k, axis=-1)
    whole = since[-1, ..., 0] * xp.sum(dS * S, axis=(-2, -1))
    dg = decays_backward(W * N + Z * qk * L, starts, xp.sum(left * u * passed, axis=-1), whole)
    back = einsum("tmi,tmj->mij", q, since * dy) - einsum("tmi,tmj->mij", k, since * dv)
    before = since[-1, ..., None] * dS + back
    return before, (dq, dk, dv, xp.sum(du * e, axis=-1), dg)


def _before(L):
    """L[t, s] where s comes before t, else 0."""
    xp = array_namespace(L)
    steps = xp.arange(L.shape[0], device=device_of(L))
    return xp.where(steps[:, None, None] > steps[:, None], L, 0)


def _solved(N, R):
    """u with (1 + N) u = R, where N[t, s] is 0 unless s < t: the first half, and then the other."""
    if R.shape[0] == 1:
        return R
    half = R.shape[0] // 2
    first = _solved(N[:half, :half, :], R[:half, ...])
    rest = R[half:, ...] - einsum("tsm,smj->tmj", N[half:, :half, :], first)
    return array_namespace(R).concat([first, _solved(N[half:, half:, :], rest)], axis=0)


def _solved_transposed(N, R):
    """u with (1 + N)ᵀ u = R: the last half, and then the other."""
    if R.shape[0] == 1:
        return R
    half = R.shape[0] // 2
    last = _solved_transposed(N[half:, half:, :], R[half:, ...])
    rest = R[:half, ...] - einsum("tsm,tmj->smj", N[half:, :half, :], last)
    first = _solved_transposed(N[:half, :half, :], rest)
    return array_namespace(R).concat([first, last], axis=0)
