"""A square cut around a face and turned so that the eyes lie level: what landmark networks are given."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.alignment import inverse_transform, transform_points, warp_crop
from steadfast.faces.face import Detection, Points
from steadfast.media.canvas import BgrImage

_MIN_SIDE_PX = 4.0  # below it there is nothing to see


@dataclass(frozen=True, kw_only=True, slots=True)
class UprightCrop:
    """A turned square of a picture."""

    center: tuple[float, float]  # (x, y) px of the picture
    side_px: float  # in the picture
    angle_rad: float  # direction of the crop's x axis in the picture, clockwise as seen
    size_px: int  # side of what is cut
    stretch: float = 1.0  # how many times as wide as high the square is in the picture

    @property
    def scale_px(self) -> float:
        """Picture pixels per crop pixel."""
        return self.side_px / self.size_px

    @property
    def matrix(self) -> NDArray[np.float32]:
        """2 × 3, from crop pixels to picture pixels."""
        cos, sin = np.cos(self.angle_rad) * self.scale_px, np.sin(self.angle_rad) * self.scale_px
        linear = np.array([[cos * self.stretch, -sin], [sin * self.stretch, cos]])
        middle = (self.size_px - 1) / 2  # pixel centres lie on whole numbers
        shift = np.array(self.center) - linear @ (middle, middle)
        return np.column_stack((linear, shift)).astype(np.float32)

    def to_image(self, points: Points) -> Points:
        """N × 2 crop pixels as picture pixels."""
        return transform_points(self.matrix, points)

    def cut(self, image: BgrImage) -> BgrImage:
        """size × size × 3; the picture's edge repeats where the square reaches outside it."""
        return warp_crop(image, inverse_transform(self.matrix), self.size_px)


def crop_around_detection(detection: Detection, *, factor: float, size_px: int) -> UprightCrop | None:
    """The square of `factor` × the box's longer side, turned by its eyes; None where there is no extent."""
    box, points5 = detection.box, detection.points5
    if points5 is not None and not np.isfinite(points5).all():
        return None
    side = max(box.width, box.height) * factor
    angle = 0.0 if points5 is None else _direction(points5[0], points5[1])
    if not np.isfinite((*box.center, side)).all() or side < _MIN_SIDE_PX:
        return None
    return UprightCrop(center=box.center, side_px=side, angle_rad=angle, size_px=size_px)


def crop_around_points(points: Points, *, eyes: Points, factor: float, size_px: int) -> UprightCrop | None:
    """The square of `factor` × the longer side of the points' bounds along the line of the eyes (2 × 2)."""
    if not (np.isfinite(points).all() and np.isfinite(eyes).all()):
        return None
    angle = _direction(eyes[0], eyes[1])
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = points @ axes.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    side = float(max(high - low)) * factor
    if side < _MIN_SIDE_PX:
        return None
    x, y = ((low + high) / 2) @ axes
    return UprightCrop(center=(float(x), float(y)), side_px=side, angle_rad=angle, size_px=size_px)


def _direction(start: NDArray[np.float32], end: NDArray[np.float32]) -> float:
    return float(np.arctan2(end[1] - start[1], end[0] - start[0]))
