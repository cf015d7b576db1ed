"""Blends two pictures over several scales: coarse differences over wide seams, fine ones over narrow seams.

After Burt and Adelson, "A multiresolution spline with application to image mosaics" (1983). Blending is
linear, so only the pyramid of the difference is built and added to the target: where it vanishes the target
is untouched.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.zones import Weights
from steadfast.media.canvas import BgrImage


def blend(
    target: BgrImage, source: NDArray[np.float32], mask: Weights, support: Weights, levels: int
) -> BgrImage:
    """The target with the source in its place where the mask is 1.

    `support` (0–1) is where anything may change at all: the difference fades to nothing at its edge, so that
    what the source shows outside its face never bleeds in from a coarser scale. Deterministic.
    """
    base = target.astype(np.float32)
    difference = (source - base) * support[..., None]
    blended = _blend_difference(difference, mask, levels) * support[..., None]
    return np.asarray(cv2.convertScaleAbs(np.maximum(base + blended, 0)), dtype=np.uint8)


def _blend_difference(difference: NDArray[np.float32], mask: Weights, levels: int) -> NDArray[np.float32]:
    if levels == 0 or min(mask.shape) < 8:
        return difference * mask[..., None]
    size = (mask.shape[1], mask.shape[0])
    coarse, coarse_mask = cv2.pyrDown(difference), cv2.pyrDown(mask)
    detail = difference - cv2.pyrUp(coarse, dstsize=size)
    below = _blend_difference(
        np.asarray(coarse, dtype=np.float32), np.asarray(coarse_mask, dtype=np.float32), levels - 1
    )
    return np.asarray(detail * mask[..., None] + cv2.pyrUp(below, dstsize=size), dtype=np.float32)
