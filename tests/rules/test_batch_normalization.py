"""Facts of batch normalization: what the output's moments are, and what the gradient cannot contain."""

import numpy as np
import pytest

from handgrad import BatchNorm, BatchNorm2d, BatchNormInference, BatchNormInference2d
from tests.rules.running import assert_close, assert_verified, gradients, normals, value

SHAPES = [(6, 3), (4, 3, 2, 5)]
TRAINING = dict(zip(SHAPES, (BatchNorm, BatchNorm2d), strict=True))
INFERENCE = dict(zip(SHAPES, (BatchNormInference, BatchNormInference2d), strict=True))
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=["rows", "images"])


def draw(shape, seed=0):
    """x, γ, β, the upstream gradient of y, and none for the statistics."""
    x, gamma, beta, dy = normals(seed, shape, shape[1], shape[1], shape)
    return (3 * x + 2, gamma, beta), (dy, np.zeros(shape[1]), np.zeros(shape[1]))


def axes(x):
    return (0, *range(2, x.ndim))


@each_shape
def test_the_statistics_are_numpys_mean_and_var(shape):
    inputs, _ = draw(shape)
    _, mean, var = value(TRAINING[shape](), *inputs)
    assert_close(mean, np.mean(inputs[0], axis=axes(inputs[0])))
    assert_close(var, np.var(inputs[0], axis=axes(inputs[0])))


@each_shape
def test_the_output_has_mean_beta_and_spread_gamma(shape):
    (x, gamma, beta), _ = draw(shape)
    y, _, var = value(TRAINING[shape](eps=0.1), x, gamma, beta)
    assert_close(np.mean(y, axis=axes(x)), beta)
    assert_close(np.var(y, axis=axes(x)), gamma**2 * var / (var + 0.1))


@each_shape
def test_batch_norm_gradient_is_orthogonal_to_ones(shape):
    inputs, dy = draw(shape)
    dx, _, _ = gradients(TRAINING[shape](eps=0.1), *inputs, dy=dy)
    assert np.max(np.abs(np.sum(dx, axis=axes(dx)))) < 1e-13
    assert np.max(np.abs(dx)) > 0.01


@each_shape
def test_batch_norm_gradient_without_eps_is_orthogonal_to_x(shape):
    inputs, dy = draw(shape)
    dx, _, _ = gradients(TRAINING[shape](eps=0), *inputs, dy=dy)
    assert np.max(np.abs(np.sum(dx * inputs[0], axis=axes(dx)))) < 1e-13


@each_shape
def test_batch_norm_does_not_see_a_shift_nor_without_eps_a_scale(shape):
    (x, *params), dy = draw(shape)
    rule = TRAINING[shape](eps=0)
    once, moved = (gradients(rule, a, *params, dy=dy) for a in (x, 4 * x - 7))
    assert_close(value(rule, 4 * x - 7, *params)[0], value(rule, x, *params)[0])
    for actual, expected in zip(moved, (once[0] / 4, *once[1:]), strict=True):
        assert_close(actual, expected)


@each_shape
def test_the_statistics_have_the_gradients_of_a_mean_and_a_variance(shape):
    inputs, (dy, dm, ds) = draw(shape)
    dm, ds = normals(1, dm.shape, ds.shape)
    dx, d_gamma, d_beta = gradients(TRAINING[shape](), *inputs, dy=(0 * dy, dm, ds))
    x = np.moveaxis(inputs[0], 1, -1)
    n = x.size / x.shape[-1]
    expected = (dm + 2 * ds * (x - np.mean(x, axis=tuple(range(x.ndim - 1))))) / n
    assert_close(np.moveaxis(dx, 1, -1), expected)
    assert not d_gamma.any()
    assert not d_beta.any()


@each_shape
def test_with_the_batchs_own_statistics_inference_is_training(shape):
    inputs, dy = draw(shape)
    y, mean, var = value(TRAINING[shape](), *inputs)
    assert_close(value(INFERENCE[shape](), *inputs, mean, var), y)
    given = gradients(INFERENCE[shape](), *inputs, mean, var, dy=dy[0])
    through = gradients(TRAINING[shape](), *inputs, dy=(0 * dy[0], *given[3:]))
    whole = gradients(TRAINING[shape](), *inputs, dy=dy)
    assert_close(whole[0], given[0] + through[0])
    assert_close(whole[1], given[1])
    assert_close(whole[2], given[2])


