"""Facts of losses of labels: rows that do not count, weights, smoothing, and caps."""

import jax.numpy as jnp
import numpy as np
import pytest

from handgrad import (
    NLL,
    CappedCrossEntropy,
    MulticlassHinge,
    PolyLoss,
    SoftmaxCrossEntropy,
    SoftmaxCrossEntropyWithLabels,
    WeightedCrossEntropy,
)
from handgrad.judge.oracles.jax import registered_reference
from tests.rules.running import assert_close, by_jax, gradients, normals, value

LABELS = np.array([1, 0, 3])
W = np.array([0.5, 2.0, 0.7, 1.3])
COUNTING = [NLL(), WeightedCrossEntropy(label_smoothing=0.1), CappedCrossEntropy()]


def inputs(rule, x, t):
    return (x, t, W) if isinstance(rule, WeightedCrossEntropy) else (x, t)


def test_plain_labels_are_the_case_without_options():
    x, dy = normals(1, (3, 4), ())
    plain = SoftmaxCrossEntropyWithLabels()
    ones = WeightedCrossEntropy(), (x, LABELS, np.ones(4))
    uncapped = CappedCrossEntropy(z_loss=0.0, softcap=1e9), (x, LABELS)
    for (rule, arguments), tolerance in ((ones, 1e-14), (uncapped, 1e-6)):
        assert_close(value(rule, *arguments), value(plain, x, LABELS), tolerance)
        expected = gradients(plain, x, LABELS, dy=dy)[0]
        assert_close(gradients(rule, *arguments, dy=dy)[0], expected, tolerance)


@pytest.mark.parametrize("rule", COUNTING, ids=repr)
def test_rows_that_are_ignored_are_as_good_as_absent(rule):
    x, dy = normals(2, (3, 4), ())
    t = np.array([1, -100, 3])
    assert_close(value(rule, *inputs(rule, x, t)), value(rule, *inputs(rule, x[::2], t[::2])))
    dx = gradients(rule, *inputs(rule, x, t), dy=dy)[0]
    assert np.array_equal(dx[1], np.zeros(4))
    assert_close(dx[::2], gradients(rule, *inputs(rule, x[::2], t[::2]), dy=dy)[0])


@pytest.mark.parametrize("rule", COUNTING, ids=repr)
def test_if_no_row_counts_the_mean_and_the_gradient_are_0(rule):
    (x,) = normals(3, (3, 4))
    t = np.full(3, -100)
    assert value(rule, *inputs(rule, x, t)) == 0
    for gradient in gradients(rule, *inputs(rule, x, t), dy=1.7):
        assert gradient is None or not np.any(gradient)


@pytest.mark.parametrize("rule", [*COUNTING, PolyLoss(), MulticlassHinge()], ids=repr)
def test_a_label_that_is_no_class_makes_the_loss_nan(rule):
    (x,) = normals(4, (3, 4))
    for wrong in (-1, 4):
        assert np.isnan(value(rule, *inputs(rule, x, np.array([0, wrong, 2]))))


def test_the_mean_divides_by_the_weights_of_the_labels():
    (x,) = normals(5, (3, 4))
    losses = value(SoftmaxCrossEntropyWithLabels("none"), x, LABELS) * W[LABELS]
    assert_close(value(WeightedCrossEntropy(), x, LABELS, W), np.sum(losses) / np.sum(W[LABELS]))


def test_weights_that_grow_together_change_nothing():
    x, dy = normals(6, (3, 4), ())
    dw = gradients(WeightedCrossEntropy(label_smoothing=0.2), x, LABELS, W, dy=dy)[2]
    assert abs(np.sum(dw * W)) < 1e-15


def test_smoothing_gives_every_class_a_share_of_the_label():
    x, dy = normals(7, (3, 4), ())
    smooth = 0.7 * np.eye(4)[LABELS] + 0.3 / 4
    rule = WeightedCrossEntropy(label_smoothing=0.3)
    assert_close(value(rule, x, LABELS, np.ones(4)), value(SoftmaxCrossEntropy(), x, smooth))
    expected = gradients(SoftmaxCrossEntropy(), x, smooth, dy=dy)[0]
    assert_close(gradients(rule, x, LABELS, np.ones(4), dy=dy)[0], expected)


def test_the_gradient_of_a_sure_row_keeps_its_digits_in_float32():
    x = np.array([[18.0, 0.0, 0.0]], np.float32)
    t = np.array([0])
    for rule, w in ((WeightedCrossEntropy(), [np.ones(3, np.float32)]), (PolyLoss(), [])):
        dx = gradients(rule, x, t, *w, dy=np.float32(1.5))[0]
        exact = gradients(rule, x.astype(float), t, *w, dy=1.5)[0]
        assert dx.dtype == np.float32
        assert np.all(np.abs(dx / exact - 1) < 2e-6)


def test_the_cap_bounds_the_loss_of_any_logits():
    x = np.array([[1e30, -1e30, 0.0]], np.float32)
    rule = CappedCrossEntropy("sum", z_loss=0.0, softcap=5.0)
    assert_close(value(rule, x, np.array([1])), np.float32(10.0067), 1e-5)
    assert np.all(np.isfinite(gradients(rule, x, np.array([1]), dy=np.float32(1.5))[0]))


@pytest.mark.parametrize("rule", COUNTING, ids=repr)
def test_jax_has_no_gradient_either_where_rows_do_not_count(rule):
    x, t = normals(12, (3, 4))[0], np.array([1, -100, 3])
    dy, given = np.array(-1.7), inputs(rule, x, t)
    _, (dx,) = by_jax(
        lambda x: registered_reference(rule)(x, *map(jnp.asarray, given[1:])), [x], dy
    )
    assert_close(gradients(rule, *given, dy=dy)[0], dx)
    assert not dx[1].any()


def test_the_z_loss_moves_all_logits_of_a_row_together():
    x, dy = normals(8, (3, 4), ())
    both = (gradients(CappedCrossEntropy("sum", z_loss=z), x, LABELS, dy=dy)[0] for z in (0.1, 0))
    pull = np.subtract(*both) / (1 - np.tanh(x / 30) ** 2)
    s = 30 * np.tanh(x / 30)
    assert_close(np.sum(pull, axis=-1), dy * 0.2 * np.log(np.sum(np.exp(s), axis=-1)))


def test_poly_loss_without_its_term_is_cross_entropy():
    x, dy = normals(9, (3, 4), ())
    plain = SoftmaxCrossEntropyWithLabels()
    assert_close(value(PolyLoss(eps=0.0), x, LABELS), value(plain, x, LABELS))
    expected = gradients(plain, x, LABELS, dy=dy)[0]
    assert_close(gradients(PolyLoss(eps=0.0), x, LABELS, dy=dy)[0], expected)


def test_the_multiclass_hinge_lifts_the_right_class_by_what_it_pushes_down():
    x, dy = normals(10, (3, 4), ())
    dx, _ = gradients(MulticlassHinge(), x, LABELS, dy=dy)
    assert np.max(np.abs(np.sum(dx, axis=-1))) < 1e-16
    assert np.all(dx[np.arange(3), LABELS] * dy <= 0)


def test_a_class_at_the_margin_is_not_pushed():
    x = np.array([[1.0, 0.0, -3.0]])
    assert value(MulticlassHinge(), x, np.array([0])) == 0
    assert not np.any(gradients(MulticlassHinge(), x, np.array([0]), dy=1.7)[0])
