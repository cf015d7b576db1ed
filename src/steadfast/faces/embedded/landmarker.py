"""dlib's 68 points, with the HOG detector as the judge of whether a face is still there."""

from pathlib import Path

import numpy as np

from steadfast.faces.embedded.crops import (
    CROP_PX,
    FACE_LEFT_PX,
    FACE_PX,
    FACE_TOP_PX,
    crop_at_detection,
    crop_at_landmarks,
)
from steadfast.faces.embedded.detector import HogDetector, score_of
from steadfast.faces.embedded.dlib_runtime import RgbImage, as_rgb, dlib_module, load_model
from steadfast.faces.face import Detection, Landmarks, Points, Topology
from steadfast.faces.upright_crop import UprightCrop
from steadfast.inference.outputs import require_finite
from steadfast.media.canvas import BgrImage

JUDGED_PX = CROP_PX // 2
_LOWEST_MARGIN = -1.5  # of the judge's windows; below it no face was ever seen

_CLEAR_PRESENCE = 0.8  # from which on a new face is not looked at as a stretched one as well
_USUAL_STRETCH = 1.3  # 4:3 shown as 16:9


class ShapePredictorLandmarker:
    """A `Landmarker` on dlib's 68-point predictor (Kazemi & Sullivan 2014).

    Its training set (iBUG 300-W) excludes commercial use. Every face is cut out upright and at one size
    first, so that a tilted head is found as well as a level one and whole-pixel boxes cause no jitter.
    """

    def __init__(
        self, path: Path, judge: HogDetector, *, min_presence: float = 0.5, min_presence_again: float = 0.1
    ) -> None:
        """`min_presence_again` is for a face that was there a frame ago: who follows it may know better."""
        self._predictor = load_model("shape_predictor", path)
        right, bottom = FACE_LEFT_PX + FACE_PX - 1, FACE_TOP_PX + FACE_PX - 1
        self._rectangle = dlib_module().rectangle(FACE_LEFT_PX, FACE_TOP_PX, right, bottom)
        self._judge = judge
        self._min_presence = min_presence
        self._min_presence_again = min_presence_again

    @property
    def topology(self) -> Topology:
        """Of every answer."""
        return Topology.IBUG_68

    def locate(self, image: BgrImage, hint: Detection | Landmarks) -> Landmarks | None:
        """The points of the face at `hint` in the pixels of `image`; None where the judge sees no face."""
        if isinstance(hint, Detection):
            return self._locate_new(image, hint)
        crop = crop_at_landmarks(hint.points)
        return None if crop is None else self._locate_in(image, crop, self._min_presence_again)

    def _locate_new(self, image: BgrImage, detection: Detection) -> Landmarks | None:
        found: list[Landmarks] = []
        for stretch in (1.0, _USUAL_STRETCH):
            crop = crop_at_detection(detection, stretch=stretch)
            landmarks = None if crop is None else self._locate_in(image, crop, self._min_presence)
            found += [landmarks] if landmarks else []
            if landmarks and landmarks.presence >= _CLEAR_PRESENCE:
                break
        return max(found, key=lambda landmarks: landmarks.presence, default=None)

    def _locate_in(self, image: BgrImage, crop: UprightCrop, min_presence: float) -> Landmarks | None:
        pixels = as_rgb(crop.cut(image))
        presence = self._presence(pixels)
        if presence < min_presence:
            return None
        predicted = require_finite(self._predict(pixels), model="dlib_68_points", output="points")
        points = crop.to_image(predicted)
        return Landmarks(topology=Topology.IBUG_68, points=points, depth=None, presence=presence)

    def _predict(self, pixels: RgbImage) -> Points:
        parts = self._predictor(pixels, self._rectangle).parts()
        return np.array([(part.x, part.y) for part in parts], dtype=np.float32)

    def _presence(self, pixels: RgbImage) -> float:
        half = pixels.reshape(JUDGED_PX, 2, JUDGED_PX, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
        found = self._judge.scan(half, margin=_LOWEST_MARGIN)
        return score_of(found[0][0]) if found else 0.0
