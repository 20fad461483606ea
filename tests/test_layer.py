"""A layer remembers one forward for one backward."""

import weakref

import numpy as np
import pytest

from handgrad import (
    Affine,
    Exp,
    Layer,
    Multiply,
    ReLU,
    Sequential,
    SoftmaxCrossEntropyWithLabels,
    Split,
)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture
def affine(rng):
    return Layer(Affine(), rng.normal(size=(3, 4)), rng.normal(size=4))


def test_forward_is_the_rule_at_the_inputs_and_the_parameters(affine, rng):
    x = rng.normal(size=(5, 3))
    W, b = affine.params
    assert np.array_equal(affine.forward(x), x @ W + b)


def test_grads_stand_in_the_order_of_params(affine, rng):
    x, dy = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    W, _ = affine.params
    affine.forward(x)
    dx = affine.backward(dy)
    dW, db = affine.grads
    np.testing.assert_allclose(dx, np.einsum("no,io->ni", dy, W), rtol=1e-13)
    np.testing.assert_allclose(dW, np.einsum("ni,no->io", x, dy), rtol=1e-12)
    np.testing.assert_allclose(db, np.einsum("no->o", dy), rtol=1e-13)


def test_two_inputs_have_two_gradients():
    layer = Layer(Multiply())
    assert layer.forward(100, 2) == 200
    assert layer.backward(1.1) == (2 * 1.1, 100 * 1.1)


def test_labels_have_no_gradient(rng):
    layer = Layer(SoftmaxCrossEntropyWithLabels())
    layer.forward(rng.normal(size=(2, 3)), np.array([0, 2]))
    dx, dt = layer.backward(1.7)
    assert dx.shape == (2, 3)
    assert dt is None


def test_each_backward_belongs_to_the_last_forward(rng):
    layer = Layer(Exp())
    first, second, dy = rng.normal(size=(3, 4))
    layer.forward(first)
    y = layer.forward(second)
    assert np.array_equal(layer.backward(dy), dy * y)


def nothing(layer):
    assert layer.grads == ()


def one_backward(layer):
    layer.forward(np.arange(6.0).reshape(2, 3))
    layer.backward(np.arange(8.0).reshape(2, 4))


def failed_forward(layer):
    layer.forward(np.arange(6.0).reshape(2, 3))
    with pytest.raises(ValueError, match="matmul"):
        layer.forward(np.arange(10.0).reshape(2, 5))


@pytest.mark.parametrize("before", [nothing, one_backward, failed_forward])
def test_backward_needs_a_forward_of_its_own_after(affine, before):
    before(affine)
    with pytest.raises(RuntimeError, match=r"^Affine\(\) .*call forward first") as caught:
        affine.backward(np.arange(8.0).reshape(2, 4))
    assert "make two layers of them" in str(caught.value)


def test_a_layer_at_two_places_of_a_net_is_an_error(rng):
    relu = Layer(ReLU())
    net = Sequential(relu, relu)
    net.forward(rng.normal(size=4))
    with pytest.raises(RuntimeError, match="two layers"):
        net.backward(rng.normal(size=4))


def test_a_failed_forward_notes_the_rule_and_the_shapes(affine, rng):
    with pytest.raises(ValueError, match="matmul") as caught:
        affine.forward(rng.normal(size=(2, 7)))
    assert caught.value.__notes__ == ["in Affine().forward, given (2, 7), (3, 4), (4,)"]


class Refuses:
    """A rule whose backward fails."""

    def __repr__(self):
        return "Refuses()"

    def forward(self, x):
        return x, ()

    def backward(self, residuals, dy):
        raise ArithmeticError("not today")


def test_a_failed_backward_notes_the_rule_and_the_shape(rng):
    layer = Layer(Refuses())
    layer.forward(rng.normal(size=(2, 5)))
    with pytest.raises(ArithmeticError, match="not today") as caught:
        layer.backward(rng.normal(size=(2, 5)))
    assert caught.value.__notes__ == ["in Refuses().backward, given dy of (2, 5)"]
    with pytest.raises(RuntimeError, match="call forward first"):
        layer.backward(rng.normal(size=(2, 5)))


def test_a_dy_that_would_broadcast_is_refused_and_may_be_given_anew(affine, rng):
    affine.forward(rng.normal(size=(2, 3)))
    with pytest.raises(ValueError, match=r"dy has the shape \(4,\), .* Affine\(\) had \(2, 4\)"):
        affine.backward(rng.normal(size=4))
    assert affine.backward(rng.normal(size=(2, 4))).shape == (2, 3)


def test_every_dy_of_several_outputs_is_looked_at(rng):
    layer = Layer(Split(2))
    layer.forward(rng.normal(size=6))
    with pytest.raises(ValueError, match=r"\(2, 2\), \(3,\), .* had \(3,\), \(3,\)"):
        layer.backward((rng.normal(size=(2, 2)), rng.normal(size=3)))


def test_a_number_has_the_shape_of_nothing():
    with pytest.raises(TypeError) as caught:
        Layer(Multiply()).forward(2, None)
    assert caught.value.__notes__ == ["in Multiply().forward, given (), ()"]


def test_backward_frees_what_forward_kept(rng):
    layer = Layer(Exp())
    kept = weakref.ref(layer.forward(rng.normal(size=3)))
    assert kept() is not None
    layer.backward(rng.normal(size=3))
    assert kept() is None


def test_repr_shows_the_rule_and_the_shapes_of_the_parameters(affine):
    assert repr(affine) == "Layer(Affine(), (3, 4), (4,))"


def test_a_layer_leaves_out_the_gradient_that_nobody_needs(affine, rng):
    x, dy = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    affine.forward(x)
    affine.backward(dy)
    expected = affine.grads
    affine.forward(x)
    assert affine.backward(dy, needs=(False,)) is None
    for found, wanted in zip(affine.grads, expected, strict=True):
        assert np.array_equal(found, wanted)


def test_only_the_first_layer_of_a_sequence_leaves_its_gradient_out(affine, rng):
    second = Layer(Affine(), rng.normal(size=(4, 2)), rng.normal(size=2))
    net = Sequential(affine, Layer(ReLU()), second)
    x, dy = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    net.forward(x)
    assert net.backward(dy).shape == x.shape
    expected = net.grads
    net.forward(x)
    assert net.backward(dy, needs=(False,)) is None
    assert all(map(np.array_equal, net.grads, expected))


def test_a_layer_that_computes_every_gradient_may_be_the_first(rng):
    x, dy = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    net = Sequential(Layer(ReLU()))
    net.forward(x)
    assert np.array_equal(net.backward(dy, needs=(False,)), dy * (x > 0))
