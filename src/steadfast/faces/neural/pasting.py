"""Putting an aligned crop back where it was cut from, softly."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.alignment import Transform
from steadfast.faces.roles import Patch
from steadfast.media.canvas import BgrImage, GreyImage

Mask = NDArray[np.float32]
"""Height × width, 0–1."""


@lru_cache(maxsize=16)
def feathered_square(size_px: int, feather: float) -> Mask:
    """1 inside, falling smoothly to 0 at the edge over that fraction of the side; read-only."""
    to_edge = np.minimum(np.arange(size_px), np.arange(size_px)[::-1]).astype(np.float32)
    across = np.clip(to_edge / max(feather * size_px, 1.0), 0, 1)
    ramp = across * across * (3 - 2 * across)
    square = np.asarray(np.minimum.outer(ramp, ramp), dtype=np.float32)
    square.setflags(write=False)
    return square


def paste(
    region: BgrImage,
    crop: BgrImage,
    mask: Mask,
    matrix: Transform,
    *,
    seen: GreyImage | None = None,
    opacity: float = 1.0,
) -> Patch:
    """The region with the crop laid over it where the mask, and what is seen of the face, allow.

    `matrix` takes the region's pixels to the crop's; `crop` and `mask` have the crop's size, `seen` (0–255)
    the region's. Wherever the patch's mask is 0 its pixels are the region's own, bit for bit.
    """
    alpha = place_mask(mask * np.float32(opacity), matrix, region.shape[:2])
    if seen is not None:
        alpha = np.asarray(cv2.multiply(alpha, seen, scale=1 / 255), dtype=np.uint8)
    pixels = region.copy()
    left, top, width, height = cv2.boundingRect(alpha)
    if width and height:
        window = (slice(top, top + height), slice(left, left + width))
        shifted = matrix.copy()  # the window's own pixels to the crop's
        shifted[:, 2] += matrix[:, :2] @ np.array((left, top), dtype=np.float32)
        placed = _placed(crop, shifted, (height, width), cv2.BORDER_REPLICATE)
        pixels[window] = _mix(region[window], placed, alpha[window])
    return Patch(pixels=pixels, mask=alpha)


def place_mask(mask: Mask, matrix: Transform, shape: tuple[int, ...]) -> GreyImage:
    """The crop's mask in a region of that height and width, 0–255, 0 outside the crop."""
    placed = _placed(mask, matrix, (shape[0], shape[1]), cv2.BORDER_CONSTANT)
    return np.asarray(np.rint(np.clip(placed, 0, 1) * 255), dtype=np.uint8)


def _mix(below: BgrImage, above: BgrImage, alpha: GreyImage) -> BgrImage:
    share = alpha[..., None].astype(np.float32) / np.float32(255)
    mixed = below + share * (above.astype(np.float32) - below)
    return np.rint(mixed).astype(np.uint8)


def _placed(crop: NDArray[Any], matrix: Transform, shape: tuple[int, int], border: int) -> NDArray[Any]:
    """The crop in a picture of that height and width, averaged first where it shrinks to half or less."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))  # crop pixels per region pixel
    factor = int(scale)
    if factor >= 2:
        side = crop.shape[0] // factor
        ratio = np.float32(side / crop.shape[0])
        crop = np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA))
        matrix = matrix * ratio
        matrix[:, 2] += (ratio - 1) / 2  # pixel centres: x of the small one = (x + ½) · ratio − ½
    return np.asarray(
        cv2.warpAffine(
            crop,
            matrix,
            (shape[1], shape[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=border,
        )
    )
