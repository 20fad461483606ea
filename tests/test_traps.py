"""The traps of "Deep Learning from Scratch" and of what grew out of it: layers and losses.

Each test has the number of its trap. T12, T13, T14, T20, T22 and T23, the traps of gradient
checks and of layers that remember, are in test_traps_of_checks.py. T21 was never given.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import (
    AvgPool2d,
    BatchNorm2d,
    BatchNormInference2d,
    Conv2d,
    CrossEntropy,
    Im2col,
    MaxPool2d,
    Softmax,
    SoftmaxCrossEntropyWithLabels,
    book,
    verify,
)
from tests.rules.running import assert_close, gradients, normals, value

LABELS = np.array([2, 0, 1])


def loss_and_gradient(x, t, upstream=1.0):
    layer = book.SoftmaxWithLoss()
    return layer.forward(x, t), layer.backward(upstream)


def true_gradient(x, t):
    """The gradient of the mean of −Σ t log softmax(x), by JAX."""
    return jax.grad(lambda a: -jnp.mean(jnp.sum(t * jax.nn.log_softmax(a), axis=-1)))(x)


@pytest.mark.parametrize("gap", [1.0, 10.0, 14.0, 16.0, 25.0])
def test_t1_loss_and_gradient_agree_at_any_gap_between_logits(gap):
    x, t = np.array([[gap, 0.0, -1.0]]), np.array([[0.0, 1.0, 0.0]])
    loss, dx = loss_and_gradient(x, t)
    assert_close(loss, np.logaddexp(np.logaddexp(gap, 0), -1))
    assert_close(dx, true_gradient(x, t))


def test_t1_an_eps_in_the_loss_stands_in_its_gradient_too():
    x, t = np.array([[16.0, 0.0]]), np.array([[0.0, 1.0]])
    p, residuals = Softmax().forward(x)
    dp, _ = gradients(CrossEntropy(eps=1e-7), p, t, dy=1.5)
    (dx,) = Softmax().backward(residuals, dp)
    assert_close(dx, 1.5 * (p - t) * p[0, 1] / (p[0, 1] + 1e-7))


@pytest.mark.parametrize("x", [[-1.0, 2.0, 0.0], [1.0, 2.0, 3.0]], ids=["some", "all"])
def test_t2_relu_does_not_write_into_the_callers_dout(x):
    (upstream,) = normals(1, (3,))
    before = upstream.copy()
    layer = book.Relu()
    layer.forward(np.array(x))
    dx = layer.backward(upstream)
    dx += 1
    assert np.array_equal(upstream, before)


def test_t3_the_layer_and_the_rule_have_the_same_slope_at_0():
    layer = book.Relu()
    assert layer.forward(np.zeros(3)).tolist() == [0, 0, 0]
    assert layer.backward(np.array([1.7, -0.6, 0.4])).tolist() == [0, 0, 0]


def test_t4_a_nan_does_not_become_0_in_relu():
    assert np.isnan(book.Relu().forward(np.array([np.nan]))[0])


@pytest.mark.parametrize("hidden", [2, 3], ids=["wide", "square"])
def test_t5_one_sample_as_a_vector_has_whole_gradients(hidden):
    x, W, b, upstream = normals(2, (3,), (3, hidden), (hidden,), (hidden,))
    layer = book.Affine(W, b)
    assert_close(layer.forward(x), x @ W + b)
    assert_close(layer.backward(upstream), W @ upstream)
    assert_close(layer.dW, np.outer(x, upstream))
    assert_close(layer.db, upstream)


def test_t5_three_axes_are_a_batch_of_rows_and_not_flattened():
    x, W, b, upstream = normals(3, (4, 5, 3), (3, 2), (2,), (4, 5, 2))
    layer = book.Affine(W, b)
    assert layer.forward(x).shape == (4, 5, 2)
    assert_close(layer.backward(upstream), upstream @ W.T)
    assert_close(layer.dW, np.einsum("nti,nto->io", x, upstream))


def test_t6_softmax_with_loss_uses_dout():
    (x,) = normals(4, (3, 4))
    _, once = loss_and_gradient(x, LABELS)
    _, scaled = loss_and_gradient(x, LABELS, upstream=-2.5)
    assert_close(scaled, -2.5 * once)


def test_t7_soft_targets_are_soft_forward_and_backward():
    x, t = normals(5, (3, 4))[0], value(Softmax(), normals(6, (3, 4))[0])
    loss, dx = loss_and_gradient(x, t)
    assert_close(loss, -np.mean(np.sum(t * np.log(value(Softmax(), x)), axis=-1)))
    assert_close(dx, true_gradient(x, t))


def test_t7_the_error_of_soft_targets_is_their_cross_entropy():
    y, t = (value(Softmax(), a) for a in normals(7, (3, 4), (3, 4)))
    expected = -np.mean(np.sum(t * np.log(y + 1e-7), axis=-1))
    assert_close(book.cross_entropy_error(y, t), expected)


def test_t8_labels_in_a_column_are_the_labels_of_the_rows():
    (x,) = normals(8, (3, 4))
    column, row = (loss_and_gradient(x, t) for t in (LABELS[:, None], LABELS))
    assert column[0] == row[0]
    assert np.array_equal(column[1], row[1])


def test_t8_a_rule_refuses_labels_in_a_column():
    with pytest.raises(ValueError, match=r"broadcast|dimensions"):
        SoftmaxCrossEntropyWithLabels().forward(np.zeros((3, 4)), LABELS[:, None])


@pytest.mark.parametrize("t", [np.array([0.0, 1, 0, 0]), np.array(1), 1], ids=repr)
def test_t9_a_single_row_is_one_sample_and_not_c_of_them(t):
    (x,) = normals(9, (4,))
    loss, dx = loss_and_gradient(x, t)
    p = value(Softmax(), x)
    assert_close(loss, -np.log(p[1]))
    assert_close(dx, p - np.eye(4)[1])
    assert_close(book.cross_entropy_error(p, t), -np.log(p[1] + 1e-7))


def test_t10_as_many_labels_as_numbers_are_still_labels():
    loss, dx = loss_and_gradient(np.array([[0.3], [-0.2], [5.0]]), np.zeros(3, int))
    assert loss == 0
    assert not dx.any()


@pytest.mark.parametrize(
    ("t", "message"),
    [
        ([0, 3], "labels run from 0 to 3, the classes from 0 to 2"),
        ([-1, 2], "labels run from -1 to 2"),
        ([0.0, 1.0], "labels are whole numbers"),
        ([[1, 1, 1], [0, 0, 1]], "a row sums to 3, not to 1"),
        ([[0, 1], [1, 0], [0, 1]], "do not fit"),
    ],
)
def test_t10_what_is_neither_labels_nor_weights_is_refused(t, message):
    with pytest.raises(ValueError, match=message):
        book.SoftmaxWithLoss().forward(np.zeros((2, 3)), np.array(t))


@pytest.mark.parametrize("x", [-1000.0, -800.0, 40.0, 1000.0])
def test_t11_sigmoid_neither_overflows_nor_loses_its_slope(x):
    layer = book.Sigmoid()
    assert layer.forward(np.array([x]))[0] == (x > 0)
    assert_close(layer.backward(np.array([1.7])), [1.7 * np.exp(-abs(x))])


def test_t15_images_are_normalized_by_channel_and_not_by_pixel():
    x, gamma, beta = normals(12, (4, 3, 2, 5), (3,), (3,))
    y, mean, var = value(BatchNorm2d(), x, gamma, beta)
    assert mean.shape == var.shape == (3,)
    assert_close(np.mean(y, axis=(0, 2, 3)), beta)
    assert np.max(np.abs(np.mean(y, axis=0) - beta[:, None, None])) > 0.1


def test_t15_normalization_in_use_has_a_backward():
    x, gamma, beta, mean, spread = normals(13, (4, 3, 2, 5), (3,), (3,), (3,), (3,))
    verdict = verify(BatchNormInference2d(), x, gamma, beta, mean, spread**2)
    assert verdict.ok, str(verdict)


def test_t16_pooling_counts_its_padding_and_never_picks_it():
    x = -np.exp(normals(14, (1, 1, 4, 4))[0])
    y, residuals = MaxPool2d((2, 2), (2, 2), (1, 1)).forward(x)
    assert y.shape == (1, 1, 3, 3)
    assert_close(y[0, 0, 0, 0], x[0, 0, 0, 0])
    (dx,) = MaxPool2d((2, 2), (2, 2), (1, 1)).backward(residuals, y)
    assert_close(np.sum(dx), np.sum(y))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("rule", [MaxPool2d(), AvgPool2d(), Im2col(), Conv2d()], ids=repr)
def test_t17_windows_are_computed_in_the_precision_of_the_image(rule, dtype):
    inputs = [a.astype(dtype) for a in normals(15, (1, 2, 4, 4), (3, 2, 2, 2), (3,))]
    y, residuals = rule.forward(*(inputs if rule == Conv2d() else inputs[:1]))
    assert y.dtype == dtype
    for dx in rule.backward(residuals, y):
        assert dx.dtype == dtype


def test_t18_a_tie_in_a_window_goes_to_its_first_number():
    (dx,) = gradients(MaxPool2d(), np.ones((1, 1, 2, 2)), dy=np.full((1, 1, 1, 1), 1.7))
    assert dx.tolist() == [[[[1.7, 0], [0, 0]]]]


def test_t19_columns_that_a_stride_drops_have_gradient_0():
    x, dy = normals(16, (1, 1, 4, 5), (1, 1, 2, 2))
    (dx,) = gradients(AvgPool2d(), x, dy=dy)
    assert not dx[..., 4].any()
    assert_close(np.sum(dx), np.sum(dy))


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)], ids=repr)
def test_softmax_is_taken_over_each_row_and_never_the_whole_batch(shape):
    y = book.softmax(normals(21, shape)[0])
    assert_close(np.sum(y, axis=-1), np.ones(shape[:-1]))


def test_the_error_of_labels_is_minus_the_log_of_their_probabilities():
    y = value(Softmax(), normals(22, (3, 4))[0])
    expected = -np.mean(np.log(y[np.arange(3), LABELS] + 1e-7))
    assert_close(book.cross_entropy_error(y, LABELS), expected)
    assert_close(book.cross_entropy_error(y, np.eye(4)[LABELS]), expected)
