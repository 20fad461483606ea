"""JAX and torch: rules behind wrappers, trees, modules, functions that are meant otherwise."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import LayerNorm, ReLU, Softmax, Tanh, verify
from tests.judge.test_subjects import torch_or_skip

X = np.random.default_rng(0).normal(size=(4, 3))


def tanh_with(slope):
    """tanh with a derivative of its own."""
    function = jax.custom_vjp(jnp.tanh)
    function.defvjp(lambda x: (jnp.tanh(x), x), lambda x, dy: (dy * slope(jnp.tanh(x)),))
    return function


def right(y):
    return 1 - y * y


def wrong(y):
    return 1 - y


WRAPPERS = {
    "bare": lambda f: f,
    "jit": jax.jit,
    "a lambda": lambda f: lambda x: 2 * f(x),
    "partial": lambda f: functools.partial(lambda c, x: c * f(x), 2.0),
    "vmap": jax.vmap,
    "scan": lambda f: lambda x: jax.lax.scan(lambda c, row: (f(c + row), c), 0 * x[0], x)[1],
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_derivative_of_its_own_is_on_trial_behind_any_wrapper(wrapper):
    wrap = WRAPPERS[wrapper]
    assert verify(wrap(tanh_with(right)), X).ok
    verdict = verify(wrap(tanh_with(wrong)), X)
    assert verdict.status == "WRONG", str(verdict)


def test_inputs_may_be_trees():
    def loss(params, x):
        return jnp.tanh(x @ params["W"] + params["b"])

    params = {"W": np.random.default_rng(1).normal(size=(3, 2)), "b": np.zeros(2)}
    verdict = verify(loss, params, X)
    assert verdict.ok, str(verdict)
    assert verdict.judged == ["params['W']", "params['b']", "x"]


@pytest.mark.parametrize(("factor", "status"), [(1, "PASS"), (2, "WRONG")])
def test_a_straight_through_estimator_is_held_against_what_it_is_meant_to_be(factor, status):
    pair = np.round, lambda dy, x: factor * dy
    assert verify(pair, X, gradient_of=lambda x: x).status == status


def test_a_forward_may_be_judged_as_a_rule_of_the_catalog():
    def layer_norm(variance):
        def statistics(x):
            mean = x.mean(axis=-1, keepdims=True)
            s = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + 1e-5)
            return (x - mean) / s, s

        def f(x, gain, bias):
            return statistics(x)[0] * gain + bias

        def vjp(dy, x, gain, bias):
            y, s = statistics(x)
            d, rows = dy * gain, tuple(range(x.ndim - 1))
            path = variance * y * (d * y).mean(axis=-1, keepdims=True)
            dx = (d - d.mean(axis=-1, keepdims=True) - path) / s
            return dx, (dy * y).sum(axis=rows), dy.sum(axis=rows)

        return f, vjp

    assert verify(layer_norm(1.0), like=LayerNorm()).ok
    verdict = verify(layer_norm(0.0), like=LayerNorm())
    assert verdict.status == "WRONG"
    assert "input 0 (x)" in verdict.diagnosis
    assert verify(tanh_with(wrong), like=Tanh()).status == "WRONG"
    assert verify(tanh_with(right), like=Tanh()).ok


def test_a_wrong_forward_is_not_like_the_rule():
    pair = lambda x: np.maximum(x, 0.01 * x), lambda dy, x: dy * np.where(x > 0, 1, 0.01)
    assert verify(pair, X).ok
    assert verify(pair, like=ReLU()).status == "WRONG"


# ---- torch.


def test_a_torch_function_and_its_apply_are_judged_as_a_rule():
    torch = torch_or_skip()

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = torch.softmax(x, -1)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, dy):
            (y,) = ctx.saved_tensors
            return y * (dy - (dy * y).sum(-1, keepdim=True)), None

    assert verify(Own, like=Softmax()).ok
    assert verify(Own.apply, like=Softmax()).ok


def test_a_module_is_judged_for_its_parameters():
    torch = torch_or_skip()
    module = torch.nn.Linear(3, 2)
    verdict = verify(module, torch.from_numpy(X.astype(np.float32)))
    assert verdict.ok, str(verdict)
    assert verdict.judged[1:] == ["weight", "bias"]


def test_operations_of_torch_pass():
    torch = torch_or_skip()
    x = torch.from_numpy(X)
    assert verify(lambda a, b: a + b, x, x.flip(0)).ok
    assert verify(lambda a: a.sum(dim=-1), x).ok
    assert verify(lambda a: a.reshape(-1), x).ok


def test_an_integer_of_python_may_be_an_option():
    torch = torch_or_skip()
    assert verify(torch.softmax, torch.from_numpy(X), -1).ok


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_dropout_may_draw_by_layout_and_precision(precision):
    torch = torch_or_skip()

    class Dropped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            kept = (torch.rand_like(x) > 0.3).to(x.dtype)
            ctx.save_for_backward(kept)
            return x * kept

        @staticmethod
        def backward(ctx, dy):
            return dy * ctx.saved_tensors[0]

    class Inverted(Dropped):
        @staticmethod
        def backward(ctx, dy):
            return dy * (1 - ctx.saved_tensors[0])

    x = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 4)).astype(precision))
    for right in (Dropped, torch.nn.functional.dropout):
        verdict = verify(right, x)
        assert verdict.status == "PASS", str(verdict)
        assert any("other random numbers" in note.message for note in verdict.notes)
    assert verify(Inverted, x).status == "WRONG"
