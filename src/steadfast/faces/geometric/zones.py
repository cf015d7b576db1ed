"""Where the parts of a face lie on a grid: filled outlines of landmarks, softened."""

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points
from steadfast.faces.geometric.warp import GridSize

Weights = NDArray[np.float32]
"""Height × width, 0–1."""

_SHIFT = 4  # OpenCV's fixed-point bits for sub-pixel outlines


def fill_outline(points: Points, size: GridSize) -> Weights:
    """1 inside the closed outline, 0 outside, with antialiased edges."""
    mask = np.zeros((size.height, size.width), dtype=np.uint8)
    fixed = np.round(np.clip(points, -8192, 8192) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
    return np.asarray(mask * np.float32(1 / 255), dtype=np.float32)


def draw_line(points: Points, size: GridSize, thickness: float) -> Weights:
    """1 on the open line through the points; `thickness` in grid points, at least one."""
    mask = np.zeros((size.height, size.width), dtype=np.uint8)
    fixed = np.round(np.clip(points, -8192, 8192) * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(mask, [fixed], False, 255, max(1, round(thickness)), cv2.LINE_AA, _SHIFT)
    return np.asarray(mask * np.float32(1 / 255), dtype=np.float32)


def fill_hull(points: Points, size: GridSize, grow: float = 1.0) -> Weights:
    """1 inside the convex hull of the points, grown about its middle."""
    hull = cv2.convexHull(points.astype(np.float32)).reshape(-1, 2)
    middle = hull.mean(axis=0)
    return fill_outline((middle + (hull - middle) * grow).astype(np.float32), size)


def soften(mask: Weights, sigma: float) -> Weights:
    """A Gaussian blur; `sigma` in grid points, none below 0.3."""
    if sigma < 0.3:
        return mask
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), dtype=np.float32)


def shrink_inwards(mask: Weights, radius: float) -> Weights:
    """The mask eroded by a disc of this many grid points."""
    size = 2 * max(0, round(radius)) + 1
    if size == 1:
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(
        cv2.erode(mask, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0.0), dtype=np.float32
    )


def grow_outwards(mask: Weights, radius: float) -> Weights:
    """The mask dilated by a disc of this many grid points."""
    size = 2 * max(0, round(radius)) + 1
    if size == 1:
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(mask, disc), dtype=np.float32)
