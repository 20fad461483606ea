"""Facts of normalization: what the output's moments are, and what the gradient cannot contain."""

import numpy as np
import pytest

from handgrad import BatchNorm, DyT, L2Normalize, LayerNorm, RMSNorm, Standardize, Tanh
from tests.rules.running import (
    assert_close,
    assert_like_torch,
    assert_verified,
    gradients,
    normals,
    value,
)


def draw_rows(*shape):
    """x, γ, β, and the upstream gradient of y, for LayerNorm."""
    x, gamma, beta, dy = normals(3, shape, shape[-1], shape[-1], shape)
    return (3 * x + 2, gamma, beta), dy


def test_layer_norm_output_has_mean_beta_and_spread_gamma():
    (x, _, _), _ = draw_rows(4, 3, 6)
    y = value(LayerNorm(eps=0.1), x, np.full(6, -2.0), np.full(6, 5.0))
    var = np.var(x, axis=-1)
    assert_close(np.mean(y, axis=-1), np.full((4, 3), 5.0))
    assert_close(np.var(y, axis=-1), 4 * var / (var + 0.1))


def test_layer_norm_gradient_is_orthogonal_to_ones():
    inputs, dy = draw_rows(4, 3, 6)
    dx, _, _ = gradients(LayerNorm(eps=0.1), *inputs, dy=dy)
    assert np.max(np.abs(np.sum(dx, axis=-1))) < 1e-14
    assert np.max(np.abs(dx)) > 0.1


def test_layer_norm_gradient_without_eps_is_orthogonal_to_x():
    inputs, dy = draw_rows(4, 3, 6)
    dx, _, _ = gradients(LayerNorm(eps=0), *inputs, dy=dy)
    assert np.max(np.abs(np.sum(dx * inputs[0], axis=-1))) < 1e-13


def test_layer_norm_does_not_see_a_shift_nor_without_eps_a_scale():
    (x, *params), dy = draw_rows(4, 6)
    once, moved = (gradients(LayerNorm(eps=0), a, *params, dy=dy) for a in (x, 4 * x - 7))
    for actual, expected in zip(moved, (once[0] / 4, *once[1:]), strict=True):
        assert_close(actual, expected)


def test_layer_norm_is_batch_norm_across_the_other_axis():
    (x, _, _), dy = draw_rows(4, 6)
    layer, batch = (np.ones(6), np.zeros(6)), (np.ones(4), np.zeros(4))
    none = np.zeros(4)
    y, *_ = value(BatchNorm(), x.T, *batch)
    dx, _, _ = gradients(BatchNorm(), x.T, *batch, dy=(dy.T, none, none))
    assert_close(value(LayerNorm(), x, *layer), y.T)
    assert_close(gradients(LayerNorm(), x, *layer, dy=dy)[0], dx.T)


def test_layer_norm_takes_leading_axes_as_rows():
    (x, *params), dy = draw_rows(4, 3, 6)
    together = gradients(LayerNorm(), x, *params, dy=dy)
    flat = gradients(LayerNorm(), x.reshape(12, 6), *params, dy=dy.reshape(12, 6))
    alone = gradients(LayerNorm(), x[2, 1], *params, dy=dy[2, 1])
    assert_close(together[0].reshape(12, 6), flat[0])
    assert_close(together[1], flat[1])
    assert_close(together[2], flat[2])
    assert_close(together[0][2, 1], alone[0])


def test_layer_norm_of_one_number_is_beta_and_has_no_gradient_but_betas():
    (x, gamma, beta), dy = draw_rows(4, 1)
    dx, d_gamma, d_beta = gradients(LayerNorm(), x, gamma, beta, dy=dy)
    assert_close(value(LayerNorm(), x, gamma, beta), np.tile(beta, (4, 1)))
    assert not np.any([*dx, d_gamma])
    assert_close(d_beta, np.sum(dy, axis=0))


