"""What is wrong in every turn of a loop is named once: in NumPy, and in a scan of JAX's."""

import jax
import numpy as np
import pytest
from jax import lax
from jax import numpy as jnp

from handgrad import verify

STEPS, N, D, H = 4, 2, 3, 5


class Recurrent:
    """hₜ = f hₜ₋₁ + tanh(xₜ W + hₜ₋₁ U), f a vector; with a backward that may have a bug."""

    def __init__(self, bug=""):
        rng = np.random.default_rng(5)
        self.bug = bug
        self.W, self.U, self.f = (
            rng.normal(size=(D, H)),
            rng.normal(size=(H, H)),
            rng.normal(size=H),
        )

    def forward(self, x, h):
        self.x, self.h, self.a = x, [h], []
        for t in range(len(x)):
            self.a.append(np.tanh(x[t] @ self.W + self.h[t] @ self.U))
            self.h.append(self.f * self.h[t] + self.a[t])
        return np.stack(self.h[1:])

    def backward(self, dy):
        dx, carry, bug = np.zeros_like(self.x), np.zeros_like(self.h[0]), self.bug
        self.dW, self.dU, self.df = (np.zeros_like(p) for p in (self.W, self.U, self.f))
        for t in range(len(dy))[::-1]:
            dh = dy[t] + carry
            da = dh * (1 - self.a[t] ** 2)
            self.dW += self.x[t].T @ da
            self.dU += self.h[t + 1 if bug == "the state after" else t].T @ da
            self.df += np.sum(dh * self.h[t], axis=0)
            dx[t] = da @ self.W.T
            back = self.U if bug == "not transposed" else self.U.T
            held = dh if bug == "no factor" else dh * self.f
            carry = held if bug == "stopped" else held + da @ back
        return dx, carry


@jax.custom_vjp
def stopped(x, h, W, U):
    return of(x, h, W, U)


def of(x, h, W, U):
    def step(h, x):
        h = jnp.tanh(x @ W + h @ U)
        return h, h

    return lax.scan(step, h, x)[1]


def backward(residuals, dy):
    x, h0, W, U, h = residuals
    before = jnp.concatenate([h0[None], h[:-1]])
    da = dy * (1 - h**2)  # and nothing of what comes from the next step
    dU = jnp.einsum("tni,tnj->ij", before, da)
    return da @ W.T, da[0] @ U.T, jnp.einsum("tni,tnj->ij", x, da), dU


stopped.defvjp(lambda *given: (of(*given), (*given, of(*given))), backward)


def inputs():
    rng = np.random.default_rng(6)
    return rng.normal(size=(STEPS, N, D)), rng.normal(size=(N, H))


def test_a_recurrence_that_is_right_passes():
    assert verify(Recurrent(), *inputs()).status == "PASS"


@pytest.mark.parametrize(
    ("bug", "words"),
    {
        "the state after": "each takes the factor of the next",
        "not transposed": "(U) is not transposed, or once too often, and likewise",
        "no factor": "is taken as 1: a factor is missing, and likewise",
        "stopped": "is dropped, and likewise",
    }.items(),
)
def test_a_bug_of_every_turn_is_named_once(bug, words):
    verdict = verify(Recurrent(bug), *inputs())
    assert verdict.status == "WRONG"
    assert words in verdict.diagnosis


def test_a_scan_is_told_turn_by_turn():
    rng = np.random.default_rng(7)
    verdict = verify(stopped, *inputs(), rng.normal(size=(D, H)), rng.normal(size=(H, H)))
    assert verdict.status == "WRONG"
    assert "into the matrix product" in verdict.diagnosis
    assert "is dropped, and likewise" in verdict.diagnosis
