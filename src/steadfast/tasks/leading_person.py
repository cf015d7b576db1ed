"""Who the largest face of a video is where each segment begins, so that all segments mean one person.

One pass keeps the largest face until another is clearly larger. A segment knows nothing of what came before:
of two people of nearly one size it could take the other one. So the plan looks at one key frame before each
border. Where nobody comes near the largest there, nothing more is needed; else the person who would lead in
one pass is told to the segment, by embedding.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec
import numpy as np
from av.video.frame import VideoFrame

from steadfast.faces.analyse import analyse
from steadfast.faces.face import Embedding, EmbeddingSpace, Face
from steadfast.faces.roles import Engine
from steadfast.faces.selection import area
from steadfast.faces.similarity import SAME_PERSON, similarity
from steadfast.media.planes import PlaneCanvas

SeenT = TypeVar("SeenT")

CLEARLY_LARGER = 1.5
"""Times the area: what another face must have to become the largest."""


class PersonMark(msgspec.Struct, frozen=True, kw_only=True):
    """A person, as a plan tells a segment."""

    space: str
    vector: bytes
    """float32."""

    @staticmethod
    def of(embedding: Embedding) -> "PersonMark":
        """That person."""
        vector = np.asarray(embedding.vector, dtype=np.float32)
        return PersonMark(space=embedding.space.value, vector=vector.tobytes())

    def embedding(self) -> Embedding:
        """The same as faces carry it."""
        vector = np.frombuffer(self.vector, dtype=np.float32)
        return Embedding(space=EmbeddingSpace(self.space), vector=vector)


def leaders(frames: Callable[[], Iterable[VideoFrame | None]], engine: Engine) -> list[PersonMark | None]:
    """For each frame who leads there; all None where nobody ever comes near the largest.

    `frames` is called once or twice; one of them is held at a time, however long the video is.
    """
    is_contested = _Glances(lambda canvas: _is_contested(analyse(canvas, engine, with_embedding=False)))
    seen = [is_contested.at(frame) for frame in frames()]
    if not any(seen):
        return [None] * len(seen)
    faces_of = _Glances(lambda canvas: analyse(canvas, engine, with_embedding=True))
    found: list[PersonMark | None] = []
    leader: Embedding | None = None
    for frame in frames():
        if faces := faces_of.at(frame):
            leader = _next_leader(faces, leader)
        found.append(None if leader is None else PersonMark.of(leader))
    return found


class _Glances(Generic[SeenT]):
    """What was seen in a frame; segments that begin at one key frame share it."""

    def __init__(self, look: Callable[[PlaneCanvas], SeenT]) -> None:
        self._look = look
        self._last: tuple[VideoFrame, SeenT] | None = None

    def at(self, frame: VideoFrame | None) -> SeenT | None:
        """None where there is no frame."""
        if frame is None:
            return None
        if self._last is None or self._last[0] is not frame:
            self._last = (frame, self._look(PlaneCanvas(frame)))
        return self._last[1]


def _is_contested(faces: Sequence[Face]) -> bool:
    """Whether somebody comes near the largest."""
    sizes = sorted(map(area, faces), reverse=True)
    return len(sizes) > 1 and sizes[0] < CLEARLY_LARGER * sizes[1]


def _next_leader(faces: Sequence[Face], before: Embedding | None) -> Embedding | None:
    largest = max(faces, key=area)
    same = most_alike(faces, before)
    if same is not None and area(largest) < CLEARLY_LARGER * area(same):
        return before  # as it was first described, so that it does not drift
    return largest.embedding


def most_alike(faces: Sequence[Face], person: Embedding | None) -> Face | None:
    """The face of that person, if it is there."""
    if person is None:
        return None
    likeness = [
        (similarity(face.embedding, person), index)
        for index, face in enumerate(faces)
        if face.embedding is not None and face.embedding.space is person.space
    ]
    best = max(likeness, default=None)
    return faces[best[1]] if best is not None and best[0] >= SAME_PERSON[person.space] else None
