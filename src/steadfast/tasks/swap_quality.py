"""The quality report of a swap: what `--quality-report` measures, on the pixels as they will be encoded."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steadfast.faces.quality import FaceQuality, VideoMeter, measure_face, outside_is_identical
from steadfast.faces.roles import Engine
from steadfast.media.canvas import ArrayCanvas, BgrImage, Canvas, GreyImage, Region
from steadfast.media.pictures import Picture
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.frame_swap import FramePlan, FrameSwap
from steadfast.tasks.picture_swap import PictureSwap, SwappedFace

_LOOK_EVERY_FRAMES = 10  # of a video, whose face it is; the rest is measured in every frame


def picture_quality(before: Picture, done: PictureSwap, engine: Engine) -> dict[str, Any]:
    """Each swapped face's likeness and landmark error, and whether everything else is bit-identical.

    The faces of `done` must have been found with their embeddings.
    """
    after = ArrayCanvas(done.picture.pixels)
    faces = [
        {"index": face.index, **_plain(measure_face(after, face.before, face.source.embedding, engine))}
        for face in done.swapped
    ]
    masks = [_whole_mask(before, face) for face in done.swapped]
    return {
        "faces": faces,
        "outside_is_identical": outside_is_identical(before.pixels, done.picture.pixels, masks),
    }


def _plain(quality: FaceQuality | None) -> dict[str, Any]:
    return {"found_again": False} if quality is None else {"found_again": True, **quality.as_dict()}


def _whole_mask(picture: Picture, face: SwappedFace) -> GreyImage:
    mask = np.zeros((picture.height, picture.width), dtype=np.uint8)
    region = face.region
    mask[region.top : region.bottom, region.left : region.right] = face.mask
    return mask


class MeasuredFrameSwap:
    """A frame swap that measures what it did to each frame; slower, because it compares whole frames."""

    def __init__(self, inner: FrameSwap, engine: Engine) -> None:
        self._inner = inner
        self._engine = engine
        self._meter = VideoMeter()
        self._faces: list[FaceQuality] = []
        self._frame = 0

    def analyse(self, canvas: Canvas, time_s: float) -> FramePlan:
        """What the frame swap finds."""
        return self._inner.analyse(canvas, time_s)

    def swap(self, canvas: Canvas, analysis: FramePlan) -> FrameOutcome:
        """Swaps, and keeps the figures."""
        whole = Region(left=0, top=0, right=canvas.width, bottom=canvas.height)
        before = canvas.read(whole)
        outcome = self._inner.swap(canvas, analysis)
        after = canvas.read(whole)
        self._meter.add(before, after, self._mask(whole), has_face=bool(analysis.parts))
        if self._frame % _LOOK_EVERY_FRAMES == 0:
            self._look(before, after, analysis)
        self._frame += 1
        return outcome

    def result(self) -> dict[str, Any]:
        """The figures of all frames; means where there are several."""
        return {**self._meter.result().as_dict(), **_means(self._faces)}

    def _mask(self, whole: Region) -> GreyImage:
        """Where the swapper painted; not where pixels differ, which would leave out those it kept calm."""
        mask = np.zeros((whole.height, whole.width), dtype=np.uint8)
        for exchange in self._inner.written:
            region = exchange.region
            mask[region.top : region.bottom, region.left : region.right] |= exchange.mask
        return mask

    def _look(self, before: BgrImage, after: BgrImage, analysis: FramePlan) -> None:
        for part in analysis.parts:
            face = part.tracked.face
            who = self._engine.identity.embed(before, face.points5)
            described = replace(face, embedding=who)
            quality = measure_face(ArrayCanvas(after), described, part.source.embedding, self._engine)
            if quality is not None:
                self._faces.append(quality)


def _means(faces: Sequence[FaceQuality]) -> dict[str, Any]:
    if not faces:
        return {"faces_looked_at": 0}
    return {
        "faces_looked_at": len(faces),
        "similarity_to_source": round(float(np.mean([f.to_source for f in faces])), 4),
        "similarity_to_target": round(float(np.mean([f.to_target for f in faces])), 4),
        "same_person_from": faces[0].same_person_from,
        "landmark_error": round(float(np.mean([f.landmark_error for f in faces])), 4),
        "space": faces[0].space.value,
    }
