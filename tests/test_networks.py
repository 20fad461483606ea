"""Nets made of layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import (
    Add,
    Affine,
    Concatenate,
    Exp,
    Layer,
    Multiply,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)

RNG = np.random.default_rng(2)
X = RNG.normal(size=(5, 3))
DY = RNG.normal(size=(5, 2))
PARAMS = tuple(RNG.normal(size=shape) for shape in ((3, 4), (4,), (4, 2), (2,)))


def net_of(W1, b1, W2, b2):
    return Sequential(Layer(Affine(), W1, b1), Layer(Tanh()), Layer(Affine(), W2, b2))


def reference(x, W1, b1, W2, b2):
    return jnp.tanh(x @ W1 + b1) @ W2 + b2


def test_a_net_is_its_layers_one_after_the_other():
    np.testing.assert_allclose(net_of(*PARAMS).forward(X), reference(X, *PARAMS), rtol=1e-12)


def test_the_gradients_of_a_net_are_those_of_jax():
    net = net_of(*PARAMS)
    net.forward(X)
    grads = (net.backward(DY), *net.grads)
    _, vjp = jax.vjp(reference, X, *PARAMS)
    for actual, expected in zip(grads, vjp(DY), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-12 * np.max(np.abs(expected)), rtol=0)


def test_params_are_those_of_all_layers_in_their_order():
    assert all(a is b for a, b in zip(net_of(*PARAMS).params, PARAMS, strict=True))


def test_a_net_may_stand_inside_a_net():
    W1, b1, W2, b2 = PARAMS
    inner = Sequential(Layer(Tanh()), Layer(Affine(), W2, b2))
    nested, flat = Sequential(Layer(Affine(), W1, b1), inner), net_of(*PARAMS)
    assert np.array_equal(nested.forward(X), flat.forward(X))
    assert np.array_equal(nested.backward(DY), flat.backward(DY))
    assert all(a is b for a, b in zip(nested.params, PARAMS, strict=True))
    assert len(nested.grads) == 4
    assert all(map(np.array_equal, nested.grads, flat.grads))


def test_a_net_of_no_layers_changes_nothing():
    net = Sequential()
    assert net.forward(X) is X
    assert net.backward(DY) is DY
    assert net.params == net.grads == ()


@pytest.mark.parametrize("order", [(Exp, Sigmoid), (Sigmoid, Exp)])
def test_backward_goes_from_the_last_layer_to_the_first(order):
    first, second = (Layer(rule()) for rule in order)
    twin, twin_second = (Layer(rule()) for rule in order)
    net = Sequential(first, second)
    assert np.array_equal(net.forward(X), twin_second.forward(twin.forward(X)))
    dy = RNG.normal(size=X.shape)
    assert np.array_equal(net.backward(dy), twin.backward(twin_second.backward(dy)))


def test_backward_before_forward_says_what_to_do():
    with pytest.raises(RuntimeError, match=r"^ReLU\(\) .*call forward first"):
        Sequential(Layer(Exp()), Layer(ReLU())).backward(DY)


def assert_gradients(net, reference):
    """The net, its dx and its parameters' gradients are those of a function of x and the parameters."""
    y, vjp = jax.vjp(reference, X, *net.params)
    dy = RNG.normal(size=y.shape)
    np.testing.assert_allclose(net.forward(X), y, rtol=1e-12)
    for actual, expected in zip((net.backward(dy), *net.grads), vjp(dy), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-12 * np.max(np.abs(expected)), rtol=0)


def affine(*shape):
    return Layer(Affine(), RNG.normal(size=shape), RNG.normal(size=shape[1]))


def test_a_residual_adds_what_its_layers_make_of_x():
    net = Residual(affine(3, 4), Layer(Tanh()), affine(4, 3))
    assert_gradients(net, lambda x, *params: x + reference(x, *params))


def test_a_residual_of_no_layers_doubles():
    assert np.array_equal(Residual().forward(X), 2 * X)
    assert np.array_equal(Residual().backward(DY), 2 * DY)


JOINS = {
    "sum": (Add(), lambda a, b: a + b),
    "product": (Multiply(), lambda a, b: a * b),
    "row": (Concatenate(axis=1), lambda a, b: jnp.concatenate([a, b], axis=1)),
}


@pytest.mark.parametrize("join", JOINS)
def test_parallel_layers_share_one_input_and_are_joined(join):
    rule, joined = JOINS[join]
    net = Parallel(Layer(rule), Sequential(affine(3, 4), Layer(Tanh())), affine(3, 4))
    assert_gradients(net, lambda x, A, a, B, b: joined(jnp.tanh(x @ A + a), x @ B + b))


def test_a_layer_that_joins_may_have_parameters():
    class WeightedSum:
        def forward(self, a, b, W):
            return (a + b) @ W, (a + b, W)

        def backward(self, residuals, dy):
            c, W = residuals
            return dy @ W.T, dy @ W.T, c.T @ dy

    W = RNG.normal(size=(4, 2))
    net = Parallel(Layer(WeightedSum(), W), affine(3, 4), affine(3, 4))
    assert_gradients(net, lambda x, A, a, B, b, W: (x @ A + a + x @ B + b) @ W)


def test_a_gradient_of_x_that_nobody_needs_is_left_out():
    for net in (Residual(affine(3, 3)), Parallel(Layer(Add()), affine(3, 3), affine(3, 3))):
        dy = RNG.normal(size=net.forward(X).shape)
        net.backward(dy)
        expected = net.grads
        net.forward(X)
        assert net.backward(dy, needs=(False,)) is None
        assert all(map(np.array_equal, net.grads, expected))
