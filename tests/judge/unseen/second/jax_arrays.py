"""Derivatives of their own in JAX: matrices, sums, scans."""

from functools import partial

import jax
import jax.numpy as jnp

from tests.judge.unseen.case import Case, Wrong


@jax.custom_vjp
def standardize(x):
    return standardize_fwd(x)[0]


def standardize_fwd(x):
    n = x.shape[0]
    xc = x - x.mean(0)
    s = jnp.sqrt((xc**2).sum(0) / (n - 1))
    return xc / s, (xc / s, s)


def standardize_bwd(res, dy):
    y, s = res
    n = y.shape[0]
    return ((dy - dy.mean(0) - y * (dy * y).sum(0) / (n - 1)) / s,)


standardize.defvjp(standardize_fwd, standardize_bwd)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def logsumexp(x, axis):
    return jax.scipy.special.logsumexp(x, axis=axis)


def logsumexp_fwd(x, axis):
    y = logsumexp(x, axis)
    return y, (x, y)


def logsumexp_bwd(axis, res, dy):
    x, y = res
    return (jnp.expand_dims(dy, axis) * jnp.exp(x - jnp.expand_dims(y, axis)),)


logsumexp.defvjp(logsumexp_fwd, logsumexp_bwd)


@jax.custom_vjp
def solve(A, b):
    return jnp.linalg.solve(A, b)


def solve_fwd(A, b):
    x = solve(A, b)
    return x, (A, x)


def solve_bwd(res, dx):
    A, x = res
    db = jnp.linalg.solve(A.T, dx)
    return -jnp.outer(db, x), db


solve.defvjp(solve_fwd, solve_bwd)


@jax.custom_vjp
def logdet(A):
    return 2 * jnp.sum(jnp.log(jnp.diag(jnp.linalg.cholesky(A @ A.T + jnp.eye(A.shape[0])))))


def logdet_fwd(A):
    return logdet(A), A


def logdet_bwd(A, dy):
    inv = jnp.linalg.inv(A @ A.T + jnp.eye(A.shape[0]))
    return (2 * dy * inv @ A,)


logdet.defvjp(logdet_fwd, logdet_bwd)


@jax.custom_vjp
def log_likelihood(x):
    """The logarithm of the product of what came so far."""
    return jnp.cumsum(jnp.log(x), axis=1)


def log_likelihood_fwd(x):
    y = log_likelihood(x)
    return y, (x, y)


def log_likelihood_bwd(res, dy):
    x, _y = res
    g = jnp.flip(jnp.cumsum(jnp.flip(dy, 1), axis=1), 1)
    return (g / x,)


log_likelihood.defvjp(log_likelihood_fwd, log_likelihood_bwd)


@jax.custom_vjp
def lookup(table, idx):
    return table[idx]


def lookup_fwd(table, idx):
    return table[idx], (idx, table.shape)


def lookup_bwd(res, dy):
    idx, shape = res
    return jnp.zeros(shape, dy.dtype).at[idx].add(dy), None


lookup.defvjp(lookup_fwd, lookup_bwd)


@jax.custom_vjp
def depthwise(x, w):
    """Causal depthwise convolution: x (T, C), w (K, C)."""
    K, T = w.shape[0], x.shape[0]
    xp = jnp.pad(x, ((K - 1, 0), (0, 0)))
    return sum(xp[k : k + T] * w[k] for k in range(K))


def depthwise_fwd(x, w):
    return depthwise(x, w), (x, w)


def depthwise_bwd(res, dy):
    x, w = res
    K, T = w.shape[0], x.shape[0]
    dyp = jnp.pad(dy, ((0, K - 1), (0, 0)))
    dx = sum(dyp[K - 1 - k : K - 1 - k + T] * w[k] for k in range(K))
    xp = jnp.pad(x, ((K - 1, 0), (0, 0)))
    dw = jnp.stack([(xp[k : k + T] * dy).sum(0) for k in range(K)])
    return dx, dw


depthwise.defvjp(depthwise_fwd, depthwise_bwd)


def _scan(a, b, reverse=False):
    def step(h, ab):
        h = ab[0] * h + ab[1]
        return h, h

    return jax.lax.scan(step, jnp.zeros_like(b[0]), (a, b), reverse=reverse)[1]


@jax.custom_vjp
def linear_scan(a, b):
    """h_t = a_t h_{t-1} + b_t."""
    return _scan(a, b)


