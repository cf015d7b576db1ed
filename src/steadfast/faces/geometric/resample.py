"""Reading pictures at other places and sizes."""

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.warp import Field

Value = TypeVar("Value", np.uint8, np.float32)


def sample(pixels: NDArray[np.uint8], field: Field) -> NDArray[np.uint8]:
    """The picture at every place of the field, bilinear; beyond its edge the edge is repeated."""
    # OpenCV takes both coordinates in one array when the second map is None; its type stubs do not know.
    found: Any = cv2.remap(pixels, field, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(found, dtype=np.uint8)


def resize(pixels: NDArray[Value], width_px: int, height_px: int) -> NDArray[Value]:
    """The picture enlarged (bilinear) or made smaller (area average); itself if it has that size."""
    if pixels.shape[:2] == (height_px, width_px):
        return pixels
    smaller = width_px * height_px < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width_px, height_px), interpolation=method), dtype=pixels.dtype)
