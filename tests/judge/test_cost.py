"""What a verdict costs: as many evaluations for a million numbers as for a hundred."""

import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import verify
from tests.judge.right import softmax, softmax_vjp

MOST = 60
LARGE = 1_000_000
SEED = 4

W = np.random.default_rng(SEED).normal(size=(5, 3))


def closure(shape):
    """A product with an array that stays as it is, so that no smaller input will do."""
    fixed = np.random.default_rng(SEED + 1).normal(size=shape)
    return lambda x: x * fixed, lambda dy, x: dy * fixed


# for an input of so many numbers: the pair (f, vjp), and the input's shape
FAMILIES = {
    "sin": lambda n: ((np.sin, lambda dy, x: dy * np.cos(x)), (n,)),
    "relu": lambda n: ((lambda x: np.maximum(x, 0), lambda dy, x: dy * (x > 0)), (n,)),
    "softmax": lambda n: ((softmax, softmax_vjp), (n // 10, 10)),
    "matmul": lambda n: ((lambda x: x @ W, lambda dy, x: dy @ W.T), (n // 5, 5)),
    "closure": lambda n: (closure((n,)), (n,)),
}


class Counter:
    """A pair (f, vjp) that counts its calls at inputs of one shape, but for JAX's."""

    def __init__(self, pair, shape):
        self.pair, self.shape = pair, shape
        self.forwards = self.backwards = 0

    def forward(self, x):
        self.forwards += self._counts(x)
        return self.pair[0](x)

    def vjp(self, dy, x):
        self.backwards += self._counts(x)
        return self.pair[1](dy, x)

    def _counts(self, x):
        return isinstance(x, np.ndarray) and x.shape == self.shape

    def __deepcopy__(self, memo):
        return self  # a copy counts here too


def counted(family, n, spoil=lambda dx: dx):
    """The verdict at n numbers, and the counter of the calls at all of them."""
    (f, vjp), shape = FAMILIES[family](n)
    counter = Counter((f, lambda dy, x: spoil(vjp(dy, x))), shape)
    x = np.random.default_rng(SEED).normal(size=shape)
    return verify((counter.forward, counter.vjp), x), counter


@pytest.mark.parametrize("family", FAMILIES)
def test_the_number_of_evaluations_does_not_grow(family):
    small, large = (counted(family, n)[0] for n in (100, 10_000))
    assert small.ok, str(small)
    assert large.ok, str(large)
    assert small.evaluations == large.evaluations <= MOST


@pytest.mark.parametrize("family", ["sin", "softmax", "closure"])
def test_a_million_numbers_take_at_most_sixty_evaluations(family):
    verdict, counter = counted(family, LARGE)
    assert verdict.ok, str(verdict)
    assert verdict.evaluations <= MOST
    # a pair's vjp stands alone: an evaluation is one call of either
    assert counter.forwards + counter.backwards == verdict.evaluations


def test_a_bias_that_is_summed_over_half_a_million_rows_is_no_false_alarm():
    rng = np.random.default_rng(0)
    x, b = rng.normal(size=(LARGE // 2, 2)), rng.normal(size=2)
    verdict = verify((lambda x, b: x + b, lambda dy, x, b: (1 * dy, dy.sum(axis=0))), x, b)
    assert verdict.ok, str(verdict)
    assert verdict.evaluations <= MOST


def test_a_wrong_gradient_takes_no_more_evaluations_if_it_is_larger():
    small, large = (counted("matmul", n, spoil=lambda dx: 1.5 * dx)[0] for n in (100, 10_000))
    assert small.status == large.status == "WRONG"
    assert small.evaluations == large.evaluations <= 2 * MOST


def test_an_evaluation_of_a_rule_is_a_forward_with_or_without_its_backward():
    calls = []

    class Tanh:
        def forward(self, x):
            calls.append(np.shape(x) if isinstance(x, np.ndarray) else "traced by JAX")
            y = np.tanh(x)
            return y, (y,)

        def backward(self, residuals, dy):
            (y,) = residuals
            return (dy * (1 - y * y),)

    verdict = verify(Tanh(), np.linspace(-1, 2, 5000))
    assert verdict.ok
    assert calls.count((5000,)) == verdict.evaluations <= MOST


def test_what_happens_at_small_inputs_is_counted_as_probes():
    calls = []

    def forward(x):
        calls.append(np.shape(x))
        return np.sin(x)

    verdict = verify((forward, lambda dy, x: dy * np.cos(x)), np.linspace(-1, 2, 5000))
    assert verdict.probes > 0
    assert max(np.prod(shape) for shape in calls if shape != (5000,)) <= 1025


class Truncated:
    """A recurrent layer whose gradients go back three steps and no further."""

    def __init__(self):
        rng = np.random.default_rng(SEED)
        self.W, self.U = rng.normal(size=(3, 5)), 0.5 * rng.normal(size=(5, 5))

    def forward(self, x):
        self.x, self.h = x, [np.zeros((x.shape[0], 5))]
        for t in range(x.shape[1]):
            self.h.append(np.tanh(x[:, t] @ self.W + self.h[-1] @ self.U))
        return np.stack(self.h[1:], axis=1)

    def backward(self, dy):
        self.dW, self.dU = np.zeros((3, 5)), np.zeros((5, 5))
        dx, dh = np.zeros(self.x.shape), np.zeros((self.x.shape[0], 5))
        for t in reversed(range(dy.shape[1])):
            da = (dy[:, t] + dh) * (1 - self.h[t + 1] ** 2)
            self.dW += self.x[:, t].T @ da
            self.dU += self.h[t].T @ da
            dx[:, t], dh = da @ self.W.T, da @ self.U.T * (t % 3 > 0)
        return dx


def unrolled(x, W, U, stop=lambda t: False):
    """The same in JAX, with a Python loop; the gradient stops where it is told to."""
    h, found = jnp.zeros((x.shape[0], 5)), []
    for t in range(x.shape[1]):
        h = jnp.tanh(x[:, t] @ W + (jax.lax.stop_gradient(h) if stop(t) else h) @ U)
        found.append(h)
    return jnp.stack(found, axis=1)


def test_a_loop_that_jax_unrolls_is_compiled_for_no_shape_and_explained_in_time():
    x = np.random.default_rng(SEED).normal(size=(4, 12, 3))
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, _, **__: compiled.append(name) if "backend_compile" in name else None
    )
    begin = time.process_time()
    verdict = verify(Truncated(), x, gradient_of=unrolled)
    assert verdict.status == "WRONG"
    assert verdict.diagnosis
    assert time.process_time() - begin < 15
    assert not compiled
    stopped = partial(unrolled, stop=lambda t: t % 3 == 0)
    assert verify(Truncated(), x, gradient_of=stopped).status == "PASS"
