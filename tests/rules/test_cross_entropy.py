"""Facts of cross-entropy: p − t, labels as one-hot targets, and classes that are ruled out."""

import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import CrossEntropy, Softmax, SoftmaxCrossEntropy, SoftmaxCrossEntropyWithLabels
from tests.rules.running import assert_close, assert_verified, gradients, normals, value
from tests.rules.test_losses import LABELS, SHAPES, draw


@pytest.mark.parametrize(("shape", "t"), list(zip(SHAPES, LABELS, strict=True)), ids=repr)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_labels_are_one_for_each_row_of_any_block(shape, t, reduction):
    assert_verified(SoftmaxCrossEntropyWithLabels(reduction), normals(2, shape)[0], t)


def test_one_label_may_serve_all_rows():
    x, dy = normals(3, (3, 4), ())
    rule = SoftmaxCrossEntropyWithLabels()
    one, each = (gradients(rule, x, t, dy=dy)[0] for t in (np.array(2), np.array([2, 2, 2])))
    assert np.array_equal(one, each)


@pytest.mark.parametrize("t", [(3, 1), (3, 3), (1, 3)], ids=repr)
def test_labels_in_a_column_or_a_table_are_refused(t):
    with pytest.raises(ValueError, match=r"broadcast|dimensions"):
        SoftmaxCrossEntropyWithLabels().forward(np.zeros((3, 4)), np.zeros(t, int))


def test_softmax_cross_entropy_is_softmax_then_cross_entropy():
    x, dy = normals(4, (3, 4), ())
    t = draw((3, 4))[1]
    p, residuals = Softmax().forward(x)
    dp, dt = gradients(CrossEntropy(), p, t, dy=dy)
    whole = gradients(SoftmaxCrossEntropy(), x, t, dy=dy)
    assert_close(value(SoftmaxCrossEntropy(), x, t), value(CrossEntropy(), p, t))
    assert_close(whole[0], Softmax().backward(residuals, dp)[0])
    assert_close(whole[1], dt)


def test_softmax_with_cross_entropy_has_the_gradient_p_minus_t():
    x, t = normals(5, (3, 4))[0], draw((3, 4))[1]
    dx, _ = gradients(SoftmaxCrossEntropy("sum"), x, t, dy=-1.3)
    assert_close(dx, -1.3 * (value(Softmax(), x) - t))
    assert np.max(np.abs(np.sum(dx, axis=-1))) < 1e-15


def test_targets_that_do_not_sum_to_1_weigh_the_probabilities():
    x, t = normals(6, (3, 4), (3, 4))
    assert_verified(SoftmaxCrossEntropy(), x, t)
    dx, _ = gradients(SoftmaxCrossEntropy("sum"), x, t, dy=0.7)
    assert_close(dx, 0.7 * (value(Softmax(), x) * np.sum(t, axis=-1, keepdims=True) - t))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_labels_are_one_hot_targets(reduction):
    x, t = normals(7, (3, 4))[0], LABELS[1]
    pair = SoftmaxCrossEntropyWithLabels(reduction), SoftmaxCrossEntropy(reduction)
    targets = t, np.eye(4)[t]
    labelled, dense = (value(r, x, u) for r, u in zip(pair, targets, strict=True))
    (dy,) = normals(8, np.shape(labelled))
    assert_close(labelled, dense)
    dx, dt = gradients(pair[0], x, t, dy=dy)
    assert_close(dx, gradients(pair[1], x, targets[1], dy=dy)[0])
    assert dt is None


def test_zero_times_the_logarithm_of_zero_is_zero():
    p = t = np.array([[1.0, 0.0, 0.0]])
    assert value(CrossEntropy(), p, t) == 0
    assert np.array_equal(gradients(CrossEntropy(), p, t, dy=1.7)[0], [[-1.7, 0, 0]])


def test_a_class_that_is_ruled_out_costs_nothing_unless_it_is_the_target():
    x, t = np.array([[0.0, -np.inf, 0.0]]), np.array([[0.5, 0.0, 0.5]])
    assert_close(value(SoftmaxCrossEntropy(), x, t), np.log(2))
    assert_close(gradients(SoftmaxCrossEntropy(), x, t, dy=1.7)[0], np.zeros((1, 3)))
    assert value(SoftmaxCrossEntropyWithLabels(), x, np.array([1])) == np.inf


def test_a_certain_answer_that_is_wrong_costs_infinitely_much():
    p, t = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert value(CrossEntropy(), p, t) == np.inf


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
def test_a_label_below_0_makes_its_row_nan_and_no_other(xp):
    x = xp.asarray([[1.0, 2, 3], [4, 5, 7]])
    assert_only_row_0_is_nan(x, xp.asarray([-1, 2]))


def test_a_label_past_the_last_class_is_refused_by_numpy_and_nan_in_jax():
    with pytest.raises(IndexError, match="index 3 is out of bounds"):
        SoftmaxCrossEntropyWithLabels().forward(np.zeros((2, 3)), np.array([0, 3]))
    assert_only_row_0_is_nan(jnp.asarray([[1.0, 2, 3], [4, 5, 7]]), jnp.asarray([3, 2]))


def assert_only_row_0_is_nan(x, t):
    rule = SoftmaxCrossEntropyWithLabels("none")
    losses, residuals = rule.forward(x, t)
    dx, _ = rule.backward(residuals, x[:, 0])
    assert np.array_equal(np.isnan(losses), [True, False])
    assert np.array_equal(np.isnan(dx), [[True] * 3, [False] * 3])
