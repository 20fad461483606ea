"""Chains of hidden states: sums over all sequences of states, each bound to the one before it.

α sums all chains up to a state, β = ∂P/∂α those that lead on from there, where P sums all. Sums of
products underflow, so that the code has their logs: a log of 0 is −∞, and adds nothing. At each
step the shares α β / P sum to 1, so that the largest log may be taken away, which keeps all near 0,
with all their digits.

The T steps stand on the first axis, then N rows, and n has the length of each row; what comes after
it does not count.
"""

from dataclasses import dataclass

from handgrad.arrays import add_at, array_namespace, device_of, kept, log, scan
from handgrad.rules.batch import Reduction, excess, of_each_row, reduced
from handgrad.rules.shared.over_time import live_steps
from handgrad.rules.shared.paths import log_sum_over, lowered, share

__all__ = ["HMMForward", "LinearChainCRF"]


@dataclass(frozen=True)
class LinearChainCRF:
    """y = log Σ exp(score of any tags) − score(tags), averaged over the rows

        x : (T, N, K)
        tags : (T, N) label(K)
        n : (N) label(T + 1)
        A : (K, K)
        a : (K)
        b : (K)

    The score of a sequence of tags is the sum of the x at its tags, of A for each pair of
    neighbours, and of a and b at its first and last. Z sums the exponentials of all scores. For
    that, w sums all chains that come to tag k, from any tag j before it, and α those that are
    there:

        α[0, i : N, k : K] = 0 * i * k
        w[t, i, k] = where(t > 0, sum[j](α[t, i, j] * exp(A[j, k])), exp(a[k]))
        α[t+1, i, k] = where(t < n[i], w[t, i, k] * exp(x[t, i, k]), α[t, i, k])
        Z[i] = where(n[i] > 0, sum[k](α[T, i, k] * exp(b[k])), 1)
        move[t, i] = where(t > 0, A[tags[t-1, i], tags[t, i]], a[tags[t, i]]) + where(t == n[i] - 1, b[tags[t, i]], 0)
        score[i] = sum[t](where(t < n[i], x[t, i, tags[t, i]] + move[t, i], 0))
        y = mean(log(Z) - score)

    Backwards, dα gathers from all tags to which a chain goes on:

        dZ = dy / N / Z
        dα[T, i, k : K] = where(n[i] > 0, dZ[i] * exp(b[k]), 0)
        dα[t, i, j] = where(t < n[i], where(t > 0, sum[k](exp(A[j, k] + x[t, i, k]) * dα[t+1, i, k]), 0), dα[t+1, i, j])

    exp(x) is a factor of all chains that pass, so that x gets α dα. With dL = dy / N, the gradient
    of the row's loss, that is dL times the probability of the tag at this step. The score stands in
    y with a minus, and takes dL away from the tags that were given, where hit has it. It is the
    same for pairs:

        hit[t, i, k : K] = where(t < n[i], where(tags[t, i] == k, dy / N, 0), 0)
        dx[t, i, k] = where(t < n[i], α[t+1, i, k] * dα[t+1, i, k], 0) - hit[t, i, k]
        da[k] = sum[i](dx[0, i, k])
        dA[j, k] = sum[t, i](where(t > 0, where(t < n[i], α[t, i, j] * exp(A[j, k] + x[t, i, k]) * dα[t+1, i, k], 0) - where(tags[t-1, i] == j, hit[t, i, k], 0), 0))
        db[k] = sum[i](where(n[i] > 0, dZ[i] * α[T, i, k] * exp(b[k]) - hit[n[i] - 1, i, k], 0))

    Each is what the model expects, less what was given. A row of no steps has the loss 0. A pair
    that is ruled out by A = −∞ gets the gradient 0.

    Keeps its inputs and log α, as differences from its largest number at each step.

    Lafferty, McCallum and Pereira, Conditional Random Fields, 2001.
    """

    reduction: Reduction = "mean"

    def forward(self, x, tags, n, A, a, b):
        xp = array_namespace(x)
        live, ends = live_steps(x, n), _ends(x, n)
        alpha, last = _forward(x, live, a, _by_scores, A)
        whole = kept(xp.any(ends, axis=(0, 2)), log_sum_over(last + b, -1))
        seen, pairs = _seen(x, tags, live)
        score = kept(seen, x) + kept(seen & _begins(x), a) + kept(seen & ends, b)
        moves = xp.reshape(xp.take(xp.reshape(A, (-1,)), xp.reshape(pairs, (-1,))), pairs.shape)
        score = xp.sum(score, axis=(0, 2)) + xp.sum(kept(live[1:, :, 0], moves), axis=0)
        return reduced(whole - score, self.reduction), (x, tags, n, A, a, b, alpha)

    def backward(self, residuals, dy):
        x, tags, n, A, a, b, alpha = residuals
        xp = array_namespace(x)
        live, rows = live_steps(x, n), x.shape[1:2]
        dl = xp.broadcast_to(of_each_row(dy, rows, self.reduction), (*rows, 1))
        last = xp.broadcast_to(b, x.shape[1:])
        gamma, _, dA = _backward(x, live, alpha, a, last, _by_scores, A, A, dl)
        seen, pairs = _seen(x, tags, live)
        dx = dl * excess(gamma, xp.astype(seen, x.dtype))
        weights = kept(live[1:, :, 0], xp.broadcast_to(dl[:, 0], pairs.shape))
        counts = add_at(A.shape[0] ** 2, xp.reshape(pairs, (-1,)), xp.reshape(weights, (-1,)))
        da, db = (xp.sum(kept(mask, dx), axis=(0, 1)) for mask in (_begins(x), _ends(x, n)))
        return dx, None, None, dA - xp.reshape(counts, A.shape), da, db


