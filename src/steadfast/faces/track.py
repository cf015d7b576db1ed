"""One face that is followed from frame to frame."""

from dataclasses import dataclass, replace

from steadfast.faces.alignment import Transform, transform_points
from steadfast.faces.analyse import LANDMARK_MARGIN
from steadfast.faces.appearance import face_box
from steadfast.faces.coordinates import move_landmarks
from steadfast.faces.face import Face, Landmarks
from steadfast.faces.motion import FaceFlow, snap
from steadfast.faces.people import Person
from steadfast.faces.pose import head_pose
from steadfast.faces.roles import Landmarker
from steadfast.faces.smoothing import LandmarkSmoother
from steadfast.faces.topology import five_points
from steadfast.faces.tracking_options import TrackingOptions
from steadfast.media.canvas import Canvas


@dataclass(kw_only=True, eq=False)
class Track:
    """A face, where it is now, and what is needed to find it in the next frame."""

    track_id: int
    person: Person
    face: Face
    smoother: LandmarkSmoother
    options: TrackingOptions
    sure_s: float  # when it was last seen for sure
    frames: int = 1
    unconfirmed: int = 0  # searches in a row that did not find it

    def __post_init__(self) -> None:
        self._flow = FaceFlow()
        self.smoother.update(self.face.landmarks.points, self.sure_s)

    def step(self, canvas: Canvas, time_s: float, landmarker: Landmarker) -> bool:
        """Follows the face into the next frame; False where it is lost."""
        shift = self.smoother.predicted_shift(time_s)
        ahead = move_landmarks(self.face.landmarks, *shift)
        region = snap(face_box(ahead).grown(LANDMARK_MARGIN), canvas.width, canvas.height)
        pixels = canvas.read(region)
        flow = self._flow.measure(pixels, region, self.face.box)
        if flow is not None:
            ahead = replace(ahead, points=transform_points(flow, self.face.landmarks.points))
        found = landmarker.locate(pixels, move_landmarks(ahead, -region.left, -region.top))
        if found is None:
            return False
        found = move_landmarks(found, region.left, region.top)
        if found.presence < self.options.min_presence:
            return self._carry(found.presence, flow, time_s)
        return is_plausible(ahead, found) and self._accept(found, flow, time_s)

    def resume(self, face: Face, time_s: float) -> None:
        """The face was lost and is found again, by the detector, in the frame that was just stepped into."""
        self.smoother.restart()  # the flow goes on: it has seen this frame
        self.smoother.update(face.landmarks.points, time_s)
        self.face = replace(face, embedding=self.face.embedding)
        self.sure_s = time_s
        self.frames += 1

    def _accept(self, found: Landmarks, flow: Transform | None, time_s: float) -> bool:
        self.sure_s = time_s
        self._show(replace(found, points=self.smoother.update(found.points, time_s, flow)))
        return True

    def _carry(self, presence: float, flow: Transform | None, time_s: float) -> bool:
        """A face in doubt (a hand passes, the head turns away): its pixels say where it goes, for a while.

        What the landmarker says of it is not taken: half a face has drawn it to a wrong place before.
        """
        if flow is None or time_s - self.sure_s > self.options.longest_doubt_s:
            return False
        points = self.smoother.carry(flow, time_s)
        if points is None:
            return False
        self._show(replace(self.face.landmarks, points=points, presence=presence))
        return True

    def _show(self, landmarks: Landmarks) -> None:
        self.frames += 1
        self.face = replace(
            self.face,
            box=face_box(landmarks),
            score=landmarks.presence,
            landmarks=landmarks,
            points5=five_points(landmarks),
            pose=head_pose(landmarks),
        )


def is_plausible(expected: Landmarks, found: Landmarks) -> bool:
    """Whether a face can have changed so within a frame: not by half its size, not by half its place."""
    before, after = face_box(expected), face_box(found)
    shift = max(abs(a - b) for a, b in zip(before.center, after.center, strict=True))
    ratio = after.width * after.height / max(before.width * before.height, 1e-3)
    return shift < 0.5 * max(before.width, before.height) and 0.4 < ratio < 2.5
