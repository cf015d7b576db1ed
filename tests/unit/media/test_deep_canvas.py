"""A 16-bit picture is changed by those who see 8 bits without losing the others."""

import numpy as np
import pytest
from numpy.typing import NDArray

from steadfast.media.canvas import Region
from steadfast.media.deep_canvas import DeepCanvas, upper_bits

EVERYTHING = Region(left=0, top=0, right=40, bottom=30)


@pytest.fixture
def deep() -> NDArray[np.uint16]:
    return np.random.default_rng(7).integers(0, 65536, (30, 40, 3)).astype(np.uint16)


def test_it_reads_as_its_upper_bits(deep: NDArray[np.uint16]) -> None:
    canvas = DeepCanvas(deep)
    assert (canvas.width, canvas.height) == (40, 30)
    assert (canvas.read(EVERYTHING) == deep >> 8).all()
    assert upper_bits(np.array([0, 255, 256, 65535], np.uint16)).tolist() == [0, 0, 1, 255]


def test_what_is_written_back_unchanged_keeps_its_lower_bits(deep: NDArray[np.uint16]) -> None:
    canvas = DeepCanvas(deep.copy())
    canvas.write(EVERYTHING, canvas.read(EVERYTHING), np.full((30, 40), 255, np.uint8))
    assert (canvas.deep_pixels == deep).all()


def test_where_the_mask_is_zero_nothing_changes_and_elsewhere_it_reads_as_written(
    deep: NDArray[np.uint16],
) -> None:
    canvas = DeepCanvas(deep.copy())
    mask = np.zeros((10, 10), np.uint8)
    mask[:, 5:] = 1
    region = Region(left=3, top=4, right=13, bottom=14)
    pixels = np.random.default_rng(8).integers(0, 256, (10, 10, 3)).astype(np.uint8)
    canvas.write(region, pixels, mask)
    changed = (canvas.deep_pixels != deep).any(axis=2)
    assert not changed[:, :8].any()
    assert not changed[14:].any()
    difference = canvas.read(region)[:, 5:].astype(int) - pixels[:, 5:]
    assert np.abs(difference).max() <= 1


def test_black_and_white_are_reached(deep: NDArray[np.uint16]) -> None:
    canvas = DeepCanvas(deep)
    for value in (0, 255):
        canvas.write(EVERYTHING, np.full((30, 40, 3), value, np.uint8), np.full((30, 40), 255, np.uint8))
        assert (canvas.read(EVERYTHING) == value).all()


def test_the_thumbnail_is_8_bit_and_no_larger_than_asked(deep: NDArray[np.uint16]) -> None:
    small, scale = DeepCanvas(deep).thumbnail(20)
    assert small.shape == (15, 20, 3)
    assert small.dtype == np.uint8
    assert scale == 0.5
    same, one = DeepCanvas(deep).thumbnail(100)
    assert one == 1.0
    assert (same == deep >> 8).all()
