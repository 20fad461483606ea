"""Facts of normalization by channels: which numbers share their moments, and which windows overlap."""

import numpy as np
import pytest

from handgrad import GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value


def draw(*shape):
    """x, γ, β, and the upstream gradient of y."""
    x, gamma, beta, dy = normals(3, shape, shape[1], shape[1], shape)
    return (3 * x + 2, gamma, beta), dy


def test_every_group_of_channels_has_mean_0_and_variance_1():
    (x, _, _), _ = draw(3, 6, 2, 5)
    y = value(GroupNorm(groups=2, eps=0), x, np.ones(6), np.zeros(6)).reshape(3, 2, -1)
    assert np.max(np.abs(np.mean(y, axis=-1))) < 1e-14
    assert_close(np.var(y, axis=-1), np.ones((3, 2)))


def test_group_norm_gradient_is_orthogonal_to_ones_and_to_x_in_each_group():
    (x, *params), dy = draw(3, 6, 2, 5)
    dx, _, _ = gradients(GroupNorm(groups=2, eps=0), x, *params, dy=dy)
    rows, along = dx.reshape(3, 2, -1), x.reshape(3, 2, -1)
    assert np.max(np.abs(np.sum(rows, axis=-1))) < 1e-13
    assert np.max(np.abs(np.sum(rows * along, axis=-1))) < 1e-12
    assert np.max(np.abs(dx)) > 0.1


def test_one_group_without_positions_is_layer_norm():
    inputs, dy = draw(4, 6)
    rule, layer = GroupNorm(groups=1, eps=0.1), LayerNorm(eps=0.1)
    assert_close(value(rule, *inputs), value(layer, *inputs))
    together = zip(gradients(rule, *inputs, dy=dy), gradients(layer, *inputs, dy=dy), strict=True)
    for actual, expected in together:
        assert_close(actual, expected)


def test_a_group_for_each_channel_is_instance_norm():
    inputs, dy = draw(3, 4, 5)
    groups, instances = GroupNorm(groups=4), InstanceNorm()
    assert_close(value(groups, *inputs), value(instances, *inputs))
    assert_close(gradients(groups, *inputs, dy=dy)[0], gradients(instances, *inputs, dy=dy)[0])


def test_examples_do_not_see_each_other():
    (x, *params), dy = draw(3, 4, 2, 5)
    rules = {GroupNorm(groups=2): params, InstanceNorm(): params, LocalResponseNorm(size=3): ()}
    for rule, inputs in rules.items():
        whole, *_ = gradients(rule, x, *inputs, dy=dy)
        alone, *_ = gradients(rule, x[1:2], *inputs, dy=dy[1:2])
        assert_close(whole[1:2], alone)


def test_no_examples_give_parameters_gradient_0():
    empty = np.empty((0, 4, 3))
    for rule in (GroupNorm(groups=2), InstanceNorm()):
        dx, d_gamma, d_beta = gradients(rule, empty, np.ones(4), np.ones(4), dy=empty)
        assert dx.shape == (0, 4, 3)
        assert not np.any([d_gamma, d_beta])


def test_a_channel_of_one_position_is_beta_and_has_no_gradient_but_betas():
    (x, gamma, beta), dy = draw(3, 4, 1, 1)
    dx, d_gamma, d_beta = gradients(InstanceNorm(), x, gamma, beta, dy=dy)
    assert_close(value(InstanceNorm(), x, gamma, beta)[0, :, 0, 0], beta)
    assert not dx.any()
    assert not d_gamma.any()
    assert_close(d_beta, np.sum(dy, axis=(0, 2, 3)))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_channels_response_reaches_as_far_as_its_window(size):
    x, dy = normals(4, (1, 9), (1, 9))
    dy[0, :4] = dy[0, 5:] = 0
    (dx,) = gradients(LocalResponseNorm(size, alpha=0.5), x, dy=dy)
    reached = np.flatnonzero(dx[0])
    assert reached.tolist() == list(range(4 - size // 2, 5 + (size - 1) // 2))


IN_TORCH = {
    GroupNorm(groups=2): (3, lambda f: lambda x, gamma, beta: f.group_norm(x, 2, gamma, beta)),
    InstanceNorm(): (
        3,
        lambda f: lambda x, gamma, beta: f.instance_norm(x, weight=gamma, bias=beta),
    ),
    LocalResponseNorm(): (1, lambda f: lambda x: f.local_response_norm(x, 5)),
    LocalResponseNorm(4, 0.5, 0.6, 2.0): (
        1,
        lambda f: lambda x: f.local_response_norm(x, 4, 0.5, 0.6, 2.0),
    ),
}


@pytest.mark.parametrize("rule", IN_TORCH, ids=repr)
def test_channels_are_normalized_as_in_torch(rule):
    count, function = IN_TORCH[rule]
    assert_like_torch(rule, function, *normals(8, (3, 6, 2, 5), 6, 6)[:count])
