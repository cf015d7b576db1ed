"""Swapping a face at more pixels than the network has: interleaved tiles, each a whole face."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import InvalidOption
from steadfast.faces.neural.pixel_coding import BgrBatch
from steadfast.media.canvas import BgrImage


def tiles_per_side(boost_px: int, model_px: int) -> int:
    """How many tiles make one side; 1 without a boost. Raises InvalidOption where the sides do not divide."""
    if boost_px <= model_px:
        return 1
    if boost_px % model_px:
        raise InvalidOption(
            f"A pixel boost of {boost_px} is no multiple of the model's {model_px} pixels.",
            remedy="Use a boost of 256, 512 or 1024.",
        )
    return boost_px // model_px


def split(image: BgrImage, tiles: int) -> BgrBatch:
    """tiles² whole faces, each of every `tiles`-th pixel: tile (i, j), row by row, starts at row i, column j.

    The network sees a complete face in every tile, so tiles agree with each other as neighbouring pixels do.
    """
    side = image.shape[0] // tiles
    grid = image.reshape(side, tiles, side, tiles, 3)
    return np.ascontiguousarray(grid.transpose(1, 3, 0, 2, 4)).reshape(tiles * tiles, side, side, 3)


def join(faces: NDArray[Any], tiles: int) -> NDArray[Any]:
    """The picture whose tiles these are; undoes `split`. Faces are N × side × side × channels."""
    side, channels = faces.shape[1], faces.shape[3]
    grid = faces.reshape(tiles, tiles, side, side, channels).transpose(2, 0, 3, 1, 4)
    return np.ascontiguousarray(grid).reshape(side * tiles, side * tiles, channels)
