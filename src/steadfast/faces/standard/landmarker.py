"""MediaPipe FaceMesh: 468 points with depth, from an upright crop of the face."""

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Detection, Landmarks, Topology
from steadfast.faces.topology import MEDIAPIPE_468
from steadfast.faces.upright_crop import UprightCrop, crop_around_detection, crop_around_points
from steadfast.inference.sessions import ModelSession
from steadfast.media.canvas import BgrImage

INPUT_PX = 192
CROP_FACTOR = 1.5  # side of the crop as a multiple of the face's longer side


class FaceMeshLandmarker:
    """A `Landmarker` on `face_landmark.onnx` (Kartynnik et al., "Real-time facial surface geometry")."""

    def __init__(self, session: ModelSession, *, min_presence: float = 0.5) -> None:
        self._session = session
        self._min_presence = min_presence

    @property
    def topology(self) -> Topology:
        """Of every answer."""
        return Topology.MEDIAPIPE_468

    def locate(self, image: BgrImage, hint: Detection | Landmarks) -> Landmarks | None:
        """The points of the face at `hint` in the pixels of `image`; None where the model sees no face.

        A detection is cropped by its box and turned by its eyes; landmarks of this face a frame ago are
        cropped by their own bounds, so a moving face can be followed without detecting it again.
        """
        crop = crop_of(hint)
        if crop is None:
            return None
        outputs = self._session.run({"input_1": network_input(crop.cut(image))})
        answer = outputs["conv2d_21"].reshape(-1, 3).astype(np.float32)
        presence = _sigmoid(float(outputs["conv2d_31"].reshape(-1)[0]))
        if presence < self._min_presence:
            return None
        return Landmarks(
            topology=Topology.MEDIAPIPE_468,
            points=crop.to_image(answer[:, :2]),
            depth=answer[:, 2] * np.float32(crop.scale_px),
            presence=presence,
        )


def crop_of(hint: Detection | Landmarks) -> UprightCrop | None:
    """Where the network looks for the face of this hint; None where the hint has no extent."""
    if isinstance(hint, Detection):
        return crop_around_detection(hint, factor=CROP_FACTOR, size_px=INPUT_PX)
    left_eye, right_eye = MEDIAPIPE_468.left_eye_corners[0], MEDIAPIPE_468.right_eye_corners[1]
    eyes = hint.points[[left_eye, right_eye]]
    return crop_around_points(hint.points, eyes=eyes, factor=CROP_FACTOR, size_px=INPUT_PX)


def network_input(crop: BgrImage) -> NDArray[np.float32]:
    """1 × 3 × 192 × 192, RGB 0–1."""
    tensor = np.empty((1, 3, *crop.shape[:2]), dtype=np.float32)
    for channel, plane in enumerate(cv2.split(crop)):
        np.multiply(plane, np.float32(1 / 255), out=tensor[0, 2 - channel])
    return tensor


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(logit, -60, 60))))
