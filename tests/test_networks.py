"""Nets made of layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import Affine, Exp, Layer, ReLU, Sequential, Sigmoid, Tanh

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