def test_layer_norm_of_two_numbers_has_a_gradient_of_the_order_of_eps():
    (x, gamma, beta), dy = draw_rows(5, 2)
    dx, _, _ = gradients(LayerNorm(), x, gamma, beta, dy=dy)
    r = 1 / np.sqrt(np.var(x, axis=-1, keepdims=True) + 1e-5)
    d = gamma * dy - np.mean(gamma * dy, axis=-1, keepdims=True)
    assert np.max(np.abs(dx - 1e-5 * r**3 * d)) < 1e-15 * np.max(np.abs(r * d))


def test_layer_norm_of_a_constant_row_is_beta_and_divides_by_the_root_of_eps():
    (_, gamma, beta), dy = draw_rows(4, 6)
    x = np.full((4, 6), 2.5)
    dx, d_gamma, _ = gradients(LayerNorm(eps=0.01), x, gamma, beta, dy=dy)
    assert_close(value(LayerNorm(), x, gamma, beta), np.tile(beta, (4, 1)))
    assert_close(dx, (gamma * dy - np.mean(gamma * dy, axis=-1, keepdims=True)) / 0.1)
    assert not d_gamma.any()


def test_layer_norm_far_from_0_keeps_its_digits_in_float32():
    (x, *params), dy = draw_rows(4, 6)
    single = [a.astype(np.float32) for a in (x + 1000, *params)]
    double, upstream = [a.astype(float) for a in single], dy.astype(np.float32)
    tolerance = 1e-4  # a mean of 1000 is rounded to 6e-5; E(x²) − μ² would be off by 0.06
    assert_close(value(LayerNorm(), *single), value(LayerNorm(), *double), tolerance)
    expected = gradients(LayerNorm(), *double, dy=upstream.astype(float))
    for actual, wanted in zip(gradients(LayerNorm(), *single, dy=upstream), expected, strict=True):
        assert_close(actual, wanted, tolerance)


def test_layer_norm_of_no_rows_gives_parameters_gradient_0():
    empty = np.empty((2, 0, 3))
    dx, d_gamma, d_beta = gradients(LayerNorm(), empty, np.ones(3), np.ones(3), dy=empty)
    assert dx.shape == (2, 0, 3)
    assert not np.any([d_gamma, d_beta])


@pytest.mark.parametrize("shape", [(3,), (1, 4), (5, 1), (2, 1, 3, 7)], ids=repr)
def test_layer_norm_takes_any_number_of_rows(shape):
    (x, *params), _ = draw_rows(*shape)
    assert_verified(LayerNorm(eps=0.1), x, *params)


def test_layer_norm_without_scale_and_shift_is_standardize():
    (x, _, _), dy = draw_rows(4, 6)
    plain = (np.ones(6), np.zeros(6))
    assert_close(value(Standardize(), x), value(LayerNorm(), x, *plain))
    dx, *_ = gradients(LayerNorm(), x, *plain, dy=dy)
    assert_close(gradients(Standardize(), x, dy=dy)[0], dx)


def test_rms_norm_of_rows_with_mean_0_is_layer_norm():
    (x, gamma, _), dy = draw_rows(4, 6)
    x -= np.mean(x, axis=-1, keepdims=True)
    assert_close(value(RMSNorm(eps=0.1), x, gamma), value(LayerNorm(eps=0.1), x, gamma, 0 * gamma))
    d_layer, d_rms = (
        gradients(rule(eps=0.1), x, *params, dy=dy)[0]
        for rule, params in ((LayerNorm, (gamma, 0 * gamma)), (RMSNorm, (gamma,)))
    )
    assert_close(d_layer, d_rms - np.mean(d_rms, axis=-1, keepdims=True))


def test_rms_norm_gradient_without_eps_is_orthogonal_to_x_for_any_gamma():
    (x, gamma, _), dy = draw_rows(4, 3, 6)
    dx, _ = gradients(RMSNorm(eps=0), x, gamma, dy=dy)
    assert np.max(np.abs(np.sum(dx * x, axis=-1))) < 1e-13
    assert np.max(np.abs(dx)) > 0.1


