"""How good what is delivered is, in numbers; looked at in the worker, and no pixel is kept.

What is measured is what the caller gets: the encoded bytes, decoded again. Videos are in `video_sample`.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.errors import SteadfastError
from steadfast.faces.analyse import analyse
from steadfast.faces.face import Embedding, Face, Points
from steadfast.faces.roles import Engine
from steadfast.faces.similarity import similarity
from steadfast.faces.suppression import box_overlap
from steadfast.media.canvas import ArrayCanvas, BgrImage, GreyImage
from steadfast.media.pictures import Picture
from steadfast.readings import Readings
from steadfast.tasks.picture_swap import PictureSwap

_SAME_PLACE: Final = 0.3
_IDENTICAL_DB: Final = 100.0
"""Stands for a picture in which nothing differs."""

_log = logging.getLogger(__name__)


def readings_or_none(measure: Callable[[], Readings]) -> Readings:
    """What was measured; nothing, and a line in the log, where that failed: the result is good without it."""
    try:
        return measure()
    except SteadfastError as error:
        _log.warning("quality was not measured", extra={"code": error.code})
    except Exception as error:  # noqa: BLE001 — a result that is done must not be lost by looking at it
        _log.warning("quality was not measured", extra={"code": type(error).__name__})
    return {}


class QualitySampler:
    """Measures results; keeps embeddings until there are enough for a distance, and nothing else."""

    def __init__(self, engine: Engine, *, batch: int = 256) -> None:
        """`batch`: faces between which one Fréchet distance is made."""
        self.engine = engine
        self._distance = FaceDistance(batch)

    def measure(self, before: Picture, done: PictureSwap, content: bytes) -> Readings:
        """The readings of one picture; of several faces, the worst. What cannot be measured is not there."""
        after = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        if after is None or after.shape != before.pixels.shape or not done.swapped:
            return {}
        delivered = np.asarray(after, np.uint8)
        readings = fidelity(before.pixels, delivered, _outside(before, done))
        faces = [(one.before, one.source.embedding) for one in done.swapped]
        return readings | self.look(delivered, faces)

    def look(self, after: BgrImage, swapped: Sequence[tuple[Face, Embedding]]) -> Readings:
        """What the engine itself sees in the places of swapped faces; each with who it should be now."""
        readings: Readings = {}
        found = analyse(ArrayCanvas(after), self.engine)
        for before, source in swapped:
            self._look_at(before, source, found, readings, after.shape)
        return readings

    def _look_at(
        self,
        before: Face,
        source: Embedding,
        found: list[Face],
        readings: Readings,
        shape: tuple[int, ...],
    ) -> None:
        face = max(found, key=lambda one: box_overlap(one.box, before.box), default=None)
        if face is None or box_overlap(face.box, before.box) < _SAME_PLACE:
            readings["identity"] = min(0.0, readings.get("identity", 0.0))  # there is no face any more
            return
        overlap = outline_overlap(before.landmarks.points, face.landmarks.points, shape)
        readings["mask_overlap"] = min(overlap, readings.get("mask_overlap", 1.0))
        if face.embedding is None:
            return
        alike = float(similarity(face.embedding, source))
        readings["identity"] = round(min(alike, readings.get("identity", 1.0)), 4)
        distance = self._distance.add(face.embedding.vector, source.vector)
        if distance is not None:
            readings["face_distance"] = round(distance, 3)


class FaceDistance:
    """Fréchet distance between embeddings of outputs and sources, times 100, batch by batch.

    Heusel et al., "GANs trained by a two time-scale update rule" (2017), in the engine's own space instead of
    Inception's: |m1 − m2|² + tr(C1 + C2 − 2 (C1 C2)^½).
    """

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._outputs: list[NDArray[np.float32]] = []
        self._sources: list[NDArray[np.float32]] = []

    def add(self, output: NDArray[np.float32], source: NDArray[np.float32]) -> float | None:
        """One pair; the distance when a batch is full, else None."""
        self._outputs.append(output)
        self._sources.append(source)
        if len(self._outputs) < self._batch:
            return None
        distance = frechet_distance(np.stack(self._outputs), np.stack(self._sources))
        self._outputs, self._sources = [], []
        return 100 * distance


def frechet_distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Between two clouds of points, N × D each."""
    means = one.mean(axis=0) - other.mean(axis=0)
    first, second = (np.atleast_2d(np.cov(points, rowvar=False)) for points in (one, other))
    root = _root(first)
    mixed = np.linalg.eigvalsh(root @ second @ root)
    overlap = 2 * np.sqrt(np.clip(mixed, 0, None)).sum()
    return max(0.0, float(means @ means + np.trace(first) + np.trace(second) - overlap))


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root


def outline_overlap(before: Points, after: Points, shape: tuple[int, ...]) -> float:
    """Intersection over union of the outlines of a face's landmarks."""
    masks = []
    for points in (before, after):
        mask = np.zeros(shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points).astype(np.int32)), 1)
        masks.append(mask.astype(bool))
    union = int((masks[0] | masks[1]).sum())
    return round(int((masks[0] & masks[1]).sum()) / union, 4) if union else 0.0


def _outside(before: Picture, done: PictureSwap) -> NDArray[np.bool_]:
    outside = np.ones((before.height, before.width), np.bool_)
    for face in done.swapped:
        region = face.region
        outside[region.top : region.bottom, region.left : region.right] &= face.mask == 0
    return outside


def fidelity(before: BgrImage, after: BgrImage, outside: NDArray[np.bool_]) -> Readings:
    """How much what should be as it was is as it was."""
    if not outside.any():
        return {}
    error = float(np.mean(np.square(before[outside].astype(np.float32) - after[outside])))
    psnr = _IDENTICAL_DB if error == 0 else min(_IDENTICAL_DB, 10 * float(np.log10(255**2 / error)))
    greys = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (before, after)]
    similar = structural_similarity(np.asarray(greys[0], np.uint8), np.asarray(greys[1], np.uint8))
    return {
        "psnr_outside": round(psnr, 2),
        "ssim_outside": round(float(similar[outside].mean()), 4),
    }


def structural_similarity(one: GreyImage, other: GreyImage) -> NDArray[np.float32]:
    """SSIM of every pixel: Wang et al. (2004), with their Gaussian window and constants."""

    def smooth(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5), np.float32)

    x, y = one.astype(np.float32), other.astype(np.float32)
    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    both = smooth(x * y) - mean_x * mean_y
    light, contrast = np.float32((0.01 * 255) ** 2), np.float32((0.03 * 255) ** 2)
    above = (2 * mean_x * mean_y + light) * (2 * both + contrast)
    below = (mean_x**2 + mean_y**2 + light) * (var_x + var_y + contrast)
    return np.asarray(above / below, np.float32)
