"""A crop goes back to where it was cut from, softly, and nothing else of the region changes."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from steadfast.faces.alignment import ARCFACE_128, align_crop, warp_crop
from steadfast.faces.face import Points
from steadfast.faces.neural.pasting import feathered_square, paste, place_mask

RNG = np.random.default_rng(5)


def noise(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def waves(height: int, width: int) -> np.ndarray:
    """Smooth enough to survive being resampled twice."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [np.sin(x / 23 + k) * np.cos(y / 31 - k) for k in range(3)]
    return np.rint(127.5 + 100 * np.stack(planes, axis=-1)).astype(np.uint8)


@pytest.fixture
def points5(template_points: Callable[[str, int], Points], placed: Callable[..., Points]) -> Points:
    return placed(template_points("arcface_128", 128), degrees=-14.0, scale=1.3, shift=(60, 110))


def test_a_crop_that_was_not_changed_leaves_the_region_as_it_was(points5: Points) -> None:
    region = waves(320, 340)
    crop, matrix = align_crop(region, points5, ARCFACE_128, 256)
    patch = paste(region, crop, feathered_square(256, 0.1), matrix)
    assert (patch.mask == 255).any()
    assert_allclose(patch.pixels.astype(int), region.astype(int), atol=3)


def test_where_the_mask_is_0_every_pixel_is_the_regions_own(points5: Points) -> None:
    region = noise(320, 340)
    _, matrix = align_crop(region, points5, ARCFACE_128, 256)
    patch = paste(region, noise(256, 256), feathered_square(256, 0.2), matrix)
    assert 0 < np.count_nonzero(patch.mask) < patch.mask.size
    assert_array_equal(patch.pixels[patch.mask == 0], region[patch.mask == 0])


def test_where_the_mask_is_full_the_crop_shows(points5: Points) -> None:
    region = noise(320, 340)
    _, matrix = align_crop(region, points5, ARCFACE_128, 256)
    crop = np.full((256, 256, 3), (1, 2, 3), dtype=np.uint8)
    patch = paste(region, crop, feathered_square(256, 0.1), matrix)
    assert_array_equal(
        patch.pixels[patch.mask == 255], np.broadcast_to((1, 2, 3), (np.sum(patch.mask == 255), 3))
    )


def test_what_is_not_seen_is_not_touched(points5: Points) -> None:
    region = noise(320, 340)
    _, matrix = align_crop(region, points5, ARCFACE_128, 256)
    seen = np.zeros((320, 340), dtype=np.uint8)
    seen[:, 170:] = 255
    patch = paste(region, noise(256, 256), feathered_square(256, 0.1), matrix, seen=seen)
    assert (patch.mask[:, :170] == 0).all()
    assert (patch.mask[:, 170:] > 0).any()
    assert_array_equal(patch.pixels[:, :170], region[:, :170])


def test_opacity_mixes_with_what_was_there(points5: Points) -> None:
    region = np.full((320, 340, 3), 100, dtype=np.uint8)
    _, matrix = align_crop(region, points5, ARCFACE_128, 256)
    patch = paste(
        region, np.full((256, 256, 3), 200, np.uint8), feathered_square(256, 0.1), matrix, opacity=0.8
    )
    assert patch.pixels.max() == 180


def test_a_face_outside_the_region_changes_nothing(points5: Points) -> None:
    region = noise(100, 100)
    _, matrix = align_crop(region, points5 + 5000, ARCFACE_128, 256)
    patch = paste(region, noise(256, 256), feathered_square(256, 0.1), matrix)
    assert not patch.mask.any()
    assert_array_equal(patch.pixels, region)


@pytest.mark.parametrize("scale", [0.11, 0.3, 0.55])
def test_a_crop_much_larger_than_its_face_is_averaged_into_it(
    template_points: Callable[[str, int], Points], placed: Callable[..., Points], scale: float
) -> None:
    points = placed(template_points("arcface_128", 512), degrees=0.0, scale=scale, shift=(30.25, 20.75))
    region = np.zeros((360, 380, 3), dtype=np.uint8)
    _, matrix = align_crop(region, points, ARCFACE_128, 512)
    crop = waves(512, 512)
    stripes = crop.copy()
    stripes[:, ::2] = 255
    stripes[:, 1::2] = 0
    full = np.ones((512, 512), dtype=np.float32)
    placed_stripes = paste(region, stripes, full, matrix)
    inside = placed_stripes.pixels[placed_stripes.mask == 255]
    if scale < 0.5:
        assert_allclose(inside.astype(float), 127.5, atol=45)
    back = warp_crop(paste(region, crop, full, matrix).pixels, matrix, 512)
    assert np.abs(back[40:-40, 40:-40].astype(int) - crop[40:-40, 40:-40]).mean() < 6


def test_the_feather_is_0_at_the_edge_1_inside_and_never_falls_inwards() -> None:
    square = feathered_square(128, 0.2)
    assert (square[0] == 0).all()
    assert (square[:, -1] == 0).all()
    assert (square[26:-26, 26:-26] == 1).all()
    assert (np.diff(square[64, :64]) >= 0).all()
    assert_array_equal(square, square.T)


def test_a_mask_outside_its_crop_is_0() -> None:
    matrix = np.array([[1, 0, -40], [0, 1, -30]], dtype=np.float32)
    placed = place_mask(np.ones((16, 16), dtype=np.float32), matrix, (64, 80))
    assert placed.shape == (64, 80)
    assert (placed[30:46, 40:56] == 255).all()
    assert placed.sum() == 255 * 16 * 16
