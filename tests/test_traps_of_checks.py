"""The traps of gradient checks, and of layers that remember, by their numbers."""

import numpy as np
import pytest
from handgrad.reference.batch_normalization import batch_norm
from handgrad.reference.linear import affine

from handgrad import Affine, BatchNorm, Dropout, book, verify
from handgrad.judge.draws import draw_cases
from tests.rules.running import assert_close, gradients, normals, value


def test_t12_a_dropout_mask_stays_while_the_gradient_is_checked():
    x, dout, draws = normals(10, (4, 3), (4, 3), (4, 3))
    keep = draws > 0
    assert np.array_equal(value(Dropout(), x, keep), value(Dropout(), x, keep))
    numbers = book.numerical_gradient(lambda a: np.sum(dout * value(Dropout(), a, keep)), x)
    assert_close(gradients(Dropout(), x, keep, dy=dout)[0], numbers, 1e-9)  # a difference's error


@pytest.mark.parametrize("x", [np.array([1, 2, 3]), [1.0, 2.0], 3.0], ids=repr)
def test_t13_a_numerical_gradient_refuses_what_cannot_hold_a_step(x):
    with pytest.raises(TypeError, match="a step needs floating-point numbers"):
        book.numerical_gradient(lambda a: np.sum(a**2), x)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 1e5])
def test_t13_a_numerical_gradient_fits_its_step_to_the_precision_and_the_size(scale):
    x = scale * np.array([1.0, -2.0, 3.0])
    single = x.astype(np.float32)
    assert_close(book.numerical_gradient(squares, x), 2 * x, 1e-6)  # rounding over the step
    grad = book.numerical_gradient(squares, single)
    assert_close(grad, 2 * single, 1e-3)  # the same in float32


def squares(x):
    return np.sum(x**2)


def test_t14_the_draws_of_the_judge_are_not_a_batch_of_one():
    case, *_ = draw_cases(BatchNorm(), 0)
    x = case.inputs[0]
    dx, d_gamma, _ = gradients(BatchNorm(), *case.inputs, dy=(x**3, x[0], x[1]))
    assert len(x) > 1
    assert np.all(dx != 0)
    assert np.all(d_gamma != 0)


def test_t14_a_batch_norm_that_forgets_a_path_is_caught():
    verdict = verify(ForgetfulBatchNorm(), *normals(11, (6, 3), (3,), (3,)), reference=batch_norm)
    assert verdict.status == "WRONG"


class ForgetfulBatchNorm(BatchNorm):
    """Its gradient does not run through the variance, which no batch of one would show."""

    def backward(self, residuals, dy):
        dx, d_gamma, d_beta = super().backward(residuals, dy)
        x_hat, inv_s, gamma = residuals
        return dx + gamma * inv_s * x_hat * d_gamma / len(x_hat), d_gamma, d_beta


def test_t20_a_gradient_of_0_is_caught_however_small_the_weights():
    x, W, b = (0.01 * a for a in normals(17, (5, 3), (3, 2), (2,)))
    assert verify(Affine(), x, W, b).ok
    assert verify(ForgottenWeights(), x, W, b, reference=affine).status == "WRONG"


class ForgottenWeights(Affine):
    """Its weights have gradient 0."""

    def backward(self, residuals, dy):
        dx, dW, db = super().backward(residuals, dy)
        return dx, 0 * dW, db


@pytest.mark.parametrize("make", [book.MulLayer, book.AddLayer])
def test_t22_a_layer_used_twice_raises_at_its_second_backward(make):
    layer = make()
    layer.forward(2.0, 3.0)
    layer.forward(5.0, 6.0)
    layer.backward(1.7)
    with pytest.raises(RuntimeError, match=r"once for each backward.*make two layers"):
        layer.backward(1.7)


@pytest.mark.parametrize(
    "layer",
    [book.Relu(), book.Affine(np.ones((2, 2)), np.ones(2)), book.SoftmaxWithLoss()],
    ids=lambda layer: type(layer).__name__,
)
def test_t22_a_backward_before_any_forward_says_what_to_do(layer):
    with pytest.raises(RuntimeError, match="call forward first"):
        layer.backward(np.ones((1, 2)))


def test_t23_a_net_uses_weights_that_were_replaced():
    net, x = book.TwoLayerNet(3, 4, 2), normals(18, (5, 3))[0]
    t = np.array([0, 1, 1, 0, 1])
    replaced = dict(zip(net.params, normals(19, (3, 4), (4,), (4, 2), (2,)), strict=True))
    net.params.update(replaced)
    W1, b1, W2, b2 = replaced.values()
    assert_close(net.predict(x), np.maximum(x @ W1 + b1, 0) @ W2 + b2)
    by_numbers = net.numerical_gradient(x, t)
    for name, grad in net.gradient(x, t).items():
        assert_close(grad, by_numbers[name], 1e-7)  # a difference's error


def test_t23_a_net_uses_weights_that_were_changed_in_place():
    net, x = book.TwoLayerNet(3, 4, 2), normals(20, (5, 3))[0]
    before = net.predict(x)
    net.params["b2"] += [1.0, -2.0]
    assert_close(net.predict(x) - before, np.tile([1.0, -2.0], (5, 1)))


def test_t23_a_numerical_gradient_puts_x_back_also_when_f_fails():
    x = np.array([1.0, 2.0, 3.0])
    book.numerical_gradient(np.sum, x)
    with pytest.raises(ZeroDivisionError):
        book.numerical_gradient(lambda _: 1 / 0, x)
    assert x.tolist() == [1.0, 2.0, 3.0]