@dataclass(frozen=True)
class HMMForward:
    """y = log Σ π[s₀] Π A[s, s'] Π exp(x[t, s])    of each row, over all sequences of states s

        x : (T, N, K)
        n : (N) label(T + 1)
        A : (K, K) probability
        π : (K) probability

    x has the log-likelihood of each observation in each state, A the probabilities of the next
    state, and π those of the first. The forward algorithm sums over all states j before:

        α[0, i : N, k : K] = 0 * i * k
        w[t, i, k] = where(t > 0, sum[j](α[t, i, j] * A[j, k]), π[k])
        α[t+1, i, k] = where(t < n[i], w[t, i, k] * exp(x[t, i, k]), α[t, i, k])
        P[i] = where(n[i] > 0, sum[k](α[T, i, k]), 1)
        y = log(P)

    and backwards over all states k after. A logarithm has the slope 1 / P, and v is the gradient of w:

        dα[T, i, k : K] = where(n[i] > 0, dy[i] / P[i], 0)
        v[t, i, k] = where(t < n[i], exp(x[t, i, k]) * dα[t+1, i, k], 0)
        dα[t, i, j] = where(t < n[i], where(t > 0, sum[k](A[j, k] * v[t, i, k]), 0), dα[t+1, i, j])
        dx[t, i, k] = v[t, i, k] * w[t, i, k]
        dA[j, k] = sum[t, i](where(t > 0, α[t, i, j] * v[t, i, k], 0))
        dπ[k] = sum[i](v[0, i, k])

    dx is the probability of each state, given all observations, times dy: so it is computed, of the
    logs. The product A dA is the number of moves that are expected: Baum and Welch divide it by its
    sum over the row. Nothing is divided by A, which may be 0. A row of no steps has y = 0. Where the
    observations are impossible, y is −∞ and the gradient 0.

    Keeps its inputs and log α, as differences from its largest number at each step.

    Rabiner, A Tutorial on Hidden Markov Models, Proceedings of the IEEE 77, 1989.
    """

    def forward(self, x, n, A, pi):
        xp = array_namespace(x)
        live = live_steps(x, n)
        alpha, last = _forward(x, live, log(pi), _by_probabilities, A)
        y = kept(xp.any(live, axis=(0, 2)), log_sum_over(last, -1))
        return y, (x, n, A, pi, alpha)

    def backward(self, residuals, dy):
        x, n, A, pi, alpha = residuals
        xp = array_namespace(x)
        live, dl = live_steps(x, n), dy[:, None]
        ways = _by_probabilities, A, 0  # the pairs without their factor A: what is its gradient
        gamma, behind, dA = _backward(x, live, alpha, log(pi), _nothing(x), *ways, dl)
        first = kept(live & _begins(x), dl * behind)
        return dl * gamma, None, dA, xp.sum(first, axis=(0, 1))