def linear_scan_fwd(a, b):
    h = _scan(a, b)
    return h, (a, h)


def linear_scan_bwd(res, dy):
    a, h = res
    after = jnp.concatenate([a[1:], jnp.zeros_like(a[:1])])
    g = _scan(after, dy, reverse=True)
    before = jnp.concatenate([jnp.zeros_like(h[:1]), h[:-1]])
    return g * before, g


linear_scan.defvjp(linear_scan_fwd, linear_scan_bwd)


@jax.custom_vjp
def norm(x):
    return jnp.sqrt(jnp.sum(x * x, axis=-1))


def norm_fwd(x):
    n = norm(x)
    return n, (x, n)


def norm_bwd(res, dy):
    x, n = res
    safe = jnp.where(n > 0, n, 1)
    return (dy[..., None] * x / safe[..., None],)


norm.defvjp(norm_fwd, norm_bwd)


@jax.custom_vjp
def weight_norm(v, g):
    return g * v / jnp.linalg.norm(v, axis=0)


def weight_norm_fwd(v, g):
    return weight_norm(v, g), (v, g)


def weight_norm_bwd(res, dw):
    v, g = res
    n = jnp.linalg.norm(v, axis=0)
    u = v / n
    dg = jnp.sum(dw * u, axis=0)
    return g / n * (dw - dg * u), dg


weight_norm.defvjp(weight_norm_fwd, weight_norm_bwd)


RIGHT = [
    Case("standardize", lambda d: standardize, lambda r: (r(5, 3),)),
    Case("logsumexp", lambda d: logsumexp, lambda r: (r(4, 4), 1)),
    Case("solve", lambda d: solve, lambda r: (r.well_conditioned(4, symmetric=True), r(4))),
    Case("solve general", lambda d: solve, lambda r: (r.well_conditioned(4), r(4))),
    Case("logdet", lambda d: logdet, lambda r: (r(3, 3),)),
    Case("log_likelihood", lambda d: log_likelihood, lambda r: (r.uniform(0.5, 2, 3, 4),)),
    Case("lookup", lambda d: lookup, lambda r: (r(4, 3), r.labels(4, 6))),
    Case("depthwise", lambda d: depthwise, lambda r: (r(6, 3), r(3, 3))),
    Case("linear_scan", lambda d: linear_scan, lambda r: (r.uniform(0.05, 0.95, 5, 3), r(5, 3))),
    Case("norm", lambda d: norm, lambda r: (r(4, 3),)),
    Case("weight_norm", lambda d: weight_norm, lambda r: (r(4, 3), r(3))),
]

WRONG = [
    Wrong(
        "standardize",
        "(dy * y).sum(0) / (n - 1)",
        "(dy * y).mean(0)",
        within="standardize_bwd",
        says=r"4/5 \(",
    ),
    Wrong("logsumexp", "(jnp.expand_dims(dy, axis) *", "(dy *", within="logsumexp_bwd"),
    Wrong(
        "solve general",
        "-jnp.outer(db, x)",
        "-jnp.outer(x, db)",
        within="solve_bwd",
        says="is transposed",
    ),
    Wrong("logdet", "2 * dy * inv @ A", "dy * inv @ A", within="logdet_bwd", says="½ times"),
    Wrong("log_likelihood", "return (g / x,)", "return (g / _y,)", within="log_likelihood_bwd"),
    Wrong(
        "lookup",
        ".at[idx].add(dy)",
        ".at[idx].set(dy)",
        within="lookup_bwd",
        says="assigned, and not added",
    ),
    Wrong(
        "depthwise",
        "dyp[K - 1 - k : K - 1 - k + T] * w[k]",
        "dyp[k : k + T] * w[k]",
        within="depthwise_bwd",
        says="taken in reverse",
    ),
    Wrong("linear_scan", "g * before, g", "g * h, g", within="linear_scan_bwd"),
    Wrong(
        "linear_scan",
        "g = _scan(after, dy, reverse=True)",
        "g = _scan(a, dy, reverse=True)",
        within="linear_scan_bwd",
    ),
    Wrong("norm", "safe = jnp.where(n > 0, n, 1)", "safe = n", within="norm_bwd", says="NaN"),
    Wrong(
        "weight_norm",
        "g / n * (dw - dg * u)",
        "g / n * dw",
        within="weight_norm_bwd",
        says="is dropped",
    ),
]
