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

_SMALLEST_LEVEL = 8  # px


def blend(
    target: BgrImage, source: NDArray[np.float32], mask: Weights, support: Weights, levels: int
) -> BgrImage:
    """The target with the source in its place where the mask is 1.

    `support` (0–1) is where anything may change at all: the difference fades to nothing at its edge, so that
    what the source shows outside its face never bleeds in from a coarser scale. Deterministic.
    """
    difference = np.asarray(cv2.subtract(source, target, dtype=cv2.CV_32F), dtype=np.float32)
    difference *= support[..., None]
    blended = _blend_difference(difference, mask, levels)
    blended *= support[..., None]
    return np.asarray(cv2.add(target, blended, dtype=cv2.CV_8U), dtype=np.uint8)


def _blend_difference(difference: NDArray[np.float32], mask: Weights, levels: int) -> NDArray[np.float32]:
    """The difference in place of itself, each scale weighted by the mask of that scale."""
    if levels == 0 or min(mask.shape) < _SMALLEST_LEVEL:
        difference *= mask[..., None]
        return difference
    size = (mask.shape[1], mask.shape[0])
    coarse = np.asarray(cv2.pyrDown(difference), dtype=np.float32)
    coarse_mask = np.asarray(cv2.pyrDown(mask), dtype=np.float32)
    difference -= np.asarray(cv2.pyrUp(coarse, dstsize=size), dtype=np.float32)
    difference *= mask[..., None]
    below = _blend_difference(coarse, coarse_mask, levels - 1)
    difference += np.asarray(cv2.pyrUp(below, dstsize=size), dtype=np.float32)
    return difference
