"""Facts of normalized weights: their lengths, their stretches, and what their gradients lack."""

import numpy as np
import pytest

from handgrad import SpectralNorm, WeightNorm
from tests.rules.running import assert_close, gradients, normals, value


def test_weight_norm_gives_each_row_the_length_g():
    v, g = normals(1, (4, 3, 2), (4,))
    y = value(WeightNorm(), v, g)
    assert_close(np.sqrt(np.sum(y**2, axis=(1, 2))), np.abs(g))


def test_weight_norm_gradient_is_orthogonal_to_v():
    v, g, dy = normals(2, (4, 5), (4,), (4, 5))
    dv, dg = gradients(WeightNorm(), v, g, dy=dy)
    assert np.max(np.abs(np.sum(dv * v, axis=1))) < 1e-14
    assert_close(dg, np.sum(dy * v, axis=1) / np.linalg.norm(v, axis=1))
    assert np.max(np.abs(dv)) > 0.1


def test_weight_norm_does_not_see_how_long_v_is():
    v, g, dy = normals(3, (4, 5), (4,), (4, 5))
    assert_close(value(WeightNorm(), 1e200 * v, g), value(WeightNorm(), v, g))
    once, longer = (gradients(WeightNorm(), a * v, g, dy=dy) for a in (1, 1e200))
    assert_close(longer[0] * 1e200, once[0])
    assert_close(longer[1], once[1])


def test_a_row_of_zeros_stays_0_and_moves_no_other():
    v, g, dy = normals(4, (3, 4), (3,), (3, 4))
    v[1] = 0
    dv, dg = gradients(WeightNorm(), v, g, dy=dy)
    assert not np.any(value(WeightNorm(), v, g)[1])
    assert not np.any([*dv[1], dg[1]])
    others = gradients(WeightNorm(), v[::2], g[::2], dy=dy[::2])
    assert_close(dv[::2], others[0])
    assert_close(dg[::2], others[1])


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 3, 2), (1, 4), (4, 1)], ids=repr)
def test_spectral_norm_leaves_a_largest_stretch_of_1(shape):
    (W,) = normals(5, shape)
    y = value(SpectralNorm(), W)
    assert y.shape == shape
    assert_close(np.linalg.norm(y.reshape(shape[0], -1), 2), 1.0)


def test_spectral_norm_gradient_is_orthogonal_to_the_weights():
    W, dy = normals(6, (3, 5), (3, 5))
    (dW,) = gradients(SpectralNorm(), W, dy=dy)
    assert abs(np.sum(dW * W)) < 1e-14
    assert np.max(np.abs(dW)) > 0.1


def test_spectral_norm_of_a_diagonal_feels_its_stretch_at_the_largest_number_alone():
    (dy,) = normals(7, (3, 3))
    (dW,) = gradients(SpectralNorm(), np.diag([1.0, -4.0, 2.0]), dy=dy)
    stretch = dy[0, 0] / 4 - dy[1, 1] + dy[2, 2] / 2  # ⟨dy, y⟩
    expected = (dy - np.diag([0, -stretch, 0])) / 4
    assert_close(dW, expected)


def test_a_matrix_of_zeros_stays_0():
    dy, zeros = normals(8, (3, 2))[0], np.zeros((3, 2))
    assert not value(SpectralNorm(), zeros).any()
    assert not gradients(SpectralNorm(), zeros, dy=dy)[0].any()
