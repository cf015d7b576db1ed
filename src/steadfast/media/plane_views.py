"""The planes of a video frame as arrays that share its memory."""

from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from steadfast.media.canvas import GreyImage, Region
from steadfast.media.pixel_layout import Arrangement, PixelLayout, layout_of

Plane = NDArray[Any]
"""uint8 or uint16, rows × columns (× 2 where chroma is interleaved, × 3 or 4 where RGB is packed)."""


def plane_views(frame: VideoFrame) -> list[Plane]:
    """All planes of a frame as arrays that share its memory, without the padding at the end of each row.

    The format must have a layout. The views are valid while the frame is, until it is made writable.
    """
    layout = layout_of(frame.format.name)
    assert layout is not None, frame.format.name
    return _views(frame, layout)


def _views(frame: VideoFrame, layout: PixelLayout) -> list[Plane]:
    views = []
    for index, plane in enumerate(frame.planes):
        samples = 1
        if layout.arrangement is Arrangement.PACKED_RGB:
            samples = layout.samples
        elif layout.arrangement is Arrangement.SEMI_PLANAR and index == 1:
            samples = 2
        dtype = np.uint8 if layout.sample_bytes == 1 else np.uint16
        rows: Plane = np.frombuffer(memoryview(plane), dtype=dtype).reshape(plane.height, -1)
        view = rows[:, : plane.width * samples]
        views.append(view if samples == 1 else view.reshape(plane.height, plane.width, samples))
    return views


def colour_views(frame: VideoFrame, layout: PixelLayout) -> list[Plane]:
    """The planes that hold colours, as `plane_views` answers them."""
    return _views(frame, layout)[:3]  # a fourth plane is alpha, which stays as it is


def cut(plane: Plane, region: Region) -> Plane:
    """The region of a plane of full size; a view."""
    return plane[region.top : region.bottom, region.left : region.right]


def shrink_blocks(samples: Plane, mask: GreyImage, across: int, down: int) -> tuple[Plane, GreyImage]:
    """Means of blocks of `down` × `across`, and a mask of the blocks in which any pixel is masked."""
    over_bottom, over_right = -mask.shape[0] % down, -mask.shape[1] % across
    if over_bottom or over_right:
        border = (0, over_bottom, 0, over_right)
        samples = cv2.copyMakeBorder(samples, *border, cv2.BORDER_REPLICATE)
        mask = np.asarray(cv2.copyMakeBorder(mask, *border, cv2.BORDER_CONSTANT, value=0), dtype=np.uint8)
    size = (mask.shape[1] // across, mask.shape[0] // down)
    any_masked = mask[::down, ::across]
    for row in range(down):
        for column in range(across):
            if row or column:
                any_masked = any_masked | mask[row::down, column::across]
    return cv2.resize(samples, size, interpolation=cv2.INTER_AREA), np.ascontiguousarray(any_masked)
