"""Faces exchanged in the frames of a video: followed, chosen person by person, swapped all or none.

In a picture, "the largest face" is a property of the picture. In a video it must not jump between two people
of equal size, so choices are made by person and kept: see `PersonChoice`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from steadfast.errors import TooManyFaces
from steadfast.faces.face import Embedding, Face
from steadfast.faces.roles import Engine, SourceIdentity, SwapMemory
from steadfast.faces.selection import ChosenFace, SelectionRule, area
from steadfast.faces.similarity import SAME_PERSON, similarity
from steadfast.faces.tracking import FaceTracker, TrackedFace, TrackingOptions
from steadfast.media.canvas import Canvas
from steadfast.tasks.cast import Cast
from steadfast.tasks.face_exchange import DrawnExchange, enhancer_of, render_exchange
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.leading_person import CLEARLY_LARGER, most_alike

_FORGET_AFTER_FRAMES = 300
_ASK_AGAIN_BELOW = 12  # frames in which a face may still turn out to be like the reference


@dataclass(frozen=True, kw_only=True, slots=True)
class FacePart:
    """A face of a frame and who it becomes."""

    tracked: TrackedFace
    source: SourceIdentity


@dataclass(frozen=True, kw_only=True, slots=True)
class FramePlan:
    """What is to be done to a frame."""

    faces_found: int
    parts: tuple[FacePart, ...]


class FrameSwap:
    """Fills `FrameProcessor` with an engine's tracker and swapper, for one video."""

    def __init__(
        self,
        engine: Engine,
        cast: Cast,
        *,
        enhance: bool = False,
        tracking: TrackingOptions | None = None,
        leader: Embedding | None = None,
    ) -> None:
        """`leader`: who the largest face was before the first frame, if that is known.

        Raises EngineUnavailable where enhancement is wanted and the engine has no enhancer.
        """
        self._engine = engine
        self._cast = cast
        self._enhancer = enhancer_of(engine, wanted=enhance)
        recognises = cast.selection.needs_recognition or leader is not None
        self._tracker = FaceTracker(engine, tracking, with_embedding=recognises)
        self._choice = PersonChoice(cast, leader)
        self._memories: dict[int, _TrackMemory] = {}
        self._frame = 0
        self.written: list[DrawnExchange] = []  # in the last frame: what a quality report measures inside

    def analyse(self, canvas: Canvas, time_s: float) -> FramePlan:
        """Follows the faces and says who becomes whom; raises TooManyFaces where one was asked for."""
        tracked = self._tracker.update(canvas, time_s)
        return FramePlan(faces_found=len(tracked), parts=tuple(self._choice.parts_of(tracked)))

    def swap(self, canvas: Canvas, analysis: FramePlan) -> FrameOutcome:
        """Writes all faces of the plan, or none: everything is drawn before anything is written."""
        self._frame += 1
        self.written = []
        drawn = [
            render_exchange(
                canvas,
                part.tracked.face,
                part.source,
                self._engine,
                memory=self._memory_of(part.tracked),
                enhancer=self._enhancer,
            )
            # The larger face is nearer, and written last.
            for part in sorted(analysis.parts, key=lambda part: part.tracked.face.box.width)
        ]
        written = self.written = [exchange for exchange in drawn if exchange.mask.any()]
        for exchange in written:
            canvas.write(exchange.region, exchange.pixels, exchange.mask)
        self._forget()
        return FrameOutcome(faces_found=analysis.faces_found, faces_swapped=len(written))

    def _memory_of(self, tracked: TrackedFace) -> SwapMemory:
        kept = self._memories.get(tracked.track_id)
        if kept is None:
            kept = self._memories[tracked.track_id] = _TrackMemory(memory=self._engine.swapper.remember())
        kept.last_frame = self._frame
        return kept.memory

    def _forget(self) -> None:
        """Tracks never come back under their number, so what was remembered of them is dropped."""
        oldest = self._frame - _FORGET_AFTER_FRAMES
        if len(self._memories) > 1:
            self._memories = {k: kept for k, kept in self._memories.items() if kept.last_frame >= oldest}


@dataclass(kw_only=True, slots=True)
class _TrackMemory:
    """What the swapper remembers of one track."""

    memory: SwapMemory
    last_frame: int = 0


class PersonChoice:
    """Applies a selection to the people of a video instead of to the faces of one frame.

    LARGEST stays with a person until that person is gone or another is clearly larger. INDEX and `--map`
    number people in the order in which they appear, those of one frame from left to right. LIKE is decided
    once per track.
    """

    def __init__(self, cast: Cast, leader: Embedding | None = None) -> None:
        self._cast = cast
        self._leader = leader
        self._largest: int | None = None  # the person who was the largest a frame ago
        self._is_like: dict[int, bool] = {}  # by track

    def parts_of(self, tracked: Sequence[TrackedFace]) -> list[FacePart]:
        """The faces of a frame that are meant, each with its source."""
        rule = self._cast.selection.rule
        parts = []
        for face in self._chosen(tracked, rule):
            # People who come later have higher numbers, so a person's number serves as its place too.
            chosen = ChosenFace(index=face.person, place=face.person, face=face.face)
            key = self._cast.order.key_for(chosen, rule)
            if key is not None:
                parts.append(FacePart(tracked=face, source=self._cast.people[key]))
        return parts

    def _chosen(self, tracked: Sequence[TrackedFace], rule: SelectionRule) -> list[TrackedFace]:
        if not tracked:
            return []
        match rule:
            case SelectionRule.ONE:
                if len(tracked) > 1:
                    raise TooManyFaces(f"One face was asked for and a frame shows {len(tracked)}.")
                return list(tracked)
            case SelectionRule.LARGEST:
                return [self._largest_of(tracked)]
            case SelectionRule.INDEX:
                return [face for face in tracked if face.person in self._cast.selection.indices]
            case SelectionRule.LIKE:
                return [face for face in tracked if self._is_meant(face)]
            case SelectionRule.ALL | SelectionRule.LEFT_TO_RIGHT:
                return list(tracked)

    def _largest_of(self, tracked: Sequence[TrackedFace]) -> TrackedFace:
        largest = max(tracked, key=lambda face: area(face.face))
        before = next((face for face in tracked if face.person == self._largest), None)
        if self._largest is None:
            before = self._led_before(tracked)
        if before is not None and area(largest.face) < CLEARLY_LARGER * area(before.face):
            largest = before
        self._largest = largest.person
        return largest

    def _led_before(self, tracked: Sequence[TrackedFace]) -> TrackedFace | None:
        face = most_alike([one.face for one in tracked], self._leader)
        return next((one for one in tracked if one.face is face), None)

    def _is_meant(self, tracked: TrackedFace) -> bool:
        known = self._is_like.get(tracked.track_id)
        # A face that turns towards the camera a moment later may be recognised then.
        if known or (known is not None and tracked.frames > _ASK_AGAIN_BELOW):
            return known
        self._is_like[tracked.track_id] = self._is_alike(tracked.face)
        return self._is_like[tracked.track_id]

    def _is_alike(self, face: Face) -> bool:
        reference, least = self._cast.reference, self._cast.selection.min_similarity
        if reference is None or face.embedding is None:
            return False
        return similarity(face.embedding, reference) >= (
            SAME_PERSON[reference.space] if least is None else least
        )
