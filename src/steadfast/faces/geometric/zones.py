"""Where the parts of a face lie on a grid: filled outlines of landmarks, softened."""

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points
from steadfast.faces.geometric.warp import GridSize

Weights = NDArray[np.float32]
"""Height × width, 0–1."""

Value = TypeVar("Value", np.uint8, np.float32)

_FARTHEST_PX = np.float32(8192)
_SHIFT = 4  # OpenCV's fixed-point bits for sub-pixel outlines


def fill_outline(points: Points, size: GridSize) -> Weights:
    """1 inside the closed outline, 0 outside, with antialiased edges."""
    mask = np.zeros((size.height, size.width), dtype=np.uint8)
    cv2.fillPoly(mask, [_fixed(points)], 255, cv2.LINE_AA, _SHIFT)
    return np.asarray(mask * np.float32(1 / 255), dtype=np.float32)


def fill_hulls(groups: Sequence[Points], size: GridSize, grow: float = 1.0) -> Weights:
    """1 inside the convex hull of each group of points, grown about its middle."""
    mask = np.zeros((size.height, size.width), dtype=np.uint8)
    for points in groups:
        hull = np.asarray(cv2.convexHull(points), dtype=np.float32).reshape(-1, 2)
        if grow != 1.0:
            middle = hull.sum(axis=0) / np.float32(len(hull))
            hull = middle + (hull - middle) * np.float32(grow)
        cv2.fillConvexPoly(mask, _fixed(hull), 255, cv2.LINE_AA, _SHIFT)
    return np.asarray(mask * np.float32(1 / 255), dtype=np.float32)


def _fixed(points: Points) -> NDArray[np.int32]:
    """The points in OpenCV's fixed point, as far as it can draw them."""
    # Not np.clip, which takes longer than all the rest on a dozen points.
    near = np.minimum(np.maximum(points, -_FARTHEST_PX), _FARTHEST_PX)
    return np.asarray(np.rint(near * (1 << _SHIFT)), dtype=np.int32)


def soften(mask: Weights, sigma: float) -> Weights:
    """A Gaussian blur; `sigma` in grid points, none below 0.3."""
    if sigma < 0.3:
        return mask
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), dtype=np.float32)


def shrink_inwards(mask: NDArray[Value], radius: float) -> NDArray[Value]:
    """The mask eroded by a disc of this many grid points."""
    reach = max(0, round(radius))
    if reach == 0:
        return mask
    eroded = cv2.erode(mask, _disc(reach), borderType=cv2.BORDER_CONSTANT, borderValue=0.0)
    return np.asarray(eroded, dtype=mask.dtype)


def grow_outwards(mask: NDArray[Value], radius: float) -> NDArray[Value]:
    """The mask dilated by a disc of this many grid points."""
    reach = max(0, round(radius))
    if reach == 0:
        return mask
    return np.asarray(cv2.dilate(mask, _disc(reach)), dtype=mask.dtype)


@cache
def _disc(radius: int) -> NDArray[np.uint8]:
    size = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)
