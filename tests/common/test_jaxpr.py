"""JAX's programs run by NumPy give what XLA gives, and digits that it does not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from handgrad.common import jaxpr
from handgrad.common.jaxpr import Program
from handgrad.common.oracle import compiled
from handgrad.common.primitives import EXTENDED, TABLE

SQUARE = jnp.eye(4)
FUNCTIONS = {
    "argmax": lambda x: jnp.take_along_axis(x, jnp.argmax(x, axis=1, keepdims=True), 1),
    "at one place": lambda x: x.at[0].add(2.0).at[1].set(x[2]).at[2].multiply(x[0]),
    "at several": lambda x: x.at[jnp.array([0, 0, 2])].add(x[:3] ** 2),
    "atan2": lambda x: jnp.arctan2(x, 1 + x),
    "beyond the edge": lambda x: x.at[jnp.array([0, 9])].add(1.0, mode="drop")[1:],
    "cholesky": lambda x: jnp.linalg.cholesky(x @ x.T + 4 * jnp.eye(7)),
    "clip": lambda x: jnp.clip(x, 0.2, 0.8),
    "cond": lambda x: lax.cond(x[0, 0] > 0.5, jnp.sin, jnp.cos, x),
    "convolution": lambda x: jnp.convolve(x[0], x[1]),
    "cumlogsumexp": lambda x: lax.cumlogsumexp(x, 1),
    "cummax": lambda x: lax.cummax(x, 1),
    "cumprod": lambda x: jnp.cumprod(x, axis=0),
    "cumsum, reversed": lambda x: lax.cumsum(x, axis=1, reverse=True),
    "det": lambda x: jnp.linalg.det(x[:4, :4]),
    "diagonal": jnp.diagonal,
    "dynamic slices": lambda x: lax.dynamic_update_slice(
        x, lax.dynamic_slice(x, (1, 3), (2, 3)), (6, 0)
    ),
    "einsum": lambda x: jnp.einsum("ij,kj,k->ik", x, x, x[:, 0]),
    "einsum of a batch": lambda x: jnp.einsum("bij,bkj->bik", x[:, None], x[:, :, None]),
    "erf": jax.scipy.special.erf,
    "gelu": jax.nn.gelu,
    "index of arrays": lambda x: x[jnp.array([0, 5, 5]), jnp.array([[1], [2]])],
    "integer powers": lambda x: x**5 + (1 + x) ** -2,
    "inverse": lambda x: jnp.linalg.inv(x[:4, :4]),
    "logaddexp": lambda x: jnp.logaddexp(x, x.sum()),
    "lgamma": lambda x: jax.scipy.special.gammaln(1 + x),
    "logsumexp": lambda x: jax.nn.logsumexp(x, axis=1),
    "max": lambda x: jnp.max(x, axis=0),
    "median": lambda x: jnp.median(x, axis=1),
    "min along two axes": lambda x: jnp.min(x[None], axis=(0, 2)),
    "padding": lambda x: lax.pad(x, 0.0, [(-1, 2, 0), (1, -1, 2)]),
    "powers": lambda x: x**x,
    "prod": lambda x: jnp.prod(x, axis=1),
    "quantile": lambda x: jnp.quantile(x, 0.3, axis=1),
    "relu": lambda x: jax.nn.relu(x - 0.5),
    "rematerialized": jax.checkpoint(lambda x: jnp.sin(jnp.tanh(x))),
    "roll": lambda x: jnp.roll(x, 3, axis=1),
    "round": lambda x: x * jnp.round(10 * x),
    "scan": lambda x: lax.scan(lambda c, row: (c * row, c + row), x[0], x)[1],
    "scan, reversed": lambda x: lax.scan(
        lambda c, row: (c * row + x[1], (c * row, x[0])), x[0], x, reverse=True
    )[1][0],
    "scan of nothing": lambda x: x + lax.scan(lambda c, row: (c * row, row), x[0], x[:0])[0],
    "sigmoid": jax.nn.sigmoid,
    "slice, stepped": lambda x: x[::-2, 1::3],
    "slogdet": lambda x: jnp.linalg.slogdet(x[:4, :4])[1],
    "softmax": jax.nn.softmax,
    "solve": lambda x: jnp.linalg.solve(x[:4, :4] + 4 * SQUARE, x[:4, 4]),
    "sort": lambda x: jnp.sort(x, axis=0),
    "sort by a key": lambda x: lax.sort((x, x**2), num_keys=1)[1],
    "split and stack": lambda x: jnp.stack(jnp.split(x[:6], 3)),
    "take": lambda x: jnp.take(x, jnp.array([2, 0, -1]), axis=1),
    "triangular, from the right": lambda x: lax.linalg.triangular_solve(
        x[:4, :4] + 2 * SQUARE, x[4:, :4], left_side=False, lower=True, transpose_a=True
    ),
    "trace": jnp.trace,
    "tril": jnp.tril,
    "var": lambda x: jnp.var(x, axis=0, ddof=1),
    "vmap of an index": lambda x: jax.vmap(lambda row, i: row[i])(x, jnp.arange(7) % 5),
    "where": lambda x: jnp.where(x > 0.5, x, x**2),
}
THROUGH_XLA = {"cond", "convolution", "lgamma"}


def program(function, *arguments):
    return Program(jax.make_jaxpr(function)(*arguments))


def both(function):
    """The function with its vjp, as one function of the upstream gradient and its input."""

    def run(dy, x):
        y, pull = jax.vjp(function, x)
        return y, pull(dy)

    return run


@pytest.mark.parametrize("name", FUNCTIONS)
def test_outputs_and_gradients_are_those_of_xla(name):
    rng = np.random.default_rng(sum(map(ord, name)))
    x, function = rng.uniform(0.1, 1, size=(7, 5)), FUNCTIONS[name]
    dy = rng.normal(size=jax.eval_shape(function, x).shape)
    y, (dx,) = compiled(both(function))(dy, x)
    for actual, right in zip(program(both(function), dy, x)(dy, x), (y, dx), strict=True):
        assert actual.shape == right.shape
        # XLA's own rounding, which a matrix that is nearly singular makes larger
        scale = max(1, np.max(np.abs(right)))
        assert np.max(np.abs(actual - np.asarray(right))) <= 1e-12 * scale


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "scan" in name])
def test_a_scan_may_be_the_steps_of_its_turns(name):
    x = np.random.default_rng(2).uniform(0.1, 1, size=(7, 5))
    closed = jax.make_jaxpr(FUNCTIONS[name])(x)
    whole, turns, short = Program(closed), Program(closed, turns=7), Program(closed, turns=6)
    assert np.array_equal(whole(x)[0], turns(x)[0])
    kinds = {step.primitive.name for step in turns.steps}
    assert ("scan" in kinds) == (name == "scan of nothing")
    assert len(short.steps) == len(whole.steps)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_only_what_the_table_lacks_goes_through_xla(name):
    x = np.ones((7, 5))
    y = jax.eval_shape(FUNCTIONS[name], x)
    steps = program(both(FUNCTIONS[name]), np.ones(y.shape), x).steps
    assert all(step.primitive.name in TABLE for step in steps) == (name not in THROUGH_XLA)


@pytest.mark.skipif(EXTENDED is np.float64, reason="this machine has no extended precision")
def test_a_difference_keeps_the_digits_that_float64_loses():
    x = np.array([1.0])
    (found,) = program(lambda x: (x + 1e-18) - x, x)(x)
    assert found == pytest.approx(1e-18, rel=0.1)


def test_whole_numbers_and_masks_keep_their_types():
    x = np.arange(3)
    found = program(lambda x: (x // 2, x > 1, x.astype(jnp.float32)), x)(x)
    assert [a.dtype for a in found] == [np.int64, bool, np.float32]


def test_each_step_ticks():
    ticks = []
    x = np.ones(3)
    run = program(lambda x: jnp.sin(jnp.cos(x)), x)
    run(x, tick=lambda: ticks.append(1))
    assert len(ticks) == len(run.steps) == 2


def test_what_no_argument_changes_is_computed_once_and_kept_from_writers():
    x, ticks = np.ones(3), []
    run = program(lambda x: (x + jnp.sin(jnp.arange(3.0)), jnp.cos(jnp.arange(3.0))), x)
    _, kept = run(x)
    with pytest.raises(ValueError, match="read-only"):
        kept[:] = 0
    found, again = run(x, tick=lambda: ticks.append(1))
    assert len(ticks) == 1
    np.testing.assert_allclose(found, 1 + np.sin(np.arange(3)), rtol=1e-15)
    np.testing.assert_allclose(again, np.cos(np.arange(3)), rtol=1e-15)


def test_a_program_keeps_no_more_numbers_than_it_may(monkeypatch):
    monkeypatch.setattr(jaxpr, "KEPT", 5)
    x, ticks = np.ones(3), []
    run = program(lambda x: x + jnp.sin(lax.iota(float, 3)), x)
    for _ in range(2):
        ticks.clear()
        (found,) = run(x, tick=lambda: ticks.append(1))
        np.testing.assert_allclose(found, 1 + np.sin(np.arange(3)), rtol=1e-15)
    assert len(ticks) == 2


def test_another_way_to_run_steps_is_given_all_that_the_results_need():
    x, names = np.ones(3), []

    def run(step, operands):
        names.append(step.primitive.name)
        return jaxpr.run_step(step, operands)

    own = program(lambda x: (jnp.exp(x), x * jnp.sin(lax.iota(float, 3)))[1], x)
    for _ in range(2):
        own(x, run=run)
    assert names == ["iota", "sin", "mul"] * 2


def test_an_argument_that_is_an_output_comes_through():
    x = np.ones(3)
    first, _, last = program(lambda x: (x, x + 1, 2.0), x)(x)
    np.testing.assert_array_equal(first, x)
    assert last == 2


def test_a_program_that_makes_too_many_numbers_is_refused_before_it_runs():
    with pytest.raises(OverflowError, match=str(jaxpr.MOST)):
        program(lambda x: x[:, None] + x[None, :], np.ones(10_000))
