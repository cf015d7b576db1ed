"""A canvas of 16 bits per channel, for those who see only 8."""

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.media.canvas import BgrImage, GreyImage, Region

DeepImage = NDArray[np.uint16]
"""Height × width × 3, BGR, 0–65535."""

_STEP = 257  # 65535 / 255: the 16-bit distance between neighbouring 8-bit values


def upper_bits(deep: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The 8-bit copy: 0 stays 0 and 65535 becomes 255."""
    return (deep >> 8).astype(np.uint8)


class DeepCanvas:
    """A 16-bit picture in memory, changed in place; see `Canvas` for the promises.

    It is read as its upper 8 bits. What is written is the change against them, so that a region written back
    unchanged keeps its lower bits too, also under the mask.
    """

    def __init__(self, deep_pixels: DeepImage) -> None:
        self.deep_pixels = deep_pixels

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.deep_pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.deep_pixels.shape[0])

    def thumbnail(self, long_side_px: int) -> tuple[BgrImage, float]:
        """See `Canvas.thumbnail`."""
        scale = long_side_px / max(self.width, self.height)
        if scale >= 1.0:
            return upper_bits(self.deep_pixels), 1.0
        size = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
        small = cv2.resize(self.deep_pixels, size, interpolation=cv2.INTER_AREA)
        return upper_bits(np.asarray(small, dtype=np.uint16)), scale

    def read(self, region: Region) -> BgrImage:
        """See `Canvas.read`."""
        return upper_bits(self._view(region))

    def write(self, region: Region, pixels: BgrImage, mask: GreyImage) -> None:
        """See `Canvas.write`."""
        view = self._view(region)
        change = pixels.astype(np.int32) - upper_bits(view)
        changed = np.clip(view + change * _STEP, 0, 65535).astype(np.uint16)
        np.copyto(view, changed, where=mask[..., None] != 0)

    def _view(self, region: Region) -> DeepImage:
        return self.deep_pixels[region.top : region.bottom, region.left : region.right]
