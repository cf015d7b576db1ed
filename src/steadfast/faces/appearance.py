"""What is measured of a face once its landmarks are known: its box and how sharp it is."""

import cv2
import numpy as np

from steadfast.faces.alignment import ARCFACE_112_V2, align_crop
from steadfast.faces.canonical import forehead_points
from steadfast.faces.face import Box, Landmarks, Points, Topology
from steadfast.media.canvas import BgrImage

_SHARPNESS_SIDE_PX = 112


def face_box(landmarks: Landmarks) -> Box:
    """The bounds of the face from the top of the forehead to the chin, whatever the topology."""
    points = landmarks.points
    if landmarks.topology is Topology.IBUG_68:
        points = np.concatenate((points, forehead_points(landmarks)))
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return Box(left=float(left), top=float(top), right=float(right) + 1, bottom=float(bottom) + 1)


def sharpness(image: BgrImage, points5: Points) -> float:
    """Variance of the Laplacian of the face, aligned at 112 × 112; under about 20 is blurred.

    A face smaller than that is enlarged first, so it counts as blurred: it has no detail to give.
    """
    crop, _ = align_crop(image, points5, ARCFACE_112_V2, _SHARPNESS_SIDE_PX)
    laplacian = cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
    return float(np.var(laplacian))
