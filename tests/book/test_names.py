"""The names and signatures of the book's chapter 5."""

from collections import OrderedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import book


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_a_star_import_brings_what_the_scripts_of_the_book_use():
    assert set(book.__all__) == {
        *("MulLayer", "AddLayer", "Relu", "Sigmoid", "Affine", "SoftmaxWithLoss", "TwoLayerNet"),
        *("softmax", "cross_entropy_error", "numerical_gradient", "load_mnist"),
    }
    assert all(hasattr(book, name) for name in book.__all__)


LAYERS = {
    "MulLayer": (book.MulLayer, jnp.multiply, 2),
    "AddLayer": (book.AddLayer, jnp.add, 2),
    "Relu": (book.Relu, lambda x: jnp.maximum(x, 0), 1),
    "Sigmoid": (book.Sigmoid, jax.nn.sigmoid, 1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_have_the_values_and_gradients_of_jax(name, rng):
    layer, (_, reference, count) = LAYERS[name][0](), LAYERS[name]
    inputs, dout = rng.normal(size=(count, 4, 3)), rng.normal(size=(4, 3))
    y, vjp = jax.vjp(reference, *inputs)
    np.testing.assert_allclose(layer.forward(*inputs), y, rtol=1e-13)
    grads = layer.backward(dout)
    for dx, expected in zip([grads] if count == 1 else grads, vjp(dout), strict=True):
        np.testing.assert_allclose(dx, expected, rtol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_backward_leaves_dout_as_it_was(name, rng):
    layer = LAYERS[name][0]()
    dout = rng.normal(size=(4, 3))
    before = dout.copy()
    layer.forward(*rng.normal(size=(LAYERS[name][2], 4, 3)))
    layer.backward(dout)
    assert np.array_equal(dout, before)


@pytest.mark.parametrize("shape", [(3, 12), (12,), (3, 2, 3, 2), (2, 5, 12)])
def test_affine_takes_rows_images_and_single_samples(shape, rng):
    x, W, b = rng.normal(size=shape), rng.normal(size=(12, 4)), rng.normal(size=4)
    rows = x if shape[-1] == 12 else x.reshape(3, 12)
    layer = book.Affine(W, b)
    y, vjp = jax.vjp(lambda rows, W, b: rows @ W + b, rows, W, b)
    np.testing.assert_allclose(layer.forward(x), y, rtol=1e-12)
    dout = rng.normal(size=y.shape)
    dx = layer.backward(dout)
    assert dx.shape == x.shape
    for grad, expected in zip((dx, layer.dW, layer.db), vjp(dout), strict=True):
        scale = np.max(np.abs(expected))
        np.testing.assert_allclose(grad.ravel(), expected.ravel(), atol=1e-12 * scale, rtol=0)


def test_affine_has_no_gradients_before_a_backward(rng):
    layer = book.Affine(rng.normal(size=(2, 3)), rng.normal(size=3))
    assert layer.dW is None
    assert layer.db is None


def test_layers_keep_the_attributes_of_the_book(rng):
    x, t = rng.normal(size=(4, 3)), np.array([0, 2, 1, 1])
    relu, sigmoid, last = book.Relu(), book.Sigmoid(), book.SoftmaxWithLoss()
    assert (relu.mask, sigmoid.out, last.y, last.t) == (None,) * 4
    relu.forward(x)
    sigmoid.forward(x)
    last.forward(x, t)
    np.testing.assert_array_equal(relu.mask, x <= 0)
    np.testing.assert_allclose(sigmoid.out, jax.nn.sigmoid(x), rtol=1e-14)
    np.testing.assert_allclose(last.y, jax.nn.softmax(x), rtol=1e-14)
    assert last.t is t


@pytest.mark.parametrize("layer", [book.Relu(), book.Sigmoid(), book.SoftmaxWithLoss()])
def test_backward_before_forward_says_what_to_do(layer):
    with pytest.raises(RuntimeError, match="call forward first"):
        layer.backward(1)


def test_softmax_of_one_row_and_of_a_batch_sum_to_1(rng):
    x = 1000 * rng.normal(size=(4, 3))
    np.testing.assert_allclose(np.sum(book.softmax(x), axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(book.softmax(x[2]), book.softmax(x)[2], rtol=1e-14)
    np.testing.assert_allclose(book.softmax([0, np.log(3)]), [0.25, 0.75], rtol=1e-14)


def test_cross_entropy_error_is_that_of_the_book():
    y = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    assert book.cross_entropy_error(y, np.eye(10)[2]) == pytest.approx(-np.log(0.6 + 1e-7), 1e-14)
    assert book.cross_entropy_error(y, 3) == pytest.approx(-np.log(1e-7), 1e-14)


@pytest.fixture
def net(rng):
    net = book.TwoLayerNet(input_size=5, hidden_size=4, output_size=3)
    for name, p in net.params.items():
        net.params[name] = rng.normal(size=p.shape)
    return net


def reference_loss(params, x, t):
    hidden = jnp.maximum(x @ params["W1"] + params["b1"], 0)
    log_p = jax.nn.log_softmax(hidden @ params["W2"] + params["b2"])
    return -jnp.mean(jnp.sum(jnp.eye(3)[t] * log_p, axis=1))


def test_the_weights_are_drawn_as_the_book_draws_them(monkeypatch, rng):
    drawn = [rng.normal(size=(5, 4)), rng.normal(size=(4, 3))]
    left = {W.shape: W for W in drawn}
    monkeypatch.setattr(np.random, "randn", lambda *shape: left.pop(shape))
    params = book.TwoLayerNet(5, 4, 3, weight_init_std=0.8).params
    assert list(params) == ["W1", "b1", "W2", "b2"]
    assert np.array_equal(params["W1"], 0.8 * drawn[0])
    assert np.array_equal(params["W2"], 0.8 * drawn[1])
    assert np.array_equal(params["b1"], np.zeros(4))
    assert np.array_equal(params["b2"], np.zeros(3))


def test_the_weights_of_a_large_net_are_small_unless_told():
    W1 = book.TwoLayerNet(784, 50, 10).params["W1"]
    assert 0.0095 < np.std(W1) < 0.0105


def test_the_net_has_the_layers_of_the_book(net):
    assert isinstance(net.layers, OrderedDict)
    assert list(net.layers) == ["Affine1", "Relu1", "Affine2"]
    assert isinstance(net.lastLayer, book.SoftmaxWithLoss)


def test_loss_and_gradient_of_the_net_are_those_of_jax(net, rng):
    x, t = rng.normal(size=(6, 5)), rng.integers(0, 3, 6)
    loss, expected = jax.value_and_grad(reference_loss)(net.params, x, t)
    np.testing.assert_allclose(net.loss(x, t), loss, rtol=1e-13)
    grads = net.gradient(x, t)
    assert list(grads) == list(net.params)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, expected[name], atol=1e-13, rtol=1e-12)


def test_both_gradients_of_the_net_agree(net, rng):
    x, t = rng.normal(size=(6, 5)), rng.integers(0, 3, 6)
    grads, numbers = net.gradient(x, t), net.numerical_gradient(x, t)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, numbers[name], atol=1e-9)  # a difference, step 6e-6


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_changed_and_replaced_parameters_reach_the_layers(net, rng, name):
    x, t = rng.normal(size=(6, 5)), rng.integers(0, 3, 6)
    first = net.loss(x, t)
    net.params[name] += rng.normal(size=net.params[name].shape)
    changed = net.loss(x, t)
    assert changed != first
    np.testing.assert_allclose(changed, reference_loss(net.params, x, t), rtol=1e-13)
    net.params[name] = rng.normal(size=net.params[name].shape)
    replaced = net.loss(x, t)
    assert replaced != changed
    np.testing.assert_allclose(replaced, reference_loss(net.params, x, t), rtol=1e-13)


def test_accuracy_is_the_share_of_right_classes(net, rng):
    x = rng.normal(size=(8, 5))
    right = np.argmax(net.predict(x), axis=1)
    t = np.where(np.arange(8) < 3, (right + 1) % 3, right)
    for targets in (t, t[:, None], np.eye(3)[t], 0.7 * np.eye(3)[t] + 0.1):
        assert net.accuracy(x, targets) == 5 / 8


def test_load_mnist_gives_what_the_book_gives(mnist, digits, monkeypatch):
    monkeypatch.setenv("HANDGRAD_MNIST", str(mnist))
    (x_train, t_train), (x_test, t_test) = book.load_mnist()
    (images, labels), (_, test_labels) = digits
    assert x_train.shape == (600, 784)
    assert x_test.shape == (300, 784)
    assert x_train.dtype == np.float32
    assert np.array_equal(np.round(x_train * 255), images.reshape(600, 784))
    assert np.array_equal(t_train, labels)
    assert np.array_equal(t_test, test_labels)


def test_load_mnist_flattens_normalizes_and_makes_one_hot_as_asked(mnist, digits, monkeypatch):
    monkeypatch.setenv("HANDGRAD_MNIST", str(mnist))
    (x, t), _ = book.load_mnist(normalize=False, flatten=False, one_hot_label=True)
    assert np.array_equal(x, digits[0][0][:, None])
    assert t.shape == (600, 10)
    assert np.array_equal(np.argmax(t, axis=1), digits[0][1])
    assert np.array_equal(np.sum(t, axis=1), np.full(600, 1.0))


def test_what_load_mnist_gives_may_be_written_to(mnist, monkeypatch):
    monkeypatch.setenv("HANDGRAD_MNIST", str(mnist))
    for part in book.load_mnist(normalize=False):
        assert all(array.flags.writeable for array in part)


def test_load_mnist_says_where_it_looked(monkeypatch):
    monkeypatch.setenv("HANDGRAD_MNIST", "/no/such/place")
    with pytest.raises(FileNotFoundError, match=r"'/no/such/place' .*set HANDGRAD_MNIST"):
        book.load_mnist()


def test_an_image_that_does_not_fit_leaves_nothing_to_differentiate(rng):
    layer = book.Affine(rng.normal(size=(12, 4)), rng.normal(size=4))
    layer.forward(rng.normal(size=(3, 12)))
    with pytest.raises(ValueError, match="reshape"):
        layer.forward(rng.normal(size=(3, 2, 3, 3)))
    with pytest.raises(RuntimeError, match="call forward first"):
        layer.backward(rng.normal(size=(3, 4)))


def quadratic(x):
    return float(np.sum(x * x * np.arange(1, x.size + 1).reshape(x.shape)))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_numerical_gradient_is_the_slope_along_each_number(shape, rng):
    x = rng.normal(size=shape)
    before = x.copy()
    slopes = 2 * x * np.arange(1, x.size + 1).reshape(shape)
    # a difference of numbers with 16 digits, over a step of 6e-6
    np.testing.assert_allclose(book.numerical_gradient(quadratic, x), slopes, atol=1e-8)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("size", [3e5, 0.25])
def test_numerical_gradient_in_single_precision_suits_its_step_to_the_number(size):
    x = size * np.array([1.0, -0.7], dtype=np.float32)
    grad = book.numerical_gradient(lambda x: np.sum(x.astype(float) ** 2), x)
    assert grad.dtype == np.float32
    np.testing.assert_allclose(grad, 2 * x, rtol=1e-6)  # both are float32


def test_numerical_gradient_puts_x_back_when_f_raises(rng):
    x = rng.normal(size=3)
    before = x.copy()

    def failing(x):
        raise ArithmeticError(f"at {x}")

    with pytest.raises(ArithmeticError):
        book.numerical_gradient(failing, x)
    assert np.array_equal(x, before)


@pytest.mark.parametrize(
    ("x", "shown"),
    [(np.arange(3), "int64"), (2.0, "float"), ([1.0, 2.0], "list"), (np.array([True]), "bool")],
)
def test_numerical_gradient_refuses_what_cannot_hold_a_step(x, shown):
    with pytest.raises(TypeError, match=shown):
        book.numerical_gradient(quadratic, x)
