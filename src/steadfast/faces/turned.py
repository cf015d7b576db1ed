"""Faces that lie on their side or stand on their head, for pictures whose orientation was lost."""

from dataclasses import replace

import numpy as np

from steadfast.faces.face import Box, Detection, Points
from steadfast.faces.roles import Detector
from steadfast.media.canvas import BgrImage

# Where the five points lie in an upright detector's box, as fractions of its sides.
_FIVE_IN_BOX = np.array(((0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)), dtype=np.float32)


def detect_in_any_orientation(image: BgrImage, detector: Detector) -> list[Detection]:
    """The faces of the orientation in which the detector is surest, in the pixels of `image`.

    All four are tried: detectors find inverted faces, too, but with less conviction and with wrong points.
    A turned face has five points, estimated from its box where the detector gives none, so that landmarkers
    know which way is up.
    """
    candidates = [
        (quarters, detector.detect(np.ascontiguousarray(np.rot90(image, quarters)))) for quarters in range(4)
    ]
    quarters, found = max(candidates, key=lambda c: max((d.score for d in c[1]), default=0.0))
    height, width = image.shape[:2]
    return [_turned_back(d, quarters, width, height) if quarters else d for d in found]


def _turned_back(detection: Detection, quarters: int, width_px: int, height_px: int) -> Detection:
    box = detection.box
    corners = np.array(((box.left, box.top), (box.right, box.bottom)), dtype=np.float32)
    points5 = detection.points5
    if points5 is None:
        points5 = corners[0] + _FIVE_IN_BOX * (corners[1] - corners[0])
    # Edges of pixels turn within the picture's sides, their centres within one pixel less.
    edges = _points_back(corners, quarters, width_px, height_px)
    (left, top), (right, bottom) = edges.min(axis=0), edges.max(axis=0)
    return replace(
        detection,
        box=Box(left=float(left), top=float(top), right=float(right), bottom=float(bottom)),
        points5=_points_back(points5, quarters, width_px - 1, height_px - 1),
    )


def _points_back(points: Points, quarters: int, width: float, height: float) -> Points:
    """Points of a picture that was turned by quarters counter-clockwise, in the picture itself."""
    x, y = points[:, 0], points[:, 1]
    columns = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters]
    return np.stack(columns, axis=1).astype(np.float32)
