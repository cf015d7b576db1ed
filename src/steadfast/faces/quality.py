"""How good a swap is, in numbers: whose face it is, whether pose and expression stayed, whether it is calm.

Identity is measured in the engine's own embedding space by the engine's own network, on the finished pixels,
so that a number says what a face recogniser of that kind would see.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.analyse import analyse
from steadfast.faces.face import Embedding, EmbeddingSpace, Face, Landmarks
from steadfast.faces.roles import Engine
from steadfast.faces.similarity import SAME_PERSON, similarity
from steadfast.faces.suppression import box_overlap
from steadfast.faces.topology import five_points
from steadfast.media.canvas import BgrImage, Canvas, GreyImage

_SAME_PLACE = 0.3  # overlap of boxes from which a face is the one that was swapped


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceQuality:
    """One swapped face of a picture."""

    to_source: float  # similarity to who it should be: 1 is the same picture, about 0 a stranger
    to_target: float  # similarity to who it was
    same_person_from: float  # the similarity from which this network calls two faces one person
    landmark_error: float  # mean distance of landmarks before and after, as a share of the eyes' distance
    space: EmbeddingSpace

    @property
    def is_source(self) -> bool:
        """Whether the network takes the result for the source and not for the target."""
        return self.to_source >= self.same_person_from > self.to_target

    def as_dict(self) -> dict[str, float | str | bool]:
        """Plain data."""
        return {
            "similarity_to_source": round(self.to_source, 4),
            "similarity_to_target": round(self.to_target, 4),
            "same_person_from": self.same_person_from,
            "is_source": self.is_source,
            "landmark_error": round(self.landmark_error, 4),
            "space": self.space.value,
        }


def measure_face(after: Canvas, before: Face, source: Embedding, engine: Engine) -> FaceQuality | None:
    """The quality of one swapped face; None where no face is found any more in its place.

    `before` is the target's face with its embedding, in the pixels of `after`. Raises InvalidOption when the
    embeddings are of different spaces.
    """
    found = max(analyse(after, engine), key=lambda face: box_overlap(face.box, before.box), default=None)
    if found is None or box_overlap(found.box, before.box) < _SAME_PLACE:
        return None
    if found.embedding is None or before.embedding is None:
        return None
    return FaceQuality(
        to_source=similarity(found.embedding, source),
        to_target=similarity(found.embedding, before.embedding),
        same_person_from=SAME_PERSON[source.space],
        landmark_error=landmark_error(before.landmarks, found.landmarks),
        space=source.space,
    )


def landmark_error(before: Landmarks, after: Landmarks) -> float:
    """Mean distance between landmarks of one topology, as a share of the distance between the eyes."""
    eyes = five_points(before)[:2]
    distance = max(float(np.linalg.norm(eyes[1] - eyes[0])), 1e-6)
    return float(np.linalg.norm(after.points - before.points, axis=1).mean()) / distance


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoQuality:
    """A swapped video."""

    frames_with_face: int
    swapped_share: float  # of the frames with a face
    flicker: float  # change from frame to frame inside the mask, relative to the original's; 1 is as calm

    def as_dict(self) -> dict[str, float | int]:
        """Plain data."""
        return {
            "frames_with_face": self.frames_with_face,
            "swapped_share": round(self.swapped_share, 4),
            "flicker": round(self.flicker, 4),
        }


class VideoMeter:
    """Measures a video while it is swapped; give it every frame in order. Holds two frames."""

    def __init__(self) -> None:
        self._last: tuple[BgrImage, BgrImage, GreyImage] | None = None
        self._change_before = 0.0
        self._change_after = 0.0
        self._with_face = 0
        self._swapped = 0

    def add(self, before: BgrImage, after: BgrImage, mask: GreyImage, *, has_face: bool = True) -> None:
        """One frame before and after the swap, and where it was changed (all of one size)."""
        swapped = bool(mask.any())
        self._with_face += has_face
        self._swapped += swapped and has_face
        if self._last is not None and swapped and self._last[2].any():
            inside = (mask > 0) | (self._last[2] > 0)
            self._change_before += _mean_change(self._last[0], before, inside)
            self._change_after += _mean_change(self._last[1], after, inside)
        self._last = (before, after, mask)

    def result(self) -> VideoQuality:
        """What was measured so far; the flicker of a video that stands still is 1."""
        calm = self._change_before < 1e-9
        return VideoQuality(
            frames_with_face=self._with_face,
            swapped_share=self._swapped / self._with_face if self._with_face else 0.0,
            flicker=1.0 if calm else self._change_after / self._change_before,
        )


def _mean_change(one: BgrImage, other: BgrImage, inside: NDArray[np.bool_]) -> float:
    return float(np.abs(other[inside].astype(np.int16) - one[inside]).mean())


def outside_is_identical(before: BgrImage, after: BgrImage, masks: Sequence[GreyImage]) -> bool:
    """Whether every pixel that no mask covers is bit for bit the same."""
    changed = (before != after).any(axis=2)
    for mask in masks:
        changed &= mask == 0
    return not bool(changed.any())
