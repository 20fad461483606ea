"""Facts of losses of yes and no: certain answers, rare ones, and easy ones."""

import numpy as np

from handgrad import BinaryCrossEntropy, FocalLoss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from tests.rules.running import assert_close, gradients, normals, value
from tests.rules.test_losses import draw

YES = np.array([True, False, True, False])


def test_sigmoid_cross_entropy_is_softmax_cross_entropy_of_x_and_0():
    x, dy = normals(9, (5,), (5,))
    t = draw((5, 2))[1]
    pairs = np.stack([x, np.zeros(5)], axis=1)
    dx, _ = gradients(SigmoidCrossEntropy("none"), x, t[:, 0], dy=dy)
    assert_close(
        value(SigmoidCrossEntropy("none"), x, t[:, 0]), value(SoftmaxCrossEntropy("none"), pairs, t)
    )
    assert_close(dx, gradients(SoftmaxCrossEntropy("none"), pairs, t, dy=dy)[0][:, 0])


def test_the_positive_weight_counts_every_yes_so_many_times():
    x, dy = normals(1, (4,), ())
    t = YES.astype(float)
    dx = gradients(SigmoidCrossEntropy("sum", pos_weight=3.0), x, t, dy=dy)[0]
    thrice = np.concatenate([x, x[YES], x[YES]]), np.concatenate([t, [1, 1, 1, 1]])
    weighted = value(SigmoidCrossEntropy("sum", pos_weight=3.0), x, t)
    assert_close(weighted, value(SigmoidCrossEntropy("sum"), *thrice))
    plain = gradients(SigmoidCrossEntropy("sum"), x, t, dy=dy)[0]
    assert_close(dx, np.where(YES, 3, 1) * plain)


def test_binary_cross_entropy_of_sigmoid_is_that_of_the_logits():
    x, dy = normals(2, (4,), ())
    t = draw((4, 2))[0][:, 0]
    p = 1 / (1 + np.exp(-x))
    dp, dt = gradients(BinaryCrossEntropy(), p, t, dy=dy)
    dx, dt_of_logits = gradients(SigmoidCrossEntropy(), x, t, dy=dy)
    assert_close(value(BinaryCrossEntropy(), p, t), value(SigmoidCrossEntropy(), x, t))
    assert_close(dp * p * (1 - p), dx)
    assert_close(dt, dt_of_logits)


def test_a_certain_answer_costs_nothing_if_right_and_infinitely_much_if_wrong():
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    assert np.array_equal(value(BinaryCrossEntropy("none"), p, t), [0, 0, np.inf, np.inf])
    dp, _ = gradients(BinaryCrossEntropy("sum"), p[:2], t[:2], dy=1.7)
    assert np.array_equal(dp, [1.7, -1.7])


def test_focal_loss_without_its_factor_is_half_of_the_cross_entropy():
    x, dy = normals(3, (4,), ())
    rule = FocalLoss(gamma=0.0, alpha=0.5)
    t = YES.astype(float)
    assert_close(value(rule, x, YES), value(SigmoidCrossEntropy(), x, t) / 2)
    expected = gradients(SigmoidCrossEntropy(), x, t, dy=dy)[0] / 2
    assert_close(gradients(rule, x, YES, dy=dy)[0], expected)


def test_focal_loss_weighs_each_cost_by_a_power_of_what_is_missing():
    (x,) = normals(5, (4,))
    p = 1 / (1 + np.exp(-x))
    right, share = np.where(YES, p, 1 - p), np.where(YES, 0.3, 0.7)
    losses = value(FocalLoss("none", gamma=1.5, alpha=0.3), x, YES)
    assert_close(losses, -share * (1 - right) ** 1.5 * np.log(right))


def test_focal_loss_lets_go_of_what_is_right():
    x = np.array([40.0, 800.0], np.float32)
    for gamma in (0.5, 2.0):
        dx, _ = gradients(FocalLoss("sum", gamma), x, np.array([True, True]), dy=np.float32(1.5))
        assert np.all(np.abs(dx) < 1e-16)
        assert np.all(np.isfinite(value(FocalLoss("none", gamma), -x, np.array([True, True]))))


def test_focal_loss_takes_numbers_for_yes_and_no():
    x, dy = normals(4, (4,), ())
    for t in (YES.astype(float), YES.astype(int)):
        assert value(FocalLoss(), x, t) == value(FocalLoss(), x, YES)
        dx, dt = gradients(FocalLoss(), x, t, dy=dy)
        assert np.array_equal(dx, gradients(FocalLoss(), x, YES, dy=dy)[0])
        assert dt is None
