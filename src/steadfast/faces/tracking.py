"""Following the faces of a video from frame to frame, and knowing each again when it comes back.

A frame in which all is well costs one run of the landmarker per face: it looks where the face was, moved by
what the optical flow says. The detector looks at the whole frame when the video starts, when the scene cuts,
and every few frames for newcomers; where a face was lost it first looks around its last place.

    frame → cut? → follow every track → lost some, or due? → detect → match, begin, drop → answer
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from steadfast.faces.analyse import LANDMARK_MARGIN, SAME_FACE_OVERLAP, describe
from steadfast.faces.coordinates import enlarge_detection, move_detection, move_points
from steadfast.faces.face import Detection, Face
from steadfast.faces.motion import snap
from steadfast.faces.people import People, turned_deg
from steadfast.faces.roles import Engine
from steadfast.faces.scene_cut import SceneCutDetector
from steadfast.faces.smoothing import LandmarkSmoother, SmoothingOptions
from steadfast.faces.suppression import box_overlap
from steadfast.faces.track import Track
from steadfast.faces.tracking_options import TrackingOptions
from steadfast.media.canvas import Canvas

__all__ = ["FaceTracker", "TrackedFace", "TrackingOptions"]

_NEARBY = 3.0  # where a lost face is looked for, as a multiple of its box
_MATCH_OVERLAP = 0.3  # of a detection and the track it confirms
_FOUND_OVERLAP = 0.1  # of a face that was lost and one that was found nearby


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrackedFace:
    """A face in one frame of a video."""

    track_id: int  # the same from frame to frame; new after a face was lost
    person: int  # from 0; people of one search are numbered from left to right; kept when they come back
    frames: int  # how many frames this track has been followed, this one included
    face: Face


class FaceTracker:
    """Follows the faces of one video; give it every frame in order. Not for several threads at once."""

    def __init__(
        self, engine: Engine, options: TrackingOptions | None = None, *, with_embedding: bool = True
    ) -> None:
        """`with_embedding`: whether faces carry who they are, and people are known again after a cut."""
        self._engine = engine
        self._options = options or TrackingOptions.for_engine(engine.name)
        self._smoothing = self._options.smoothing or SmoothingOptions.for_topology(engine.landmarker.topology)
        self._with_embedding = with_embedding
        self._cuts = SceneCutDetector()
        self._tracks: list[Track] = []
        self._people = People(return_s=self._options.return_s)
        self._tracks_begun = 0
        self._searches = 0
        self._since_search = 0  # frames
        self._last_loss_s: float | None = None
        self._is_first = True

    def update(self, canvas: Canvas, time_s: float) -> list[TrackedFace]:
        """The faces of the next frame in its pixels, from left to right; `time_s` is the frame's own time."""
        is_cut = self._cuts.is_cut(canvas) or self._is_first
        self._is_first = False
        self._since_search += 1
        if is_cut:
            self._tracks = []
        lost_some = self._follow(canvas, time_s)
        if is_cut or lost_some or self._is_search_due(time_s):
            self._search(canvas, time_s, thorough=is_cut or lost_some)
        self._drop_doubles()
        return self._answer(time_s)

    # --- following -------------------------------------------------------------------------------------

    def _follow(self, canvas: Canvas, time_s: float) -> bool:
        """Takes every track into this frame; whether any was lost on the way."""
        before = len(self._tracks)
        self._tracks = [
            track
            for track in self._tracks
            if track.step(canvas, time_s, self._engine.landmarker) or self._find_nearby(canvas, time_s, track)
        ]
        has_lost = len(self._tracks) < before
        if has_lost:
            self._last_loss_s = time_s
        return has_lost

    def _find_nearby(self, canvas: Canvas, time_s: float, track: Track) -> bool:
        """Whether the detector finds a lost face around its last place; the track then goes on."""
        region = snap(track.face.box.grown(_NEARBY), canvas.width, canvas.height)
        for detection in self._engine.detector.detect(canvas.read(region)):
            placed = move_detection(detection, region.left, region.top)
            face = describe(canvas, self._engine, placed, with_embedding=False)
            if face is not None and box_overlap(face.box, track.face.box) > _FOUND_OVERLAP:
                track.resume(face, time_s)
                return True
        return False

    # --- searching -------------------------------------------------------------------------------------

    def _is_search_due(self, time_s: float) -> bool:
        options = self._options
        just_lost = self._last_loss_s is not None and time_s - self._last_loss_s < options.look_out_s
        every = options.search_every if just_lost or not self._tracks else options.detect_every
        return self._since_search >= every

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

    def _confirm(self, detections: Sequence[Detection]) -> list[Detection]:
        """Matches detections and tracks; answers the detections that are nobody's yet."""
        strangers = list(detections)
        for track in self._tracks:
            own = [d for d in strangers if box_overlap(d.box, track.face.box) > _MATCH_OVERLAP]
            track.unconfirmed = 0 if own else track.unconfirmed + 1
            strangers = [d for d in strangers if d not in own]
        self._tracks = [t for t in self._tracks if t.unconfirmed < self._options.missed_detections]
        return strangers

    def _learn(self, canvas: Canvas, track: Track) -> None:
        """A face that has turned towards the camera since it was described is described again."""
        if not self._with_embedding or not track.person.is_better_seen(track.face):
            return
        region = snap(track.face.box.grown(LANDMARK_MARGIN), canvas.width, canvas.height)
        points5 = move_points(track.face.points5, -region.left, -region.top)
        track.person.embedding = self._engine.identity.embed(canvas.read(region), points5)
        track.person.turned_deg = turned_deg(track.face)
        track.face = replace(track.face, embedding=track.person.embedding)

    def _begin(self, face: Face, time_s: float) -> None:
        if any(box_overlap(face.box, track.face.box) > SAME_FACE_OVERLAP for track in self._tracks):
            return
        present = {track.person.number for track in self._tracks}
        person = self._people.recognise(face, time_s, present=present)
        self._tracks.append(
            Track(
                track_id=self._tracks_begun,
                person=person,
                face=replace(face, embedding=person.embedding),
                smoother=LandmarkSmoother(self._smoothing),
                options=self._options,
                sure_s=time_s,
            )
        )
        self._tracks_begun += 1

    # --- the answer ------------------------------------------------------------------------------------

    def _drop_doubles(self) -> None:
        """Of tracks that came to lie on one face, the one that has lasted longer stays."""
        kept: list[Track] = []
        for track in sorted(self._tracks, key=lambda track: -track.frames):
            if all(box_overlap(track.face.box, other.face.box) <= SAME_FACE_OVERLAP for other in kept):
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