def test_positions_of_images_are_rows_of_a_batch():
    (x, *params), (dy, dm, ds) = draw((4, 3, 2, 5))
    dm, ds = normals(2, dm.shape, ds.shape)
    rows = (np.moveaxis(a, 1, -1).reshape(-1, 3) for a in (x, dy))
    x_rows, dy_rows = rows
    images = gradients(BatchNorm2d(), x, *params, dy=(dy, dm, ds))
    flat = gradients(BatchNorm(), x_rows, *params, dy=(dy_rows, dm, ds))
    assert_close(np.moveaxis(images[0], 1, -1).reshape(-1, 3), flat[0])
    assert_close(images[1], flat[1])
    assert_close(images[2], flat[2])


@each_shape
def test_channels_do_not_see_each_other(shape):
    (x, gamma, beta), dy = draw(shape)
    alone = gradients(
        TRAINING[shape](),
        x[:, 1:2],
        gamma[1:2],
        beta[1:2],
        dy=(dy[0][:, 1:2], dy[1][:1], dy[2][:1]),
    )
    together = gradients(TRAINING[shape](), x, gamma, beta, dy=dy)
    assert_close(together[0][:, 1:2], alone[0])


def test_a_batch_of_one_row_is_beta_and_has_no_gradient_but_betas():
    (x, gamma, beta), dy = draw((1, 3))
    y, _, var = value(BatchNorm(), x, gamma, beta)
    dx, d_gamma, d_beta = gradients(BatchNorm(), x, gamma, beta, dy=dy)
    assert_close(y[0], beta)
    assert not np.any([var, dx[0], d_gamma])
    assert_close(d_beta, dy[0][0])


def test_a_constant_column_is_beta_and_divides_by_the_root_of_eps():
    (_, gamma, beta), dy = draw((6, 3))
    x = np.full((6, 3), 2.5)
    dx, d_gamma, _ = gradients(BatchNorm(eps=0.01), x, gamma, beta, dy=dy)
    assert_close(value(BatchNorm(), x, gamma, beta)[0], np.tile(beta, (6, 1)))
    assert_close(dx, gamma * (dy[0] - np.mean(dy[0], axis=0)) / 0.1)
    assert not d_gamma.any()


@each_shape
def test_batch_norm_far_from_0_keeps_its_digits_in_float32(shape):
    (x, *params), dy = draw(shape)
    single = [(x + 1000).astype(np.float32), *(p.astype(np.float32) for p in params)]
    upstream = tuple(d.astype(np.float32) for d in dy)
    double, d_double = ([a.astype(float) for a in arrays] for arrays in (single, upstream))
    rule = TRAINING[shape]()
    tolerance = 1e-3  # a mean of 1000 is rounded to 6e-5; E(x²) − μ² would be off by 0.06
    assert_close(value(rule, *single)[2], value(rule, *double)[2], tolerance)
    assert_close(value(rule, *single)[0], value(rule, *double)[0], tolerance)
    expected = gradients(rule, *double, dy=tuple(d_double))
    for actual, wanted in zip(gradients(rule, *single, dy=upstream), expected, strict=True):
        assert_close(actual, wanted, tolerance)


@pytest.mark.parametrize("shape", [(2, 1), (9, 1), (2, 7)], ids=repr)
def test_one_channel_or_two_rows_will_do(shape):
    (x, *params), _ = draw(shape)
    assert_verified(BatchNorm(eps=0.1), x, *params)


@pytest.mark.parametrize("shape", [(1, 3, 2, 5), (5, 2, 1, 1), (2, 1, 3, 1)], ids=repr)
def test_one_image_or_one_position_will_do(shape):
    (x, *params), _ = draw(shape)
    assert_verified(BatchNorm2d(eps=0.1), x, *params)


@pytest.mark.parametrize("empty", [(0, 3), (0, 3, 2, 5)], ids=["rows", "images"])
def test_inference_on_no_rows_gives_parameters_gradient_0(empty):
    rule = INFERENCE[SHAPES[len(empty) // 4]]()
    stats = np.ones(3), np.ones(3), np.ones(3), np.ones(3)
    dx, *others = gradients(rule, np.empty(empty), *stats, dy=np.empty(empty))
    assert dx.shape == empty
    assert not np.any(others)


@pytest.mark.parametrize("empty", [(0, 3), (0, 3, 2, 5)], ids=["rows", "images"])
def test_the_mean_of_no_rows_is_nan_and_their_gradient_empty(empty):
    rule = TRAINING[SHAPES[len(empty) // 4]]()
    with pytest.warns(RuntimeWarning) as seen:
        (y, mean, _), residuals = rule.forward(np.empty(empty), np.ones(3), np.ones(3))
    assert "Mean of empty slice" in str(seen[0].message)
    assert y.shape == empty
    assert np.all(np.isnan(mean))
    dx, d_gamma, d_beta = rule.backward(residuals, (np.empty(empty), np.ones(3), np.ones(3)))
    assert dx.shape == empty
    assert not np.any([d_gamma, d_beta])
