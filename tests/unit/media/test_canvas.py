"""A picture in memory is searched small, read in parts, and written only where the mask says so."""

import numpy as np
import pytest

from steadfast.media.canvas import ArrayCanvas, BgrImage, Region

REGION = Region(left=3, top=2, right=9, bottom=7)


def noise(width: int, height: int) -> BgrImage:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_writing_changes_what_the_mask_covers_and_nothing_else() -> None:
    before = noise(20, 10)
    canvas = ArrayCanvas(before.copy())
    mask = np.zeros((5, 6), dtype=np.uint8)
    mask[1, 2] = 1  # any value but 0 counts: the pixels are composed already
    canvas.write(REGION, np.full((5, 6, 3), 200, dtype=np.uint8), mask)
    changed = (canvas.pixels != before).any(axis=2)
    assert np.argwhere(changed).tolist() == [[3, 5]]
    assert canvas.pixels[3, 5].tolist() == [200, 200, 200]


def test_what_is_read_is_a_copy() -> None:
    canvas = ArrayCanvas(noise(20, 10))
    part = canvas.read(REGION)
    assert part.shape == (5, 6, 3)
    np.testing.assert_array_equal(part, canvas.pixels[2:7, 3:9])
    part[:] = 0
    assert canvas.pixels[2:7, 3:9].any()


@pytest.mark.parametrize("size", [(640, 480), (4000, 3000), (1090, 930), (1, 5000), (5000, 1), (1281, 721)])
def test_a_thumbnail_is_no_larger_than_asked_and_says_its_scale(size: tuple[int, int]) -> None:
    width, height = size
    small, scale = ArrayCanvas(np.zeros((height, width, 3), dtype=np.uint8)).thumbnail(320)
    assert max(small.shape[:2]) <= 320
    assert min(small.shape[:2]) >= 1
    assert scale == 320 / max(size)
    assert small.shape[1] == pytest.approx(max(1, width * scale), abs=2)


def test_a_thumbnail_shows_the_mean_of_what_it_replaces() -> None:
    stripes = np.zeros((600, 600, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    small, _ = ArrayCanvas(stripes).thumbnail(100)
    assert np.abs(small.astype(int) - 100).max() <= 1


def test_a_small_picture_is_its_own_thumbnail_as_a_copy() -> None:
    canvas = ArrayCanvas(noise(20, 10))
    small, scale = canvas.thumbnail(640)
    assert scale == 1
    np.testing.assert_array_equal(small, canvas.pixels)
    assert not np.shares_memory(small, canvas.pixels)
