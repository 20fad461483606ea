"""Scientific code: functions that return the result and a pullback."""

import jax
import numpy as np
from jax import numpy as jnp

from tests.judge.unseen.case import Case, Wrong


class Tape:
    """Calls a function that returns (value, pullback), and keeps the pullback for backward."""

    def __init__(self, function):
        self.function = function

    def forward(self, *args):
        value, self.pullback = self.function(*args)
        return value

    def backward(self, ybar):
        return self.pullback(ybar)


def linear_solve(A, b):
    x = np.linalg.solve(A, b)

    def pullback(xbar):
        bbar = np.linalg.solve(A.T, xbar)
        Abar = -np.outer(bbar, x)
        return Abar, bbar

    return x, pullback


def rbf_kernel(X, Y, log_ell):
    """K[i, j] = exp(-|X_i - Y_j|^2 / (2 ell^2))"""
    inv2 = np.exp(-2.0 * log_ell)
    delta = X[:, None, :] - Y[None, :, :]
    sq = np.sum(delta**2, axis=-1)
    K = np.exp(-0.5 * sq * inv2)

    def pullback(Kbar):
        W = Kbar * K * inv2
        Xbar = -np.einsum("ij,ijd->id", W, delta)
        Ybar = np.einsum("ij,ijd->jd", W, delta)
        ellbar = np.sum(W * sq)
        return Xbar, Ybar, ellbar

    return K, pullback


def rbf_reference(X, Y, log_ell):
    d = X[:, None] - Y[None]
    return jnp.exp(-jnp.sum(d * d, -1) / (2 * jnp.exp(log_ell) ** 2))


def quaternion_rotate(q, v):
    """Rotate v (N, 3) by q (N, 4) = (w, x, y, z), which is normalized here."""
    length = np.sqrt(np.sum(q * q, axis=-1, keepdims=True))
    u = q / length
    w, r = u[:, :1], u[:, 1:]
    t = np.cross(r, v)
    out = v + 2.0 * w * t + 2.0 * np.cross(r, t)

    def pullback(g):
        dw = 2.0 * np.sum(g * t, axis=-1, keepdims=True)
        dt = 2.0 * w * g + 2.0 * np.cross(g, r)
        dr = 2.0 * np.cross(t, g) + np.cross(v, dt)
        dv = g + np.cross(dt, r)
        du = np.concatenate([dw, dr], axis=-1)
        dq = (du - u * np.sum(u * du, axis=-1, keepdims=True)) / length
        return dq, dv

    return out, pullback


def rotation_reference(q, v):
    q = q / jnp.linalg.norm(q, axis=-1, keepdims=True)
    w, x, y, z = q[:, 0], q[:, 1], q[:, 2], q[:, 3]
    R = jnp.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
    return jnp.einsum("ijn,nj->ni", R, v)


def kalman_update(m, P, y, H, R):
    """The posterior mean of a measurement y = H m + noise of covariance R."""
    resid = y - H @ m
    PHt = P @ H.T
    S = H @ PHt + R
    u = np.linalg.solve(S, resid)
    post = m + PHt @ u

    def pullback(g):
        ubar = PHt.T @ g
        rbar = np.linalg.solve(S.T, ubar)
        Sbar = -np.outer(rbar, u)
        PHtbar = np.outer(g, u) + H.T @ Sbar
        Pbar = PHtbar @ H
        Hbar = Sbar @ PHt.T + PHtbar.T @ P - np.outer(rbar, m)
        mbar = g - H.T @ rbar
        return mbar, Pbar, rbar, Hbar, Sbar

    return post, pullback


def pendulum(state, k, c, dt=0.1, steps=6):
    """Explicit Euler: theta' = omega, omega' = -k sin(theta) - c omega; state (2,)."""
    th, om = state
    path = []
    for _ in range(steps):
        path.append((th, om))
        th, om = th + dt * om, om + dt * (-k * np.sin(th) - c * om)

    def pullback(bar):
        a, b = bar
        kbar = cbar = np.zeros_like(k)
        for th, om in reversed(path):
            kbar = kbar - dt * np.sin(th) * b
            cbar = cbar - dt * om * b
            a, b = a - dt * k * np.cos(th) * b, b + dt * a - dt * c * b
        return np.stack([a, b]), kbar, cbar

    return np.stack([th, om]), pullback


