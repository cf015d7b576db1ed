"""Carrying faces from one picture's pixels to another's: thumbnail to picture, picture to region and back."""

from dataclasses import replace

import numpy as np

from steadfast.faces.face import Box, Detection, Face, Landmarks, Points
from steadfast.media.canvas import Region


def enlarge_detection(detection: Detection, scale: float) -> Detection:
    """A detection of a thumbnail in the pixels of its picture; `scale` is thumbnail px per picture px."""
    points5 = detection.points5
    # A thumbnail's pixel centre i lies at (i + ½) / scale − ½; the edges of a box have no half to shift by.
    box = detection.box
    return replace(
        detection,
        box=Box(
            left=box.left / scale, top=box.top / scale, right=box.right / scale, bottom=box.bottom / scale
        ),
        points5=None if points5 is None else ((points5 + 0.5) / scale - 0.5).astype(np.float32),
    )


def move_detection(detection: Detection, x_px: float, y_px: float) -> Detection:
    """The detection shifted by (x, y)."""
    points5 = detection.points5
    return replace(
        detection,
        box=move_box(detection.box, x_px, y_px),
        points5=None if points5 is None else move_points(points5, x_px, y_px),
    )


def move_landmarks(landmarks: Landmarks, x_px: float, y_px: float) -> Landmarks:
    """The landmarks shifted by (x, y)."""
    return replace(landmarks, points=move_points(landmarks.points, x_px, y_px))


def face_in_region(face: Face, region: Region) -> Face:
    """The face in the pixels of a region of its picture."""
    x, y = -region.left, -region.top
    return replace(
        face,
        box=move_box(face.box, x, y),
        landmarks=move_landmarks(face.landmarks, x, y),
        points5=move_points(face.points5, x, y),
    )


def move_box(box: Box, x_px: float, y_px: float) -> Box:
    """The box shifted by (x, y)."""
    return Box(left=box.left + x_px, top=box.top + y_px, right=box.right + x_px, bottom=box.bottom + y_px)


def move_points(points: Points, x_px: float, y_px: float) -> Points:
    """The points shifted by (x, y)."""
    return points + np.array((x_px, y_px), dtype=np.float32)
