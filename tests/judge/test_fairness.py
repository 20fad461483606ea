"""Fair to any author: right code that an earlier judge refused, each a kind of its own."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Softplus, verify

X = np.random.default_rng(7).normal(size=(4, 3))


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ---- Digits that a forward loses far beyond the given inputs, with a reference.


def naive_softplus(x):
    return np.log(1 + np.exp(x))


def test_a_forward_that_loses_digits_far_away_is_imprecise_there():
    pair = naive_softplus, lambda dy, x: dy * sigmoid(x)
    verdict = verify(pair, X, like=Softplus())
    assert verdict.ok, str(verdict)
    assert {f.status for f in verdict.notes} == {"IMPRECISE"}
    assert verify(pair, X, like=Softplus(), strict=True).status == "IMPRECISE"


OTHER_FUNCTIONS = {
    "far below": lambda x: np.where(x < -30, 1e-3, naive_softplus(x)),
    "far above": lambda x: np.where(x > 30, x + 1e-2 * (x - 30), np.logaddexp(0, x)),
    "everywhere": lambda x: naive_softplus(x) + 1e-9,
}


@pytest.mark.parametrize("where", OTHER_FUNCTIONS)
def test_a_forward_that_is_another_function_far_away_is_wrong(where):
    pair = OTHER_FUNCTIONS[where], lambda dy, x: dy * sigmoid(x)
    verdict = verify(pair, X, like=Softplus())
    assert verdict.status == "WRONG", str(verdict)


# ---- A matrix product into a function that saturates, with a reference.

# the function, its gradient from its output, and the same in JAX
SATURATING = {
    "tanh": (np.tanh, lambda y, dy: dy * (1 - y * y), jnp.tanh),
    "sigmoid": (sigmoid, lambda y, dy: dy * y * (1 - y), jax.nn.sigmoid),
    "softmax": (
        softmax,
        lambda y, dy: y * (dy - np.sum(dy * y, axis=-1, keepdims=True)),
        lambda x: jax.nn.softmax(x, axis=-1),
    ),
    "exp": (np.exp, lambda y, dy: dy * y, jnp.exp),
}


def dense(name):
    f, pull, in_jax = SATURATING[name]

    def vjp(dy, x, W, b):
        dz = pull(f(x @ W + b), dy)
        return dz @ W.T, x.T @ dz, dz.sum(axis=0)

    pair = lambda x, W, b: f(x @ W + b), vjp
    return pair, lambda x, W, b: in_jax(x @ W + b), ((4, 3), (3, 5), (5,))


def two_layers(name):
    f, pull, in_jax = SATURATING[name]

    def vjp(dy, x, W, V):
        h = np.tanh(x @ W)
        dz = pull(f(h @ V), dy)
        dh = (dz @ V.T) * (1 - h * h)
        return dh @ W.T, x.T @ dh, h.T @ dz

    pair = lambda x, W, V: f(np.tanh(x @ W) @ V), vjp
    return pair, lambda x, W, V: in_jax(jnp.tanh(x @ W) @ V), ((4, 3), (3, 5), (5, 2))


def recurrent(_):
    def f(x, h, W, U):
        return np.tanh(x @ W + h @ U)

    def vjp(dy, x, h, W, U):
        dz = dy * (1 - f(x, h, W, U) ** 2)
        return dz @ W.T, dz @ U.T, x.T @ dz, h.T @ dz

    shapes = ((4, 3), (4, 5), (3, 5), (5, 5))
    return (f, vjp), lambda x, h, W, U: jnp.tanh(x @ W + h @ U), shapes


def attention(_):
    def vjp(dy, q, k, v):
        p = softmax(q @ k.T / 2)
        dp = dy @ v.T
        ds = p * (dp - np.sum(dp * p, axis=-1, keepdims=True))
        return ds @ k / 2, ds.T @ q / 2, p.T @ dy

    pair = lambda q, k, v: softmax(q @ k.T / 2) @ v, vjp
    return pair, lambda q, k, v: jax.nn.softmax(q @ k.T / 2, axis=-1) @ v, ((4, 3), (5, 3), (5, 2))


KINDS = [(dense, name) for name in SATURATING] + [(two_layers, name) for name in SATURATING]
KINDS += [(recurrent, "cell"), (attention, "of one head")]
DRAWS = [pytest.param(seed, marks=() if seed < 1 else pytest.mark.slow) for seed in range(30)]


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_product_into_a_function_that_saturates_passes(kind, name, seed):
    pair, reference, shapes = kind(name)
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=shape) for shape in shapes]
    verdict = verify(pair, *inputs, reference=reference, seed=seed)
    assert verdict.ok, str(verdict)


def test_digits_that_gelu_loses_in_its_forward_are_no_error():
    c = np.sqrt(2 / np.pi)

    def f(x):
        return 0.5 * x * (1 + np.tanh(c * (x + 0.044715 * x**3)))

    def vjp(dy, x):
        t = np.tanh(c * (x + 0.044715 * x**3))
        return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x))

    verdict = verify((f, vjp), np.array([-4.0, 0.5]), reference=jax.nn.gelu)
    assert verdict.ok, str(verdict)


# ---- Losses of labels, of one-hot rows and of probabilities, as they are written.

HOT = np.eye(3)[[0, 1, 2, 1]]
LABELS = np.array([0, 1, 2, 1])
SOFT = np.random.default_rng(1).dirichlet(np.ones(3), size=4)


class OfHot:
    """Softmax and cross-entropy of rows, whose backward needs no dy."""

    def forward(self, x, t):
        self.p, self.t = softmax(x), t
        return -np.sum(t * np.log(self.p)) / len(x)

    def backward(self, dy=1.0):
        return dy * (self.p - self.t) / len(self.t)


class OfLabels(OfHot):
    def forward(self, x, t):
        return super().forward(x, np.eye(x.shape[-1])[t])


class WithoutDy(OfHot):
    def backward(self):
        return super().backward(1.0)


def of_probabilities():
    def f(p, t):
        return -np.sum(t * np.log(p + 1e-7)) / len(p)

    return f, lambda dy, p, t: (-dy * t / (p + 1e-7) / len(p), -dy * np.log(p + 1e-7) / len(p))


LOSSES = {
    "one-hot": (OfHot, (X, HOT)),
    "one-hot integers": (OfHot, (X, HOT.astype(int))),
    "one-hot booleans": (OfHot, (X, HOT.astype(bool))),
    "soft targets": (OfHot, (X, SOFT)),
    "labels": (OfLabels, (X, LABELS)),
    "backward without dy": (WithoutDy, (X, HOT)),
    "probabilities": (of_probabilities, (SOFT[::-1].copy(), HOT)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_right_loss_passes(name):
    make, inputs = LOSSES[name]
    verdict = verify(make(), *inputs)
    assert verdict.ok, str(verdict)


# ---- What is no trap is a note.


def affine_mean(x):
    return x - x.mean(axis=0)


NOTED = {
    "a loud exception on an empty batch": (
        (np.sin, lambda dy, x: dy * np.cos(x) * (x[0] ** 0)),
        "special inputs",
    ),
    "a view of dy": ((lambda x: x.reshape(-1), lambda dy, x: dy.reshape(x.shape)), "gradients own"),
    "float32 inside": (
        (
            lambda x: np.sin(x.astype(np.float32)).astype(x.dtype),
            lambda dy, x: (dy.astype(np.float32) * np.cos(x.astype(np.float32))).astype(x.dtype),
        ),
        "precision is kept",
    ),
}


@pytest.mark.parametrize("name", NOTED)
def test_what_is_no_trap_is_a_note_and_fails_when_strict(name):
    pair, check = NOTED[name]
    verdict = verify(pair, X)
    assert verdict.ok, str(verdict)
    assert any(note.check.startswith(check) for note in verdict.notes), str(verdict)
    assert not verify(pair, X, strict=True)


@pytest.mark.parametrize("share", [1.0, 0.5], ids=["right", "wrong"])
def test_float32_data_beside_float64_weights_give_float64_gradients(share):
    w = np.random.default_rng(8).normal(size=(3, 2))
    pair = (lambda x, w: x @ w), lambda dy, x, w: (share * dy @ w.T, x.T @ dy)
    verdict = verify(pair, X.astype(np.float32), w)
    assert verdict.ok == (share == 1)
    if share == 1:
        assert "as wide as the widest" in "".join(map(str, verdict.notes))


class RunningMean:
    """Its running mean begins as the first mean."""

    def __init__(self):
        self.mean = None

    def forward(self, x):
        mean = x.mean(axis=0)
        self.mean = mean if self.mean is None else 0.9 * self.mean + 0.1 * mean
        return x - mean

    def backward(self, dy):
        return dy - dy.mean(axis=0)


class RemembersChannels:
    def __init__(self):
        self.channels = None

    def forward(self, x):
        self.channels = self.channels or x.shape[1]
        if x.shape[1] != self.channels:
            raise ValueError("another number of channels")
        self.x = x
        return x**3

    def backward(self, dy):
        return 3 * dy * self.x**2


class Wrapped:
    """Its backward is wrapped, so that no signature says what it takes."""

    def forward(self, x):
        self.x = x
        return np.sin(x)

    def backward(self, *arguments, **options):
        (dy,) = arguments
        return dy * np.cos(self.x)


def with_cache(x, w):
    return x @ w, (x, w)


def from_cache(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout


class Cached:
    def forward(self, x, w):
        return with_cache(x, w)

    def backward(self, dout, cache):
        return from_cache(dout, cache)


W = np.random.default_rng(2).normal(size=(3, 2))
WAYS = {
    "a running mean": (RunningMean(), (X,)),
    "a number of channels": (RemembersChannels(), (X,)),
    "a wrapped backward": (Wrapped(), (X,)),
    "a pair with a cache": ((with_cache, from_cache), (X, W)),
    "an object with a cache": (Cached(), (X, W)),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_right_gradient_passes_in_the_way_it_is_written(name):
    subject, inputs = WAYS[name]
    verdict = verify(subject, *inputs)
    assert verdict.ok, str(verdict)


def test_masked_scores_are_judged_at_their_other_numbers():
    scores = X.copy()
    scores[0, 1] = scores[2, 0] = -np.inf

    def vjp(factor):
        def back(dy, x):
            p = softmax(x)
            return factor * p * (dy - np.sum(dy * p, axis=-1, keepdims=True))

        return back

    assert verify((softmax, vjp(1)), scores).ok
    assert verify((softmax, vjp(1.001)), scores).status == "WRONG"


def test_a_vjp_that_takes_dy_last_is_told_so():
    def vjp(x, dy):
        return dy * np.cos(x)

    with pytest.raises(TypeError, match=r"takes the upstream gradient last: a vjp is vjp\(dy"):
        verify((np.sin, vjp), X)


def test_a_branch_that_is_not_taken_may_be_meaningless():
    def f(a, b):
        return np.where(b == 0, 0, a / np.where(b == 0, 1, b))

    def vjp(dy, a, b):
        safe = np.where(b == 0, 1, b)
        return np.where(b == 0, 0, dy / safe), np.where(b == 0, 0, -dy * a / safe**2)

    def reference(a, b):
        return jnp.where(b == 0, 0.0, a / b)

    a, b = X, np.random.default_rng(3).uniform(0.5, 2, size=X.shape)
    verdict = verify((f, vjp), a, b, reference=reference)
    assert verdict.status in {"PASS", "KINK"}, str(verdict)


# ---- Another function than the reference, with a gradient that is right for it.


def centred(x):
    return x - x.mean(axis=-1, keepdims=True)


OTHERS = {
    "another function": ((centred, lambda dy, x: centred(dy)), jax.nn.relu),
    "a factor": ((lambda x: 2 * x**2, lambda dy, x: 4 * x * dy), lambda x: x**2),
    "another axis": ((centred, lambda dy, x: centred(dy)), lambda x: x - x.mean(axis=0)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_forward_that_is_not_the_reference_is_said_to_be_another_function(name):
    pair, reference = OTHERS[name]
    verdict = verify(pair, X, reference=reference)
    assert verdict.status == "WRONG"
    says = r"forward is not the reference: output 0 is off by \S+ of its size"
    assert re.match(says, verdict.diagnosis), verdict.diagnosis
    assert verdict.diagnosis.endswith("; is it meant to be another function?")


def test_a_forward_that_is_not_the_rule_it_should_be_like_is_said_to_be_another_function():
    verdict = verify((np.exp, lambda dy, x: dy * np.exp(x)), like=Softplus())
    assert verdict.diagnosis.startswith("forward is not the reference: output 0 is off by ")


def test_a_gradient_that_is_wrong_for_its_own_forward_is_explained_first():
    pair = centred, lambda dy, x: 2 * centred(dy)
    verdict = verify(pair, X, reference=centred)
    assert "is 2 times the right one" in verdict.diagnosis