def pendulum_reference(state, k, c):
    def step(s, _):
        return s + 0.1 * jnp.stack([s[1], -k * jnp.sin(s[0]) - c * s[1]]), None

    return jax.lax.scan(step, state, None, length=6)[0]


def table_lookup(x, table, lo=-3.0, hi=3.0):
    """Linear interpolation in a table of values on an even grid from lo to hi."""
    n = len(table) - 1
    h = (hi - lo) / n
    s = (x - lo) / h
    i = np.clip(np.floor(s).astype(int), 0, n - 1)
    w = s - i.astype(x.dtype)
    out = (1 - w) * table[i] + w * table[i + 1]

    def pullback(g):
        table_bar = np.zeros_like(table)
        np.add.at(table_bar, i, g * (1 - w))
        np.add.at(table_bar, i + 1, g * w)
        return g * (table[i + 1] - table[i]) / h, table_bar

    return out, pullback


def discounted_returns(reward, gamma):
    """G_t = r_t + gamma_t G_{t+1}"""
    G = np.zeros(len(reward) + 1, dtype=reward.dtype)
    for t in range(len(reward) - 1, -1, -1):
        G[t] = reward[t] + gamma[t] * G[t + 1]

    def pullback(dG):
        dr = np.zeros_like(reward)
        carry = np.zeros_like(dG[0])
        for t in range(len(reward)):
            carry = dG[t] + carry
            dr[t] = carry
            carry = carry * gamma[t]
        return dr, dr * G[1:]

    return G[:-1], pullback


RIGHT = [
    Case(
        "linear_solve",
        lambda dtype: Tape(linear_solve),
        lambda random: (random.well_conditioned(4), random(4)),
        {"reference": jnp.linalg.solve},
    ),
    Case(
        "rbf_kernel",
        lambda dtype: Tape(rbf_kernel),
        lambda random: (random(3, 2), random(4, 2), random.uniform(-0.5, 0.5)),
        {"reference": rbf_reference},
    ),
    Case(
        "quaternion_rotate",
        lambda dtype: Tape(quaternion_rotate),
        lambda random: (random(3, 4), random(3, 3)),
        {"reference": rotation_reference},
    ),
    Case(
        "kalman_update",
        lambda dtype: Tape(kalman_update),
        lambda random: (
            random(3),
            random.well_conditioned(3),
            random(2),
            random(2, 3),
            random.well_conditioned(2),
        ),
    ),
    Case(
        "pendulum",
        lambda dtype: Tape(pendulum),
        lambda random: (random(2), random.uniform(1, 4), random.uniform(0.1, 0.9)),
        {"reference": pendulum_reference},
    ),
    Case(
        "table_lookup",
        lambda dtype: Tape(table_lookup),
        lambda random: (random.uniform(-2.9, 2.9, 9), random(5)),
    ),
    Case(
        "discounted_returns",
        lambda dtype: Tape(discounted_returns),
        lambda random: (random(5), random.uniform(0.5, 0.99, 5)),
    ),
]

WRONG = [
    Wrong("linear_solve", "np.linalg.solve(A.T, xbar)", "np.linalg.solve(A, xbar)"),
    Wrong("rbf_kernel", "ellbar = np.sum(W * sq)", "ellbar = np.sum(W * np.sqrt(sq))"),
    Wrong(
        "quaternion_rotate",
        "(du - u * np.sum(u * du, axis=-1, keepdims=True)) / length",
        "du / length",
        says="sum .* is dropped",
    ),
    Wrong("kalman_update", "mbar = g - H.T @ rbar", "mbar = g", says="derivative is taken as 1"),
    Wrong(
        "pendulum",
        "a, b = a - dt * k * np.cos(th) * b, b + dt * a - dt * c * b",
        "a = a - dt * k * np.cos(th) * b; b = b + dt * a - dt * c * b",
    ),
    Wrong(
        "table_lookup",
        "np.add.at(table_bar, i, g * (1 - w))",
        "table_bar[i] += g * (1 - w)",
        says="assigned, and not added",
    ),
    Wrong("discounted_returns", "carry = carry * gamma[t]", "carry = carry * gamma[t - 1]"),
]
