"""Following the faces of a video from frame to frame, and knowing each again when it comes back.

A frame in which all is well costs one run of the landmarker per face: it looks where the face was, moved by
what the optical flow says. The detector looks at the whole frame when the video starts, when the scene cuts,
and every few frames for newcomers; where a face was lost it first looks around its last place.

    frame → cut? → follow every track → lost some, or due? → detect → match, begin, drop → smooth → faces
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from steadfast.faces.alignment import transform_points
from steadfast.faces.analyse import LANDMARK_MARGIN, describe
from steadfast.faces.appearance import face_box
from steadfast.faces.coordinates import enlarge_detection, move_detection, move_landmarks, move_points
from steadfast.faces.face import Box, Detection, Embedding, Face, Landmarks
from steadfast.faces.motion import FaceFlow, snap
from steadfast.faces.pose import head_pose
from steadfast.faces.roles import Engine, EngineName
from steadfast.faces.scene_cut import SceneCutDetector
from steadfast.faces.similarity import SAME_PERSON, SURELY_SAME_PERSON, similarity
from steadfast.faces.smoothing import LandmarkSmoother, SmoothingOptions
from steadfast.faces.suppression import box_overlap
from steadfast.faces.topology import five_points
from steadfast.media.canvas import Canvas

_BETTER_BY_DEG = 15.0  # how much nearer to frontal a face must be to be described anew


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackingOptions:
    """When the detector runs, and when a face counts as lost."""

    quick_side_px: int = 320  # longer side of the copy that is searched as a rule
    thorough_side_px: int = 640  # the same at the start, after a cut, and every `thorough_every`-th time
    detect_every: int = 10  # frames between two searches for newcomers
    thorough_every: int = 4  # searches
    search_every: int = 1  # frames between two searches while no face is there, or one was just lost
    look_out_s: float = 0.5  # how long a lost face is looked for so often
    return_s: float = 1.5  # within it, whoever appears where a person was lost is that person
    min_presence: float = 0.5  # of the landmarks, below which a face is in doubt
    longest_doubt_s: float = 0.5  # how long a face in doubt is followed while its pixels move as one
    missed_detections: int = 4  # searches in a row that do not confirm a track, after which it is dropped
    smoothing: SmoothingOptions | None = None  # None: what suits the landmarker

    @staticmethod
    def for_engine(name: EngineName) -> "TrackingOptions":
        """What suits the costs of an engine's detector and landmarker."""
        if name is not EngineName.EMBEDDED:
            return TrackingOptions()
        # A search costs as much as fifty frames of following, and does not see small faces any other way.
        return TrackingOptions(
            quick_side_px=640,
            detect_every=60,
            thorough_every=1,
            search_every=5,
            min_presence=0.27,
            missed_detections=6,
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrackedFace:
    """A face in one frame of a video."""

    track_id: int  # the same from frame to frame; new after a face was lost
    person: int  # from 0; people of one search are numbered from left to right; kept when they come back
    frames: int  # how many frames this track has been followed, this one included
    face: Face


@dataclass(kw_only=True, slots=True, eq=False)
class _Person:
    """Somebody who was seen."""

    number: int
    embedding: Embedding | None
    turned_deg: float  # how far the head was turned away when the embedding was made
    box: Box  # where last seen
    seen_s: float  # when last seen


@dataclass(kw_only=True, slots=True, eq=False)
class _Track:
    """A face that is being followed."""

    track_id: int
    person: _Person
    face: Face
    smoother: LandmarkSmoother
    flow: FaceFlow
    sure_s: float  # when it was last seen for sure
    frames: int = 0
    unconfirmed: int = 0  # searches in a row that did not find it


class FaceTracker:
    """Follows the faces of one video; give it every frame in order. Not for several threads at once."""

    def __init__(
        self,
        engine: Engine,
        options: TrackingOptions | None = None,
        *,
        with_embedding: bool = True,
    ) -> None:
        """`with_embedding`: whether faces carry who they are, and people are known again after a cut."""
        self._engine = engine
        self._options = options or TrackingOptions.for_engine(engine.name)
        self._smoothing = self._options.smoothing or SmoothingOptions.for_topology(engine.landmarker.topology)
        self._with_embedding = with_embedding
        self._cuts = SceneCutDetector()
        self._tracks: list[_Track] = []
        self._people: list[_Person] = []
        self._next_id = 0
        self._since_search = 0
        self._searches = 0
        self._is_first = True
        self._last_loss_s = -1e9

    def update(self, canvas: Canvas, time_s: float) -> list[TrackedFace]:
        """The faces of the next frame in its pixels, from left to right; `time_s` is the frame's own time."""
        is_cut = self._cuts.is_cut(canvas) or self._is_first
        self._is_first = False
        self._since_search += 1
        if is_cut:
            self._tracks = []
        lost = [t for t in self._follow(canvas, time_s) if not self._find_nearby(canvas, time_s, t)]
        if lost:
            self._last_loss_s = time_s
        if is_cut or lost or self._is_search_due(time_s):
            self._search(canvas, time_s, thorough=is_cut or bool(lost))
        self._drop_doubles()
        return self._answer(time_s)

    # --- following -------------------------------------------------------------------------------------

    def _follow(self, canvas: Canvas, time_s: float) -> list[_Track]:
        """Every track by one frame; those whose face is gone leave the list and are answered."""
        lost = [track for track in self._tracks if not self._step(canvas, time_s, track)]
        self._tracks = [track for track in self._tracks if track not in lost]
        return lost

    def _step(self, canvas: Canvas, time_s: float, track: _Track) -> bool:
        """One track by one frame; False where the landmarker sees no face any more."""
        shift = track.smoother.predicted_shift(time_s)
        landmarks = track.face.landmarks
        moved = face_box(move_landmarks(landmarks, *shift))
        region = snap(moved.grown(LANDMARK_MARGIN), canvas.width, canvas.height)
        pixels = canvas.read(region)
        flow = track.flow.measure(pixels, region, track.face.box)
        hint = (
            move_landmarks(landmarks, *shift)
            if flow is None
            else replace(landmarks, points=transform_points(flow, landmarks.points))
        )
        found = self._engine.landmarker.locate(pixels, move_landmarks(hint, -region.left, -region.top))
        if found is None or self._is_doubtful(track, found, time_s, moves_as_one=flow is not None):
            return False
        found = move_landmarks(found, region.left, region.top)
        if not _is_plausible(hint, found):
            return False
        points = track.smoother.update(found.points, time_s, flow)
        self._refresh(track, replace(found, points=points))
        return True

    def _is_doubtful(self, track: _Track, found: Landmarks, time_s: float, *, moves_as_one: bool) -> bool:
        """Whether the face must be taken for lost: not surely seen, and not carried by the flow any more."""
        if found.presence >= self._options.min_presence:
            track.sure_s = time_s
            return False
        return not moves_as_one or time_s - track.sure_s > self._options.longest_doubt_s

    def _refresh(self, track: _Track, landmarks: Landmarks) -> None:
        track.frames += 1
        track.face = replace(
            track.face,
            box=face_box(landmarks),
            score=landmarks.presence,
            landmarks=landmarks,
            points5=five_points(landmarks),
            pose=head_pose(landmarks),
        )

    # --- searching -------------------------------------------------------------------------------------

    def _is_search_due(self, time_s: float) -> bool:
        options = self._options
        is_missing_one = not self._tracks or time_s - self._last_loss_s < options.look_out_s
        return self._since_search >= (options.search_every if is_missing_one else options.detect_every)

    def _find_nearby(self, canvas: Canvas, time_s: float, track: _Track) -> bool:
        """Whether the detector finds a lost face around its last place; the track then goes on."""
        region = snap(track.face.box.grown(3.0), canvas.width, canvas.height)
        pixels = canvas.read(region)
        for detection in self._engine.detector.detect(pixels):
            placed = move_detection(detection, region.left, region.top)
            face = describe(canvas, self._engine, placed, with_embedding=False, refine=True)
            if face is not None and box_overlap(face.box, track.face.box) > 0.1:
                self._resume(track, face, time_s)
                return True
        return False

    def _resume(self, track: _Track, face: Face, time_s: float) -> None:
        track.smoother.restart()
        track.flow.restart()
        track.smoother.update(face.landmarks.points, time_s)
        track.face = replace(face, embedding=track.face.embedding)
        track.frames += 1
        track.sure_s = time_s
        self._tracks.append(track)

    def _search(self, canvas: Canvas, time_s: float, *, thorough: bool) -> None:
        options = self._options
        thorough = thorough or self._searches % options.thorough_every == 0
        image, scale = canvas.thumbnail(options.thorough_side_px if thorough else options.quick_side_px)
        detections = [enlarge_detection(found, scale) for found in self._engine.detector.detect(image)]
        self._since_search = 0
        self._searches += 1
        strangers = self._confirm(detections)
        for track in self._tracks:
            self._learn(canvas, track)
        faces = [describe(canvas, self._engine, d, with_embedding=self._with_embedding) for d in strangers]
        newcomers = [face for face in faces if face is not None]
        for face in sorted(newcomers, key=lambda face: face.box.center):
            self._begin(face, time_s)

    def _learn(self, canvas: Canvas, track: _Track) -> None:
        """A face that has turned towards the camera since it was described is described again."""
        turned_deg = _turned_deg(track.face)
        if not self._with_embedding or turned_deg > track.person.turned_deg - _BETTER_BY_DEG:
            return
        region = snap(track.face.box.grown(LANDMARK_MARGIN), canvas.width, canvas.height)
        points5 = move_points(track.face.points5, -region.left, -region.top)
        track.person.embedding = self._engine.identity.embed(canvas.read(region), points5)
        track.person.turned_deg = turned_deg
        track.face = replace(track.face, embedding=track.person.embedding)

    def _confirm(self, detections: Sequence[Detection]) -> list[Detection]:
        """Matches detections and tracks; answers the detections that are nobody's yet."""
        strangers = list(detections)
        for track in self._tracks:
            own = [d for d in strangers if box_overlap(d.box, track.face.box) > 0.3]
            track.unconfirmed = 0 if own else track.unconfirmed + 1
            strangers = [d for d in strangers if d not in own]
        self._tracks = [t for t in self._tracks if t.unconfirmed < self._options.missed_detections]
        return strangers

    def _begin(self, face: Face, time_s: float) -> None:
        if any(box_overlap(face.box, track.face.box) > 0.5 for track in self._tracks):
            return
        smoother = LandmarkSmoother(self._smoothing)
        smoother.update(face.landmarks.points, time_s)
        person = self._recognise(face, time_s)
        face = replace(face, embedding=person.embedding)
        track = _Track(
            track_id=self._next_id,
            person=person,
            face=face,
            smoother=smoother,
            flow=FaceFlow(),
            sure_s=time_s,
            frames=1,
        )
        self._next_id += 1
        self._tracks.append(track)

    def _recognise(self, face: Face, time_s: float) -> _Person:
        """Who this is: somebody who was seen and is not here now, or a new person."""
        here = {track.person.number for track in self._tracks}
        away = [person for person in self._people if person.number not in here]
        known = _most_alike(away, face) or self._just_lost_here(away, face, time_s)
        if known is not None:
            return known
        person = _Person(
            number=len(self._people),
            embedding=face.embedding,
            turned_deg=_turned_deg(face),
            box=face.box,
            seen_s=time_s,
        )
        self._people.append(person)
        return person

    def _just_lost_here(self, away: Sequence[_Person], face: Face, time_s: float) -> _Person | None:
        for person in away:
            recent = time_s - person.seen_s < self._options.return_s
            if recent and box_overlap(person.box, face.box) > 0.2 and not _is_somebody_else(person, face):
                return person
        return None

    # --- the answer ------------------------------------------------------------------------------------

    def _drop_doubles(self) -> None:
        """Of tracks that came to lie on one face, the one that has lasted longer stays."""
        kept: list[_Track] = []
        for track in sorted(self._tracks, key=lambda track: -track.frames):
            if all(box_overlap(track.face.box, other.face.box) <= 0.5 for other in kept):
                kept.append(track)
        self._tracks = kept

    def _answer(self, time_s: float) -> list[TrackedFace]:
        for track in self._tracks:
            track.person.box, track.person.seen_s = track.face.box, time_s
        faces = [
            TrackedFace(track_id=t.track_id, person=t.person.number, frames=t.frames, face=t.face)
            for t in self._tracks
        ]
        return sorted(faces, key=lambda tracked: tracked.face.box.center)


def _turned_deg(face: Face) -> float:
    return max(abs(face.pose.yaw_deg), abs(face.pose.pitch_deg))


def _most_alike(people: Sequence[_Person], face: Face) -> _Person | None:
    if face.embedding is None:
        return None
    likeness = [(similarity(p.embedding, face.embedding), p) for p in people if p.embedding is not None]
    best = max(likeness, key=lambda pair: pair[0], default=None)
    return best[1] if best and best[0] >= SURELY_SAME_PERSON[face.embedding.space] else None


def _is_somebody_else(person: _Person, face: Face) -> bool:
    """Whether the embeddings speak against it, by more than a bad view of one person does."""
    if face.embedding is None or person.embedding is None:
        return False
    return similarity(person.embedding, face.embedding) < SAME_PERSON[face.embedding.space] / 2


def _is_plausible(expected: Landmarks, found: Landmarks) -> bool:
    """Whether a face can have changed so within a frame: not by half its size, not by half its place."""
    before, after = face_box(expected), face_box(found)
    shift = max(abs(a - b) for a, b in zip(before.center, after.center, strict=True))
    ratio = after.width * after.height / max(before.width * before.height, 1e-3)
    return shift < 0.5 * max(before.width, before.height) and 0.4 < ratio < 2.5
