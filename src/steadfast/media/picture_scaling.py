"""Pictures made smaller where there is not enough memory for all their pixels."""

from dataclasses import replace

import cv2
import numpy as np

from steadfast.media.picture_encoders import Samples
from steadfast.media.pictures import Picture


def scaled_down(picture: Picture, max_side_px: int) -> Picture:
    """The picture with its longer side at most `max_side_px`; itself where it is smaller, or where that is 0.

    By whole averages, so that nothing aliases; 16 bits and transparency are kept.
    """
    longest = max(picture.width, picture.height)
    if not max_side_px or longest <= max_side_px:
        return picture
    scale = max_side_px / longest
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    deep, alpha = picture.deep_pixels, picture.alpha
    return replace(
        picture,
        pixels=np.asarray(cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8),
        deep_pixels=None if deep is None else _resized(deep, size),
        alpha=None if alpha is None else _resized(alpha, size),
    )


def _resized(samples: Samples, size: tuple[int, int]) -> Samples:
    return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA), dtype=samples.dtype)
