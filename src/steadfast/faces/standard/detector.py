"""YuNet: faces with five points, found in a few milliseconds."""

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Box, Detection
from steadfast.faces.suppression import best_of_overlapping
from steadfast.inference.sessions import ModelSession, Tensor
from steadfast.media.canvas import BgrImage

STRIDES_PX = (8, 16, 32)
_PADDING_PX = max(STRIDES_PX)  # the sides of the input must be whole multiples of the coarsest stride


class YuNetDetector:
    """A `Detector` on `yunet_n_dynamic.onnx` (Wu et al., "YuNet: a tiny millisecond-level face detector")."""

    def __init__(self, session: ModelSession, *, min_score: float = 0.6, max_overlap: float = 0.3) -> None:
        self._session = session
        self._min_score = min_score
        self._max_overlap = max_overlap

    def detect(self, image: BgrImage) -> list[Detection]:
        """All faces of the image (BGR, 0–255, any size), best score first."""
        outputs = self._session.run({"input": network_input(image)})
        candidates = decode(outputs, _padded_side(image.shape[1]), min_score=self._min_score)
        boxes, scores = candidates[:, :4], candidates[:, 4]
        kept = best_of_overlapping(boxes, scores, max_overlap=self._max_overlap)
        return [_detection(candidates[row]) for row in kept]


def network_input(image: BgrImage) -> NDArray[np.float32]:
    """1 × 3 × H × W, BGR 0–255, padded at the right and bottom with black to multiples of 32."""
    height, width = image.shape[:2]
    blob = np.zeros((1, 3, _padded_side(height), _padded_side(width)), dtype=np.float32)
    for channel, plane in enumerate(cv2.split(image)):
        blob[0, channel, :height, :width] = plane
    return blob


def decode(outputs: dict[str, Tensor], width_px: int, *, min_score: float) -> NDArray[np.float32]:
    """N × 15 candidates: left, top, right, bottom, score, then five points as x, y; in input pixels.

    A cell of a stride's grid answers its class and objectness (both 0–1, the score is their geometric
    mean), the offset of the box's centre in cells, the logarithm of its sides in cells, and the points'
    offsets in cells.
    """
    rows = [_decode_stride(outputs, stride, width_px // stride, min_score) for stride in STRIDES_PX]
    return np.concatenate(rows)


def _decode_stride(
    outputs: dict[str, Tensor], stride: int, columns: int, min_score: float
) -> NDArray[np.float32]:
    cls, objectness = outputs[f"cls_{stride}"][0, :, 0], outputs[f"obj_{stride}"][0, :, 0]
    score = np.sqrt(np.clip(cls, 0, 1) * np.clip(objectness, 0, 1))
    cells = np.flatnonzero(score >= min_score)
    grid = np.stack((cells % columns, cells // columns), axis=1).astype(np.float32)
    box, points = outputs[f"bbox_{stride}"][0, cells], outputs[f"kps_{stride}"][0, cells]
    center = (grid + box[:, :2]) * stride
    half = np.exp(np.minimum(box[:, 2:], 10)) * stride / 2
    points = (points.reshape(-1, 5, 2) + grid[:, None, :]) * stride
    row = (center - half, center + half, score[cells, None], points.reshape(-1, 10))
    return np.concatenate(row, axis=1).astype(np.float32)


def _detection(row: NDArray[np.float32]) -> Detection:
    left, top, right, bottom, score = (float(value) for value in row[:5])
    box = Box(left=left, top=top, right=right, bottom=bottom)
    return Detection(box=box, score=min(score, 1.0), points5=row[5:].reshape(5, 2).copy())


def _padded_side(side_px: int) -> int:
    return -(-side_px // _PADDING_PX) * _PADDING_PX
