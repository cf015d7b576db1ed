"""Pixels reach networks as red, green and blue planes in exactly the numbers of their contract."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from steadfast.faces.neural.pixel_coding import IMAGENET, SCRFD, SIGNED, UNIT, PixelCoding

BGR = (10, 128, 250)


@pytest.mark.parametrize(
    ("coding", "rgb"),
    [
        (UNIT, (250 / 255, 128 / 255, 10 / 255)),
        (SIGNED, (250 / 127.5 - 1, 128 / 127.5 - 1, 10 / 127.5 - 1)),
        (SCRFD, ((250 - 127.5) / 128, (128 - 127.5) / 128, (10 - 127.5) / 128)),
        (
            IMAGENET,
            ((250 / 255 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (10 / 255 - 0.406) / 0.225),
        ),
    ],
)
def test_a_colour_becomes_the_numbers_of_the_contract(
    coding: PixelCoding, rgb: tuple[float, float, float]
) -> None:
    image = np.full((4, 6, 3), BGR, dtype=np.uint8)
    planes = coding.encode_one(image)
    assert planes.shape == (1, 3, 4, 6)
    assert planes.dtype == np.float32
    assert planes.flags.c_contiguous
    for plane, value in zip(planes[0], rgb, strict=True):
        assert_allclose(plane, value, atol=1e-6)


@pytest.mark.parametrize("coding", [UNIT, SIGNED, SCRFD, IMAGENET])
def test_every_pixel_survives_the_way_there_and_back(coding: PixelCoding) -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    assert_array_equal(coding.decode(coding.encode(images)), images)


def test_what_a_network_overshoots_is_clipped_not_wrapped() -> None:
    planes = np.array([-3.0, 3.0, 0.2], dtype=np.float32).reshape(1, 3, 1, 1)
    assert SIGNED.decode(planes).ravel().tolist() == [153, 255, 0]


def test_rows_and_columns_keep_their_places() -> None:
    image = np.zeros((3, 5, 3), dtype=np.uint8)
    image[2, 4] = (0, 0, 255)
    assert UNIT.encode_one(image)[0, 0, 2, 4] == 1.0
