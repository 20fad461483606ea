"""The seven statuses: what makes each of them, and that the figures beside them are true."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from handgrad import verify
from handgrad.judge.trial import Trial, rms

# ---- Precision: right in float64, and fewer bits than the problem has in the given precision.


def mean_of(x):
    return np.mean(x, axis=-1, keepdims=True)


def variance(formula):
    return lambda x: formula(x)[
        ..., 0
    ], lambda dy, x: dy[..., None] * 2 * (x - mean_of(x)) / x.shape[-1]


def inverse_deviation(formula):
    """1 / √(σ² + ε), whose forward is careful; its backward takes σ² by a formula."""

    def forward(x):
        return (two_pass(x) + x.dtype.type(0.1))[..., 0] ** x.dtype.type(-0.5)

    def vjp(dy, x):
        v = formula(x) + x.dtype.type(0.1)
        return -dy[..., None] * (x - mean_of(x)) / x.shape[-1] * v ** x.dtype.type(-1.5)

    return forward, vjp


def two_pass(x):
    return mean_of((x - mean_of(x)) ** 2)


def one_pass(x):
    return mean_of(x * x) - mean_of(x) ** 2


@pytest.mark.parametrize("kind", [variance, inverse_deviation])
@pytest.mark.parametrize(("formula", "status"), [(two_pass, "PASS"), (one_pass, "IMPRECISE")])
def test_the_variance_of_large_numbers_takes_two_passes_in_float32(kind, formula, status):
    x = 1000 + np.random.default_rng(0).normal(size=(3, 16))
    verdict = verify(kind(formula), x.astype(np.float32))
    assert verdict.status == status, str(verdict)


def cross_entropy(cast):
    """−log softmax(x)[t], whose p is cast by this before 1 is subtracted."""

    def shifted(x):
        wide = x.astype(np.result_type(np.float32, x.dtype.type(0)))
        return wide - np.max(wide, axis=-1, keepdims=True)

    def forward(x, t):
        s = shifted(x)
        return (np.log(np.sum(np.exp(s), axis=-1)) - s[np.arange(len(t)), t]).astype(x.dtype)

    def vjp(dy, x, t):
        e = np.exp(shifted(x))
        p = cast(e / np.sum(e, axis=-1, keepdims=True), x.dtype)
        hot = (np.arange(x.shape[-1]) == t[:, None]).astype(p.dtype)
        return ((p - hot) * dy[:, None].astype(p.dtype)).astype(x.dtype), None

    return forward, vjp


@pytest.mark.parametrize(
    ("cast", "status"),
    [(lambda p, dtype: p, "PASS"), (lambda p, dtype: p.astype(dtype), "IMPRECISE")],
    ids=["after", "before"],
)
@pytest.mark.parametrize("margin", [8, 13])  # of a p that is rounded to 1, nothing is left
def test_p_minus_1_is_formed_before_rounding_to_bfloat16(cast, status, margin):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(16, 6)), rng.integers(6, size=16)
    x[np.arange(16), t] += margin
    verdict = verify(cross_entropy(cast), x.astype(ml_dtypes.bfloat16), t)
    assert verdict.status == status, str(verdict)


# ---- Nothing was tested, or nobody can tell.

X = np.random.default_rng(0).normal(size=(4, 6))


def cosine(dy, x):
    return dy * np.cos(x)


def wrong_cosine(dy, x):
    return -dy * np.cos(x)


@pytest.mark.parametrize(
    ("forward", "x"),
    [
        (lambda x: np.sign(x) + 0.0, X),
        (lambda x: np.floor(x) / 2, X),
        (lambda x: x * 0 + 1, X),
        (np.negative, np.zeros((0, 3))),
    ],
    ids=["sign", "floor", "constant", "no numbers"],
)
def test_a_gradient_that_is_always_0_is_vacuous(forward, x):
    assert verify((forward, lambda dy, x: 0 * dy), x).status == "VACUOUS"


def test_a_gradient_that_is_0_and_should_not_be_is_wrong():
    assert verify((np.sin, lambda dy, x: 0 * dy), X).status == "WRONG"


def test_a_gradient_that_is_always_0_up_to_rounding_is_vacuous():
    def vjp(dy, x):
        return softmax_vjp(np.broadcast_to(dy[:, None], x.shape), x)

    assert np.any(vjp(np.array([0.3, 1, -2, 4]), X))
    assert verify((lambda x: np.sum(softmax(x), axis=-1), vjp), X).status == "VACUOUS"


def waves(x):
    """sin(x), with noise that is the same in every call."""
    return np.sin(x) + 1e-5 * np.sin(1e6 * np.sin(1e10 * x))


def weierstrass(x):
    """A continuous function without a derivative."""
    return np.sum([0.9**k * np.cos(7.0**k * np.pi * x) for k in range(60)], axis=0)


INCONCLUSIVE = {
    "noise": waves,
    "a large constant": lambda x: np.sin(np.asarray(x, float)) + 1e10,  # takes no complex numbers
    "no derivative anywhere": weierstrass,
}


@pytest.mark.parametrize("name", INCONCLUSIVE)
def test_noise_is_inconclusive(name):
    verdict = verify((INCONCLUSIVE[name], cosine), X)
    assert verdict.status == "INCONCLUSIVE", str(verdict)
    assert verdict.diagnosis.startswith("the numerical derivative is known to")
    assert not verdict.ok


def test_an_error_far_above_the_noise_is_wrong():
    assert verify((waves, wrong_cosine), X).status == "WRONG"


# ---- What a verdict says of its own power is true.


def softmax(x):
    e = np.exp(x - np.maximum.reduce(x, axis=-1, keepdims=True))
    return e / np.add.reduce(e, axis=-1, keepdims=True)


def softmax_vjp(dy, x):
    p = softmax(x)
    return p * (dy - np.sum(dy * p, axis=-1, keepdims=True))


def normalized(x):
    return (x - mean_of(x)) / np.sqrt(two_pass(x) + 1e-5)


def normalized_vjp(dy, x):
    y = normalized(x)
    return (dy - mean_of(dy) - y * mean_of(dy * y)) / np.sqrt(two_pass(x) + 1e-5)


def logsumexp(x):
    return np.log(np.sum(np.exp(x), axis=-1))


W = np.random.default_rng(1).normal(size=(6, 5))
POSITIVE = np.random.default_rng(2).uniform(0.5, 2, size=(4, 6))
LARGE = np.random.default_rng(3).normal(size=(40, 60))

# f, vjp, the same in JAX, and an input
SMOOTH = {
    "sin": (np.sin, cosine, jnp.sin, X),
    "sin of many": (np.sin, cosine, jnp.sin, LARGE),
    "sin plus a million": (lambda x: np.sin(x) + 1e6, cosine, lambda x: jnp.sin(x) + 1e6, X),
    "log": (np.log, lambda dy, x: dy / x, jnp.log, POSITIVE),
    "exp": (lambda x: np.exp(3 * x), lambda dy, x: 3 * dy * np.exp(3 * x), None, X),
    "softmax": (softmax, softmax_vjp, lambda x: jax.nn.softmax(x, axis=-1), X),
    "logsumexp": (logsumexp, lambda dy, x: dy[:, None] * softmax(x), None, X),
    "normalized": (normalized, normalized_vjp, None, X),
    "normalized far from 0": (normalized, normalized_vjp, jax.nn.standardize, X + 1000),
    "matmul": (lambda x: np.matmul(x, W), lambda dy, x: dy @ W.T, lambda x: x @ W, X),
    "gram": (lambda x: np.matmul(x, x.T), lambda dy, x: (dy + dy.T) @ x, None, X),
    "cumsum": (
        lambda x: np.cumsum(x, axis=-1),
        lambda dy, x: np.cumsum(dy[:, ::-1], axis=-1)[:, ::-1].copy(),
        lambda x: jnp.cumsum(x, axis=-1),
        X,
    ),
}


def opaque(f):
    """f for NumPy alone, so that JAX cannot be asked about it."""

    def forward(x):
        if isinstance(x, jax.Array):
            raise TypeError(f"{type(x).__name__} is not an array of NumPy")
        return f(x)

    return forward


def off_in_one_number(f, vjp, x, share, where):
    """vjp with an error of one number that is this share of the gradient's size, at x alone.

    It is linear in dy, and of its full size for the dy that the judge draws.
    """
    trial = Trial((f, named_vjp(vjp)), [x], 0)
    (dy,) = trial.dy
    weights = dy / np.vdot(dy, dy) * share * rms(trial.grads[0])

    def spoiled(dy, x):
        dx = np.array(vjp(dy, x))
        if np.shape(dy) == weights.shape and dx.shape == trial.inputs[0].shape:
            dx[where] += np.vdot(dy, weights)
        return dx

    return f, named_vjp(spoiled)


def named_vjp(function):
    """The function, under one name: what is drawn depends on the names."""

    def vjp(dy, x):
        return function(dy, x)

    return vjp


PLANTED = [
    (name, by_jax)
    for name, (_, _, reference, _) in SMOOTH.items()
    for by_jax in ((False, True) if reference else (False,))
]


@pytest.mark.parametrize(("name", "by_jax"), PLANTED)
def test_an_error_of_what_the_verdict_says_it_sees_is_seen(name, by_jax):
    f, vjp, reference, x = SMOOTH[name]
    f, reference = opaque(f), reference if by_jax else None
    verdict = verify((f, named_vjp(vjp)), x, reference=reference)
    assert verdict.status == "PASS", str(verdict)
    assert verdict.sees is not None
    for where in ((0, 0), (1, 4), (3, 2)):
        spoiled = off_in_one_number(f, vjp, x, verdict.sees, where)
        assert not verify(spoiled, x, reference=reference).ok, where


@pytest.mark.parametrize("name", ["sin", "matmul", "softmax", "cumsum"])
def test_an_error_of_rounding_is_not_rejected(name):
    f, vjp, _, x = SMOOTH[name]
    f = opaque(f)
    sees = verify((f, named_vjp(vjp)), x).sees
    assert sees is not None
    assert sees < 1e-8
    assert verify(off_in_one_number(f, vjp, x, 1e-5 * sees, (1, 4)), x).ok


def test_what_the_check_did_not_see_is_listed():
    clear, noisy = (verify((f, cosine), X) for f in (opaque(np.sin), lambda x: np.sin(x) + 1e7))
    assert clear.ok
    assert not clear.escaped
    assert noisy.ok
    assert noisy.escaped
    assert len(noisy.escaped) == noisy.mutants[1] - noisy.mutants[0]
    assert all(f"not seen         {name}" in str(noisy) for name in noisy.escaped)


def test_jax_has_seen_nothing_where_it_has_no_number():
    def at_0(dy, x):
        return dy * x / (np.sqrt(np.vdot(x, x)) or 1.0)

    norm = verify(
        (
            lambda x: np.sqrt(np.vdot(x, x)) + np.sum(np.exp(x)),
            lambda dy, x: at_0(dy, x) + dy * np.exp(x),
        ),
        np.zeros(3),
        reference=lambda x: jnp.sqrt(jnp.vdot(x, x)) + jnp.sum(jnp.exp(x)),
    )
    assert norm.ok, str(norm)
    assert norm.sees is not None
    assert norm.sees > 1e-12


def test_a_reference_that_is_not_a_number_does_not_pass():
    assert not verify((np.sin, cosine), X, reference=lambda x: jnp.sin(x) * jnp.nan).ok


@pytest.mark.parametrize(
    ("f", "slope"),
    [(np.log, lambda x: 1 / x), (lambda x: 1 / x, lambda x: -1 / (x * x))],
    ids=["log", "1 / x"],
)
def test_a_slope_beyond_the_range_of_float16_may_be_infinite(f, slope):
    x = np.random.default_rng(3).uniform(0.5, 2, size=(3, 4)).astype(np.float16)
    verdict = verify((f, lambda dy, x: dy * slope(x)), x)
    assert verdict.ok, str(verdict)


def test_numbers_that_vanish_in_float16_may_come_back_when_they_are_scaled():
    def vjp(dy, x):
        return (dy * x.dtype.type(1e-4)) * x.dtype.type(1e-4)

    x = np.random.default_rng(3).normal(size=(3, 4)).astype(np.float16)
    verdict = verify((lambda x: x * x.dtype.type(1e-4) * x.dtype.type(1e-4), vjp), x)
    assert "does not give" not in str(verdict)


def test_labels_that_were_not_given_are_tried_too():
    x, t = np.random.default_rng(0).normal(size=(4, 5)), np.array([0, 4, 2, 1])
    forward, vjp = cross_entropy(lambda p, dtype: p)

    def wrong_at_3(dy, x, t):
        dx, none = vjp(dy, x, t)
        return np.where(t[:, None] == 3, 1.1 * dx, dx), none

    assert verify((forward, vjp), x, t).ok
    assert verify((forward, wrong_at_3), x, t).status == "WRONG"


def negative(rng):
    return -np.abs(rng.normal(size=(3, 4)))


@pytest.mark.parametrize(
    ("slope", "status"),
    [(1.0, "PASS"), (1 + 1e-7, "WRONG")],
)
def test_where_every_gradient_is_0_others_are_looked_at(slope, status):
    pair = (lambda x: np.maximum(x, 0) ** 2, lambda dy, x: dy * 2 * slope * np.maximum(x, 0))
    verdict = verify(pair, negative(np.random.default_rng(0)))
    assert verdict.status == status, str(verdict)
    assert verdict.cases == 2


def test_small_errors_are_seen_from_more_than_two_sides():
    """Of what two directions at the inputs see, six beside them see a tenth."""
    x = np.random.default_rng(120).uniform(0.5, 2, size=(3, 4))
    assert verify((np.sqrt, lambda dy, x: dy * 0.5 / np.sqrt(x)), x, seed=120).sees < 1e-9
    assert verify((np.sqrt, lambda dy, x: dy * (0.5 + 5e-10) / np.sqrt(x)), x, seed=120).ok is False


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_an_error_for_a_dy_of_any_size_is_seen(scale):
    def vjp(dy, x):
        far = np.abs(dy) > scale / 10 if scale > 1 else np.abs(dy) < scale * 10
        return dy * np.cos(x) * np.where(far, 2, 1)

    assert not verify((np.sin, vjp), np.linspace(-1, 1, 7)).ok


def test_an_error_at_exactly_1_is_not_taken_for_noise():
    """One rounding of 1 is past the error, and a gradient that it moves so far is not shaky."""
    x = np.random.default_rng(0).normal(size=(3, 4))

    def vjp(dy, x):
        return dy * np.cos(x) * np.where(x == 1, 1.01, 1)

    assert verify((np.sin, vjp), x).status == "WRONG"


def test_where_every_gradient_drowns_in_rounding_others_are_looked_at():
    x = np.random.default_rng(103).normal(size=(3, 4))  # nothing is near to 0

    def sigmoid(x):
        e = np.exp(-np.abs(40 * x))
        return np.where(x < 0, e, 1) / (1 + e)

    def vjp(factor):
        return lambda dy, x: dy * factor * sigmoid(x) * sigmoid(-x)

    right, wrong = (verify((sigmoid, vjp(factor)), x, seed=103) for factor in (40, 40.001))
    assert right.status == "PASS", str(right)
    assert right.cases == 2
    assert wrong.status == "WRONG", str(wrong)
