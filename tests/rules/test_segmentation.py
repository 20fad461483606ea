"""Facts of segmentation: overlaps, empty masks, and what weighs more."""

import numpy as np
import pytest

from handgrad import Dice, Tversky
from tests.rules.running import assert_close, gradients, value

RNG = np.random.default_rng(1)
P, T = RNG.uniform(size=(2, 3, 4)), RNG.uniform(size=(2, 3, 4))
MASKS = np.array([[[1.0, 1, 0, 0]], [[1, 0, 0, 0]]]), np.array([[[1.0, 0, 0, 0]], [[1, 1, 1, 0]]])


def test_dice_is_tversky_with_equal_halves():
    half = Tversky("none", 0.5, 0.5, smooth=0.2)
    dy = np.array([1.7, -0.6])
    assert_close(value(Dice("none", smooth=0.4), P, T), value(half, P, T))
    for ours, theirs in zip(
        gradients(Dice("none", smooth=0.4), P, T, dy=dy), gradients(half, P, T, dy=dy), strict=True
    ):
        assert_close(ours, theirs)


def test_dice_of_masks_is_twice_the_overlap_by_the_two_areas():
    assert_close(value(Dice("none", smooth=0.0), *MASKS), np.array([1 / 3, 1 / 2]))
    assert_close(value(Dice("none", smooth=1.0), *MASKS), np.array([1 / 4, 2 / 5]))


@pytest.mark.parametrize("rule", [Dice("none"), Tversky("none")], ids=repr)
def test_more_where_the_mask_is_lowers_the_loss_and_more_elsewhere_raises_it(rule):
    p, mask = MASKS
    dp, _ = gradients(rule, p, mask, dy=np.array([1.7, 0.6]))
    assert np.all(dp[mask == 1] < 0)
    assert np.all(dp[mask == 0] > 0)


def test_tversky_with_weights_of_1_is_the_jaccard_index():
    losses = value(Tversky("none", 1.0, 1.0, smooth=0.0), *MASKS)
    assert_close(1 - losses, np.array([1 / 2, 1 / 3]))


def test_alpha_weighs_what_is_too_much_and_beta_what_is_missing():
    too_much, missing = value(Tversky("none", 0.0, 1.0, smooth=0.0), *MASKS)
    assert_close(np.array([too_much, missing]), np.array([0, 2 / 3]))


@pytest.mark.parametrize("rule", [Dice(smooth=0.0), Tversky(smooth=0.0)], ids=repr)
def test_empty_masks_overlap_wholly_and_do_not_move(rule):
    empty = np.zeros((2, 3, 4))
    assert value(rule, empty, empty) == 0
    for gradient in gradients(rule, empty, empty, dy=1.7):
        assert np.array_equal(gradient, empty)


@pytest.mark.parametrize("rule", [Dice(), Tversky()], ids=repr)
def test_every_image_is_judged_by_itself(rule):
    both = gradients(rule, P, T, dy=2.0)
    alone = gradients(rule, P[:1], T[:1], dy=1.0)
    for pair, one in zip(both, alone, strict=True):
        assert_close(pair[:1], one)


def test_one_mask_may_serve_all_images_and_gathers_their_gradients():
    _, dt = gradients(Tversky(), P, T[0], dy=1.7)
    _, each = gradients(Tversky(), P, np.stack([T[0], T[0]]), dy=1.7)
    assert_close(dt, np.sum(each, axis=0))
