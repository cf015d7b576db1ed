"""Tiles are whole faces, and together they are the picture."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from steadfast.errors import InvalidOption
from steadfast.faces.neural.pixel_boost import join, split, tiles_per_side


@pytest.mark.parametrize("tiles", [1, 2, 4, 8])
def test_splitting_and_joining_gives_the_picture_back(tiles: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    faces = split(image, tiles)
    assert faces.shape == (tiles * tiles, 128 // tiles, 128 // tiles, 3)
    assert_array_equal(join(faces, tiles), image)


def test_a_tile_is_every_nth_pixel_from_its_own_start() -> None:
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    faces = split(image, 2)
    assert_array_equal(faces[1], image[0::2, 1::2])
    assert_array_equal(faces[2], image[1::2, 0::2])


def test_each_tile_shows_the_whole_face() -> None:
    y, x = np.mgrid[0:256, 0:256]
    image = np.repeat(np.hypot(x - 128, y - 128)[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)
    for face in split(image, 2):
        assert_allclose(face.astype(float), image[::2, ::2].astype(float), atol=2.5)


@pytest.mark.parametrize(
    ("boost", "model", "tiles"),
    [(0, 128, 1), (256, 128, 2), (512, 128, 4), (1024, 128, 8), (256, 256, 1), (1024, 256, 4)],
)
def test_the_boost_says_how_many_tiles(boost: int, model: int, tiles: int) -> None:
    assert tiles_per_side(boost, model) == tiles


def test_a_boost_that_does_not_divide_is_refused() -> None:
    with pytest.raises(InvalidOption, match="300"):
        tiles_per_side(300, 128)
