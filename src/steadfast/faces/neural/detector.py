"""SCRFD: faces with five points, also small and turned ones."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.errors import InvalidModelOutput
from steadfast.faces.face import Box, Detection
from steadfast.faces.neural.pixel_coding import SCRFD
from steadfast.faces.suppression import best_of_overlapping
from steadfast.inference.sessions import ModelSession, Tensor
from steadfast.media.canvas import BgrImage

INPUT_PX = 640
STRIDES_PX = (8, 16, 32)
ANCHORS_PER_CELL = 2


class ScrfdDetector:
    """A `Detector` on `scrfd_10g` (Guo et al., "Sample and Computation Redistribution…")."""

    def __init__(self, session: ModelSession, *, min_score: float = 0.5, max_overlap: float = 0.4) -> None:
        self._session = session
        self._min_score = min_score
        self._max_overlap = max_overlap

    def detect(self, image: BgrImage) -> list[Detection]:
        """All faces of the image (BGR, any size), best score first.

        What is larger than the network's 640 × 640 is scaled down to fit; the rest of the square is black.
        """
        square, scale = _fitted(image)
        outputs = self._session.run({self._session.input_names[0]: SCRFD.encode_one(square)})
        found = decode(outputs.values(), model=self._session.name, min_score=self._min_score)
        kept = best_of_overlapping(found[:, :4], found[:, 4], max_overlap=self._max_overlap)
        return [_detection(found[row], scale) for row in kept]


def decode(outputs: Iterable[Tensor], *, model: str, min_score: float) -> NDArray[np.float32]:
    """N × 15 candidates in the square's pixels: left, top, right, bottom, score, then five points as x, y.

    Per stride the network answers for two anchors in each cell a score, the distances from the anchor's
    centre to the four sides, and the offsets of the points, both in cells. Outputs have numbers for names, so
    they are told apart by their last length (1, 4, 10) and their strides by how many anchors they have.
    """
    answers = [output.reshape(-1, output.shape[-1]) for output in outputs]
    rows = []
    for stride in STRIDES_PX:
        cells = (INPUT_PX // stride) ** 2 * ANCHORS_PER_CELL
        score, sides, points = (_answer(answers, cells, length, model) for length in (1, 4, 10))
        rows.append(_decode_stride(score[:, 0], sides, points, stride, min_score))
    return np.concatenate(rows)


def anchor_centers(stride_px: int) -> NDArray[np.float32]:
    """N × 2 px: the corner of every cell, row by row, each once per anchor."""
    side = INPUT_PX // stride_px
    y, x = np.mgrid[0:side, 0:side]
    centers = np.stack((x, y), axis=-1).reshape(-1, 2).astype(np.float32) * stride_px
    return np.repeat(centers, ANCHORS_PER_CELL, axis=0)


def _decode_stride(
    score: Tensor, sides: Tensor, points: Tensor, stride: int, min_score: float
) -> NDArray[np.float32]:
    likely = np.flatnonzero(score >= min_score)
    centers = anchor_centers(stride)[likely]
    sides, points = sides[likely] * stride, points[likely] * stride
    row = (
        centers - sides[:, :2],
        centers + sides[:, 2:],
        score[likely, None],
        np.tile(centers, 5) + points,
    )
    return np.concatenate(row, axis=1).astype(np.float32)


def _answer(answers: list[Tensor], rows: int, columns: int, model: str) -> Tensor:
    for answer in answers:
        if answer.shape == (rows, columns):
            return answer
    raise InvalidModelOutput(f"The model {model} has no output of {rows} × {columns}.")


def _fitted(image: BgrImage) -> tuple[BgrImage, float]:
    """The image in the upper left of the network's square, and its scale there (≤ 1)."""
    height, width = image.shape[:2]
    scale = min(1.0, INPUT_PX / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    square = np.zeros((INPUT_PX, INPUT_PX, 3), dtype=np.uint8)
    square[: image.shape[0], : image.shape[1]] = image
    return square, scale


def _detection(row: NDArray[np.float32], scale: float) -> Detection:
    left, top, right, bottom = (float(value) / scale for value in row[:4])
    points = (row[5:].reshape(5, 2) + 0.5) / scale - 0.5  # pixel centres lie on whole numbers
    box = Box(left=left, top=top, right=right, bottom=bottom)
    return Detection(box=box, score=min(float(row[4]), 1.0), points5=points.astype(np.float32))
