"""Facts of ranking: who is ahead by the margin is left alone."""

import numpy as np
import pytest

from handgrad import Hinge, MarginRanking, TripletMargin
from tests.rules.running import assert_close, gradients, normals, value

SIGNS = np.array([1.0, -1.0, 1.0, -1.0])


def test_what_is_right_by_more_than_the_margin_is_left_alone():
    x = np.array([1.5, -0.9, -2.0, -3.0])
    assert_close(value(Hinge("none"), x, SIGNS), np.array([0, 0.1, 3.0, 0]))
    dx, _ = gradients(Hinge("sum"), x, SIGNS, dy=1.7)
    assert np.array_equal(dx, [0, 1.7, -1.7, 0])


@pytest.mark.parametrize(
    ("rule", "inputs"),
    [
        (Hinge(), (np.array([1.0]), np.array([1.0]))),
        (MarginRanking(), (np.array([2.0]), np.array([2.0]), np.array([-1.0]))),
        (TripletMargin(eps=0.0), (np.zeros((1, 2)), np.array([[1.0, 0]]), np.array([[2.0, 0]]))),
    ],
    ids=repr,
)
def test_at_the_margin_the_slope_is_0(rule, inputs):
    assert value(rule, *inputs) == 0
    for gradient in gradients(rule, *inputs, dy=1.7):
        assert not np.any(gradient)


def test_margin_ranking_is_the_hinge_of_the_lead():
    a, b, dy = normals(1, (4,), (4,), ())
    lead, t = a - b, SIGNS
    rule, hinge = MarginRanking(margin=0.3), Hinge(margin=0.3)
    da, db, dt = gradients(rule, a, b, t, dy=dy)
    d_lead, dt_of_hinge = gradients(hinge, lead, t, dy=dy)
    assert_close(value(rule, a, b, t), value(hinge, lead, t))
    assert_close(da, d_lead)
    assert_close(db, -d_lead)
    assert_close(dt, dt_of_hinge)


def test_a_triplet_pulls_its_three_points_with_forces_that_cancel():
    a, p, n, dy = normals(2, (9, 3), (9, 3), (9, 3), (9,))
    forces = gradients(TripletMargin("none"), a, p, n, dy=dy)
    assert np.max(np.abs(sum(forces))) < 1e-15
    pulled = value(TripletMargin("none"), a, p, n) > 0
    assert 0 < np.sum(pulled) < 9
    assert_close(np.linalg.norm(forces[1], axis=-1), np.where(pulled, np.abs(dy), 0))


def test_a_distance_of_0_has_no_direction_without_eps():
    a = np.array([[1.0, 2.0]])
    da, dp, dn = gradients(TripletMargin(eps=0.0), a, a, np.array([[1.3, 2.4]]), dy=1.7)
    assert not np.any(dp)
    assert_close(dn, 1.7 * np.array([[-0.6, -0.8]]), 1e-10)
    assert_close(da, -dn)
