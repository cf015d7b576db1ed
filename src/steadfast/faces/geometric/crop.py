"""The part of a region that a face needs, and a small grid laid over it for everything that is smooth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points
from steadfast.faces.geometric.resample import resize
from steadfast.faces.geometric.warp import GridSize


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceCrop:
    """A rectangle of whole pixels inside a region, and the grid over it."""

    left: int  # px
    top: int  # px
    right: int  # px, exclusive
    bottom: int  # px, exclusive
    grid: GridSize

    def cut(self, region: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The crop's pixels of a picture or mask, a view."""
        return region[self.top : self.bottom, self.left : self.right]

    def to_grid(self, points: Points) -> Points:
        """Points of the region in grid coordinates (centres of cells on whole numbers)."""
        return np.asarray((points - (self.left, self.top) + 0.5) * self._scale - 0.5, dtype=np.float32)

    @property
    def _scale(self) -> tuple[float, float]:
        return self.grid.width / (self.right - self.left), self.grid.height / (self.bottom - self.top)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) as OpenCV takes it."""
        return self.right - self.left, self.bottom - self.top

    def shrink(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The crop's pixels at grid size, area-averaged."""
        return resize(pixels, self.grid.width, self.grid.height)


def crop_around(points: Points, width_px: int, height_px: int, *, longest_grid: int) -> FaceCrop | None:
    """The pixels around the points, clipped to a region of this size; None if nothing of them is inside."""
    low = np.floor(np.clip(points.min(axis=0), -1e6, 1e6)).astype(int) - 2
    high = np.ceil(np.clip(points.max(axis=0), -1e6, 1e6)).astype(int) + 3
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(width_px, int(high[0])), min(height_px, int(high[1]))
    if right - left < 4 or bottom - top < 4:
        return None
    scale = min(1.0, longest_grid / max(right - left, bottom - top))
    grid = GridSize(width=max(4, round((right - left) * scale)), height=max(4, round((bottom - top) * scale)))
    return FaceCrop(left=left, top=top, right=right, bottom=bottom, grid=grid)
