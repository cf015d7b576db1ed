"""What faces are found on and written to, whether it is a picture in memory or the planes of a video frame.

Analysis and swapping see a picture only through a `Canvas`: a small copy to search for faces, and regions
at full resolution to read and write. So a 50-megapixel photo and a YUV video frame cost what their faces
cost, and every pixel that no face touches stays as it was, bit for bit.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

BgrImage = NDArray[np.uint8]
"""Height × width × 3, BGR, 0–255."""

GreyImage = NDArray[np.uint8]
"""Height × width, 0–255."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """A rectangle of whole pixels, right and bottom exclusive, always inside its canvas."""

    left: int  # px
    top: int  # px
    right: int  # px
    bottom: int  # px

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top


class Canvas(Protocol):
    """A picture that faces are read from and written to."""

    @property
    def width(self) -> int:
        """In pixels, after orientation was applied."""
        ...

    @property
    def height(self) -> int:
        """In pixels, after orientation was applied."""
        ...

    def thumbnail(self, long_side_px: int) -> tuple[BgrImage, float]:
        """A copy no larger than `long_side_px`, and its scale (thumbnail px per canvas px, ≤ 1)."""
        ...

    def read(self, region: Region) -> BgrImage:
        """A copy of the region at full resolution."""
        ...

    def write(self, region: Region, pixels: BgrImage, mask: GreyImage) -> None:
        """Stores `pixels` wherever `mask` is not 0; where it is 0 the canvas stays bit-identical.

        `pixels` is already composed: `mask` says where it may differ, it is not an alpha.
        """
        ...


class ArrayCanvas:
    """A picture in memory: one BGR array, changed in place."""

    def __init__(self, pixels: BgrImage) -> None:
        self.pixels = pixels

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])

    def thumbnail(self, long_side_px: int) -> tuple[BgrImage, float]:
        """See `Canvas.thumbnail`; a picture that is small enough is copied as it is.

        Averaging over whole pixels and then interpolating costs a quarter of averaging over broken ones.
        """
        scale = long_side_px / max(self.width, self.height)
        if scale >= 1.0:
            return self.pixels.copy(), 1.0
        step = int(1 / scale)
        whole = self.pixels[: self.height // step * step or 1, : self.width // step * step or 1]
        size = (max(1, round(whole.shape[1] * scale)), max(1, round(whole.shape[0] * scale)))
        if step > 1:
            averaged = (max(1, whole.shape[1] // step), max(1, whole.shape[0] // step))
            whole = np.asarray(cv2.resize(whole, averaged, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8), scale

    def read(self, region: Region) -> BgrImage:
        """See `Canvas.read`."""
        return self.pixels[region.top : region.bottom, region.left : region.right].copy()

    def write(self, region: Region, pixels: BgrImage, mask: GreyImage) -> None:
        """See `Canvas.write`."""
        view = self.pixels[region.top : region.bottom, region.left : region.right]
        np.copyto(view, pixels, where=mask[..., None] != 0)