def test_rms_norm_of_zeros_is_0_and_divides_by_the_root_of_eps():
    (_, gamma, _), dy = draw_rows(4, 6)
    x = np.zeros((4, 6))
    dx, d_gamma = gradients(RMSNorm(eps=0.01), x, gamma, dy=dy)
    assert_close(dx, gamma * dy / 0.1)
    assert not np.any(value(RMSNorm(), x, gamma))
    assert not d_gamma.any()


def test_l2_normalize_gives_length_1_and_a_gradient_orthogonal_to_x():
    (x, dy) = normals(4, (5, 3, 4), (5, 3, 4))
    for axis in range(3):
        rule = L2Normalize(axis)
        (dx,) = gradients(rule, x, dy=dy)
        assert_close(np.sum(value(rule, x) ** 2, axis=axis), np.ones_like(x.sum(axis)))
        assert np.max(np.abs(np.sum(dx * x, axis=axis))) < 1e-13
        assert np.max(np.abs(dx)) > 0.1


@pytest.mark.parametrize("length", [0, 1, 2])
def test_l2_normalize_up_to_eps_divides_by_eps(length):
    (dy,) = normals(5, (1, 2))
    x = length * np.array([[0.6, 0.8]])
    assert_close(value(L2Normalize(eps=2), x), x / 2)
    assert_close(gradients(L2Normalize(eps=2), x, dy=dy)[0], dy / 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_l2_normalize_of_the_largest_and_smallest_numbers_has_length_1(dtype):
    (dy,) = normals(6, (1, 2))
    for scale in (np.finfo(dtype).max / 2, np.finfo(dtype).tiny * 8):
        x = np.array([[0.6, 0.8]], dtype) * dtype(scale)
        rule = L2Normalize(eps=0)
        assert_close(value(rule, x), [[0.6, 0.8]], 1e-6)
        expected = gradients(rule, np.array([[0.6, 0.8]]), dy=dy)[0]
        assert_close(gradients(rule, x, dy=dy.astype(dtype))[0] * scale, expected, 1e-6)


def test_dyt_is_tanh_with_a_slope_that_every_number_shares():
    x, gamma, beta, dy = normals(7, (4, 3, 6), 6, 6, (4, 3, 6))
    alpha = np.array(0.7)
    dx, d_alpha, d_gamma, d_beta = gradients(DyT(), x, alpha, gamma, beta, dy=dy)
    (da,) = gradients(Tanh(), alpha * x, dy=gamma * dy)
    assert_close(value(DyT(), x, alpha, gamma, beta), gamma * value(Tanh(), alpha * x) + beta)
    assert_close(dx, da * alpha)
    assert_close(d_alpha, np.sum(da * x))
    assert_close(d_gamma, np.sum(dy * np.tanh(alpha * x), axis=(0, 1)))
    assert_close(d_beta, np.sum(dy, axis=(0, 1)))


IN_TORCH = {
    LayerNorm(): (3, lambda f: lambda x, gamma, beta: f.layer_norm(x, (6,), gamma, beta)),
    Standardize(): (1, lambda f: lambda x: f.layer_norm(x, (6,))),
    RMSNorm(): (2, lambda f: lambda x, gamma: f.rms_norm(x, (6,), gamma, 1e-6)),
    L2Normalize(0): (1, lambda f: lambda x: f.normalize(x, dim=0)),
}


@pytest.mark.parametrize("rule", IN_TORCH, ids=repr)
def test_rows_are_normalized_as_in_torch(rule):
    count, function = IN_TORCH[rule]
    since = "2.4" if rule == RMSNorm() else "2.3"  # before it, torch has no rms_norm
    assert_like_torch(rule, function, *normals(8, (4, 6), 6, 6)[:count], since=since)
