"""dlib's HOG detector: upright, near-frontal faces, with no model file at all."""

from copy import copy
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np

from steadfast.faces.embedded.dlib_runtime import RgbImage, as_rgb
from steadfast.faces.embedded.unpacked import open_frontal_detector
from steadfast.faces.face import Box, Detection
from steadfast.media.canvas import BgrImage

WINDOW_PX = 80  # what is smaller in the image that is scanned is never found
_STEEPNESS = 2.0  # of the curve from dlib's margin to a score: 0 → 0.5, 1 → 0.88


class HogDetector:
    """A `Detector` on dlib's frontal face detector (Dalal & Triggs 2005; King 2015).

    The image is enlarged so that faces of `smallest_face_px` are found, as long as its longer side stays
    within `max_side_px`: the time grows with the area. At dlib's own margin of 0 a space suit
    still was a face (0.06); real ones reached 0.86, and 0.15 where the clip was stretched to another aspect
    ratio, so 0.14 is asked, and the landmarker's judge looks again.
    """

    def __init__(
        self,
        *,
        smallest_face_px: int = 40,
        max_side_px: int = 1280,
        min_score: float = 0.57,
        prepared: Path | None = None,
    ) -> None:
        """`prepared`: the folder in which `unpacked.keep_frontal_detector` may have left something."""
        self._hog = copy(_frontal_face_detector(prepared))
        self._lock = Lock()  # dlib keeps its pyramid inside the object
        self._enlargement = WINDOW_PX / smallest_face_px
        self._max_side_px = max_side_px
        self._min_score = min_score

    def detect(self, image: BgrImage) -> list[Detection]:
        """All faces of the image (BGR), best score first; without points."""
        height, width = image.shape[:2]
        scale = min(self._enlargement, self._max_side_px / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        scaled = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        found = self.scan(as_rgb(scaled), margin=margin_of(self._min_score))
        return [_detection(rectangle, margin, scale) for margin, rectangle in found]

    def scan(self, image: RgbImage, *, margin: float) -> list[tuple[float, Box]]:
        """Margin and box of every window above the margin, best first; the image is not enlarged."""
        with self._lock:
            rectangles, margins, _ = self._hog.run(image, 0, margin)
        boxes = [
            Box(left=r.left(), top=r.top(), right=r.right() + 1, bottom=r.bottom() + 1) for r in rectangles
        ]
        return sorted(zip(margins, boxes, strict=True), key=lambda found: -found[0])


@cache
def _frontal_face_detector(prepared: Path | None) -> Any:
    """dlib's own, to be copied: it unpacks it in a third of a second, and copies it in 2 ms."""
    return open_frontal_detector(prepared)


def score_of(margin: float) -> float:
    """dlib's margin (any number, above 0 is a face) as a score from 0 to 1."""
    return float(1 / (1 + np.exp(-_STEEPNESS * np.clip(margin, -20, 20))))


def margin_of(score: float) -> float:
    """The margin that has this score."""
    return float(np.log(score / (1 - score)) / _STEEPNESS)


def _detection(box: Box, margin: float, scale: float) -> Detection:
    return Detection(
        box=Box(
            left=box.left / scale, top=box.top / scale, right=box.right / scale, bottom=box.bottom / scale
        ),
        score=score_of(margin),
        points5=None,
    )
