"""Facts of resampling: what a pixel of y shows, and which pixels of x it came from."""

import numpy as np
import pytest

from handgrad import GridSample, PixelShuffle, Repeat, Upsample
from tests.rules.running import assert_close, assert_like_torch, gradients, normals, value

PADDINGS = ["zeros", "border", "reflection"]


@pytest.mark.parametrize("factor", [2, 3])
def test_shuffled_pixels_are_those_of_torch(factor):
    (x,) = normals(1, (2, 2 * factor**2, 3, 4))
    assert_like_torch(PixelShuffle(factor), lambda f: lambda x: f.pixel_shuffle(x, factor), x)


def test_channels_that_do_not_fill_a_square_are_refused():
    with pytest.raises(ValueError, match="6 channels are not a multiple of 2 × 2"):
        PixelShuffle().forward(np.zeros((1, 6, 2, 2)))


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("factor", [(2, 2), (3, 4), (1, 5)])
def test_a_larger_image_is_that_of_torch(mode, factor):
    (x,) = normals(2, (2, 3, 4, 5))
    assert_like_torch(
        Upsample(factor, mode),
        lambda f: lambda x: f.interpolate(x, scale_factor=factor, mode=mode),
        x,
    )


def test_the_nearest_pixel_is_repeated():
    x, dy = normals(3, (2, 3, 4, 5), (2, 3, 8, 15))
    rows, columns = Repeat(2, axis=2), Repeat(3, axis=3)
    rule = Upsample((2, 3), "nearest")
    assert np.array_equal(value(rule, x), value(columns, value(rows, x)))
    (d_rows,) = gradients(columns, value(rows, x), dy=dy)
    assert_close(gradients(rule, x, dy=dy)[0], gradients(rows, x, dy=d_rows)[0])


def test_interpolation_keeps_the_whole_gradient():
    x, dy = normals(4, (1, 2, 3, 4), (1, 2, 6, 12))
    (dx,) = gradients(Upsample((2, 3)), x, dy=dy)
    assert_close(np.sum(dx), np.sum(dy))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("align_corners", [False, True])
def test_a_sampled_image_is_that_of_torch(padding, align_corners):
    (x,) = normals(5, (2, 3, 4, 5))
    grid = 2.5 * normals(6, (2, 6, 7, 2))[0]  # far beyond the image, too
    assert_like_torch(
        GridSample(padding, align_corners),
        lambda f: (
            lambda x, grid: f.grid_sample(
                x, grid, padding_mode=padding, align_corners=align_corners
            )
        ),
        x,
        grid,
        tolerance=1e-11,
    )


def centres(n):
    """Where the centres of n pixels are on a grid from −1 to 1, exactly."""
    return (2 * np.arange(n) + 1) / n - 1


@pytest.mark.parametrize("padding", PADDINGS)
def test_the_centres_of_the_pixels_give_the_image(padding):
    (x,) = normals(7, (1, 2, 4, 4))
    grid = np.stack(np.meshgrid(centres(4), centres(4)), axis=-1)[None]
    assert_close(value(GridSample(padding), x, grid), x)


@pytest.mark.parametrize("padding", PADDINGS)
def test_at_a_pixel_the_gradient_of_the_grid_is_that_of_torch(padding):
    (x,) = normals(8, (1, 2, 4, 4))
    grid = np.stack(np.meshgrid(centres(4), centres(4)), axis=-1)[None]
    assert_like_torch(
        GridSample(padding),
        lambda f: lambda x, grid: f.grid_sample(x, grid, padding_mode=padding, align_corners=False),
        x,
        grid,
    )


def test_the_gradient_of_a_place_is_the_difference_of_the_pixels_beside_it():
    x = np.array([[[[1.0, 4.0, 9.0, 16.0]]]])
    grid = np.array([[[[0.1, 0.0]]]])  # between the second and the third pixel
    _, dgrid = gradients(GridSample(), x, grid, dy=np.full((1, 1, 1, 1), 0.5))
    assert_close(dgrid[0, 0, 0, 0], 0.5 * (9 - 4) * 4 / 2)


def test_beyond_the_border_a_place_does_not_move_the_value():
    x, dy = normals(9, (1, 2, 3, 3), (1, 2, 1, 2))
    grid = np.array([[[[1.7, -3.0], [-1.2, 9.0]]]])
    dx, dgrid = gradients(GridSample("border"), x, grid, dy=dy)
    assert not dgrid.any()
    assert_close(np.sum(dx), np.sum(dy))
    assert not gradients(GridSample("zeros"), x, 3 * grid, dy=dy)[0].any()


def test_a_mirrored_place_moves_backwards():
    (x,) = normals(10, (1, 1, 1, 4))
    inside, beyond = np.array([[[[0.5, 0.0]]]]), np.array([[[[1.5, 0.0]]]])
    dy = np.full((1, 1, 1, 1), 1.5)
    rule = GridSample("reflection")
    assert_close(value(rule, x, beyond), value(rule, x, inside))
    there, back = (gradients(rule, x, grid, dy=dy)[1] for grid in (inside, beyond))
    assert there[..., 0] != 0
    assert_close(back, -there)


def test_an_image_of_whole_numbers_is_interpolated_like_that_of_the_same_fractions():
    x = np.arange(12).reshape(1, 1, 3, 4)
    assert_close(value(Upsample(), x), value(Upsample(), x.astype(float)))
