"""Where dlib's landmarker and its judge look: upright crops in which every face has one size and one place.

Faces that are wider than any face, as in pictures stretched to another aspect ratio, are made narrow again:
neither network knows faces like that.
"""

import numpy as np

from steadfast.faces.face import Detection, Points
from steadfast.faces.topology import IBUG_68
from steadfast.faces.upright_crop import UprightCrop

CROP_PX = 232
FACE_PX = 144  # side of the face's box in the crop, twice what the judge looks at
# The judge's windows lie on a grid of 8 px; the face is put where one of them fits best. On 24 frames of
# three clips that raised the least margin from 0.43 to 0.77.
FACE_LEFT_PX = 36
FACE_TOP_PX = 44

# The box on which dlib trained its landmarks, from landmarks: measured on the detections of 90 frames.
_BOX_WIDTHS = 1.08  # side, in widths of the landmarks' bounds
_BOX_HEIGHTS = 1.14  # side, in heights of the landmarks' bounds
_BOX_MIDDLE = 0.41  # middle of the box, in heights of the landmarks' bounds from their top

_WIDEST_FACE = 1.2  # distance of the eyes over that of eyes and mouth: 1.07 as a rule, 1.2 at most
_MOST_STRETCH = 1.5
_SMALLEST_SIDE_PX = 4.0


def crop_at_detection(detection: Detection, *, stretch: float = 1.0) -> UprightCrop | None:
    """The crop around a detector's box, turned by its eyes where it has points."""
    side = (detection.box.width + detection.box.height) / 2 / np.sqrt(stretch)
    eyes = None if detection.points5 is None else detection.points5[:2]
    return _crop(detection.box.center, side, 0.0 if eyes is None else _direction(eyes), stretch)


def crop_at_landmarks(points: Points) -> UprightCrop | None:
    """The crop around the box that the detector would give to these 68 points, turned by the eyes."""
    if not np.isfinite(points).all():
        return None
    eyes = np.stack([points[list(eye)].mean(axis=0) for eye in (IBUG_68.left_eye, IBUG_68.right_eye)])
    stretch = _stretch_of(points, eyes)
    angle = _direction(eyes)
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    level = points @ axes.T / (stretch, 1.0)
    low, high = level.min(axis=0), level.max(axis=0)
    width, height = high - low
    middle = np.array(((low[0] + high[0]) / 2 * stretch, low[1] + _BOX_MIDDLE * height)) @ axes
    side = (width * _BOX_WIDTHS + height * _BOX_HEIGHTS) / 2
    return _crop((float(middle[0]), float(middle[1])), float(side), angle, stretch)


def _stretch_of(points: Points, eyes: Points) -> float:
    mouth = points[list(IBUG_68.lips_outer)].mean(axis=0)
    apart, down = np.linalg.norm(eyes[1] - eyes[0]), np.linalg.norm(mouth - eyes.mean(axis=0))
    return float(np.clip(apart / max(float(down), 1e-6) / _WIDEST_FACE, 1.0, _MOST_STRETCH))


def _direction(eyes: Points) -> float:
    x, y = eyes[1] - eyes[0]
    return float(np.arctan2(y, x))


def _crop(center: tuple[float, float], side: float, angle: float, stretch: float) -> UprightCrop | None:
    """The crop in which the face's box lies where the predictor is told to look."""
    if not np.isfinite((*center, side, angle)).all() or side < _SMALLEST_SIDE_PX:
        return None
    aside = ((CROP_PX - FACE_PX) / 2 - FACE_LEFT_PX) * side / FACE_PX * stretch
    x, y = center[0] + aside * np.cos(angle), center[1] + aside * np.sin(angle)
    return UprightCrop(
        center=(float(x), float(y)),
        side_px=side * CROP_PX / FACE_PX,
        angle_rad=angle,
        size_px=CROP_PX,
        stretch=stretch,
    )