def _forward(x, live, first, moved, A):
    """log α after each step, lowered, and log α after the last one."""
    xp = array_namespace(x)

    def step(state, x, live, begins):
        alpha, total = state
        new, c = lowered(xp.where(begins, first, moved(alpha, A)) + x)
        alpha, total = xp.where(live, new, alpha), xp.where(live, total + c, total)
        return (alpha, total), (alpha,)

    start = _nothing(x)
    rows = (kept(live, x), live, _begins(x))
    (last, total), (alpha,) = scan(step, (start, xp.zeros_like(start[:, :1])), rows)
    return alpha, last + total


def _backward(x, live, alpha, first, last, moved, A, inner, dl):
    """γ, e^(x + β) / P, and Σ dL e^(α + inner + x + β) / P for each pair of states."""
    xp = array_namespace(x)

    def step(state, x, live, before, begins):
        beta, total = state
        v = x + beta
        through = xp.where(begins, first, moved(before, A)) + v
        whole = xp.expand_dims(log_sum_over(through, -1), axis=-1)
        pairs = share(before[:, :, None] + inner + v[:, None, :], whole[:, :, None])
        pairs = kept((live & ~begins)[..., None], dl[..., None] * pairs)
        gamma, behind = (kept(live, share(a, whole)) for a in (through, v))
        beta = xp.where(live, lowered(moved(v, back))[0], beta)
        return (beta, total + xp.sum(pairs, axis=0)), (gamma, behind)

    back = xp.matrix_transpose(A)
    before = xp.concat([alpha[:1, ...], alpha[:-1, ...]])
    total = xp.zeros(2 * x.shape[-1:], dtype=x.dtype, device=device_of(x))
    rows = (kept(live, x), live, before, _begins(x))
    (_, total), (gamma, behind) = scan(step, (last, total), rows, reverse=True)
    return gamma, behind, total


def _nothing(x):
    """log 1 for each state of each row."""
    return array_namespace(x).zeros(x.shape[1:], dtype=x.dtype, device=device_of(x))


def _by_scores(a, A):
    """log Σⱼ e^(aⱼ + A[j, k])"""
    return log_sum_over(a[..., None] + A, -2)


def _by_probabilities(a, A):
    """log Σⱼ e^aⱼ A[j, k]"""
    a, c = lowered(a)
    return log(array_namespace(a).exp(a) @ A) + c


def _begins(x):
    """Whether a step is the first: (T, 1, 1)."""
    return array_namespace(x).arange(x.shape[0], device=device_of(x))[:, None, None] == 0


def _ends(x, n):
    """Whether a step is the last of its row: (T, N, 1)."""
    t = array_namespace(x).arange(x.shape[0], device=device_of(x))[:, None, None]
    lengths = array_namespace(n).astype(n, t.dtype)[:, None]
    return t == array_namespace(x).minimum(lengths, x.shape[0]) - 1


def _seen(x, tags, live):
    """The given tags as a mask like x, and each pair of neighbours as a number below K²."""
    xp = array_namespace(x)
    K = x.shape[-1]
    states = xp.arange(K, device=device_of(x))
    tags = kept(live[..., 0], xp.astype(tags, states.dtype))
    return (tags[..., None] == states) & live, tags[:-1, :] * K + tags[1:, :]
