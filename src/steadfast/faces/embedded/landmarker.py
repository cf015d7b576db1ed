"""dlib's 68 points, with the HOG detector as the judge of whether a face is still there."""

from pathlib import Path

import numpy as np

from steadfast.faces.embedded.detector import WINDOW_PX, HogDetector, score_of
from steadfast.faces.embedded.dlib_runtime import RgbImage, as_rgb, dlib_module, load_model
from steadfast.faces.face import Detection, Landmarks, Points, Topology
from steadfast.faces.topology import IBUG_68
from steadfast.faces.upright_crop import UprightCrop
from steadfast.media.canvas import BgrImage

CROP_PX = 232
FACE_PX = 144  # side of the face's box in the crop, twice what the judge looks at
JUDGED_PX = CROP_PX // 2

# The box on which dlib trained its landmarks, from landmarks: measured on the detections of 90 frames.
_BOX_WIDTHS = 1.08  # side, in widths of the landmarks' bounds
_BOX_HEIGHTS = 1.14  # side, in heights of the landmarks' bounds
_BOX_MIDDLE = 0.41  # middle of the box, in heights of the landmarks' bounds from their top


class ShapePredictorLandmarker:
    """A `Landmarker` on dlib's 68-point predictor (Kazemi & Sullivan 2014).

    Its training set (iBUG 300-W) excludes commercial use. Every face is cut out upright and at one size
    first, so that a tilted head is found as well as a level one and whole-pixel boxes cause no jitter.
    """

    def __init__(self, path: Path, judge: HogDetector, *, min_presence: float = 0.35) -> None:
        self._predictor = load_model("shape_predictor", path)
        box = (CROP_PX - FACE_PX) // 2
        self._rectangle = dlib_module().rectangle(box, box, box + FACE_PX - 1, box + FACE_PX - 1)
        self._judge = judge
        self._min_presence = min_presence

    @property
    def topology(self) -> Topology:
        """Of every answer."""
        return Topology.IBUG_68

    def locate(self, image: BgrImage, hint: Detection | Landmarks) -> Landmarks | None:
        """The points of the face at `hint` in the pixels of `image`; None where the judge sees no face."""
        crop = crop_at_detection(hint) if isinstance(hint, Detection) else crop_at_landmarks(hint.points)
        if crop is None:
            return None
        pixels = as_rgb(crop.cut(image))
        presence = self._presence(pixels)
        if presence < self._min_presence:
            return None
        points = crop.to_image(self._predict(pixels))
        return Landmarks(topology=Topology.IBUG_68, points=points, depth=None, presence=presence)

    def _predict(self, pixels: RgbImage) -> Points:
        parts = self._predictor(pixels, self._rectangle).parts()
        return np.array([(part.x, part.y) for part in parts], dtype=np.float32)

    def _presence(self, pixels: RgbImage) -> float:
        half = pixels.reshape(JUDGED_PX, 2, JUDGED_PX, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
        found = self._judge.scan(half, margin=-1.5)
        return score_of(found[0][0]) if found else 0.0


def crop_at_detection(detection: Detection) -> UprightCrop | None:
    """The crop around a detector's box, turned by its eyes where it has points."""
    side = (detection.box.width + detection.box.height) / 2
    eyes = None if detection.points5 is None else detection.points5[:2]
    return _crop(detection.box.center, side, 0.0 if eyes is None else _direction(eyes))


def crop_at_landmarks(points: Points) -> UprightCrop | None:
    """The crop around the box that the detector would give to these 68 points, turned by the eyes."""
    left_eye, right_eye = (
        points[list(IBUG_68.left_eye)].mean(axis=0),
        points[list(IBUG_68.right_eye)].mean(axis=0),
    )
    angle = _direction(np.stack((left_eye, right_eye)))
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = points @ axes.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    width, height = high - low
    middle = np.array(((low[0] + high[0]) / 2, low[1] + _BOX_MIDDLE * height)) @ axes
    side = (width * _BOX_WIDTHS + height * _BOX_HEIGHTS) / 2
    return _crop((float(middle[0]), float(middle[1])), float(side), angle)


def _direction(eyes: Points) -> float:
    x, y = eyes[1] - eyes[0]
    return float(np.arctan2(y, x))


def _crop(center: tuple[float, float], side: float, angle: float) -> UprightCrop | None:
    if not np.isfinite((*center, side, angle)).all() or side < WINDOW_PX / 20:
        return None
    return UprightCrop(center=center, side_px=side * CROP_PX / FACE_PX, angle_rad=angle, size_px=CROP_PX)
